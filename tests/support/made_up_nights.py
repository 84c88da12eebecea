"""A database of ten days, with peers that are offline at night, and sums over their habits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from chanfitness.recording.format import format_time

from .made_up_peers import DAY, HOUR, MadeUpPeer, Span, make_database
from .values import START

ZERO = timedelta(0)
LENGTH = 10 * DAY
BLIND = [(5 * DAY, 5 * DAY + HOUR), (7 * DAY - HOUR, 7 * DAY + HOUR)]
PEERS = [
    MadeUpPeer("steady"),
    MadeUpPeer("nightly", offline=[(day * DAY, day * DAY + 6 * HOUR) for day in range(1, 10)]),
    MadeUpPeer(
        "twice",
        offline=[(2 * DAY, 3 * DAY), (6 * DAY, 8 * DAY)],
        unusable=[(4 * DAY, 4 * DAY + 12 * HOUR)],
        opened=[ZERO, 2.5 * DAY, 9 * DAY],
    ),
    MadeUpPeer("gone", offline=[(8.5 * DAY, LENGTH + DAY)], opened=[HOUR]),
]


def make_nights(folder: Path) -> str:
    """Make the database."""
    return str(make_database(folder / "fitness.db", PEERS, LENGTH, blind=BLIND))


def moment(since_start: timedelta) -> str:
    return format_time(START + since_start)


def between(begin: timedelta | None, end: timedelta | None) -> list[str]:
    """Return the options for the time between two moments."""
    since = [] if begin is None else ["--from", moment(begin)]
    return since if end is None else [*since, "--to", moment(end)]


def common(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """Return the overlap of two spans."""
    found = [(max(a, c), min(b, d)) for a, b in one for c, d in other]
    return [(begin, end) for begin, end in found if begin < end]


def total(spans: Sequence[Span]) -> timedelta:
    return sum((end - begin for begin, end in spans), ZERO)
