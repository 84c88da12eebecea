"""Copies of a database: plain copies of a running store's file, and backups."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from chanfitness import (
    StorageCorruptError,
    StorageError,
    StorageUnwritableError,
    StorageVersionError,
)
from chanfitness.commands.main import main
from chanfitness.storage.reading import back_up
from chanfitness.storage.sqlite import read
from chanfitness.testing import FakeNode

from ..support.disks import Disk, small_disk
from ..support.lengths import length
from ..support.persistent_stores import FlushedByHand, figures, watching
from ..support.signal_points import SignalPoints

__all__ = ["small_disk"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitness.db"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copy.db"


def test_a_plain_copy_of_a_running_stores_file_has_the_last_flush(path: Path, copy: Path) -> None:
    node, storage = FakeNode(), FlushedByHand(path)
    with watching(node, path, storage=storage):
        for number in range(5):
            node.open_channel(node.new_peer())
            node.advance(hours=1)
            storage.flush()
            shutil.copy(path, copy)
            saved, _ = read(copy)
            assert saved is not None
            assert len(saved.channels) == number + 1
            assert saved == read(path)[0]


def test_a_backup_is_one_file_with_the_last_flush(path: Path, copy: Path) -> None:
    node, storage = FakeNode(), FlushedByHand(path)
    channel = node.open_channel(node.new_peer(online=True))
    with watching(node, path, storage=storage):
        storage.channel_ids = {"a": channel.channel_point}
        node.close_channel(node.open_channel(channel.peer))
        node.advance(hours=1)
        storage.flush()
        node.advance(hours=1)
        before = set(path.parent.iterdir())
        back_up(path, copy)
        assert set(path.parent.iterdir()) - before == {copy}
        assert read(copy) == read(path)
        storage.flush()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(f"file:{copy}?immutable=1", uri=True)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    storage = FlushedByHand(copy)
    with watching(node, copy, storage=storage) as store:
        assert figures(store, channel) == (1, 1)
        assert storage.channel_ids == {"a": channel.channel_point}
    assert len(read(copy)[1]) == 1


def test_a_backup_after_a_crash_includes_the_log(path: Path, copy: Path) -> None:
    node, crashed = FakeNode(), path.with_name("crashed.db")
    storage = FlushedByHand(path)
    with watching(node, path, storage=storage):
        storage.flush()
        with closing(sqlite3.connect(path)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM state").fetchall()  # keeps what it reads in the log
            node.open_channel(node.new_peer())
            storage.flush()
            for suffix in ("", "-wal"):
                shutil.copy(f"{path}{suffix}", f"{crashed}{suffix}")
    back_up(crashed, copy)
    saved, _ = read(copy)
    assert saved is not None
    assert len(saved.channels) == 1


def test_a_backup_overwrites_no_file(path: Path, copy: Path) -> None:
    with watching(FakeNode(), path):
        pass
    copy.write_bytes(b"")
    for target in (copy, path, path.parent):
        before = target.read_bytes() if target.is_file() else None
        with pytest.raises(StorageError, match=f"^{target}: exists already"):
            back_up(path, target)
        assert before is None or target.read_bytes() == before


@pytest.mark.parametrize("content", [b"rubbish", b"rubbish\n" * 1000])
def test_a_file_that_is_no_database_is_refused(path: Path, copy: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StorageCorruptError, match=str(path)):
        back_up(path, copy)
    assert list(path.parent.iterdir()) == [path]


def test_a_damaged_or_newer_database_is_refused(path: Path, copy: Path) -> None:
    node = FakeNode()
    for _ in range(99):
        node.open_channel(node.new_peer())
    with watching(node, path):
        pass
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(StorageVersionError):
        back_up(path, copy)
    os.truncate(path, path.stat().st_size - 4096)
    with pytest.raises(StorageError):
        back_up(path, copy)
    assert not copy.exists()


def test_a_target_that_cannot_be_written_is_named(path: Path, copy: Path) -> None:
    with watching(FakeNode(), path):
        pass
    with pytest.raises(StorageUnwritableError, match=f"^{copy}/x: "):
        back_up(path, copy / "x")


def test_a_full_disk_is_named_and_left_without_a_copy(path: Path, small_disk: Disk) -> None:
    with watching(FakeNode(), path):
        pass
    small_disk.fill()
    copy = small_disk.directory / "copy.db"
    with pytest.raises(StorageUnwritableError, match=f"^{copy}: "):
        back_up(path, copy)
    assert {each.name for each in small_disk.directory.iterdir()} == {"filler"}


def test_the_command_backup(path: Path, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    node = FakeNode()
    node.open_channel(node.new_peer())
    with watching(node, path):
        assert main(["backup", str(path), str(copy)]) == 0
        assert read(copy) == (None, [])
        assert main(["backup", str(path), str(copy)]) == 2
    refused = f"chanfitness: {copy}: exists already: not overwritten\n"
    assert capsys.readouterr().err == refused
    assert main(["backup", str(copy.with_name("none")), str(copy)]) == 2


def test_a_signal_leaves_a_complete_copy_or_none(path: Path, copy: Path) -> None:
    """It may come at any point; until the command has its handler, the test's own gets it."""
    node = FakeNode()
    with watching(node, path):
        channel = node.open_channel(node.new_peer())
    before = signal.signal(signal.SIGTERM, lambda number, frame: None)
    try:
        ends = list(backups_with_a_signal(path, copy))
    finally:
        signal.signal(signal.SIGTERM, before)
    whole = [str(channel.channel_point)]
    assert {0, 128 + signal.SIGTERM} == {status for status, _ in ends}
    assert all(found == (whole if status == 0 else []) for status, found in ends)


def backups_with_a_signal(path: Path, copy: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield exit status and channels of the copy for a signal at each point in turn."""
    for number in itertools.count(0, length(29, 3)):
        points = SignalPoints(number, partial(signal.raise_signal, signal.SIGTERM))
        status = status_of_backup(path, copy, points)
        if points.passed <= number:
            return
        saved = read(copy)[0] if copy.exists() else None
        yield status, [] if saved is None else [each.channel_point for each in saved.channels]
        copy.unlink(missing_ok=True)


def status_of_backup(path: Path, copy: Path, points: SignalPoints) -> int:
    statuses: list[int] = []
    points.run(lambda: statuses.append(main(["backup", str(path), str(copy)])))
    return statuses[0]
