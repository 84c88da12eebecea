"""Rotation: the recording's file is moved, removed or truncated, and the recorder begins again."""

from __future__ import annotations

import logging
import os
import random
import shutil
from collections.abc import Callable, Container
from pathlib import Path

import pytest

from chanfitness import (
    ActiveChannelEvent,
    ChanFitnessError,
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
from chanfitness.recording.format import Line, read
from chanfitness.recording.recorder import Recorder
from chanfitness.recording.replay import replay

from ..support.lengths import length
from ..support.random_seeds import different_seeds, replayable
from ..support.values import (
    ALICE,
    BOB,
    CAROL,
    CHANNEL_1,
    CHANNEL_2,
    CHANNEL_3,
    SECOND,
    START,
    outpoint,
)

PAUSED = MonitoringPausedEvent()
HAPPENED = [
    MonitoringResumedEvent([OpenChannel(CHANNEL_1, ALICE)], [ALICE, BOB]),
    OpenChannelEvent(CHANNEL_2, BOB),
    PeerDescribedEvent(ALICE, "alice", "tor"),
    ChannelDescribedEvent(CHANNEL_1, "1x1x1", 5),
    InactiveChannelEvent(CHANNEL_1),
    InactiveChannelEvent(outpoint(4)),  # not open: dropped
    PeerOfflineEvent(BOB),
    PeerOnlineEvent(CAROL),
    ChannelMovedEvent(CHANNEL_1, CHANNEL_3, ALICE),
    OpenChannelEvent(CHANNEL_2, ALICE),  # with another peer: refused
    ClosedChannelEvent(CHANNEL_2, ALICE),
    ChannelMovedEvent(CHANNEL_3, CHANNEL_2, ALICE),
    PeerOnlineEvent(BOB),
    ActiveChannelEvent(CHANNEL_3),
    OpenChannelEvent(outpoint(4), CAROL),
    SnapshotEvent(
        [OpenChannel(CHANNEL_3, ALICE, active=False), OpenChannel(CHANNEL_2, BOB)], [CAROL]
    ),
    PAUSED,
    ChannelMovedEvent(CHANNEL_3, outpoint(6), ALICE),  # a late event
    MonitoringResumedEvent(
        [OpenChannel(outpoint(6), ALICE), OpenChannel(CHANNEL_2, BOB)], [ALICE, CAROL]
    ),
    PeerOfflineEvent(ALICE),
    ClosedChannelEvent(CHANNEL_2, BOB),
    PeerOnlineEvent(ALICE),
    PeerDescribedEvent(ALICE, transport="clearnet"),
    MonitoringResumedEvent([OpenChannel(outpoint(6), ALICE)], [ALICE]),
]
END = START + 2 * len(HAPPENED) * SECOND

Rotation = Callable[[Path, Path], object]


def remove(path: Path, _: Path) -> None:
    path.unlink()


def copy_and_truncate(path: Path, old: Path) -> None:
    shutil.copy(path, old)
    os.truncate(path, 0)


def truncate_in_the_middle(path: Path, old: Path) -> None:
    shutil.copy(path, old)
    os.truncate(path, path.stat().st_size // 2)


def move_and_create(path: Path, old: Path) -> None:
    path.rename(old)
    path.touch(0o640)


ROTATIONS: list[Rotation] = [
    Path.rename,
    move_and_create,
    copy_and_truncate,
    truncate_in_the_middle,
    remove,
]
KEEPING = ROTATIONS[:-1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recording.jsonl"


def record(path: Path, rotate: Rotation, points: Container[int]) -> list[Path]:
    """Record all events, rotate at these points, and return the content of the old files."""
    old = []
    with Recorder(path) as recorder:
        for number, event in enumerate(HAPPENED):
            if number in points:
                old.append(path.with_suffix(f".{number}"))
                rotate(path, old[-1])
            recorder.write(event, START + 2 * number * SECOND)
        recorder.close(END)
    return [each for each in old if each.exists() and each.stat().st_size]


def lines_of(path: Path) -> list[Line]:
    return list(read(path.read_bytes().splitlines(keepends=True), path.name))


def replayed(first: Path, *following: Path) -> Overview:
    lines = [(each.read_bytes().splitlines(keepends=True), each.name) for each in following]
    return replay(first.read_bytes().splitlines(keepends=True), first.name, following=lines)


def what_happened(tmp_path: Path) -> Overview:
    whole = tmp_path / "whole"
    record(whole, remove, range(0))
    return replayed(whole)


@pytest.mark.parametrize("rotate", KEEPING)
@pytest.mark.parametrize("point", range(len(HAPPENED)))
def test_all_files_together_equal_one_without_rotation(
    path: Path, rotate: Rotation, point: int
) -> None:
    old = record(path, rotate, range(point, point + 1))
    assert replayed(*old, path) == what_happened(path.parent)


@pytest.mark.parametrize("rotate", KEEPING)
def test_rotation_at_every_point_loses_nothing(path: Path, rotate: Rotation) -> None:
    old = record(path, rotate, range(len(HAPPENED)))
    assert len(old) == len(HAPPENED) - 1
    assert replayed(*old, path) == what_happened(path.parent)


def any_way(rng: random.Random) -> Rotation:
    return lambda path, old: rng.choice(KEEPING)(path, old)


def test_rotation_in_any_way_at_any_points_loses_nothing(tmp_path: Path) -> None:
    expected = what_happened(tmp_path)
    for seed in different_seeds(length(20, 3_000)):
        rng = random.Random(seed)
        directory = tmp_path / str(seed)
        directory.mkdir()
        points = set(rng.sample(range(len(HAPPENED)), rng.randint(0, 6)))
        with replayable(seed):
            path = directory / "recording.jsonl"
            old = record(path, any_way(rng), points)
            assert replayed(*old, path) == expected
        shutil.rmtree(directory)


@pytest.mark.parametrize("rotate", ROTATIONS)
@pytest.mark.parametrize("point", range(len(HAPPENED)))
def test_the_new_file_is_a_valid_recording_of_the_rest(
    path: Path, rotate: Rotation, point: int
) -> None:
    record(path, rotate, range(point, point + 1))
    found, expected = replayed(path), what_happened(path.parent)
    for each, other in zip(found.channels, expected.channels, strict=True):
        assert (each[:2], each.active) == (other[:2], other.active)
        assert each.lifetime <= other.lifetime
    aliases = [(info.peer, info.alias, info.transport) for info in expected.peers]
    assert [(info.peer, info.alias, info.transport) for info in found.peers] == aliases


@pytest.mark.parametrize("rotate", ROTATIONS)
def test_a_rotation_is_logged_once(
    path: Path, rotate: Rotation, caplog: pytest.LogCaptureFixture
) -> None:
    record(path, rotate, range(3, 4))
    assert caplog.messages == [
        f"{path}: moved, removed or truncated: beginning again there with a snapshot"
    ]


def test_a_file_rotated_before_the_first_snapshot_begins_with_one(path: Path) -> None:
    record(path, remove, range(0))
    with Recorder(path) as recorder:
        path.unlink()
        recorder.write(ChannelMovedEvent(CHANNEL_1, CHANNEL_2, ALICE), END)
        recorder.write(HAPPENED[0], END)
    assert [line.event for line in lines_of(path)] == [HAPPENED[0], PAUSED]


def test_a_process_may_change_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    with Recorder("recording.jsonl") as recorder:
        monkeypatch.chdir("/")
        recorder.write(HAPPENED[0], START)
    assert len((tmp_path / "recording.jsonl").read_bytes().splitlines()) == 2
    assert caplog.messages == []


# Errors while the recorder begins again.


def test_nothing_is_lost_while_the_directory_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "directory" / "recording.jsonl"
    path.parent.mkdir()
    with Recorder(path) as recorder:
        for number, event in enumerate(HAPPENED):
            if number == 3:
                shutil.rmtree(path.parent)
            if number == 8:
                path.parent.mkdir()
            if 3 <= number < 8:
                with pytest.raises(FileNotFoundError):
                    recorder.write(event, START + 2 * number * SECOND)
            else:
                recorder.write(event, START + 2 * number * SECOND)
        recorder.close(END)
    (info,) = replayed(path).channels
    (expected,) = what_happened(tmp_path).channels
    assert (info.channel_point, info.peer) == (expected.channel_point, expected.peer)
    assert expected.lifetime - info.lifetime == 4 * SECOND  # the old file ended there


@pytest.mark.parametrize("is_recorded", [False, True])
def test_another_program_s_file_is_left_alone(path: Path, is_recorded: bool) -> None:
    with Recorder(path) as recorder:
        recorder.write(HAPPENED[0], START)
        path.unlink()
        if is_recorded:
            other = Recorder(path)
        else:
            path.write_text("mine")
        for _ in range(2):
            with pytest.raises(ChanFitnessError, match=r"another recorder|replaced by"):
                recorder.write(HAPPENED[1], START + SECOND)
        if is_recorded:
            other.close()
        else:
            assert path.read_text() == "mine"
            path.unlink()
        recorder.write(HAPPENED[2], START + 2 * SECOND)
    lines = lines_of(path)
    assert [line.at - START for line in lines] == [
        0 * SECOND,
        SECOND,
        SECOND,
        2 * SECOND,
        2 * SECOND,
    ]


def test_a_failed_write_of_the_new_beginning_is_repeated(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    caplog.set_level(logging.WARNING)
    with Recorder(path) as recorder:
        recorder.write(HAPPENED[0], START)
        recorder.write(PAUSED, START)
        path.unlink()
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", fail)
            with pytest.raises(OSError, match="No space left"):
                recorder.write(HAPPENED[0], START + SECOND)
        path.unlink()
        recorder.write(PeerOfflineEvent(BOB), START + SECOND)
    assert [line.event for line in lines_of(path)] == [
        HAPPENED[0],
        PAUSED,
        HAPPENED[0],
        PeerOfflineEvent(BOB),
        PAUSED,
    ]
    assert len(caplog.messages) == 2
