"""Any sequence of events: the same as if someone had told when the network was lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chanfitness import (
    ChannelEventStore,
    ClosedChannelEvent,
    Config,
    ManualClock,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    Overview,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SqliteStorage,
    Vertex,
)
from chanfitness.storage.sqlite import read

from ..support.lengths import length
from ..support.persistent_stores import DAY, FlushedByHand
from ..support.stores import WAIT, QueueSubscription, running
from ..support.values import SECOND, START, outpoint, vertex

pytestmark = pytest.mark.usefixtures("quiet")

PERIOD = 90 * SECOND
PEERS = [vertex(number) for number in range(1, 5)]
CHANNELS = [OpenChannel(outpoint(number), PEERS[number % 4]) for number in range(6)]


class At(NamedTuple):
    seconds: float
    event: Any


class Teller:
    """Tells when the network was lost and when it was back, as a brute-force rule says.

    ``told``: the events, with a pause and a resume where there was an own outage.
    ``is_rough``: some channel closed in them that in truth was only absent, which a
    store that remembers tells apart.
    """

    def __init__(self, events: Sequence[At]) -> None:
        self.told: list[At] = []
        self._online: set[Vertex] = set()
        self._open: dict[OpenChannel, None] = {}
        self._gone: list[int] = []  # where in `told` peers went, since one was seen online
        self._cut = self._lost = self.is_rough = False
        for each in events:
            self._tell(*each)

    def undecided(self, end: float) -> int | None:
        """Where in ``told`` what is undecided at the ``end`` begins, if anything is."""
        within = self._within(end)
        return within[0] if within and len(self._online) + len(within) >= 3 else None

    def _within(self, now: float) -> list[int]:
        return [each for each in self._gone if now - self.told[each].seconds <= PERIOD / SECOND]

    def _tell(self, seconds: float, event: Any) -> None:
        if isinstance(event, MonitoringPausedEvent):
            if not (self._cut or self._lost):
                self.told.append(At(seconds, event))
            self._gone, self._cut = [], True
        elif isinstance(event, MonitoringResumedEvent):
            self._resumed(seconds, event)
        elif isinstance(event, PeerOnlineEvent):
            if self._lost and not self._cut:
                resumed = MonitoringResumedEvent(list(self._open), [event.peer])
                self.told.append(At(seconds, resumed))
            else:
                self.told.append(At(seconds, event))
            self._gone, self._lost = [], False
            self._online.add(event.peer)
        elif isinstance(event, PeerOfflineEvent):
            self._went(seconds, event)
        else:
            channel = OpenChannel(event.channel_point, event.peer)
            if isinstance(event, OpenChannelEvent):
                self._open[channel] = None
            else:
                self._open.pop(channel, None)
            self.told.append(At(seconds, event))

    def _resumed(self, seconds: float, event: MonitoringResumedEvent) -> None:
        wanted = dict.fromkeys(event.open_channels)
        self._lost = self._lost and not event.online_peers
        if self._lost:  # the snapshot does not end it, but it says what is open
            closed = [ClosedChannelEvent(*each) for each in self._open if each not in wanted]
            opened = [OpenChannelEvent(*each) for each in wanted if each not in self._open]
            self.told += [At(seconds, each) for each in [*opened, *closed]]
            self.is_rough = self.is_rough or bool(closed)
        else:
            self.told.append(At(seconds, event))
        self._gone, self._cut = [], False
        self._online, self._open = set(event.online_peers), wanted

    def _went(self, seconds: float, event: PeerOfflineEvent) -> None:
        if event.peer in self._online and not (self._cut or self._lost):
            self._gone.append(len(self.told))
        self._online.discard(event.peer)
        self.told.append(At(seconds, event))
        if not self._online:
            within = self._within(seconds)
            if len(within) >= 3:
                first = within[0]
                self.told.insert(first, At(self.told[first].seconds, MonitoringPausedEvent()))
                self._lost = True
            self._gone = []


OPENS = st.sampled_from(CHANNELS).map(lambda each: OpenChannelEvent(*each))
CLOSES = st.sampled_from(CHANNELS).map(lambda each: ClosedChannelEvent(*each))
COMES = st.sampled_from(PEERS).map(PeerOnlineEvent)
GOES = st.sampled_from(PEERS).map(PeerOfflineEvent)
RESUMES = st.builds(
    MonitoringResumedEvent,
    st.lists(st.sampled_from(CHANNELS), unique=True),
    st.lists(st.sampled_from(PEERS), unique=True),
    st.none(),
)
ANY = st.one_of(
    GOES, GOES, GOES, COMES, COMES, OPENS, CLOSES, st.just(MonitoringPausedEvent()), RESUMES
)
ALL_COME = st.permutations(PEERS).map(lambda peers: [PeerOnlineEvent(peer) for peer in peers])
ALL_GO = st.permutations(PEERS).map(lambda peers: [PeerOfflineEvent(peer) for peer in peers])
STEPS = st.lists(
    st.one_of(ANY.map(lambda event: [event]), ANY.map(lambda event: [event]), ALL_COME, ALL_GO),
    min_size=1,
    max_size=12,
)


@st.composite
def sequences(draw: Callable[..., Any]) -> list[At]:
    seconds, events = 0.0, []
    for event in [event for step in draw(STEPS) for event in step]:
        seconds += draw(st.sampled_from([0, 1, 10, 30, 45, 60, 89, 91, 5000]))
        events.append(At(seconds, event))
    return events


def run(
    events: Sequence[At],
    seconds: float,
    at_end: Callable[[ChannelEventStore], Any],
    limit: int = 10_000,
    **more: Any,
) -> Any:
    """What a store says after these events."""
    source, clock = QueueSubscription(), ManualClock(START)
    config = Config(
        subscribe_channel_events=lambda: source,
        subscribe_peer_events=lambda: source,
        get_open_channels=list,
        clock=clock,
        history=90 * DAY,
        history_limit=limit,
        **more,
    )
    with running(ChannelEventStore(config)) as store:
        for at, event in events:
            clock.set(START + at * SECOND)
            source.updates.put(event)
        clock.set(START + seconds * SECOND)
        return at_end(store)


def everything(store: ChannelEventStore) -> tuple[Overview, list[Any]]:
    overview = store.get_overview(timeout=WAIT)
    histories = [
        store.get_history(info.channel_point, window=window, timeout=WAIT)
        for info in overview.channels
        for window in (None, 100 * SECOND)
    ]
    return overview, histories


@settings(max_examples=length(300, 20_000))
@given(sequences(), st.sampled_from([0, 1, 50, 100_000]))
def test_it_is_as_if_someone_had_told(events: list[At], later: float) -> None:
    end = events[-1].seconds + later
    expected = run(Teller(events).told, end, everything)
    assert run(events, end, everything, own_outage=PERIOD) == expected


def content(path: Path) -> Any:
    saved, closed = read(path)
    if saved is None:
        return None
    return saved._replace(peers=sorted(saved.peers), histories=sorted(saved.histories)), sorted(
        closed
    )


@settings(max_examples=length(100, 3_000))
@given(sequences(), st.sampled_from([0, 1, 50, 100_000]))
def test_what_is_undecided_when_it_stops_is_saved_as_an_own_outage(
    tmp_path_factory: pytest.TempPathFactory, events: list[At], later: float
) -> None:
    teller = Teller(events)
    assume(not teller.is_rough)
    folder, end = tmp_path_factory.mktemp("stops"), events[-1].seconds + later
    expected, undecided = teller.told, teller.undecided(end)
    if undecided is not None:
        expected.insert(undecided, At(expected[undecided].seconds, MonitoringPausedEvent()))
    run(expected, end, everything, storage=SqliteStorage(folder / "told"))
    run(events, end, everything, own_outage=PERIOD, storage=SqliteStorage(folder / "found"))
    assert content(folder / "found") == content(folder / "told")


@settings(max_examples=length(100, 3_000))
@given(sequences(), st.sampled_from([0, 1, 50, 100_000]), st.data())
def test_nothing_newer_than_what_is_undecided_is_written(
    tmp_path_factory: pytest.TempPathFactory, events: list[At], later: float, data: st.DataObject
) -> None:
    """A crash finds what a store would have saved that stopped just before."""
    teller = Teller(events)
    assume(not teller.is_rough)
    folder = tmp_path_factory.mktemp("flushes")
    storage = FlushedByHand(folder / "found")
    source, clock = QueueSubscription(), ManualClock(START)
    config = Config(
        subscribe_channel_events=lambda: source,
        subscribe_peer_events=lambda: source,
        get_open_channels=list,
        clock=clock,
        history=90 * DAY,
        own_outage=PERIOD,
        storage=storage,
    )
    with running(ChannelEventStore(config)):
        for at, event in events:
            clock.set(START + at * SECOND)
            source.updates.put(event)
            if data.draw(st.booleans()):
                storage.flush()
        end = events[-1].seconds + later
        clock.set(START + end * SECOND)
        written = storage.flush()
        found = content(folder / "found")
    expected, undecided = teller.told, teller.undecided(end)
    if undecided is not None:
        changed = [type(event) for _, event in expected[undecided:]]
        assert written or OpenChannelEvent in changed or ClosedChannelEvent in changed
        end = expected[undecided].seconds
        expected = expected[:undecided]
    if written:
        run(expected, end, everything, storage=SqliteStorage(folder / "told"))
        assert found == content(folder / "told")


@settings(max_examples=length(50, 2_000))
@given(sequences(), st.integers(1, 3))
def test_a_short_history_is_no_obstacle(events: list[At], limit: int) -> None:
    end = events[-1].seconds
    overview, _ = run(Teller(events).told, end, everything)
    found, _ = run(events, end, everything, limit=limit, own_outage=PERIOD)
    assert found._replace(outages=None) == overview._replace(outages=None)
