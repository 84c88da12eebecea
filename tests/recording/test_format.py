"""Parser of recordings: valid lines, and errors with file, line and reason."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

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
    RecordingError,
    SnapshotEvent,
)
from chanfitness.recording.format import MAX_LINE_BYTES, format_time, parse_line, parse_time, read
from chanfitness.recording.replay import replay

from ..support.values import ALICE, BOB, CHANNEL_1, outpoint, vertex

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
T = "2026-11-22T12:00:00.000000Z"
STARTED = {"at": T, "event": "monitoring_started", "open_channels": [], "online_peers": []}


def encode(*records: object) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def lines_of(data: bytes) -> list[bytes]:
    return list(io.BytesIO(data))


def refusal(data: bytes) -> str:
    with pytest.raises(RecordingError) as raised:
        list(read(lines_of(data), "r.jsonl"))
    assert len(str(raised.value)) < 250
    return str(raised.value)


def test_each_kind_of_line_is_read() -> None:
    channel = {"channel_point": str(CHANNEL_1), "peer": str(ALICE)}
    data = encode(
        STARTED | {"open_channels": [channel], "online_peers": [str(BOB)]},
        {"at": T, "event": "peer_online", "peer": str(ALICE)},
        {"at": T, "event": "peer_offline", "peer": str(ALICE)},
        {"at": T, "event": "channel_closed", **channel},
        {"at": T, "event": "channel_opened", **channel, "unknown": "ignored"},
        STARTED | {"event": "snapshot", "open_channels": [channel], "online_peers": []},
        {"at": T, "event": "monitoring_stopped"},
    )
    lines = list(read(lines_of(data), "r.jsonl"))
    assert [line.number for line in lines] == [1, 2, 3, 4, 5, 6, 7]
    assert {line.at for line in lines} == {NOON}
    assert [line.event for line in lines] == [
        MonitoringResumedEvent([OpenChannel(CHANNEL_1, ALICE)], [BOB]),
        PeerOnlineEvent(ALICE),
        PeerOfflineEvent(ALICE),
        ClosedChannelEvent(CHANNEL_1, ALICE),
        OpenChannelEvent(CHANNEL_1, ALICE),
        SnapshotEvent([OpenChannel(CHANNEL_1, ALICE)], []),
        MonitoringPausedEvent(),
    ]


def test_unknown_fields_may_be_null_or_missing() -> None:
    channel, peer = {"channel_point": str(CHANNEL_1)}, {"peer": str(ALICE)}
    listed = [{**channel, **peer, **each} for each in ({"active": True}, {"active": None}, {})]
    data = encode(
        STARTED | {"open_channels": listed},
        {"at": T, "event": "channel_inactive", **channel},
        {"at": T, "event": "channel_active", **channel},
        {"at": T, "event": "peer_described", **peer},
        {"at": T, "event": "peer_described", **peer, "alias": "a" * 40, "transport": None},
        {"at": T, "event": "channel_described", **channel, "capacity": None},
        {"at": T, "event": "channel_described", **channel, "private": True, "capacity": 7},
    )
    first, *others = [line.event for line in read(lines_of(data), "r.jsonl")]
    assert isinstance(first, MonitoringResumedEvent)
    assert [each.active for each in first.open_channels] == [True, None, None]
    assert others == [
        InactiveChannelEvent(CHANNEL_1),
        ActiveChannelEvent(CHANNEL_1),
        PeerDescribedEvent(ALICE),
        PeerDescribedEvent(ALICE, "a" * 32),
        ChannelDescribedEvent(CHANNEL_1),
        ChannelDescribedEvent(CHANNEL_1, capacity=7, private=True),
    ]


def test_a_line_may_be_json_in_any_layout() -> None:
    """In a recorder's layout, or in another one."""
    for event in ("peer_online", "peer_offline"):
        record = {"at": T, "event": event, "peer": str(ALICE)}
        expected = parse_line(encode(record))
        for text in (
            json.dumps(record, indent=1).replace("\n", " \r\t"),
            f" \t{json.dumps(record)} \r\n",
            json.dumps(record, separators=(",", ":")),
            json.dumps({name: record[name] for name in sorted(record, reverse=True)}),
            json.dumps(record | {"more": "ignored"}),
            json.dumps(record | {"peer": str(ALICE).upper()}),
            json.dumps(record).replace("Z", "+00:00"),
            json.dumps(record).replace("p", "\\u0070"),
        ):
            assert parse_line(text.encode()) == expected


def test_a_last_line_without_a_newline_is_read() -> None:
    assert len(list(read([encode(STARTED).rstrip()], "r.jsonl"))) == 1


