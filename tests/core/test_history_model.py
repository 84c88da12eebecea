"""The store answers as a model that keeps all history, for any sequence of events."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chanfitness import (
    ActiveChannelEvent,
    ChannelHistory,
    ChannelInfo,
    ChannelNotFoundError,
    ClosedChannelEvent,
    HistoryDisabledError,
    InactiveChannelEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    OutPoint,
    PeerNotFoundError,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SqliteStorage,
    Vertex,
)

from ..support.blame_model import BlameModel
from ..support.driven_store import DrivenStore
from ..support.history_model import Event, HistoryModel
from ..support.history_states import ZERO
from ..support.lengths import length
from ..support.stores import WAIT
from ..support.values import ALICE, BOB, CAROL, CHANNEL_1, CHANNEL_2, CHANNEL_3, START

T = TypeVar("T")

MICROSECOND, SECOND = timedelta(microseconds=1), timedelta(seconds=1)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
INDIA = timezone(timedelta(hours=5, minutes=30))


pytestmark = pytest.mark.usefixtures("quiet")


class Put(NamedTuple):
    """An event; ``off``: its `at` relative to the clock, if it has one."""

    kind: type[Event]
    channel: OpenChannel
    off: timedelta | None
    stream: int


class Resume(NamedTuple):
    """A snapshot that differs from the state in the named channels and peers.

    ``active``: of some of the channels. The others are plain pairs.
    """

    channels: list[OpenChannel]
    peers: set[Vertex]
    backwards: bool
    off: timedelta | None
    active: Mapping[OutPoint, bool]


class Move(NamedTuple):
    """A step of the clock."""

    by: timedelta


class Ask(NamedTuple):
    channel: OpenChannel
    window: timedelta | None


Operation = Put | Resume | Move | Ask


class Pair:
    """A store and its model, which get the same events and questions."""

    def __init__(
        self,
        open_channels: list[OpenChannel],
        online: set[Vertex],
        retention: dict[str, Any],
        storage: SqliteStorage | None = None,
    ) -> None:
        self.driven = DrivenStore(
            open_channels=open_channels, online=online, storage=storage, **retention
        )
        self.clock, self.store = self.driven.clock, self.driven.store
        peers = dict.fromkeys(each.peer for each in open_channels)
        self.model = BlameModel(
            START,
            open_channels,
            [each for each in peers if each in online],
            own_outage=None,
            return_grace=None,
        )
        self.retention = {"stored": storage is not None, **retention}

    def play_all(self, operations: list[Operation]) -> None:
        with self.driven:
            for operation in [*operations, Ask(OpenChannel(CHANNEL_1, ALICE), None)]:
                self.play(operation)

    def play(self, operation: Operation) -> None:
        if isinstance(operation, Move):
            self.clock.advance(operation.by)
        elif isinstance(operation, Ask):
            self.compare(operation.channel, operation.window)
        else:
            event = self.event(operation)
            self.driven.put(event, operation.stream if isinstance(operation, Put) else 1)
            self.model.put(event, self.clock.now())

    def event(self, operation: Put | Resume) -> Event:
        off = operation.off
        at = None if off is None else (self.clock.now() + off).astimezone(INDIA)
        if isinstance(operation, Resume):
            return MonitoringResumedEvent(*self.snapshot(operation), at)
        if issubclass(operation.kind, (OpenChannelEvent, ClosedChannelEvent)):
            return operation.kind(*operation.channel, at)
        if issubclass(operation.kind, (PeerOnlineEvent, PeerOfflineEvent)):
            return operation.kind(operation.channel.peer, at)
        if issubclass(operation.kind, (ActiveChannelEvent, InactiveChannelEvent)):
            return operation.kind(operation.channel.channel_point, at)
        return MonitoringPausedEvent(at)

    def snapshot(self, differing: Resume) -> tuple[list[OpenChannel], list[Vertex]]:
        channels = {point: OpenChannel(point, peer) for point, peer in self.model.open.items()}
        for channel in differing.channels:
            if channels.get(channel.channel_point) == channel:
                del channels[channel.channel_point]
            else:
                channels[channel.channel_point] = channel
        peers = self.model.online.keys() ^ differing.peers
        online = sorted(peers, key=bytes, reverse=differing.backwards)
        in_order: list[Any] = sorted(channels.values(), reverse=differing.backwards)
        for number, (point, peer) in enumerate(in_order):
            in_order[number] = point, peer
            if point in differing.active:
                in_order[number] = OpenChannel(point, peer, differing.active[point])
        return in_order, online

    def compare(self, channel: OpenChannel, window: timedelta | None) -> None:
        """Compare the answers to all questions."""
        self.model.ask(self.clock.now())
        model = self.model.outcome(**self.retention)
        store, (point, peer) = self.store, channel
        infos = store.list_channels(timeout=WAIT)
        assert infos == model.list_channels()
        assert all(ZERO <= info.usable <= info.uptime <= info.lifetime for info in infos)
        assert answer(store.get_chan_info, point, peer) == model.chan_info(point, peer)
        assert answer(store.get_chan_info, point) == model.chan_info(point, None)
        assert answer(store.get_peer_info, peer) == model.peer_info(peer)
        assert store.list_peers(timeout=WAIT) == model.list_peers()
        for each in {point, *(info.channel_point for info in infos)}:
            self.compare_history(model, each, window)
        counts = store.get_overview(timeout=WAIT).outages
        assert counts == outage_counts(model, infos) or self.model.went_back

    def compare_history(
        self, model: HistoryModel, point: OutPoint, window: timedelta | None
    ) -> None:
        """The history of a moment is gone once a later moment's limit was past it."""
        history = answer(self.store.get_history, point, window=window)
        expected = model.history(point, window)
        if history != expected:
            assert self.model.went_back
            assert isinstance(history, ChannelHistory)
            assert isinstance(expected, ChannelHistory)
            assert (history.start > expected.start, history.complete) == (True, False)
        if isinstance(history, ChannelHistory):
            assert history.lifetime + history.blind == history.end - history.start
            offline = sum((outage.duration for outage in history.outages), ZERO)
            thinned = history.lifetime - history.uptime - offline
            assert (thinned > ZERO) is (history.thinned_outages > 0)
            assert ZERO <= history.usable <= history.uptime <= history.lifetime
            unusable = sum((span.duration for span in history.unusable_spans), ZERO)
            assert unusable == history.unusable or self.retention["history_limit"] < 10_000


