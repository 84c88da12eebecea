"""Whatever happens, blame is decided as a model decides it that has hindsight."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanfitness import (
    ClosedChannelEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SnapshotEvent,
    SqliteStorage,
    Vertex,
)

from ..support.blame_model import BlameModel
from ..support.driven_store import DrivenStore
from ..support.lengths import length
from ..support.persistent_stores import DAY, HOUR
from ..support.stores import WAIT
from ..support.values import SECOND, START, outpoint, vertex

pytestmark = pytest.mark.usefixtures("quiet")

PEERS = [vertex(number) for number in range(1, 6)]
CHANNELS = [OpenChannel(outpoint(number), PEERS[number % 5]) for number in range(7)]
FLAPS = {"flap_factor": 0.95, "flap_period": 8 * HOUR}
WINDOWS = [None, timedelta(0), 7 * SECOND, 100 * SECOND]


class Move(NamedTuple):
    """Of the clock."""

    by: float


class Ask(NamedTuple):
    pass


class Put(NamedTuple):
    event: Any


class Lists(NamedTuple):
    """Lists that were asked for ``late`` seconds ago, and differ from what is known."""

    kind: type[MonitoringResumedEvent] | type[SnapshotEvent]
    channels: list[OpenChannel]
    peers: set[Vertex]
    nobody: bool
    late: float | None


class Pause(NamedTuple):
    late: float | None


class Pair:
    """A store and its model, which are told and asked the same."""

    def __init__(
        self,
        open_channels: list[OpenChannel],
        online: set[Vertex],
        rules: Any,
        storage: SqliteStorage | None = None,
        limit: int = 10_000,
    ) -> None:
        retention: dict[str, Any] = {"history": 90 * DAY, "history_limit": limit, **FLAPS}
        self.retention = {"stored": storage is not None, **retention}
        self.driven = DrivenStore(
            open_channels=open_channels, online=online, storage=storage, **rules, **retention
        )
        self.clock, self.store = self.driven.clock, self.driven.store
        peers = dict.fromkeys(each.peer for each in open_channels)
        self.model = BlameModel(
            START,
            open_channels,
            [each for each in peers if each in online],
            stored=storage is not None,
            **rules,
        )

    def play(self, operation: Any) -> None:
        if isinstance(operation, Move):
            self.clock.advance(operation.by * SECOND)
        elif isinstance(operation, Ask):
            self.compare()
        else:
            event = self.event(operation)
            self.driven.put(event)
            self.model.put(event, self.clock.now())

    def event(self, operation: Any) -> Any:
        if isinstance(operation, Put):
            return operation.event
        late = operation.late
        at = None if late is None else self.clock.now() - late * SECOND
        if isinstance(operation, Pause):
            return MonitoringPausedEvent(at)
        known = {OpenChannel(*each) for each in self.model.open.items()}
        channels = sorted(known ^ set(operation.channels))
        online = sorted(self.model.online.keys() ^ operation.peers, key=bytes)
        return operation.kind(channels, [] if operation.nobody else online, at)

    def compare(self) -> None:
        """Ask everything."""
        self.model.ask(self.clock.now())
        model, store = self.model.outcome(**self.retention), self.store
        infos = store.list_channels(timeout=WAIT)
        assert infos == model.list_channels()
        assert store.list_peers(timeout=WAIT) == model.list_peers()
        for info in infos:
            for window in WINDOWS:
                history = store.get_history(info.channel_point, window=window, timeout=WAIT)
                assert history == model.history(info.channel_point, window)


PUTS = st.one_of(
    st.sampled_from(PEERS).map(PeerOnlineEvent),
    st.sampled_from(PEERS).map(PeerOnlineEvent),
    st.sampled_from(PEERS).map(PeerOfflineEvent),
    st.sampled_from(PEERS).map(PeerOfflineEvent),
    st.sampled_from(CHANNELS).map(lambda each: OpenChannelEvent(*each)),
    st.sampled_from(CHANNELS).map(lambda each: ClosedChannelEvent(*each)),
).map(Put)
NOBODY: set[Vertex] = set()
PEER_SETS = st.one_of(st.just(NOBODY), st.sets(st.sampled_from(PEERS)))
LATE = st.sampled_from([None, None, 0, 1, 3, 10, 100])
LISTS = st.builds(
    Lists,
    st.sampled_from([MonitoringResumedEvent, MonitoringResumedEvent, SnapshotEvent]),
    st.one_of(st.just([]), st.lists(st.sampled_from(CHANNELS), max_size=2, unique=True)),
    PEER_SETS,
    st.sampled_from([False, False, True]),
    LATE,
)
MOVES = st.sampled_from([0.000001, 1, 2, 4, 4.999999, 5, 30, 59, 60, 89, 90, 91, 5000]).map(Move)
ONE = st.one_of(
    PUTS,
    PUTS,
    PUTS,
    PUTS,
    MOVES,
    MOVES,
    MOVES,
    LISTS,
    LISTS,
    st.builds(Pause, LATE),
    st.builds(Ask),
).map(lambda each: [each])
ALL_COME = st.permutations(PEERS).map(lambda peers: [Put(PeerOnlineEvent(peer)) for peer in peers])
ALL_GO = st.permutations(PEERS).map(lambda peers: [Put(PeerOfflineEvent(peer)) for peer in peers])


@st.composite
def spread(draw: Callable[..., Any], puts: st.SearchStrategy[list[Put]]) -> list[Any]:
    """Many at once, but not in one moment."""
    operations: list[Any] = []
    for put in draw(puts):
        operations += [put, Move(draw(st.sampled_from([0, 0, 1, 4, 20])))]
    return operations


@st.composite
def restarts(draw: Callable[..., Any]) -> list[Any]:
    """Nobody, or some, are back at once; others come back one after the other."""
    lists = Lists(MonitoringResumedEvent, [], draw(PEER_SETS), draw(st.booleans()), None)
    operations: list[Any] = [Pause(None), Move(1), lists]
    for put in draw(ALL_COME)[: draw(st.integers(0, 5))]:
        operations += [Move(draw(st.sampled_from([1, 4, 4, 29, 29, 5]))), put]
    return operations


OPERATIONS = st.integers(1, 40).flatmap(
    lambda size: st.lists(
        st.one_of(ONE, ONE, ONE, ONE, ONE, spread(ALL_COME), spread(ALL_GO), restarts()),
        min_size=size,
        max_size=size,
    )
)
RULES = st.fixed_dictionaries(
    {
        "own_outage": st.sampled_from([90 * SECOND, 90 * SECOND, None]),
        "return_grace": st.sampled_from([5 * SECOND, 5 * SECOND, 30 * SECOND, 0 * SECOND, None]),
    }
)

LIMITS = st.sampled_from([10_000, 10_000, 5, 3, 2])
"""Of a history. It keeps two changes at least, since the last may have to be undone."""


@settings(max_examples=length(400, 20_000))
@given(
    open_channels=st.lists(st.sampled_from(CHANNELS), unique=True),
    online=st.sets(st.sampled_from(PEERS)),
    rules=RULES,
    limit=LIMITS,
    operations=OPERATIONS,
)
def test_the_store_decides_as_the_model(
    open_channels: list[OpenChannel],
    online: set[Vertex],
    rules: dict[str, Any],
    limit: int,
    operations: Sequence[list[Any]],
) -> None:
    pair = Pair(open_channels, online, rules, limit=limit)
    with pair.driven:
        for operation in [each for step in operations for each in step]:
            pair.play(operation)
        pair.compare()


@settings(max_examples=length(200, 10_000))
@given(
    open_channels=st.lists(st.sampled_from(CHANNELS), unique=True),
    online=st.sets(st.sampled_from(PEERS)),
    rules=RULES,
    limit=LIMITS,
    operations=OPERATIONS,
)
def test_with_a_storage_it_decides_so_of_channels_that_come_back(
    open_channels: list[OpenChannel],
    online: set[Vertex],
    rules: dict[str, Any],
    limit: int,
    operations: Sequence[list[Any]],
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        storage = SqliteStorage(Path(directory) / "db")
        pair = Pair(open_channels, online, rules, storage, limit)
        with pair.driven:
            for operation in [each for step in operations for each in step]:
                pair.play(operation)
            pair.compare()
