"""What is recorded of a course of events: which lines, and what is in them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanfitness import (
    ChannelMovedEvent,
    ClosedChannelEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SnapshotEvent,
)
from chanfitness.recording.format import format_event, kind_of, parse_line, read
from chanfitness.recording.recorder import RecordingEncoder

from ..support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2, SECOND, START, outpoint, vertex

RESUMED = MonitoringResumedEvent([OpenChannel(CHANNEL_1, ALICE)], [ALICE, BOB])
PAUSED = MonitoringPausedEvent()
ONLINE, OFFLINE = PeerOnlineEvent(ALICE), PeerOfflineEvent(ALICE)
MOVED = ChannelMovedEvent(CHANNEL_1, CHANNEL_2, ALICE)

points = st.integers(0, 4).map(outpoint)
peers = st.integers(0, 4).map(vertex)
channels = st.builds(OpenChannel, points, peers)
events = st.one_of(
    st.just(PAUSED),
    st.tuples(st.lists(channels), st.lists(peers)).map(
        lambda fields: MonitoringResumedEvent(*fields)
    ),
    st.tuples(st.lists(channels), st.lists(peers)).map(lambda fields: SnapshotEvent(*fields)),
    peers.map(PeerOnlineEvent),
    peers.map(PeerOfflineEvent),
    channels.map(lambda fields: OpenChannelEvent(*fields)),
    channels.map(lambda fields: ClosedChannelEvent(*fields)),
    st.tuples(points, points, peers).map(lambda fields: ChannelMovedEvent(*fields)),
)
times = st.timedeltas(timedelta(0), timedelta(days=9)).map(lambda after: START + after)


# One line.


@given(events, times)
def test_what_is_written_is_what_is_read(event: object, at: datetime) -> None:
    assert parse_line(format_event(event, at).encode()) == (at, event)


def test_a_line_has_the_fields_of_the_format_in_its_order() -> None:
    key, point = str(ALICE), str(CHANNEL_1)
    assert format_event(MOVED, START) == (
        '{"at": "2026-01-01T00:00:00.000000Z", "event": "channel_moved", "channel_point":'
        f' "{point}", "new_channel_point": "{CHANNEL_2}", "peer": "{key}"}}'
    )
    assert format_event(RESUMED, START) == (
        '{"at": "2026-01-01T00:00:00.000000Z", "event": "monitoring_started", "open_channels":'
        f' [{{"channel_point": "{point}", "peer": "{key}"}}],'
        f' "online_peers": ["{key}", "{BOB}"]}}'
    )


def test_an_events_own_time_is_not_written() -> None:
    event = PeerOnlineEvent(ALICE, START - SECOND)
    assert parse_line(format_event(event, START).encode()) == (START, ONLINE)


@pytest.mark.parametrize(
    "event",
    [
        PeerOnlineEvent(bytes(ALICE)),  # type: ignore[arg-type]
        OpenChannelEvent(CHANNEL_1, bytes(ALICE)),  # type: ignore[arg-type]
        ClosedChannelEvent(tuple(CHANNEL_1), ALICE),  # type: ignore[arg-type]
    ],
)
def test_a_field_that_is_but_like_the_right_one_has_no_line(event: object) -> None:
    """A store may have taken it for that."""
    with pytest.raises(TypeError, match=r"expected (Vertex|OutPoint), got"):
        format_event(event, START)


def test_what_is_no_event_has_no_line() -> None:
    with pytest.raises(TypeError, match="'nonsense' is no event"):
        kind_of("nonsense")


# Many lines.


@given(st.lists(st.tuples(events, times)))
def test_any_course_of_events_makes_a_valid_recording(
    happened: list[tuple[object, datetime]],
) -> None:
    transcript = RecordingEncoder()
    lines = [line for event, at in happened for line in transcript.lines(event, at)]
    if any(isinstance(event, MonitoringResumedEvent) for event, _ in happened):
        written = list(read(lines, "r.jsonl"))
        assert transcript.last == written[-1].at
    else:
        assert (lines, transcript.last) == ([], None)


def course(*happened: object) -> list[object]:
    transcript = RecordingEncoder()
    lines = [line for event in happened for line in transcript.lines(event, START)]
    return [parse_line(line)[1] for line in lines]


def test_before_the_first_start_nothing_is_written() -> None:
    assert course(ONLINE, MOVED, PAUSED, RESUMED, OFFLINE) == [RESUMED, OFFLINE]


def test_while_stopped_only_a_move_is_written() -> None:
    happened = [RESUMED, PAUSED, ONLINE, MOVED, PAUSED, RESUMED]
    assert course(*happened) == [RESUMED, PAUSED, MOVED, RESUMED]


def test_a_start_while_started_is_a_stop_and_a_start() -> None:
    assert course(RESUMED, ONLINE, RESUMED, OFFLINE) == [RESUMED, ONLINE, PAUSED, RESUMED, OFFLINE]
