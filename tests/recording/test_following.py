"""Replay of several recordings in a row: the time between them is blind."""

from __future__ import annotations

from datetime import datetime

import pytest

from chanfitness import (
    ChannelMovedEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    Overview,
    PeerOfflineEvent,
    PeerOnlineEvent,
    RecordingError,
)
from chanfitness.recording.format import format_event
from chanfitness.recording.replay import replay

from ..support.paths import DATA
from ..support.values import ALICE, CHANNEL_1, CHANNEL_2, SECOND, START

LINES = (DATA / "lnd-simnet-restarts.jsonl").read_bytes().splitlines(keepends=True)
STOPS = [31, 36, 40, 47, 57, 62]  # the last line of each segment

RESUMED = MonitoringResumedEvent([OpenChannel(CHANNEL_1, ALICE)], [ALICE])
PAUSED = MonitoringPausedEvent()
MOVED = ChannelMovedEvent(CHANNEL_1, CHANNEL_2, ALICE)


def lines(*events: tuple[int, object]) -> list[bytes]:
    """Return a recording of these events, each so many seconds after the start."""
    return [format_event(event, START + at * SECOND).encode() + b"\n" for at, event in events]


def replayed(*recordings: list[bytes], at: datetime | None = None) -> Overview:
    first, *following = [(each, f"{number}.jsonl") for number, each in enumerate(recordings, 1)]
    return replay(*first, at, following=following)


def figures(*recordings: list[bytes], at: datetime | None = None) -> tuple[int, int]:
    """Return lifetime and uptime of the channel, in seconds."""
    (info,) = replayed(*recordings, at=at).channels
    return info.lifetime // SECOND, info.uptime // SECOND


def test_parts_of_a_recording_add_up_to_the_whole() -> None:
    parts = [LINES[begin:end] for begin, end in zip([0, *STOPS], [*STOPS, None], strict=True)]
    assert replayed(*parts) == replayed(LINES)


def test_a_recording_without_a_stop_counts_until_its_last_line() -> None:
    first = lines((0, RESUMED), (10, PeerOfflineEvent(ALICE)))
    assert figures(first, lines((60, RESUMED), (80, PAUSED))) == (30, 30)


@pytest.mark.parametrize("late", [[], [(20, MOVED)]])
def test_a_recording_with_a_stop_counts_until_the_stop(late: list[tuple[int, object]]) -> None:
    first = lines((0, RESUMED), (10, PAUSED), *late)
    snapshot = RESUMED if not late else MonitoringResumedEvent([OpenChannel(CHANNEL_2, ALICE)], [])
    assert figures(first, lines((60, snapshot), (80, PAUSED))) == (30, 10 if late else 30)


def test_a_recording_that_begins_at_the_end_of_the_previous_one_leaves_no_gap() -> None:
    assert figures(lines((0, RESUMED), (10, PAUSED)), lines((10, RESUMED), (30, PAUSED))) == (
        30,
        30,
    )


def test_a_recording_that_begins_before_the_end_of_the_previous_one_is_refused() -> None:
    with pytest.raises(RecordingError) as raised:
        replayed(lines((0, RESUMED), (10, PAUSED)), lines((9, RESUMED)))
    assert str(raised.value) == (
        "2.jsonl:1: begins at 2026-01-01T00:00:09.000000Z, and 1.jsonl before it ends at"
        " 2026-01-01T00:00:10.000000Z"
    )


def test_an_empty_recording_is_refused_at_any_place() -> None:
    for recordings, name in (
        ([[], lines((0, RESUMED))], "1.jsonl"),
        ([lines((0, RESUMED)), []], "2.jsonl"),
    ):
        with pytest.raises(
            RecordingError, match=rf"^{name}:1: empty: expected a monitoring_started"
        ):
            replayed(*recordings)


def test_at_may_lie_in_or_between_the_recordings() -> None:
    recordings = (
        lines((0, RESUMED), (10, PeerOfflineEvent(ALICE))),
        lines((60, RESUMED), (80, PAUSED)),
        lines((90, RESUMED)),
    )
    for seconds, expected in {
        5: (5, 5),
        10: (10, 10),
        30: (10, 10),
        70: (20, 20),
        90: (30, 30),
    }.items():
        asked = replayed(*recordings, at=START + seconds * SECOND)
        assert asked.as_of == START + seconds * SECOND
        assert figures(*recordings, at=asked.as_of) == expected
    with pytest.raises(RecordingError, match=r"3.jsonl:1: ends at .*, before the time asked for"):
        replayed(*recordings, at=START + 91 * SECOND)


def test_lines_after_at_are_not_read() -> None:
    first = lines((0, RESUMED), (10, PeerOnlineEvent(ALICE)))
    assert figures(first, [b"no recording\n"], at=START + 5 * SECOND) == (5, 5)
    second = [*lines((20, RESUMED), (30, PAUSED)), b"nonsense\n"]
    assert figures(first, second, [b"no recording\n"], at=START + 25 * SECOND) == (15, 15)
