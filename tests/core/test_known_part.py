"""Figures between two moments, against sums over every unit of time."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chanfitness import ChannelHistory, OutPoint

from ..support.lengths import length
from ..support.unit_sums import FIRST, NOTHING, SECOND, SEE, TURN, UNIT, USE, UnitSums, told
from ..support.values import START

pytestmark = pytest.mark.usefixtures("quiet")

HAPPENS = st.lists(
    st.sampled_from([NOTHING, NOTHING, TURN, TURN, TURN, SEE, USE, FIRST, SECOND]),
    min_size=2,
    max_size=60,
)
ASKED = st.tuples(st.floats(0, 1), st.floats(0, 1))


def between(sums: UnitSums, point: OutPoint, begin: int, end: int) -> ChannelHistory | None:
    """Return the ledger's figures of a channel between two units; the last one is now."""
    now, last = sums.now, len(sums.units)
    how = (last - begin) * UNIT, None if end == last else sums.date(end)
    if point in sums.closed:
        key = str(point), sums.date(sums.closed[point])
        return sums.ledger.closed_histories(now, *how).get(key)
    return sums.ledger.channel_history(now, point, *how)


def units_of(sums: UnitSums, asked: tuple[float, float]) -> tuple[int, int]:
    last = len(sums.units)
    begin, end = sorted(int(part * last) for part in asked)
    begin = min(begin, last - 1)
    return begin, max(end, begin + 1)


def unit_at(date: datetime) -> int:
    assert (date - START) % UNIT == timedelta(0)
    return (date - START) // UNIT


@settings(max_examples=length(200, 20_000))
@given(HAPPENS, ASKED)
@example([TURN, SEE, TURN, SEE, NOTHING], (0.0, 0.4))  # until blind time, then the peer is back
def test_figures_between_two_moments_are_the_sums_over_the_units(
    happens: list[int], asked: tuple[float, float]
) -> None:
    sums = UnitSums(happens)
    begin, end = units_of(sums, asked)
    for point in sums.opened:
        assert between(sums, point, begin, end) == sums.history(
            point, *sums.asked(point, begin, end)
        )


@settings(max_examples=length(200, 20_000))
@given(HAPPENS, ASKED)
def test_each_outage_of_a_peer_is_listed_once_with_all_its_channels(
    happens: list[int], asked: tuple[float, float]
) -> None:
    sums = UnitSums(happens)
    begin, end = units_of(sums, asked)
    last = len(sums.units)
    found = sums.ledger.list_outages(
        sums.now, (last - begin) * UNIT, None if end == last else sums.date(end)
    )
    assert list(map(told, found)) == sums.outages(begin, end)


@settings(max_examples=length(200, 20_000))
@given(HAPPENS, ASKED, st.integers(1, 8))
def test_thinned_time_is_summed_over_the_known_part(
    happens: list[int], asked: tuple[float, float], limit: int
) -> None:
    sums = UnitSums(happens, limit)
    begin, end = units_of(sums, asked)
    for point in sums.opened:
        found = between(sums, point, begin, end)
        if found is None:
            assert point in sums.closed
            continue
        known = unit_at(found.start), unit_at(found.end)
        expected = sums.history(point, *known)
        if found.complete:
            assert known == sums.asked(point, begin, end)
        assert figures(found) == figures(expected)
        assert found.outages == expected.outages[found.thinned_outages :]
        thinned = expected.outages[: found.thinned_outages]
        assert found.longest_thinned == max((each.duration for each in thinned), default=None)


def figures(history: ChannelHistory) -> list[object]:
    return [
        *history[:5],
        history.outage_count,
        history.longest_outage,
        history.unusable,
    ]
