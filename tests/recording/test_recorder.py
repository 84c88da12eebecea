"""Recorder: the file is a valid recording after every line and every kind of end."""

from __future__ import annotations

import itertools
import os
import stat
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from chanfitness import (
    ChanFitnessError,
    ChannelMovedEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    PeerOfflineEvent,
    PeerOnlineEvent,
    RecordingError,
    TransportBackEvent,
    TransportLostEvent,
)
from chanfitness.recording.format import Line, format_event, parse_line, read
from chanfitness.recording.recorder import Recorder, RecordingEncoder

from ..support.disks import TIMEOUT, Disk, small_disk
from ..support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2, SECOND, START, outpoint, vertex

__all__ = ["small_disk"]

RESUMED = MonitoringResumedEvent([OpenChannel(CHANNEL_1, ALICE)], [ALICE, BOB])
PAUSED = MonitoringPausedEvent()
ONLINE, OFFLINE = PeerOnlineEvent(ALICE), PeerOfflineEvent(ALICE)
MOVED = ChannelMovedEvent(CHANNEL_1, CHANNEL_2, ALICE)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recording.jsonl"


def lines_of(path: Path) -> list[Line]:
    with path.open("rb") as file:
        return list(read(file, path.name))


def events_of(path: Path) -> list[object]:
    return [line.event for line in lines_of(path)]


def record(path: Path, *happened: object) -> None:
    """Record one event a second, and leave the recording without an end."""
    transcript = RecordingEncoder()
    with path.open("wb") as file:
        for number, event in enumerate(happened):
            file.writelines(transcript.lines(event, START + number * SECOND))


# A new file.


def test_each_line_is_in_the_file_at_once(path: Path) -> None:
    with Recorder(path) as recorder:
        for count, event in enumerate([RESUMED, ONLINE, PAUSED], 1):
            recorder.write(event, START)
            assert len(lines_of(path)) == count


def test_findings_of_the_store_are_not_recorded(path: Path) -> None:
    with Recorder(path) as recorder:
        for event in [RESUMED, TransportLostEvent("tor", 3, START), ONLINE]:
            recorder.write(event, START)
        recorder.write(TransportBackEvent("tor", START), START)
        assert events_of(path) == [RESUMED, ONLINE]


