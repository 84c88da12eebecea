"""Generator of databases with peers of known habits and names.

Deterministic: the same arguments make the same database. Of the package, it uses only the
encoder and the replay of recordings.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from chanfitness import (
    ActiveChannelEvent,
    ChannelDescribedEvent,
    InactiveChannelEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerDescribedEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SqliteStorage,
    Vertex,
)
from chanfitness.recording.recorder import RecordingEncoder
from chanfitness.recording.replay import replay

from .values import START, outpoint, vertex

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
HISTORY = timedelta(days=3650)

Span = tuple[timedelta, timedelta]


class MadeUpPeer(NamedTuple):
    """A peer; all times are since the recording's start.

    ``offline``: its outages, in order, without any two that touch. ``unusable``: spans in which
    its first channel was inactive while it was online. ``opened``: the opening of each channel.
    """

    alias: str | None = None
    transport: str | None = None
    offline: Sequence[Span] = ()
    unusable: Sequence[Span] = ()
    opened: Sequence[timedelta] = (timedelta(0),)


def peer_with_habits(
    seed: int,
    outages: int,
    length: timedelta,
    mean: timedelta = HOUR,
) -> MadeUpPeer:
    """Return a peer with so many outages within ``length``, of about ``mean`` each."""
    rng = random.Random(seed)
    slot = length / max(outages, 1)
    spans = []
    for number in range(outages):
        begin = slot * (number + rng.uniform(0.02, 0.5))
        end = min(begin + mean * rng.expovariate(1) + timedelta(seconds=1), slot * (number + 0.98))
        spans.append((begin, end))
    return MadeUpPeer(f"peer {seed}", offline=spans)


def many_peers(count: int) -> list[MadeUpPeer]:
    """Return peers, with the worst ones last."""
    return [peer_with_habits(seed, seed % 9, 3 * DAY, seed * MINUTE) for seed in range(count)]


def make_database(
    path: Path,
    peers: Sequence[MadeUpPeer],
    length: timedelta,
    *,
    start: datetime = START,
    blind: Sequence[Span] = (),
) -> Path:
    """Fill a database with these peers over this length, without the ``blind`` times."""
    lines = recording(peers, length, start=start, blind=blind)
    replay(lines, "made up", storage=SqliteStorage(path), history=HISTORY)
    return path


def recording(
    peers: Sequence[MadeUpPeer],
    length: timedelta,
    *,
    start: datetime = START,
    blind: Sequence[Span] = (),
) -> Iterator[bytes]:
    """Return the lines of a recording; the last line repeats the state of the first peer."""
    events = [(at, number, event) for number, (at, event) in enumerate(_events(peers))]
    for begin, end in blind:
        events.append((begin, len(events), MonitoringPausedEvent()))
        events.append((end, len(events), None))
    encoder = RecordingEncoder()
    state = _State()
    yield from encoder.lines(state.snapshot(), start)
    is_blind = False
    for at, _, event in sorted(events, key=lambda each: each[:2]):
        if at > length:
            continue
        state.apply(event)
        is_blind = event is not None and (is_blind or isinstance(event, MonitoringPausedEvent))
        told = state.snapshot() if event is None else event
        if not is_blind or isinstance(event, MonitoringPausedEvent):
            yield from encoder.lines(told, start + at)
    yield from encoder.lines(PeerOfflineEvent(vertex(2**64)), start + length)


class _State:
    """The open channels and the online peers."""

    def __init__(self) -> None:
        self._open: list[OpenChannel] = []
        self._online: dict[Vertex, None] = {}

    def apply(self, event: object) -> None:
        if isinstance(event, PeerOnlineEvent):
            self._online[event.peer] = None
        elif isinstance(event, PeerOfflineEvent):
            self._online.pop(event.peer, None)
        elif isinstance(event, OpenChannelEvent):
            self._open.append(OpenChannel(*event[:2]))

    def snapshot(self) -> MonitoringResumedEvent:
        return MonitoringResumedEvent(list(self._open), list(self._online))


def _events(peers: Sequence[MadeUpPeer]) -> Iterator[tuple[timedelta, object]]:
    zero, points = timedelta(0), 0
    for number, peer in enumerate(peers):
        key = vertex(number + 1)
        yield zero, PeerOnlineEvent(key)
        for index, opened in enumerate(peer.opened):
            points += 1
            point = outpoint(points)
            yield opened, OpenChannelEvent(point, key)
            yield opened, ChannelDescribedEvent(point, f"{700_000 + points}x{number}x{index}")
            for begin, end in peer.unusable if not index else ():
                yield begin, InactiveChannelEvent(point)
                yield end, ActiveChannelEvent(point)
        yield peer.opened[0], PeerDescribedEvent(key, peer.alias, peer.transport)
        for begin, end in peer.offline:
            yield begin, PeerOfflineEvent(key)
            yield end, PeerOnlineEvent(key)


HOSTILE = (
    "\u202egnp.exe",  # reverses the following text
    "\u05e9\u05dc\u05d5\u05dd node",
    "\x1b[31mred\x1b]0;title\x07",
    "</script><script>x",
    "</style></title><b>",
    "=1+1",
    "zero\u200dwidth\u200b",
    '" onload="x',
    "{{ 7 * 7 }}{% raw %}",
    "&lt;&amp;",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 family",
    "two\nlines\ttab",
)
"""Malicious aliases."""
