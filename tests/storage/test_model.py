"""A restart equals a pause: a restarted store answers as one that only paused.

One difference is allowed: a peer that never had a channel is forgotten in a restart. Here each
peer has, or once had, a channel.

A store without storage forgets an offline peer without channels, with its flaps, and a closed
channel. So there are two comparisons. With a store in memory: over sequences in which each
peer keeps a channel, snapshots list all channels, and closed channels do not come back. With a
store that has a storage of its own and never stops: over any sequence.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanfitness import (
    ActiveChannelEvent,
    ChannelEventStore,
    ClosedChannelEvent,
    HistoryDisabledError,
    InactiveChannelEvent,
    ManualClock,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SqliteStorage,
    Vertex,
)

from ..support.driven_store import DrivenStore
from ..support.lengths import length
from ..support.stores import WAIT
from ..support.values import ALICE, BOB, CAROL, START, outpoint

MICROSECOND, SECOND, HOUR = timedelta(microseconds=1), timedelta(seconds=1), timedelta(hours=1)
DAY = 24 * HOUR
PEERS = [ALICE, BOB, CAROL]
KEPT = [OpenChannel(outpoint(number), peer) for number, peer in enumerate(PEERS, 100)]
CHANNELS = [
    OpenChannel(outpoint(number), peer)
    for number, peer in [(1, ALICE), (2, ALICE), (3, BOB), (4, CAROL), (1, BOB)]
]


pytestmark = pytest.mark.usefixtures("quiet")


class Put(NamedTuple):
    """An event; ``off``: its `at` relative to the clock, if it has one."""

    kind: type
    channel: OpenChannel
    off: timedelta | None


class Unseen(NamedTuple):
    """A restart or a pause in which channels and peers change."""

    restart: bool
    lasting: timedelta
    channels: list[OpenChannel]
    peers: set[Vertex]


class Pause(NamedTuple):
    """A pause, which a later snapshot or the next start ends."""


class Move(NamedTuple):
    by: timedelta


class Ask(NamedTuple):
    window: timedelta | None


Operation = Put | Unseen | Pause | Move | Ask


class Node:
    """The true state, a store that restarts, and one that only pauses."""

    def __init__(
        self, kept: list[OpenChannel], path: Path, retention: dict[str, Any], stack: ExitStack
    ) -> None:
        self.clock, self.kept = ManualClock(START), kept
        self.open = {each.channel_point: each for each in kept}
        self.gone: set[OpenChannel] = set()  # closed channels that may not come back
        self.online: set[Vertex] = set()
        self.retention = {"clock": self.clock, **retention}
        self.path, self.stack = path, stack
        self.steady = self._start(None if kept else path / "steady.db")
        self.restarting = self._start(path / "restarting.db")
        for channel in () if kept else KEPT:
            self.put(OpenChannelEvent, channel, None)
            self.put(ClosedChannelEvent, channel, None)

    def _start(self, path: Path | None) -> DrivenStore:
        storage = None if path is None else SqliteStorage(path)
        channels = list(self.open.values())
        driven = DrivenStore(
            open_channels=channels, online=self.online, storage=storage, **self.retention
        )
        return self.stack.enter_context(driven)

    def play(self, operation: Operation) -> None:
        if isinstance(operation, Put):
            self.put(*operation)
        elif isinstance(operation, Unseen):
            self.unseen(operation)
        elif isinstance(operation, Pause):
            self.tell_both(MonitoringPausedEvent())
        elif isinstance(operation, Move):
            self.clock.advance(operation.by)
        else:
            self.compare(operation.window)

    def put(self, kind: Any, channel: OpenChannel, off: timedelta | None) -> None:
        at = None if off is None else self.clock.now() - off
        if issubclass(kind, (PeerOnlineEvent, PeerOfflineEvent)):
            self._go(channel.peer, online=kind is PeerOnlineEvent)
            self.tell_both(kind(channel.peer, at))
        elif issubclass(kind, (ActiveChannelEvent, InactiveChannelEvent)):
            self.tell_both(kind(channel.channel_point, at))
        elif channel not in self.gone:
            self._change(channel, opens=kind is OpenChannelEvent)
            self.tell_both(kind(*channel, at))

    def unseen(self, unseen: Unseen) -> None:
        if unseen.restart:
            self.restarting.__exit__(None, None, None)
            self.steady.put(MonitoringPausedEvent())
        else:
            self.tell_both(MonitoringPausedEvent())
        self.clock.advance(unseen.lasting)
        for channel in unseen.channels:
            opens = channel.channel_point not in self.open
            if opens and unseen.restart and self._is_stranger(channel.peer):
                continue
            if (opens or not self.kept) and channel not in self.gone:
                self._change(channel, opens=opens)
        for peer in unseen.peers:
            self._go(peer, online=peer not in self.online)
        channels = list(self.open.values())
        peers = {channel.peer: None for channel in channels if channel.peer in self.online}
        if unseen.restart:
            self.steady.put(MonitoringResumedEvent(channels, peers))
            self.restarting = self._start(self.path / "restarting.db")
        else:
            self.tell_both(MonitoringResumedEvent(channels, peers))

    def _is_stranger(self, peer: Vertex) -> bool:
        """Return whether a pause may keep a peer that a restart forgets."""
        period = self.retention["history"] or 90 * DAY
        return (
            peer in self.online
            and self.clock.now() - START >= period
            and all(each.peer != peer for each in self.open.values())
        )

    def tell_both(self, event: object) -> None:
        self.steady.put(event)
        self.restarting.put(event)

    def _go(self, peer: Vertex, *, online: bool) -> None:
        (self.online.add if online else self.online.discard)(peer)

    def _change(self, channel: OpenChannel, *, opens: bool) -> None:
        point = channel.channel_point
        if opens:
            self.open.setdefault(point, channel)
        elif self.open.get(point) == channel:
            del self.open[point]
            if self.kept:
                self.gone.add(channel)

    def compare(self, window: timedelta | None) -> None:
        """Compare the answers to all questions."""
        steady, restarting = self.steady.store, self.restarting.store
        infos = restarting.list_channels(timeout=WAIT)
        assert infos == steady.list_channels(timeout=WAIT)
        assert peers_of(restarting) == peers_of(steady)
        for info in infos:
            point = info.channel_point
            for each in (None, window):
                try:
                    history = restarting.get_history(point, window=each, timeout=WAIT)
                except HistoryDisabledError:
                    return
                assert history == steady.get_history(point, window=each, timeout=WAIT)
                assert history.lifetime + history.blind == history.end - history.start


def peers_of(store: ChannelEventStore) -> dict[Vertex, object]:
    """Return the answers about each peer."""
    return {info.peer: info for info in store.list_peers(timeout=WAIT)}


LENGTHS = st.one_of(
    st.sampled_from([MICROSECOND, SECOND, HOUR, 8 * HOUR, DAY, 30 * DAY]),
    st.timedeltas(timedelta(0), 10 * SECOND),
)
A_CHANNEL = st.sampled_from(CHANNELS)
EVENTS = st.sampled_from(
    [PeerOnlineEvent, PeerOfflineEvent] * 3
    + [ActiveChannelEvent, InactiveChannelEvent, InactiveChannelEvent]
    + [OpenChannelEvent, ClosedChannelEvent]
)
PUTS = st.builds(Put, EVENTS, A_CHANNEL, st.one_of(st.none(), st.none(), LENGTHS))
UNSEEN = st.builds(
    Unseen,
    st.sampled_from([True, True, False]),
    st.one_of(st.just(timedelta(0)), LENGTHS),
    st.lists(A_CHANNEL, max_size=2),
    st.sets(st.sampled_from(PEERS), max_size=2),
)
OPERATIONS = st.one_of(
    PUTS,
    PUTS,
    PUTS,
    UNSEEN,
    st.builds(Move, LENGTHS),
    st.builds(Move, LENGTHS),
    st.builds(Pause),
    st.builds(Ask, st.one_of(st.none(), LENGTHS)),
)
SEQUENCES = st.integers(1, 40).flatmap(
    lambda size: st.lists(OPERATIONS, min_size=size, max_size=size)
)
RETENTION = st.fixed_dictionaries(
    {
        "history": st.sampled_from([90 * DAY, 90 * DAY, DAY, SECOND, None]),
        "history_limit": st.sampled_from([10_000, 10_000, 3, 1]),
        "flap_period": st.sampled_from([8 * HOUR, SECOND]),
    }
)


@pytest.mark.parametrize("kept", [KEPT, []], ids=["in memory", "with a storage"])
@settings(max_examples=length(60, 2_000))
@given(retention=RETENTION, operations=SEQUENCES)
def test_a_restart_equals_a_pause(
    kept: list[OpenChannel], retention: dict[str, Any], operations: list[Operation]
) -> None:
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        node = Node(kept, Path(directory), retention, stack)
        for operation in [*operations, Ask(None)]:
            node.play(operation)
