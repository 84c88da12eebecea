"""Own outages equal explicit pauses at the same times, for any sequence of events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chanfitness import (
    ActiveChannelEvent,
    ChannelEventStore,
    ClosedChannelEvent,
    Config,
    InactiveChannelEvent,
    ManualClock,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    Overview,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SqliteStorage,
)
from chanfitness.storage.sqlite import read

from ..support.blame_model import BlameModel
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

    @property
    def time(self) -> datetime:
        return START + self.seconds * SECOND


def told(events: Sequence[At], end: float) -> BlameModel:
    """Return a model with these events, asked at the end."""
    model = BlameModel(START, [], [], own_outage=PERIOD, return_grace=None)
    for each in events:
        model.put(each.event, each.time)
    model.ask(START + end * SECOND)
    return model


OPENS = st.sampled_from(CHANNELS).map(lambda each: OpenChannelEvent(*each))
CLOSES = st.sampled_from(CHANNELS).map(lambda each: ClosedChannelEvent(*each))
SAYS = st.one_of(
    st.sampled_from(CHANNELS).map(lambda each: InactiveChannelEvent(each.channel_point)),
    st.sampled_from(CHANNELS).map(lambda each: InactiveChannelEvent(each.channel_point)),
    st.sampled_from(CHANNELS).map(lambda each: ActiveChannelEvent(each.channel_point)),
)
COMES = st.sampled_from(PEERS).map(PeerOnlineEvent)
GOES = st.sampled_from(PEERS).map(PeerOfflineEvent)
RESUMES = st.builds(
    MonitoringResumedEvent,
    st.lists(st.sampled_from(CHANNELS), unique=True),
    st.lists(st.sampled_from(PEERS), unique=True),
    st.none(),
)
ANY = st.one_of(
    GOES,
    GOES,
    GOES,
    COMES,
    COMES,
    OPENS,
    CLOSES,
    SAYS,
    SAYS,
    st.just(MonitoringPausedEvent()),
    RESUMES,
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


def outcome(model: BlameModel) -> list[At]:
    """Return the events, and the pauses, for a store without the setting."""
    _, *others = model.events()  # the start
    return [At((each.time - START) / SECOND, each.item) for each in others if each.item]


def run(
    events: Sequence[At],
    seconds: float,
    at_end: Callable[[ChannelEventStore], Any],
    limit: int = 10_000,
    **more: Any,
) -> Any:
    """Return a store's answers after these events."""
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
        for each in events:
            clock.set(each.time)
            source.updates.put(each.event)
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


@settings(max_examples=length(120, 20_000))
@given(sequences(), st.sampled_from([0, 1, 50, 100_000]))
def test_an_own_outage_equals_an_explicit_pause(events: list[At], later: float) -> None:
    end = events[-1].seconds + later
    expected = run(outcome(told(events, end)), end, everything)
    assert run(events, end, everything, own_outage=PERIOD) == expected


def content(path: Path) -> Any:
    """Return the saved state without the causes, which differ for explicit pauses."""
    saved, closed = read(path)
    if saved is None:
        return None
    return (
        saved._replace(
            peers=sorted(saved.peers),
            histories=sorted(saved.histories),
            activities=sorted(saved.activities),
            causes=(),
            stopped=None,
        ),
        sorted(closed),
    )


@settings(max_examples=length(100, 3_000))
@given(sequences(), st.sampled_from([0, 1, 50, 100_000]))
def test_a_stop_saves_an_undecided_outage_as_explicit_events_would(
    tmp_path_factory: pytest.TempPathFactory, events: list[At], later: float
) -> None:
    folder, end = tmp_path_factory.mktemp("stops"), events[-1].seconds + later
    model = told(events, end)
    assume(not model.closed_unseen)
    run(outcome(model), end, everything, storage=SqliteStorage(folder / "told"))
    run(events, end, everything, own_outage=PERIOD, storage=SqliteStorage(folder / "found"))
    assert content(folder / "found") == content(folder / "told")


@settings(max_examples=length(100, 3_000))
@given(sequences(), st.sampled_from([0, 1, 50, 100_000]), st.data())
def test_a_flush_has_no_change_since_an_undecided_outage_began(
    tmp_path_factory: pytest.TempPathFactory, events: list[At], later: float, data: st.DataObject
) -> None:
    """After a crash the state is that of a stop just before the undecided events."""
    end = events[-1].seconds + later
    model = told(events, end)
    assume(not model.closed_unseen)
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
        for each in events:
            clock.set(each.time)
            source.updates.put(each.event)
            if data.draw(st.booleans()):
                storage.flush()
        clock.set(START + end * SECOND)
        written = storage.flush()
        found = content(folder / "found")
    expected, undecided = outcome(model), model.undecided(START + end * SECOND)
    if undecided is not None:
        undecided -= 1  # the first event is the start
        changed = [type(event) for _, event in expected[undecided:]]
        end = expected[undecided].seconds
        at_once = [type(event) for time, event in expected[undecided:] if time == end]
        assert (
            written
            or {OpenChannelEvent, ClosedChannelEvent} & {*changed}
            or {ActiveChannelEvent, InactiveChannelEvent} & {*at_once}
        )
        expected = expected[:undecided]
    if written:
        run(expected, end, everything, storage=SqliteStorage(folder / "told"))
        assert found == content(folder / "told")


@settings(max_examples=length(50, 2_000))
@given(sequences(), st.integers(1, 3))
def test_a_short_history_changes_no_decision(events: list[At], limit: int) -> None:
    end = events[-1].seconds
    overview, _ = run(outcome(told(events, end)), end, everything)
    found, _ = run(events, end, everything, limit=limit, own_outage=PERIOD)
    assert found._replace(outages=None) == overview._replace(outages=None)