BAD_SECOND_LINES: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"peer_online\n", "not JSON: 'peer_online"),
    "not UTF-8": (b'{"at": "\xff"}\n', "not UTF-8: b'{"),
    "blank": (b"\n", "not JSON"),
    "nested too deeply": (b"[" * 10**6 + b"\n", "not JSON: '[[["),
    "cut in the middle": (encode(STARTED)[:40], "cut off in the middle of a line"),
    "no object": (b"[1]\n", "expected a JSON object, got [1]"),
    "no time": (encode({"event": "monitoring_stopped"}), "no field 'at'"),
    "no event": (encode({"at": T}), "no field 'event'"),
    "no peer": (encode({"at": T, "event": "peer_online"}), "no field 'peer'"),
    "no channel point": (
        encode({"at": T, "event": "channel_opened", "peer": str(ALICE)}),
        "no field 'channel_point'",
    ),
    "unknown event": (encode({"at": T, "event": "peer_bored"}), "unknown event 'peer_bored'"),
    "event of another type": (encode({"at": T, "event": []}), "unknown event []"),
    "naive time": (
        encode({"at": "2026-11-22T12:00:01", "event": "monitoring_stopped"}),
        "naive time '2026-11-22T12:00:01': expected a Z",
    ),
    "bad time": (
        encode({"at": "yesterday", "event": "monitoring_stopped"}),
        "bad time 'yesterday': expected one like",
    ),
    "time of another type": (encode({"at": 5, "event": "monitoring_stopped"}), "bad time 5"),
    "time that is none": (
        encode({"at": "2026-02-30T12:00:00Z", "event": "monitoring_stopped"}),
        "bad time '2026-02-30T12:00:00Z'",
    ),
    "time of a recorder's line that is none": (
        encode({"at": "2026-02-30T12:00:00.000000Z", "event": "peer_online", "peer": str(ALICE)}),
        "bad time '2026-02-30T12:00:00.000000Z'",
    ),
    "key of a recorder's line that is none": (
        encode({"at": T, "event": "peer_online", "peer": "ab" * 33}),
        "bad public key 'abab",
    ),
    "more than one value": (encode(STARTED).rstrip() + b" {}\n", "not JSON: '{"),
    "time out of range": (
        encode({"at": "0001-01-01T00:00:00+10:00", "event": "monitoring_stopped"}),
        "bad time '0001-01-01T00:00:00+10:00'",
    ),
    "backward time": (
        encode({"at": "2026-11-22T11:59:59.999999Z", "event": "monitoring_stopped"}),
        "time runs backwards: 2026-11-22T11:59:59.999999Z after 2026-11-22T12:00:00.000000Z",
    ),
    "bad key": (
        encode({"at": T, "event": "peer_online", "peer": "04" + "0" * 64}),
        "bad public key '04000",
    ),
    "key of another type": (
        encode({"at": T, "event": "peer_online", "peer": 2}),
        "expected text, got 2",
    ),
    "bad outpoint": (
        encode({"at": T, "event": "channel_closed", "channel_point": "ab:0", "peer": str(ALICE)}),
        "bad outpoint 'ab:0'",
    ),
    **{
        f"{name} {value!r}": (
            encode(
                {"at": T, "event": f"{whose}_described", "peer": str(ALICE)}
                | {"channel_point": str(CHANNEL_1), name: value}
            ),
            reason,
        )
        for whose, name, value, reason in [
            ("peer", "alias", 7, "expected text as 'alias', got 7"),
            ("peer", "transport", ["tor"], "expected text as 'transport', got ['tor']"),
            ("peer", "transport", "pigeon", "bad transport 'pigeon': expected one of clearnet"),
            ("channel", "short_channel_id", 7, "expected text as 'short_channel_id', got 7"),
            ("channel", "short_channel_id", "7", "bad short channel id '7': expected one like"),
            ("channel", "capacity", "7", "expected a whole number as 'capacity', got '7'"),
            ("channel", "capacity", True, "expected a whole number as 'capacity', got True"),
            ("channel", "capacity", 7.0, "expected a whole number as 'capacity', got 7.0"),
            ("channel", "capacity", -1, "bad capacity -1: expected satoshi, 0 or more"),
            ("channel", "capacity", 10**30, "bad capacity 1000000"),
            ("channel", "private", 1, "expected true or false as 'private', got 1"),
        ]
    },
    "terminal controls": (b"\x1b[2J\x07\n", r"not JSON: '\x1b[2J\x07"),
}


@pytest.mark.parametrize(("line", "reason"), BAD_SECOND_LINES.values(), ids=BAD_SECOND_LINES)
def test_a_bad_line_is_refused_with_file_line_and_reason(line: bytes, reason: str) -> None:
    message = refusal(encode(STARTED) + line)
    assert message.startswith("r.jsonl:2: ")
    assert reason in message
    assert message.isprintable()


BAD_SNAPSHOTS: dict[str, tuple[dict[str, Any], str]] = {
    "no channels": ({"open_channels": None}, "expected a list as 'open_channels', got None"),
    "channel of another type": ({"open_channels": ["x"]}, "expected a channel as a JSON object"),
    "activity of another type": (
        {"open_channels": [{"channel_point": str(CHANNEL_1), "peer": str(ALICE), "active": 1}]},
        "expected true or false as 'active', got 1",
    ),
    "peers of another type": ({"online_peers": {"a": 1}}, "expected a list as 'online_peers'"),
    "peer of another type": ({"online_peers": [None]}, "expected text, got None"),
}


