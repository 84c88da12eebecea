"""Replay of real recordings: the answers agree with the real node's own."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from chanfitness import (
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    OutPoint,
    Overview,
    PeerOnlineEvent,
    RecordingError,
    ShuttingDownError,
    SqliteStorage,
)
from chanfitness.recording.format import format_event, parse_time
from chanfitness.recording.replay import replay

from ..support.paths import DATA
from ..support.stores import Call, OnRecord
from ..support.values import ALICE, BOB, CHANNEL_1, START

TOLERANCE = timedelta(seconds=0.5)  # for the time that the node's answer took


def bundled(at: datetime | None = None) -> Overview:
    recording = resources.files("chanfitness") / "recording" / "samples" / "lnd-simnet.jsonl"
    with recording.open("rb") as lines:
        return replay(lines, "lnd-simnet.jsonl", at)


def answers_of_the_node() -> list[dict[str, Any]]:
    text = (DATA / "lnd-simnet.answers.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def agrees(ours: timedelta, seconds: int) -> bool:
    """Return whether lnd, which cuts off at whole seconds, gave the same answer."""
    return (
        timedelta(seconds=seconds) - TOLERANCE <= ours < timedelta(seconds=seconds + 1) + TOLERANCE
    )


def test_the_answers_agree_with_those_of_the_real_lnd() -> None:
    end = bundled().as_of
    compared = 0
    for answer in answers_of_the_node():
        asked = parse_time(answer["answered_at"])
        if asked > end:
            continue
        ours = {info.channel_point: info for info in bundled(asked).channels}
        for channel in answer["channels"]:
            info = ours[OutPoint.parse(channel["channel_point"])]
            assert str(info.peer) == channel["peer"]
            assert agrees(info.lifetime, channel["lifetime_s"])
            assert agrees(info.uptime, channel["uptime_s"])
            compared += 1
    assert compared > 100


def test_lines_at_exactly_at_count() -> None:
    opened = parse_time("2026-11-22T11:18:37.000305Z")
    assert len(bundled(opened).channels) == 1
    assert bundled(opened).channels[0].lifetime == timedelta(0)
    assert bundled(opened).channels[0].uptime_ratio is None
    assert len(bundled(opened - timedelta(microseconds=1)).channels) == 0


def test_at_may_be_the_first_or_the_last_time() -> None:
    first, last = parse_time("2026-11-22T11:18:33.904732Z"), bundled().as_of
    assert bundled(first).as_of == first
    assert bundled(last) == bundled()


def test_at_outside_of_the_recording_is_refused() -> None:
    microsecond = timedelta(microseconds=1)
    with pytest.raises(RecordingError, match=r"lnd-simnet.jsonl:1: begins at 2026-11-22T11:18:33"):
        bundled(parse_time("2026-11-22T11:18:33.904732Z") - microsecond)
    with pytest.raises(RecordingError, match=r"lnd-simnet.jsonl:31: ends at 2026-11-22T11:23:43"):
        bundled(bundled().as_of + microsecond)


def test_a_peer_that_was_online_at_the_start_counts_from_there() -> None:
    peer = "02" + "ab" * 32
    channel = {"channel_point": "cd" * 32 + ":1", "peer": peer}
    lines = [
        json.dumps(
            {
                "at": "2026-01-01T00:00:00Z",
                "event": "monitoring_started",
                "open_channels": [channel],
                "online_peers": [peer],
            }
        ),
        json.dumps({"at": "2026-01-01T00:00:10Z", "event": "peer_offline", "peer": peer}),
        json.dumps({"at": "2026-01-01T00:00:40Z", "event": "monitoring_stopped"}),
    ]
    (info,) = replay([line.encode() + b"\n" for line in lines], "r").channels
    assert info.lifetime == timedelta(seconds=40)
    assert info.uptime == timedelta(seconds=10)
    assert info.uptime_ratio == 0.25


def test_the_detection_of_own_outages_is_a_setting() -> None:
    recording = resources.files("chanfitness") / "recording" / "samples" / "lnd-simnet.jsonl"
    with recording.open("rb") as lines, pytest.raises(ValueError, match="bad own_outage"):
        replay(lines, "lnd-simnet.jsonl", own_outage=-TOLERANCE)


# A loop that dies.


def die() -> None:
    raise SystemExit("nobody expected this")


@pytest.mark.parametrize("before", [0, 1, 5_000, 20_000])
@pytest.mark.parametrize("after", [0, 20_000])
def test_a_loop_that_dies_ends_the_replay(before: int, after: int) -> None:
    """The error comes with more lines before it and after it than may wait for the loop."""
    flap = format_event(PeerOnlineEvent(ALICE), START).encode() + b"\n"
    snapshot = MonitoringResumedEvent([OpenChannel(CHANNEL_1, ALICE)], [])
    fatal = format_event(OpenChannelEvent(CHANNEL_1, BOB), START).encode() + b"\n"
    first = format_event(snapshot, START).encode() + b"\n"
    lines = [first, *[flap] * before, fatal, *[flap] * after]
    with OnRecord("is open already", die):
        replaying = Call(replay, lines, "r.jsonl")
        with pytest.raises(ShuttingDownError, match=r"loop died of SystemExit.*nobody expected"):
            replaying.result()


def test_the_first_snapshot_is_applied_once(caplog: pytest.LogCaptureFixture) -> None:
    twice = MonitoringResumedEvent([OpenChannel(CHANNEL_1, ALICE), OpenChannel(CHANNEL_1, BOB)], [])
    (info,) = replay([format_event(twice, START).encode()], "r.jsonl").channels
    assert info.peer == ALICE
    assert len([text for text in caplog.messages if "is open already" in text]) == 1


@pytest.mark.parametrize("stored", [False, True])
def test_the_recording_of_a_real_node_causes_no_warning(
    stored: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Channels close in it, first by absence and then by an event."""
    for file in sorted(DATA.glob("lnd-simnet*restarts.jsonl")):
        storage = SqliteStorage(tmp_path / file.name) if stored else None
        with file.open("rb") as lines:
            replay(lines, file.name, storage=storage, history=timedelta(days=90))
    assert caplog.messages == []
