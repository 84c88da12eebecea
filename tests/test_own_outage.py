"""When all peers go at once, it was this node's own network, and nobody's outage."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
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
from chanfitness.rows import int_to_date
from chanfitness.storage import read
from chanfitness.testing import FakeNode

from .lengths import length
from .remembered import DAY, HOUR, MICROSECOND, ZERO, FlushedByHand, figures, history_of, watching
from .stores import WAIT, QueueSubscription, running
from .values import SECOND, START, outpoint, vertex

PERIOD = 90 * SECOND
PEERS = [vertex(number) for number in range(1, 5)]
CHANNELS = [OpenChannel(outpoint(number), PEERS[number % 4]) for number in range(6)]


@pytest.fixture
def node() -> FakeNode:
    """Three peers online, with a channel each."""
    node = FakeNode(history=90 * DAY)
    for _ in range(3):
        node.open_channel(node.new_peer(online=True))
    node.config = replace(node.config, own_outage=PERIOD)
    return node


@pytest.fixture
def store(node: FakeNode) -> Iterator[ChannelEventStore]:
    with running(ChannelEventStore(node.config)) as store:
        yield store


class Wakes:
    """In place of an event: it is set when it was waited for so often."""

    def __init__(self, times: int) -> None:
        self._times = times

    def wait(self, timeout: float) -> bool:
        self._times -= 1
        return self._times < 0


def channels_of(node: FakeNode) -> list[OpenChannel]:
    return list(node.config.get_open_channels())  # type: ignore[arg-type]


def all_go(node: FakeNode, every: float = 20) -> list[Vertex]:
    """All peers go, one after the other."""
    peers = [peer for _, peer in channels_of(node)]
    for number, peer in enumerate(peers):
        if number:
            node.advance(seconds=every)
        node.peer_offline(peer)
    return peers


def test_it_is_blind_time_from_the_first_to_go_to_the_first_to_return(
    node: FakeNode, store: ChannelEventStore
) -> None:
    node.advance(hours=1)
    peers = all_go(node)
    node.advance(hours=5)
    assert store.get_overview().sees is False
    assert [info.online for info in store.list_peers()] == [False] * 3
    node.peer_online(peers[1])
    node.advance(hours=2)

    overview = store.get_overview()
    assert overview.sees
    assert overview.blind == 5 * HOUR + 40 * SECOND
    assert overview.outages == (1, 0, 1)
    lifetimes = [(info.lifetime / HOUR, info.uptime / HOUR) for info in overview.channels]
    assert lifetimes == [(3, 1), (3, 3), (3, 1)]
    assert [info.flap_count for info in overview.peers] == [0, 0, 0]


def test_peers_that_return_later_were_offline_from_the_resume(
    node: FakeNode, store: ChannelEventStore
) -> None:
    channels = channels_of(node)
    node.advance(hours=1)
    peers = all_go(node)
    node.advance(hours=5)
    node.peer_online(peers[1])
    resumed = node.clock.now()
    node.advance(hours=1)
    node.peer_online(peers[0])

    (outage,) = history_of(store, channels[0]).outages
    assert (outage.start, outage.end, outage.duration) == (resumed, resumed + HOUR, HOUR)
    assert store.get_peer_info(peers[0]).flap_count == 1


def test_answers_before_it_was_decided_stand(node: FakeNode, store: ChannelEventStore) -> None:
    channel = channels_of(node)[0]
    node.advance(hours=1)
    first, second, third = (peer for _, peer in channels_of(node))
    node.peer_offline(first)
    node.advance(seconds=40)
    node.peer_offline(second)
    assert store.get_chan_info(*channel).lifetime == HOUR + 40 * SECOND
    assert store.get_peer_info(first).flap_count == 1
    node.peer_offline(third)
    info = store.get_chan_info(*channel)
    assert (info.lifetime, info.uptime) == (HOUR, HOUR)
    assert store.get_peer_info(first).flap_count == 0


@pytest.mark.parametrize(
    ("seconds", "own"), [(44.9, True), (45, True), (45.000001, False), (3600, False)]
)
def test_all_must_go_within_the_period(
    node: FakeNode, store: ChannelEventStore, seconds: float, own: bool
) -> None:
    all_go(node, every=seconds)
    assert store.get_overview().sees is not own


def test_the_period_slides_past_a_peer_that_went_on_its_own_account(
    node: FakeNode, store: ChannelEventStore
) -> None:
    alone = node.new_peer(online=True)
    node.peer_offline(alone)
    node.advance(seconds=89)
    all_go(node)
    node.advance(hours=1)
    assert not store.get_overview().sees
    lone = node.open_channel(alone)
    assert figures(store, lone) == (0, 0)
    assert store.get_overview().blind == HOUR + 40 * SECOND


def test_two_peers_are_too_few(node: FakeNode, store: ChannelEventStore) -> None:
    first, second, third = (peer for _, peer in channels_of(node))
    node.peer_offline(first)
    node.advance(hours=1)
    node.peer_offline(second)
    node.peer_offline(third)
    assert store.get_overview().sees


@pytest.mark.parametrize("known", [True, False])
def test_a_peer_that_is_seen_online_between_decides_against_it(
    node: FakeNode, store: ChannelEventStore, known: bool
) -> None:
    first, second, third = (peer for _, peer in channels_of(node))
    node.peer_offline(first)
    node.peer_offline(second)
    node.peer_online(third if known else node.new_peer())  # of the known one it is no news
    for peer in (third, node.new_peer()):
        node.peer_offline(peer)
    assert store.get_overview().sees


def test_peers_without_channels_count_too(node: FakeNode, store: ChannelEventStore) -> None:
    stranger = node.new_peer(online=True)
    all_go(node)
    assert store.get_overview().sees
    node.peer_offline(stranger)
    assert not store.get_overview().sees
    assert stranger not in [info.peer for info in store.list_peers()]


def test_without_the_setting_it_is_everybodys_outage(node: FakeNode) -> None:
    with running(ChannelEventStore(replace(node.config, own_outage=None))) as store:
        all_go(node)
        node.advance(hours=1)
        overview = store.get_overview()
    assert overview.sees
    assert {info.uptime for info in overview.channels} == {ZERO, 20 * SECOND, 40 * SECOND}


def test_a_bad_period_is_refused() -> None:
    with pytest.raises(ValueError, match="bad own_outage"):
        replace(FakeNode().config, own_outage=-SECOND)


def test_it_is_logged_with_its_beginning(
    node: FakeNode, store: ChannelEventStore, caplog: pytest.LogCaptureFixture
) -> None:
    begun = node.clock.now()
    all_go(node)
    store.list_peers()
    assert [record.getMessage() for record in caplog.records] == [
        f"all 3 peers went offline: this node's own network is lost, as of {begun}"
    ]


# With a source that is cut.


def paused(store: ChannelEventStore, node: FakeNode) -> None:
    node.channel_notifier.send_update(MonitoringPausedEvent())


def resumed(node: FakeNode, *peers: Vertex) -> None:
    node.channel_notifier.send_update(MonitoringResumedEvent(channels_of(node), peers))


def test_what_goes_while_the_source_is_cut_is_no_own_outage(
    node: FakeNode, store: ChannelEventStore
) -> None:
    first, *others = [peer for _, peer in channels_of(node)]
    node.peer_offline(first)
    paused(store, node)
    for peer in others:
        node.peer_offline(peer)
    resumed(node)
    assert store.get_overview().sees


def test_a_source_that_is_cut_in_an_own_outage_is_blind_until_it_sees_somebody(
    node: FakeNode, store: ChannelEventStore
) -> None:
    peers = all_go(node)
    node.advance(hours=1)
    paused(store, node)
    node.advance(hours=1)
    resumed(node)
    node.advance(hours=1)
    assert store.get_overview().blind == 3 * HOUR + 40 * SECOND
    node.peer_online(peers[0])
    node.advance(hours=1)
    assert store.get_overview().sees
    assert [info.lifetime for info in store.list_channels()] == [HOUR] * 3


def test_a_snapshot_with_a_peer_online_ends_it(node: FakeNode, store: ChannelEventStore) -> None:
    peers = all_go(node)
    paused(store, node)
    node.advance(hours=1)
    resumed(node, peers[2])
    assert store.get_overview().sees


def test_a_peer_that_returns_while_the_source_is_cut_is_no_resume(
    node: FakeNode, store: ChannelEventStore
) -> None:
    peers = all_go(node)
    paused(store, node)
    node.peer_online(peers[0])
    assert not store.get_overview().sees
    node.peer_offline(peers[0])
    resumed(node)
    assert store.get_overview().sees


@pytest.fixture
def quiet() -> Iterator[None]:
    """No log records: pytest keeps them all."""
    logger = logging.getLogger("chanfitness")
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(logging.NOTSET)


# What else happened meanwhile.


def test_a_channel_that_opened_meanwhile_begins_at_the_resume(
    node: FakeNode, store: ChannelEventStore
) -> None:
    node.advance(hours=1)
    first, second, third = (peer for _, peer in channels_of(node))
    node.peer_offline(first)
    node.advance(seconds=10)
    up, down = node.open_channel(third), node.open_channel(first)
    strange = node.open_channel(node.new_peer())
    assert figures(store, up) == (0, 0)
    node.advance(seconds=10)
    node.peer_offline(second)
    node.peer_offline(third)
    node.advance(hours=1)
    assert [figures(store, channel) for channel in (up, down, strange)] == [(0, 0)] * 3
    resumed = node.clock.now()
    node.peer_online(third)
    node.advance(hours=1)
    assert [figures(store, channel) for channel in (up, down, strange)] == [(1, 1), (1, 0), (1, 0)]
    for channel in (up, down, strange):
        assert history_of(store, channel).start == resumed
    assert store.get_peer_info(strange.peer).since == resumed - HOUR - 20 * SECOND


def test_a_channel_that_closed_meanwhile_has_the_figures_of_before(
    node: FakeNode, tmp_path: Path
) -> None:
    with watching(node, tmp_path / "db"):
        node.advance(hours=1)
        first, second, third = channels_of(node)
        node.peer_offline(first.peer)
        node.advance(seconds=20)
        node.close_channel(second)
        closed_at = node.clock.now()
        node.advance(seconds=20)
        node.peer_offline(second.peer)
        node.peer_offline(third.peer)
        node.advance(hours=1)
    _, (row,) = read(tmp_path / "db")
    assert row.channel_point == str(second.channel_point)
    assert (row.lifetime, row.uptime) == (HOUR // MICROSECOND, HOUR // MICROSECOND)
    assert int_to_date(row.closed) == closed_at


def test_a_channel_that_came_back_meanwhile_comes_back_at_the_resume(
    node: FakeNode, tmp_path: Path
) -> None:
    back = channels_of(node)[2]
    with watching(node, tmp_path / "db") as store:
        node.advance(hours=1)
        others = [channel for channel in channels_of(node) if channel != back]
        online = [peer for _, peer in channels_of(node)]
        node.channel_notifier.send_update(MonitoringResumedEvent(others, online))
        node.advance(hours=1)
        node.peer_offline(online[0])
        node.advance(seconds=20)
        node.channel_notifier.notify_open_channel(*back)
        node.advance(seconds=20)
        node.peer_offline(online[1])
        node.peer_offline(online[2])
        node.advance(hours=1)
        assert figures(store, back) == (1, 1)
        node.peer_online(back.peer)
        node.advance(hours=1)
        assert figures(store, back) == (2, 2)
        assert history_of(store, back).blind == 2 * HOUR + 40 * SECOND


def test_a_long_history_is_undone_like_a_short_one(
    node: FakeNode, store: ChannelEventStore
) -> None:
    """Every eighth change has a mark of the uptime, which is undone too."""
    late = node.open_channel(node.new_peer())  # its history begins offline
    node.peer_online(late.peer)
    for number in range(12):
        node.advance(hours=1)
        node.peer_offline(late.peer)
        node.advance(hours=1)
        node.peer_online(late.peer)
        node.advance(minutes=2)
        all_go(node)
        node.advance(hours=1)
        node.peer_online(late.peer)
        for channel in channels_of(node):
            node.peer_online(channel.peer)
        history = history_of(store, late)
        assert len(history.outages) == number + 1
        assert history.lifetime - history.uptime == (number + 1) * HOUR


def test_a_channel_that_closed_meanwhile_is_gone_without_storage_too(
    node: FakeNode, store: ChannelEventStore
) -> None:
    first, second, third = channels_of(node)
    node.peer_offline(first.peer)
    node.close_channel(second)
    node.peer_offline(second.peer)
    node.peer_offline(third.peer)
    overview = store.get_overview()
    assert not overview.sees
    assert [info.channel_point for info in overview.channels] == [
        first.channel_point,
        third.channel_point,
    ]


# What is written.


def test_while_nothing_can_be_told_from_what_is_older_nothing_is_written(tmp_path: Path) -> None:
    asked: list[bool] = []

    def ask(everything: bool) -> None:
        asked.append(everything)

    storage = SqliteStorage(tmp_path / "db")
    storage._stopping = Wakes(2)  # type: ignore[assignment]
    storage._write_on(ask)
    assert asked == [False, False]


# Any sequence of events: the same as if someone had told when the network was lost.


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


@pytest.mark.usefixtures("quiet")
@settings(max_examples=length(300, 20_000), deadline=None)
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


@pytest.mark.usefixtures("quiet")
@settings(max_examples=length(100, 3_000), deadline=None)
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


@pytest.mark.usefixtures("quiet")
@settings(max_examples=length(100, 3_000), deadline=None)
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


@pytest.mark.usefixtures("quiet")
@settings(max_examples=length(50, 2_000), deadline=None)
@given(sequences(), st.integers(1, 3))
def test_a_short_history_is_no_obstacle(events: list[At], limit: int) -> None:
    end = events[-1].seconds
    overview, _ = run(Teller(events).told, end, everything)
    found, _ = run(events, end, everything, limit=limit, own_outage=PERIOD)
    assert found._replace(outages=None) == overview._replace(outages=None)
