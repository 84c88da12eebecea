"""Encoder of recordings: the lines of a sequence of events, and their fields."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
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
    PeerDescribedEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SnapshotEvent,
)
from chanfitness.events import TRANSPORTS
from chanfitness.recording.format import format_event, kind_of, parse_line, read
from chanfitness.recording.recorder import RecordingEncoder

from ..support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2, SECOND, START, outpoint, vertex

RESUMED = MonitoringResumedEvent([OpenChannel(CHANNEL_1, ALICE)], [ALICE, BOB])
PAUSED = MonitoringPausedEvent()
ONLINE, OFFLINE = PeerOnlineEvent(ALICE), PeerOfflineEvent(ALICE)
MOVED = ChannelMovedEvent(CHANNEL_1, CHANNEL_2, ALICE)

points = st.integers(0, 4).map(outpoint)
peers = st.integers(0, 4).map(vertex)
activity = st.sampled_from([None, True, False])
channels = st.builds(OpenChannel, points, peers, activity)
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
    points.map(ActiveChannelEvent),
    points.map(InactiveChannelEvent),
    st.tuples(peers, st.none() | st.text(), st.sampled_from([None, *TRANSPORTS])).map(
        lambda fields: PeerDescribedEvent(*fields)
    ),
    st.tuples(
        points,
        st.none() | st.from_regex(r"[0-9]+x[0-9]+x[0-9]+", fullmatch=True),
        st.none() | st.integers(0, 2**62 - 1),
        activity,
    ).map(lambda fields: ChannelDescribedEvent(*fields)),
)
times = st.timedeltas(timedelta(0), timedelta(days=9)).map(lambda after: START + after)


# One line.


@given(events, times)
def test_a_written_line_is_read_back(event: object, at: datetime) -> None:
    written = parse_line(format_event(event, at).encode())
    assert written == (at, event)
    assert repr(written) == repr((at, event))  # repr() shows `active`, which equality ignores


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


def test_lines_of_activity_and_descriptions_have_the_fields_of_the_format() -> None:
    at = '{"at": "2026-01-01T00:00:00.000000Z", "event": '
    active, inactive = (OpenChannel(CHANNEL_1, ALICE, each) for each in (True, False))
    channel = f'{{"channel_point": "{CHANNEL_1}", "peer": "{ALICE}"'
    lines: list[tuple[object, str]] = [
        (ActiveChannelEvent(CHANNEL_1), f'"channel_active", "channel_point": "{CHANNEL_1}"'),
        (InactiveChannelEvent(CHANNEL_1), f'"channel_inactive", "channel_point": "{CHANNEL_1}"'),
        (
            PeerDescribedEvent(ALICE, "\x1b\u202e"),
            f'"peer_described", "peer": "{ALICE}", "alias": "\\u001b\\u202e", "transport": null',
        ),
        (
            ChannelDescribedEvent(CHANNEL_1, "1x2x3", 5, private=False),
            f'"channel_described", "channel_point": "{CHANNEL_1}", "short_channel_id": "1x2x3",'
            ' "capacity": 5, "private": false',
        ),
        (
            SnapshotEvent([active, inactive], []),
            f'"snapshot", "open_channels": [{channel}, "active": true}},'
            f' {channel}, "active": false}}], "online_peers": []',
        ),
    ]
    for event, rest in lines:
        assert format_event(event, START) == f"{at}{rest}}}"


def test_the_at_of_an_event_is_not_written() -> None:
    event = PeerOnlineEvent(ALICE, START - SECOND)
    assert parse_line(format_event(event, START).encode()) == (START, ONLINE)


@pytest.mark.parametrize(
    "event",
    [
        PeerOnlineEvent(bytes(ALICE)),  # type: ignore[arg-type]
        OpenChannelEvent(CHANNEL_1, bytes(ALICE)),  # type: ignore[arg-type]
        ClosedChannelEvent(tuple(CHANNEL_1), ALICE),  # type: ignore[arg-type]
        InactiveChannelEvent(str(CHANNEL_1)),  # type: ignore[arg-type]
        PeerDescribedEvent(bytes(ALICE)),  # type: ignore[arg-type]
        ChannelDescribedEvent(tuple(CHANNEL_1)),  # type: ignore[arg-type]
    ],
)
def test_a_field_of_a_similar_type_is_refused(event: object) -> None:
    """A store may have accepted it."""
    with pytest.raises(TypeError, match=r"expected (Vertex|OutPoint), got"):
        format_event(event, START)


def test_an_object_that_is_no_event_is_refused() -> None:
    with pytest.raises(TypeError, match="'nonsense' is no event"):
        kind_of("nonsense")


# Many lines.


@given(st.lists(st.tuples(events, times)))
def test_any_sequence_of_events_makes_a_valid_recording(
    happened: list[tuple[object, datetime]],
) -> None:
    transcript = RecordingEncoder()
    lines = [line for event, at in happened for line in transcript.lines(event, at)]
    if any(isinstance(event, MonitoringResumedEvent) for event, _ in happened):
        written = list(read(lines, "r.jsonl"))
        assert transcript.last == written[-1].at
    else:
        assert (lines, transcript.last) == ([], None)


def encode_events(*happened: object) -> list[object]:
    transcript = RecordingEncoder()
    lines = [line for event in happened for line in transcript.lines(event, START)]
    return [parse_line(line)[1] for line in lines]


def test_before_the_first_start_nothing_is_written() -> None:
    assert encode_events(ONLINE, MOVED, PAUSED, RESUMED, OFFLINE) == [RESUMED, OFFLINE]


def test_while_stopped_only_moves_and_descriptions_are_written() -> None:
    described = [PeerDescribedEvent(ALICE, "alice"), ChannelDescribedEvent(CHANNEL_1, capacity=5)]
    happened = [RESUMED, PAUSED, ONLINE, MOVED, InactiveChannelEvent(CHANNEL_2), *described]
    assert encode_events(*happened, PAUSED, RESUMED) == [
        RESUMED,
        PAUSED,
        MOVED,
        *described,
        RESUMED,
    ]
    assert encode_events(*described, RESUMED) == [RESUMED]


def test_a_start_while_started_is_a_stop_and_a_start() -> None:
    assert encode_events(RESUMED, ONLINE, RESUMED, OFFLINE) == [
        RESUMED,
        ONLINE,
        PAUSED,
        RESUMED,
        OFFLINE,
    ]
