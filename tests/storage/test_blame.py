"""Restarts and crashes at any moment: nobody has an outage because of them."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanfitness import (
    ActiveChannelEvent,
    ClosedChannelEvent,
    InactiveChannelEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerDescribedEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SnapshotEvent,
    Vertex,
)

from ..support.driven_store import DrivenStore
from ..support.lengths import length
from ..support.persistent_stores import DAY, HOUR, FlushedByHand
from ..support.stores import WAIT
from ..support.transport_model import TransportModel
from ..support.values import SECOND, START, outpoint, vertex

pytestmark = pytest.mark.usefixtures("quiet")

PEERS = [vertex(number) for number in range(1, 6)]
FLAPS: dict[str, Any] = {"flap_factor": 0.95, "flap_period": 8 * HOUR}


class Move(NamedTuple):
    by: float


class Peers(NamedTuple):
    """True lists of the source, in which the peers in ``differing`` have changed."""

    kind: type[MonitoringResumedEvent] | type[SnapshotEvent]
    differing: set[Vertex]
    nobody: bool


class Opens(NamedTuple):
    """Opens a channel at a channel point that was never used."""

    peer: Vertex


class Closes(NamedTuple):
    number: int

    def of(self, channel: OpenChannel) -> ClosedChannelEvent:
        return ClosedChannelEvent(*channel)


class Says(NamedTuple):
    """Says whether an open channel can be used."""

    kind: type[ActiveChannelEvent] | type[InactiveChannelEvent]
    number: int

    def of(self, channel: OpenChannel) -> ActiveChannelEvent | InactiveChannelEvent:
        return self.kind(channel.channel_point)


class Reopens(NamedTuple):
    """Reopens the channel that opened so many before the last, if it is closed."""

    number: int


class Pause(NamedTuple):
    late: float


class Flush(NamedTuple):
    pass


class Ask(NamedTuple):
    pass


class End(NamedTuple):
    """A stop or a crash, and ``away`` seconds later a start; meanwhile these changed."""

    crash: bool
    away: float
    differing: set[Vertex]


class Lives:
    """A store that ends and starts again, and its model."""

    def __init__(self, folder: Path, rules: dict[str, Any], limit: int) -> None:
        self._folder, self._rules = folder, rules
        self._retention: dict[str, Any] = {"history": 90 * DAY, "history_limit": limit, **FLAPS}
        self._lives = 0
        self._opened: list[OpenChannel] = []
        self.time = START
        self._begin([], set())
        self.model = self._new_model()
        self._before: dict[int, TransportModel] = {}  # each event of this life
        self._saved: TransportModel | None = None  # the state after a crash

    def _new_model(self) -> TransportModel:
        return TransportModel(self.time, [], [], **self._rules, stored=True)

    def _begin(self, channels: list[OpenChannel], online: set[Vertex]) -> None:
        self._storage = FlushedByHand(self._path)
        self._driven = DrivenStore(
            open_channels=channels,
            online=online,
            storage=self._storage,
            **self._rules,
            **self._retention,
        )
        self._driven.clock.set(self.time)
        self._driven.store.start()

    @property
    def _path(self) -> Path:
        return self._folder / f"{self._lives}.db"

    def play(self, operation: Any) -> None:
        if isinstance(operation, Move):
            self.time += operation.by * SECOND
            self._driven.clock.set(self.time)
        elif isinstance(operation, Flush):
            self._flush()
        elif isinstance(operation, Ask):
            self.compare()
        elif isinstance(operation, End):
            self._end(operation)
        else:
            for event in self._events(operation):
                self._before[self.model.count] = copy.deepcopy(self.model)
                self._driven.put(event)
                self.model.put(event, self.time)

    def _events(self, operation: Any) -> list[Any]:
        channels = [OpenChannel(*each) for each in self.model.open.items()]
        if isinstance(operation, Peers):
            online = sorted(self.model.online.keys() ^ operation.differing, key=bytes)
            return [operation.kind(channels, [] if operation.nobody else online)]
        if isinstance(operation, Opens):
            self._opened.append(OpenChannel(outpoint(len(self._opened)), operation.peer))
            return [OpenChannelEvent(*self._opened[-1])]
        if isinstance(operation, Reopens):
            closed = [each for each in self._opened if each not in channels]
            return [OpenChannelEvent(*each) for each in closed[::-1][operation.number :][:1]]
        if isinstance(operation, (Closes, Says)):
            return [operation.of(each) for each in channels[operation.number :][:1]]
        if isinstance(operation, Pause):
            return [MonitoringPausedEvent(self.time - operation.late * SECOND)]
        return [operation]

    def _flush(self) -> None:
        if not self._storage.flush():
            return  # the earlier rows stand
        shutil.copy(self._path, self._folder / "saved")
        saved, time = copy.deepcopy(self.model), self.time
        saved.ask(time)
        undecided, of_transports = saved.undecided(time), saved.undecided_of_transports(time)
        if undecided is not None:
            first, lost = saved.told[undecided], saved.first_of_ways()
            saved, time = copy.deepcopy(self._before[first.number - 1]), first.time
            saved.lose(lost, is_decided=True)
        saved.lose(of_transports, is_decided=False)
        saved.stop(time)
        self._saved = saved

    def _end(self, end: End) -> None:
        channels = [OpenChannel(*each) for each in self.model.open.items()]
        online = self.model.online.keys() ^ end.differing
        self._driven.store.stop()
        saved = self._path
        if end.crash:
            saved = self._folder / "saved"
            self.model = copy.deepcopy(self._saved) or self.model
        else:
            self.model.stop(self.time)
        self._lives += 1
        self.time += end.away * SECOND
        if not saved.exists():
            self.model = self._new_model()
        else:
            shutil.copy(saved, self._path)
            if not end.crash:
                shutil.copy(saved, self._folder / "saved")
                self._saved = copy.deepcopy(self.model)
        self._begin(channels, online)
        with_channel = dict.fromkeys(each.peer for each in channels)
        online_peers = [peer for peer in with_channel if peer in online]
        self.model.put(MonitoringResumedEvent(channels, online_peers), self.time)
        self._before = {}

    def compare(self) -> None:
        self.model.ask(self.time)
        model, store = self.model.outcome(stored=True, **self._retention), self._driven.store
        infos = store.list_channels(timeout=WAIT)
        assert infos == model.list_channels()
        for info in infos:
            for window in (None, 10 * SECOND, 1000 * SECOND):
                history = store.get_history(info.channel_point, window=window, timeout=WAIT)
                assert history == model.history(info.channel_point, window)

    def close(self) -> None:
        self._driven.store.stop()


NOBODY: set[Vertex] = set()
DIFFERING = st.one_of(st.just(NOBODY), st.sets(st.sampled_from(PEERS)))
ONE = st.one_of(
    st.sampled_from(PEERS).map(PeerOnlineEvent),
    st.sampled_from(PEERS).map(PeerOnlineEvent),
    st.sampled_from(PEERS).map(PeerOfflineEvent),
    st.sampled_from(PEERS).map(PeerOfflineEvent),
    st.builds(Opens, st.sampled_from(PEERS)),
    st.builds(Closes, st.integers(0, 3)),
    st.builds(Reopens, st.integers(0, 3)),
    st.builds(Says, st.just(InactiveChannelEvent), st.integers(0, 3)),
    st.builds(Says, st.just(InactiveChannelEvent), st.integers(0, 1)),
    st.builds(Says, st.just(ActiveChannelEvent), st.integers(0, 3)),
    st.builds(Peers, st.just(MonitoringResumedEvent), DIFFERING, st.booleans()),
    st.builds(Peers, st.just(SnapshotEvent), DIFFERING, st.just(False)),
    st.builds(Pause, st.sampled_from([0, 3, 10])),
    st.sampled_from([0, 1, 3, 5, 60, 89, 91, 5000]).map(Move),
    st.sampled_from([1, 3]).map(Move),
    st.builds(Flush),
    st.builds(Flush),
    st.builds(Ask),
    st.builds(End, st.booleans(), st.sampled_from([0, 1, 5000]), DIFFERING),
).map(lambda each: [each])
DESCRIBED = [
    PeerDescribedEvent(peer, None, "clearnet" if peer is PEERS[-1] else "tor") for peer in PEERS
]
ALL_OPEN = st.just([Opens(peer) for peer in PEERS])
ALL_COME = st.permutations(PEERS).map(lambda peers: [PeerOnlineEvent(peer) for peer in peers])
ALL_GO = st.permutations(PEERS).map(lambda peers: [PeerOfflineEvent(peer) for peer in peers])


@st.composite
def transport_goes(draw: Callable[..., Any]) -> list[Any]:
    """Draw events that describe peers and take one transport offline, with others in between."""
    *tor, other = PEERS
    operations: list[Any] = [Opens(peer) for peer in tor if draw(st.booleans())]
    operations += [PeerOnlineEvent(peer) for peer in PEERS]
    operations += [*DESCRIBED, Move(100)]
    for peer in draw(st.permutations(tor))[: draw(st.integers(2, 4))]:
        operations += [PeerOfflineEvent(peer), Move(draw(st.sampled_from([0, 1, 10])))]
        if draw(st.booleans()):
            operations.append(PeerOnlineEvent(other))  # prevents an own outage
        operations += draw(st.sampled_from([[], [], [Flush()], [Ask()], [Opens(tor[0])]]))
    crash = End(draw(st.booleans()), 10, {*tor[: draw(st.integers(0, 4))]})
    operations += draw(st.sampled_from([[], [Flush()], [Flush(), crash], [crash]]))
    return operations


def operations(*more: st.SearchStrategy[list[Any]]) -> st.SearchStrategy[list[list[Any]]]:
    steps = st.sampled_from([*[ONE] * 6, ALL_OPEN, ALL_COME, ALL_GO, *more]).flatmap(lambda it: it)
    return st.integers(1, 20).flatmap(lambda size: st.lists(steps, min_size=size, max_size=size))


OPERATIONS = st.integers(1, 30).flatmap(
    lambda size: st.lists(
        st.one_of(ONE, ONE, ONE, ONE, ONE, ONE, ALL_OPEN, ALL_COME, ALL_GO),
        min_size=size,
        max_size=size,
    )
)
RULES = st.fixed_dictionaries(
    {
        "own_outage": st.sampled_from([90 * SECOND, 90 * SECOND, None]),
        "return_grace": st.sampled_from([5 * SECOND, 5 * SECOND, 0 * SECOND, None]),
    }
)


@settings(max_examples=length(60, 5_000))
@given(rules=RULES, limit=st.sampled_from([10_000, 10_000, 5, 3, 2]), operations=OPERATIONS)
def test_the_store_continues_as_the_model(
    tmp_path_factory: pytest.TempPathFactory,
    rules: dict[str, Any],
    limit: int,
    operations: list[list[Any]],
) -> None:
    play(tmp_path_factory.mktemp("lives"), rules, limit, operations)


@settings(max_examples=length(60, 5_000))
@given(rules=RULES, operations=operations(transport_goes(), transport_goes()))
def test_the_store_continues_as_the_model_around_transport_outages(
    tmp_path_factory: pytest.TempPathFactory, rules: dict[str, Any], operations: list[list[Any]]
) -> None:
    play(tmp_path_factory.mktemp("lives"), rules, 10_000, operations)


def play(folder: Path, rules: dict[str, Any], limit: int, steps: list[list[Any]]) -> None:
    lives = Lives(folder, rules, limit)
    try:
        for operation in [each for step in steps for each in step]:
            lives.play(operation)
        lives.compare()
    finally:
        lives.close()
