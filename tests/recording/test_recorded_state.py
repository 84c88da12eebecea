"""The state of a recording equals that of a store with the same events."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chanfitness import (
    ActiveChannelEvent,
    ChannelDescribedEvent,
    ChannelMovedEvent,
    ClosedChannelEvent,
    InactiveChannelEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    Overview,
    PeerDescribedEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SnapshotEvent,
)
from chanfitness.recording.recorded_state import RecordedState

from ..support.driven_store import DrivenStore
from ..support.lengths import length
from ..support.stores import WAIT
from ..support.values import START, outpoint, vertex

pytestmark = pytest.mark.usefixtures("quiet")

ACTIVITY = st.sampled_from([None, True, False])
PEERS = st.integers(1, 3).map(vertex)
POINTS = st.integers(1, 4).map(outpoint)
CHANNELS = st.builds(OpenChannel, POINTS, PEERS, ACTIVITY)
LISTED = st.lists(CHANNELS, max_size=3, unique_by=lambda channel: channel.channel_point)
NO_TIME = st.none()
ONLINE = PeerOnlineEvent(vertex(1))
EVENTS: Any = st.one_of(
    st.builds(MonitoringResumedEvent, LISTED, st.lists(PEERS, unique=True), NO_TIME),
    st.builds(SnapshotEvent, LISTED, st.lists(PEERS, unique=True), NO_TIME),
    st.just(MonitoringPausedEvent()),
    PEERS.map(PeerOnlineEvent),
    PEERS.map(PeerOfflineEvent),
    st.builds(OpenChannelEvent, POINTS, PEERS, NO_TIME),
    st.builds(OpenChannelEvent, POINTS, PEERS, NO_TIME),
    st.builds(ClosedChannelEvent, POINTS, PEERS, NO_TIME),
    st.builds(ChannelMovedEvent, POINTS, POINTS, PEERS, NO_TIME),
    POINTS.map(ActiveChannelEvent),
    POINTS.map(InactiveChannelEvent),
    POINTS.map(InactiveChannelEvent),
    st.builds(
        PeerDescribedEvent,
        PEERS,
        st.sampled_from([None, "a", "b"]),
        st.sampled_from([None, "tor", "unknown"]),
        NO_TIME,
    ),
    st.builds(
        ChannelDescribedEvent,
        POINTS,
        st.sampled_from([None, "1x1x1", "2x2x2"]),
        st.sampled_from([None, 0, 7]),
        ACTIVITY,
        NO_TIME,
    ),
)


def told(events: list[Any]) -> Overview:
    """Return the state of a store that got these events."""
    with DrivenStore() as driven:
        for event in events:
            driven.put(event)
        return driven.store.get_overview(timeout=WAIT)


def state_of(overview: Overview) -> tuple[object, ...]:
    channels = {(*info[:2], *info[5:9]) for info in overview.channels}
    peers = {(info.peer, info.online, info.alias, info.transport) for info in overview.peers}
    return overview.sees, channels, peers


@settings(max_examples=length(300, 10_000))
@given(st.lists(EVENTS, max_size=30))
@example([ONLINE, PeerDescribedEvent(ONLINE.peer, "a"), PeerOfflineEvent(ONLINE.peer), ONLINE])
def test_the_state_equals_that_of_a_store(happened: list[Any]) -> None:
    events = [MonitoringResumedEvent([], []), *happened]
    state = RecordedState()
    for event in events:
        state.apply(event, START)

    again = told([event for event, _ in state.beginning()])

    assert state_of(again) == state_of(told(events))


def test_the_state_is_empty_before_the_first_snapshot() -> None:
    state = RecordedState()
    state.apply(OpenChannelEvent(outpoint(1), vertex(1)), START)
    assert state.beginning() == []