def test_each_line_is_one_write(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writes = []
    plain_write = os.write

    def write(file: int, data: bytes) -> int:
        writes.append(data)
        return plain_write(file, data)

    with Recorder(path) as recorder:
        monkeypatch.setattr(os, "write", write)
        recorder.write(RESUMED, START)
        recorder.write(RESUMED, START)
    assert b"".join(writes) == path.read_bytes()
    assert [data.count(b"\n") for data in writes] == [1, 1, 1, 1]


def test_only_the_owner_may_read_the_file(path: Path) -> None:
    before = os.umask(0)
    try:
        Recorder(path).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_line_is_never_earlier_than_the_previous_one(path: Path) -> None:
    with Recorder(path) as recorder:
        recorder.write(RESUMED, START + SECOND)
        recorder.write(ONLINE, START)
        recorder.write(OFFLINE, START + 2 * SECOND)
        recorder.close(START)
    times = [line.at - START for line in lines_of(path)]
    assert times == [SECOND, SECOND, 2 * SECOND, 2 * SECOND]


def test_close_writes_a_stop_at_the_given_time(path: Path) -> None:
    recorder = Recorder(path)
    recorder.write(RESUMED, START)
    recorder.close(START + SECOND)
    recorder.close(START + 2 * SECOND)
    assert lines_of(path)[1:] == [Line(2, START + SECOND, PAUSED)]


def test_close_without_a_time_writes_a_stop_at_the_last_line(path: Path) -> None:
    with Recorder(path) as recorder:
        recorder.write(RESUMED, START)
    assert lines_of(path)[1:] == [Line(2, START, PAUSED)]


def test_close_after_a_stop_writes_nothing(path: Path) -> None:
    with Recorder(path) as recorder:
        recorder.write(RESUMED, START)
        recorder.write(PAUSED, START)
        recorder.close(START + SECOND)
    assert events_of(path) == [RESUMED, PAUSED]


# An existing file.


def test_a_recording_is_continued(path: Path) -> None:
    for hour in range(2):
        with Recorder(path) as recorder:
            recorder.write(RESUMED, START + timedelta(hours=hour))
            recorder.write(OFFLINE, START + timedelta(hours=hour, seconds=1))
    assert events_of(path) == [RESUMED, OFFLINE, PAUSED] * 2


def test_a_recording_cut_at_any_byte_is_repaired(path: Path) -> None:
    happened = [RESUMED, ONLINE, PAUSED, MOVED, RESUMED, MOVED, OFFLINE]
    record(path, *happened)
    whole = path.read_bytes()
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        Recorder(path).close()
        # A line that lacks only its newline is kept.
        kept = whole[: size + 1].count(b"\n") if size else 0
        is_on = kept not in (0, 3, 4)
        lines = path.read_bytes().splitlines(keepends=True)
        assert lines[:kept] == whole.splitlines(keepends=True)[:kept]
        assert len(lines) == kept + is_on
        if is_on:
            assert parse_line(lines[-1]) == (START + (kept - 1) * SECOND, PAUSED)


def test_a_removed_incomplete_line_is_logged(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    record(path, RESUMED, PAUSED)
    with path.open("ab") as file:
        file.write(b'{"at": "2026')
    Recorder(path).close()
    assert events_of(path) == [RESUMED, PAUSED]
    assert caplog.messages == [f"{path}: cut off an incomplete last line of 12 bytes"]


def test_an_incomplete_last_line_may_be_anything(path: Path) -> None:
    """A power cut may leave zeros."""
    record(path, RESUMED, PAUSED)
    with path.open("ab") as file:
        file.write(bytes(10_000))
    Recorder(path).close()
    assert events_of(path) == [RESUMED, PAUSED]


def test_only_the_last_lines_are_read(path: Path) -> None:
    record(path, RESUMED, ONLINE)
    lines = path.read_bytes()
    hole = 2**36  # bytes of a sparse file, too many to read
    with path.open("wb") as file:
        file.seek(hole)
        file.write(b"\n" + lines)
    Recorder(path).close()
    assert path.stat().st_size == hole + 1 + len(lines) + len(format_event(PAUSED, START)) + 1


def test_a_last_line_of_ten_megabytes_is_read(path: Path) -> None:
    many = [OpenChannel(outpoint(number), vertex(number)) for number in range(60_000)]
    record(path, RESUMED, MonitoringResumedEvent(many, []))
    assert path.stat().st_size > 10_000_000
    Recorder(path).close()
    assert lines_of(path)[-1] == Line(4, START + SECOND, PAUSED)


NO_RECORDINGS: dict[str, tuple[bytes, str]] = {
    "a text": (b"Dear diary\n", ":1: not JSON: 'Dear diary"),
    "a text of one line": (b"Dear diary", ":1: not a recording: the file is unchanged"),
    "other JSON": (b'{"a": 1}\n{"b": 2}\n', ":2: no field 'at'"),
    "other JSON without an end": (b'{"a": 1}', ":1: not a recording"),
    "zeros": (bytes(100), ":1: not a recording"),
    "a blank last line": (format_event(RESUMED, START).encode() + b"\n\n", ":2: not JSON"),
    "a line of which more is there than ever was": (b"\n" * 10**6 + b"x\n", ":1000001: not JSON"),
    "no start": (format_event(MOVED, START).encode() + b"\n", ":1: a recording begins with"),
    "a line that is too long": (b" " * (2**26 + 1) + b"\n", ":1: a line of more than"),
}


@pytest.mark.parametrize(("text", "reason"), NO_RECORDINGS.values(), ids=NO_RECORDINGS)
def test_a_file_that_is_no_recording_is_refused_and_unchanged(
    path: Path, text: bytes, reason: str
) -> None:
    path.write_bytes(text)
    with pytest.raises(RecordingError) as raised:
        Recorder(path)
    assert str(raised.value).startswith(str(path) + reason)
    assert path.read_bytes() == text


def test_a_path_that_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ChanFitnessError, match="not a regular file"):
        Recorder(pipe)
    with pytest.raises(IsADirectoryError):
        Recorder(tmp_path)
    with pytest.raises(FileNotFoundError, match="no-such-directory"):
        Recorder(tmp_path / "no-such-directory" / "r.jsonl")


def test_a_second_recorder_of_a_file_is_refused(path: Path) -> None:
    with Recorder(path) as recorder:
        recorder.write(RESUMED, START)
        with pytest.raises(ChanFitnessError, match="another recorder uses this file"):
            Recorder(path)
        recorder.write(ONLINE, START)
    with Recorder(path):
        pass
    assert events_of(path) == [RESUMED, ONLINE, PAUSED]


def test_a_file_that_ends_in_the_future_is_continued_at_its_last_time(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record(path, RESUMED, PAUSED)
    with Recorder(path) as recorder:
        recorder.write(RESUMED, START)
        recorder.write(ONLINE, START)
    assert [line.at for line in lines_of(path)[2:]] == [START + SECOND] * 3
    (warning,) = caplog.messages
    assert warning == (
        f"{path}: the clock is behind the last line: new lines are dated 2026-01-01T00:00:01Z"
        " until it catches up"
    )


# Full disks and killed processes.


def write_until_full(recorder: Recorder) -> int:
    """Write until an error, and return the number of lines tried."""
    counts = itertools.count(1)
    with suppress(OSError):
        for count in counts:
            recorder.write(PeerOnlineEvent(vertex(count)), START)
    return next(counts) - 1


def test_on_a_full_disk_the_file_stays_valid_and_nothing_known_is_lost(small_disk: Disk) -> None:
    path = small_disk.directory / "r.jsonl"
    with Recorder(path) as recorder:
        recorder.write(RESUMED, START)
        small_disk.fill()
        count = write_until_full(recorder)
        assert len(lines_of(path)) == count
        with pytest.raises(OSError, match="No space left on device: '/"):
            recorder.write(OFFLINE, START)
        assert len(lines_of(path)) == count
        small_disk.clear()
        recorder.write(ONLINE, START)
    written = [PeerOnlineEvent(vertex(number)) for number in range(1, count + 1)]
    assert events_of(path) == [RESUMED, *written, OFFLINE, ONLINE, PAUSED]


def test_close_on_a_full_disk_raises_and_the_file_is_repaired(small_disk: Disk) -> None:
    path = small_disk.directory / "r.jsonl"
    recorder = Recorder(path)
    recorder.write(RESUMED, START)
    small_disk.fill()
    count = write_until_full(recorder)
    with pytest.raises(OSError, match="No space left on device: '/"):
        recorder.close(START)
    recorder.close(START)
    small_disk.clear()
    Recorder(path).close()
    assert len(lines_of(path)) == count + 1


def test_a_partial_line_that_cannot_be_removed_at_once_is_removed_later(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain_write = os.write

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    def write_a_part(file: int, data: bytes) -> int:
        monkeypatch.setattr(os, "write", fail)
        return plain_write(file, data[:10])

    with Recorder(path) as recorder:
        recorder.write(RESUMED, START)
        with monkeypatch.context() as patch:
            patch.setattr(os, "ftruncate", fail)
            monkeypatch.setattr(os, "write", write_a_part)
            with pytest.raises(OSError, match=f"Input/output error: '{path}'"):
                recorder.write(ONLINE, START)
            assert len(path.read_bytes().splitlines()) == 2
        monkeypatch.setattr(os, "write", plain_write)
        recorder.write(OFFLINE, START)
    assert events_of(path) == [RESUMED, ONLINE, OFFLINE, PAUSED]


KILLED = """
import itertools, sys
from chanfitness import PeerOnlineEvent
from chanfitness.recording.recorder import Recorder
from tests.recording.test_recorder import RESUMED
from tests.support.values import SECOND, START, vertex

recorder = Recorder(sys.argv[1])
recorder.write(RESUMED, START)
for number in itertools.count(1):
    recorder.write(PeerOnlineEvent(vertex(number)), START + number * SECOND)
    if number == 100:
        print("there", flush=True)
"""


def test_the_file_of_a_killed_recorder_is_repaired(path: Path) -> None:
    arguments = [sys.executable, "-c", KILLED, str(path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"there\n"
            with pytest.raises(ChanFitnessError, match="another recorder uses this file"):
                Recorder(path)
        finally:
            process.kill()
        process.wait(TIMEOUT)
    Recorder(path).close()
    lines = lines_of(path)
    count = len(lines) - 2
    assert count >= 100
    assert lines[-1] == Line(count + 2, START + count * SECOND, PAUSED)
    assert [line.event for line in lines[1:-1]] == [
        PeerOnlineEvent(vertex(number)) for number in range(1, count + 1)
    ]


# After an error.


def fail_after(recorder: Recorder, *events: object) -> None:
    with suppress(LookupError), recorder:
        for event in events:
            recorder.write(event, START)
        raise LookupError


def test_a_new_and_empty_file_is_removed(path: Path) -> None:
    fail_after(Recorder(path), ONLINE)
    assert not path.exists()


def test_an_existing_file_is_unchanged(path: Path) -> None:
    path.touch()
    fail_after(Recorder(path))
    assert path.read_bytes() == b""


def test_a_file_with_recorded_lines_is_kept(path: Path) -> None:
    fail_after(Recorder(path), RESUMED)
    assert events_of(path) == [RESUMED, PAUSED]


def test_a_file_that_replaced_a_new_one_is_kept(path: Path) -> None:
    recorder = Recorder(path)
    path.rename(path.with_name("moved"))
    path.write_bytes(b"another's")
    fail_after(recorder)
    assert path.read_bytes() == b"another's"


def test_a_closed_recorder_removes_nothing(path: Path) -> None:
    recorder = Recorder(path)
    recorder.close()
    fail_after(recorder)
    assert path.read_bytes() == b""