@pytest.mark.parametrize(("fields", "reason"), BAD_SNAPSHOTS.values(), ids=BAD_SNAPSHOTS)
def test_a_bad_snapshot_is_refused(fields: dict[str, Any], reason: str) -> None:
    assert reason in refusal(encode(STARTED | fields))


def test_an_empty_recording_is_refused() -> None:
    assert refusal(b"") == "r.jsonl:1: empty: expected a monitoring_started"


def test_a_recording_begins_with_monitoring_started() -> None:
    assert "begins with a monitoring_started" in refusal(
        encode({"at": T, "event": "peer_online", "peer": str(ALICE)})
    )


def test_a_start_without_a_stop_implies_one_at_the_previous_line() -> None:
    online = {"at": T, "event": "peer_online", "peer": str(ALICE)}
    later = STARTED | {"at": "2026-11-22T13:00:00Z"}
    lines = list(read(lines_of(encode(STARTED, online, later, online | later)), "r.jsonl"))
    assert [(line.number, line.at, type(line.event)) for line in lines] == [
        (1, NOON, MonitoringResumedEvent),
        (2, NOON, PeerOnlineEvent),
        (3, NOON, MonitoringPausedEvent),
        (3, NOON + timedelta(hours=1), MonitoringResumedEvent),
        (4, NOON + timedelta(hours=1), MonitoringPausedEvent),
        (4, NOON + timedelta(hours=1), MonitoringResumedEvent),
    ]


def test_the_time_before_a_start_without_a_stop_is_blind() -> None:
    channel = {"channel_point": str(CHANNEL_1), "peer": str(ALICE)}
    start = STARTED | {"open_channels": [channel], "online_peers": [str(ALICE)]}
    lines = [
        start,
        {"at": "2026-11-22T12:00:10Z", "event": "peer_online", "peer": str(ALICE)},
        start | {"at": "2026-11-22T13:00:00Z"},
        {"at": "2026-11-22T13:00:05Z", "event": "monitoring_stopped"},
    ]
    overview = replay(lines_of(encode(*lines)), "r.jsonl")
    (info,) = overview.channels
    assert (info.lifetime, info.uptime) == (timedelta(seconds=15), timedelta(seconds=15))
    assert overview.blind == timedelta(seconds=3590)


def test_the_time_after_monitoring_stopped_is_blind() -> None:
    stopped = {"at": T, "event": "monitoring_stopped"}
    online = {"at": T, "event": "peer_online", "peer": str(ALICE)}
    assert "after a monitoring_stopped" in refusal(encode(STARTED, stopped, online))


def test_after_monitoring_stopped_only_moves_and_descriptions_may_follow() -> None:
    stopped = {"at": T, "event": "monitoring_stopped"}
    points = {"channel_point": str(CHANNEL_1), "new_channel_point": str(outpoint(2))}
    moved = {"at": T, "event": "channel_moved", **points, "peer": str(ALICE)}
    described = {"at": T, "event": "peer_described", "peer": str(ALICE), "alias": "alice"}
    lines = list(read(lines_of(encode(STARTED, stopped, moved, described, STARTED)), "r.jsonl"))
    assert lines[2].event == ChannelMovedEvent(CHANNEL_1, outpoint(2), ALICE)
    assert lines[3].event == PeerDescribedEvent(ALICE, "alice")
    inactive = {"at": T, "event": "channel_inactive", "channel_point": str(CHANNEL_1)}
    assert "after a monitoring_stopped" in refusal(encode(STARTED, stopped, inactive))


def test_an_error_quotes_ten_megabytes_in_short() -> None:
    assert "r.jsonl:1: not JSON: 'xxxx" in refusal(b"x" * 10_000_000 + b"\n")


def test_a_line_over_the_limit_is_refused() -> None:
    assert "a line of more than" in refusal(b" " * (MAX_LINE_BYTES + 1))


def test_a_valid_line_of_ten_megabytes_is_read() -> None:
    channels = [
        {"channel_point": str(outpoint(number)), "peer": str(vertex(number))}
        for number in range(60_000)
    ]
    data = encode(STARTED | {"open_channels": channels})
    assert len(data) > 10_000_000
    replayed = replay(lines_of(data), "r.jsonl")
    assert len(replayed.channels) == 60_000


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-22T12:00:00Z", NOON),
        ("2026-11-22T12:00:00.5Z", NOON + timedelta(seconds=0.5)),
        ("2026-11-22T12:00:00.000001Z", NOON + timedelta(microseconds=1)),
        ("2026-11-22T13:30:00.000+01:30", NOON),
    ],
)
def test_times_are_read_in_each_form_with_an_offset(text: str, time: datetime) -> None:
    assert parse_time(text) == time
    assert parse_time(text).tzinfo is timezone.utc


def test_a_time_is_written_in_utc_with_microseconds() -> None:
    assert format_time(NOON) == T
    assert parse_time(format_time(NOON)) == NOON