def outage_counts(model: HistoryModel, infos: list[ChannelInfo]) -> tuple[int, ...] | None:
    if model.keeps_no_history:
        return None
    return tuple(model.outage_count(info.channel_point) for info in infos)


def answer(question: Callable[..., T], *about: Any, **how: Any) -> T | type[Exception]:
    """Return the answer, or the type of the error."""
    try:
        return question(*about, timeout=WAIT, **how)
    except (ChannelNotFoundError, PeerNotFoundError, HistoryDisabledError) as error:
        return type(error)


# Few channels, most often with the same peer: this gives many closes of open channels, and many
# opens of channels that were open before.
USUAL = [(CHANNEL_1, ALICE)] * 5 + [(CHANNEL_2, ALICE)] * 2 + [(CHANNEL_3, BOB)]
UNUSUAL = [(CHANNEL_1, BOB), (CHANNEL_2, CAROL)]
CHANNELS = st.sampled_from(USUAL + UNUSUAL).map(lambda channel: OpenChannel(*channel))
PEERS = st.sampled_from([ALICE, ALICE, BOB, CAROL])
# Few different lengths, so that events often fall together or a period apart.
LENGTHS = st.one_of(
    st.sampled_from([MICROSECOND, SECOND, MINUTE, HOUR, 8 * HOUR, DAY, 30 * DAY]),
    st.timedeltas(ZERO, 10 * SECOND),
    st.timedeltas(ZERO, 40 * DAY),
)
BACKWARDS = LENGTHS.map(lambda by: -by)
OFF = st.one_of(st.none(), st.none(), st.none(), BACKWARDS, LENGTHS)
CHANGES = [PeerOnlineEvent, PeerOfflineEvent]
SAYS = [InactiveChannelEvent, InactiveChannelEvent, ActiveChannelEvent]
KINDS = [*CHANGES * 3, *SAYS, OpenChannelEvent, ClosedChannelEvent, MonitoringPausedEvent]
WINDOWS = st.one_of(
    st.none(), st.sampled_from([ZERO, MICROSECOND, 3650 * DAY, timedelta.max]), LENGTHS
)
PUTS = st.builds(Put, st.sampled_from(KINDS), CHANNELS, OFF, st.integers(0, 1))
ACTIVE = st.dictionaries(
    st.sampled_from([CHANNEL_1, CHANNEL_2, CHANNEL_3]), st.booleans(), max_size=2
)
OPERATIONS = st.one_of(
    PUTS,
    PUTS,
    PUTS,
    st.builds(Resume, st.lists(CHANNELS, max_size=2), st.sets(PEERS), st.booleans(), OFF, ACTIVE),
    st.builds(Move, LENGTHS),
    st.builds(Move, LENGTHS),
    st.builds(Move, LENGTHS),
    st.builds(Move, BACKWARDS),
    st.builds(Ask, CHANNELS, WINDOWS),
)
# The length is drawn first, since listings() alone makes short ones.
SEQUENCES = st.integers(1, 60).flatmap(
    lambda size: st.lists(OPERATIONS, min_size=size, max_size=size)
)
RETENTION = st.fixed_dictionaries(
    {
        "history": st.sampled_from([90 * DAY, 90 * DAY, DAY, HOUR, SECOND, ZERO, None]),
        "history_limit": st.sampled_from([10_000, 10_000, 5, 3, 2, 1]),
        "flap_factor": st.sampled_from([0.95, 0.95, 0.5, 0.0, 1.0]),
        "flap_period": st.sampled_from([8 * HOUR, 8 * HOUR, HOUR, MICROSECOND]),
    }
)


WHATEVER_HAPPENS = given(
    open_channels=st.lists(CHANNELS, max_size=3, unique_by=lambda channel: channel.channel_point),
    online=st.sets(PEERS),
    retention=RETENTION,
    operations=SEQUENCES,
)


@settings(max_examples=length(150, 20_000))
@WHATEVER_HAPPENS
def test_the_store_answers_as_the_model(
    *,
    open_channels: list[OpenChannel],
    online: set[Vertex],
    retention: dict[str, Any],
    operations: list[Operation],
) -> None:
    """Promises 1, 2 and 3, and every figure exact to the microsecond."""
    Pair(open_channels, online, retention).play_all(operations)


@settings(max_examples=length(80, 10_000))
@WHATEVER_HAPPENS
def test_with_a_storage_closed_channels_come_back_as_in_the_model(
    *,
    open_channels: list[OpenChannel],
    online: set[Vertex],
    retention: dict[str, Any],
    operations: list[Operation],
) -> None:
    # With a history of zero no channel comes back, and a snapshot forgets a peer between two of
    # its channels.
    assume(retention["history"] != ZERO)
    with tempfile.TemporaryDirectory() as directory:
        storage = SqliteStorage(Path(directory) / "db")
        Pair(open_channels, online, retention, storage).play_all(operations)
