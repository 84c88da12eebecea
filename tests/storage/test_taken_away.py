"""Files removed, moved, replaced or damaged under a running store: nothing is lost."""

from __future__ import annotations

import errno
import os
import random
import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from chanfitness import ChannelEventStore, StorageError
from chanfitness.storage.sqlite import read
from chanfitness.testing import FakeNode

from ..support.database_names import mount_of
from ..support.disks import no_file_may_grow
from ..support.file_harm import (
    BESIDE,
    FILES,
    HARMLESS,
    LOST,
    Harm,
    beside,
    replace_by_another,
    replace_by_rubbish,
    truncate,
)
from ..support.lengths import length
from ..support.persistent_stores import DAY, FlushedByHand, is_as_stored, watching
from ..support.random_seeds import different_seeds, replayable
from ..support.stores import WAIT, running

ANEW, AGAIN = "writing everything to a new file", "reopening"
RECOVERED = "written again, nothing is missing"


class Node(FakeNode):
    """A node with events, and a store of it that is flushed by hand."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.storage = FlushedByHand(path)
        self.running = ChannelEventStore(
            replace(self.config, storage=self.storage, history=90 * DAY)
        )
        self.channels = [self.open_channel(self.new_peer()) for _ in range(3)]

    def some_hours(self) -> None:
        """Let all channels flap, one open, and one close that may be new."""
        for change in (self.peer_online, self.peer_offline):
            self.advance(hours=1)
            for channel in self.channels:
                change(channel.peer)
        for _ in range(2):
            self.channels.append(self.open_channel(self.new_peer(online=True)))
        self.close_channel(self.channels.pop(1))
        self.storage.channel_ids = {str(number): c[0] for number, c in enumerate(self.channels)}
        self.advance(hours=1)

    def closed(self) -> int:
        return self._channels - len(self.channels)

    def is_stored(self) -> bool:
        """Return whether the database has everything that the store has, once each."""
        saved, closed = read(self.path)
        infos = self.running.list_channels(timeout=WAIT)
        points = [row.channel_point for row in closed]
        return (
            is_as_stored(infos, saved)
            and saved is not None
            and len([row for row in saved.channels if row.closed is None]) == len(infos)
            and len(set(points)) == len(points) == self.closed()
            and ids_in(self.path) == self.storage.channel_ids
        )

    def goes_on_with_everything(self, before: list[object]) -> bool:
        """Return whether another store of the database has the same figures."""
        with watching(self, self.path) as store:
            return list(store.list_channels(timeout=WAIT)) == before


def ids_in(path: Path) -> dict[str, object]:
    storage = FlushedByHand(path.with_name("ids.db"))
    with closing(sqlite3.connect(path)) as database, closing(sqlite3.connect(storage.path)) as copy:
        database.backup(copy)
    storage.open()
    ids: dict[str, object] = dict(storage.channel_ids)
    storage.close()
    for file in path.parent.glob("ids.db*"):
        file.unlink()
    return ids


@pytest.fixture
def node(tmp_path: Path) -> Node:
    directory = tmp_path / "data"
    directory.mkdir()
    return Node(directory / "fitness.db")


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the storage's log without the new names of set-aside files."""
    texts = [each.getMessage() for each in caplog.records if "storage" in each.name]
    return [text for text in texts if "was renamed to" not in text]


@pytest.mark.parametrize("harm", LOST)
def test_a_removed_file_is_written_again_at_the_next_flush(
    node: Node, harm: Harm, caplog: pytest.LogCaptureFixture
) -> None:
    with running(node.running):
        node.some_hours()
        node.storage.flush()
        harm(node.path)
        node.some_hours()
        for _ in range(2):
            node.storage.flush()
            assert node.is_stored()
        (text,) = logged(caplog)
        assert text.startswith(f"{node.path}: ")
        assert text.endswith(ANEW)
        node.some_hours()
        before: list[object] = list(node.running.list_channels(timeout=WAIT))
    assert node.goes_on_with_everything(before)
    assert node.storage.unsaved_since is None


@pytest.mark.parametrize("harm", LOST + BESIDE + HARMLESS)
def test_a_file_removed_before_the_stop_is_written_at_the_stop(node: Node, harm: Harm) -> None:
    with running(node.running):
        node.some_hours()
        node.storage.flush()
        harm(node.path)
        node.some_hours()
        before: list[object] = list(node.running.list_channels(timeout=WAIT))
    assert node.goes_on_with_everything(before)
    assert len(read(node.path)[1]) == node.closed()


@pytest.mark.parametrize("harm", LOST[:3])
def test_a_file_removed_before_the_first_flush_is_created_again(node: Node, harm: Harm) -> None:
    with running(node.running):
        harm(node.path)
        node.some_hours()
        node.storage.flush()
        assert node.is_stored()


@pytest.mark.parametrize("harm", BESIDE)
def test_the_files_of_sqlite_beside_it_may_be_removed(
    node: Node, harm: Harm, caplog: pytest.LogCaptureFixture
) -> None:
    with running(node.running):
        node.some_hours()
        node.storage.flush()
        harm(node.path)
        node.some_hours()
        for _ in range(2):
            node.storage.flush()
            assert node.is_stored()
            assert {each.name for each in node.path.parent.glob("fitness.db*")} == {
                f"fitness.db{suffix}" for suffix in (*FILES, "-lock-journal")
            }
    (text,) = logged(caplog)
    assert text.endswith(AGAIN)


@pytest.mark.parametrize("harm", HARMLESS)
def test_harmless_changes_are_ignored(
    node: Node, harm: Harm, caplog: pytest.LogCaptureFixture
) -> None:
    with running(node.running):
        node.some_hours()
        node.storage.flush()
        harm(node.path)
        node.some_hours()
        node.storage.flush()
        assert node.is_stored()
    assert logged(caplog) == []


@pytest.mark.parametrize("harm", [replace_by_another, replace_by_rubbish, truncate(4096)])
def test_a_file_in_its_place_is_kept_under_another_name(
    node: Node, harm: Harm, caplog: pytest.LogCaptureFixture
) -> None:
    with running(node.running):
        for number in (1, 2):
            node.some_hours()
            node.storage.flush()
            harm(node.path)
            in_its_place = node.path.read_bytes()
            aside = beside(node.path, f".aside-{number}")
            node.storage.flush()
            assert aside.read_bytes() == in_its_place
            assert f"{node.path}: the file found there was renamed to {aside}" in caplog.text
    if harm is replace_by_another:
        saved, _ = read(aside)
        assert saved is not None
        assert len(saved.channels) == 9
        assert saved.position == 78 * 3600 * 10**6


def test_a_link_to_another_place_is_followed(node: Node, tmp_path: Path) -> None:
    first, second = tmp_path / "first.db", tmp_path / "second.db"
    node.path.symlink_to(first)
    with running(node.running):
        node.some_hours()
        node.storage.flush()
        assert first.exists()
        node.path.unlink()
        node.path.symlink_to(second)
        node.some_hours()
        node.storage.flush()
        assert node.is_stored()
    assert read(second)[0] == read(node.path)[0]


def test_a_missing_directory_is_logged_once_and_changes_are_written_later(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    directory = node.path.parent
    with running(node.running):
        node.some_hours()
        node.storage.flush()
        saved_until = node.clock.now()
        directory.rename(directory.with_name("away"))
        for _ in range(3):
            node.some_hours()
            node.storage.flush()
            assert node.storage.unsaved_since == saved_until
            assert node.storage.failure == "cannot be used: No such file or directory"
        directory.mkdir()
        node.some_hours()
        node.storage.flush()
        assert node.storage.unsaved_since is None
        assert node.storage.failure is None
        assert node.is_stored()
    assert logged(caplog)[0].endswith(ANEW)
    assert logged(caplog)[1:] == [f"{node.path}: {RECOVERED}"]


def test_a_file_put_in_its_place_while_it_is_missing_is_kept(node: Node) -> None:
    with running(node.running):
        node.some_hours()
        node.storage.flush()
        node.path.unlink()
        with no_file_may_grow():
            node.storage.flush()
            assert node.storage.failure is not None
            assert not node.path.exists()
        node.path.write_bytes(b"put there by somebody")
        node.storage.flush()
        assert node.is_stored()
    assert beside(node.path, ".aside-1").read_bytes() == b"put there by somebody"


def test_a_directory_missing_at_the_stop_loses_the_unsaved_time(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    with running(node.running):
        node.some_hours()
        node.storage.flush()
        saved_until = node.clock.now()
        node.path.parent.rename(node.path.parent.with_name("away"))
        node.some_hours()
    assert node.storage.unsaved_since == saved_until
    assert logged(caplog)[-1] == (
        f"{node.path}: could not be written at the stop: everything since"
        f" {saved_until:%Y-%m-%dT%H:%M:%SZ} is lost (channels: 5): cannot be used: No such file"
        " or directory"
    )


def test_a_mounted_file_without_a_name_is_noticed(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    """In a container, whose host replaced the file, no name leads to the old one."""
    outside = node.path.with_name("outside.db")
    with watching(node, outside):
        pass
    with mount_of(outside) as mount:
        inside = Node(mount)
        with running(inside.running):
            inside.storage.flush()
            saved_until = inside.clock.now()
            outside.unlink()
            inside.some_hours()
            inside.storage.flush()
            assert inside.storage.unsaved_since == saved_until
            assert "Device or resource busy" in str(inside.storage.failure)
    assert "is lost" in logged(caplog)[-1]


def test_a_file_that_sqlite_finds_damaged_while_writing_is_set_aside(node: Node) -> None:
    with running(node.running):
        node.some_hours()
        node.storage.flush()
        with closing(sqlite3.connect(node.path)) as database:
            pages = database.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'peers'")
            (page,) = pages.fetchone()
        with node.path.open("r+b") as file:
            file.seek((page - 1) * 4096)
            file.write(random.Random(1).randbytes(4096))
        node.some_hours()
        node.storage.flush()
        assert "malformed" in str(node.storage.failure)
        node.storage.flush()
        assert node.is_stored()
    assert beside(node.path, ".aside-1").exists()


def test_a_missing_table_is_logged(node: Node) -> None:
    """The file is not set aside: the error may be a fault of the code, and recur at each flush."""
    with running(node.running):
        node.storage.flush()
        with closing(sqlite3.connect(node.path)) as database:
            database.execute("DROP TABLE channel_ids")
        node.some_hours()
        node.storage.flush()
        assert "no such table" in str(node.storage.failure)
        with closing(sqlite3.connect(node.path)) as database:
            database.execute("CREATE TABLE channel_ids (channel_id TEXT, channel_point TEXT)")
        node.storage.flush()
        assert node.is_stored()


def test_a_file_that_cannot_be_examined_is_logged(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    with running(node.running):
        node.some_hours()
        node.storage.flush()
        os.truncate(node.path, 4096)
        with monkeypatch.context() as patched:
            patched.setattr(os, "pread", fail)
            node.storage.flush()
            assert node.storage.failure == "cannot be used: Input/output error"
        node.storage.flush()
        assert node.storage.failure is None
        assert node.is_stored()


def test_a_reader_of_a_lost_file_does_not_delay_the_next_flush(node: Node) -> None:
    with running(node.running):
        node.some_hours()
        node.storage.flush()
        with closing(sqlite3.connect(node.path)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM state").fetchall()
            node.path.unlink()
            node.some_hours()
            node.storage.flush()
            assert node.is_stored()


@pytest.mark.usefixtures("quiet")
def test_a_sequence_of_all_kinds_of_harm_loses_nothing(tmp_path: Path) -> None:
    for seed in different_seeds(length(3, 300)):
        rng = random.Random(seed)
        directory = tmp_path / str(seed)
        directory.mkdir()
        node = Node(directory / "fitness.db")
        with replayable(seed):
            with running(node.running):
                for _ in range(rng.randint(1, 8)):
                    node.some_hours()
                    for harm in rng.sample(LOST + BESIDE + HARMLESS, rng.randint(0, 2)):
                        with suppress(OSError, StorageError, sqlite3.Error):  # it may be missing
                            harm(node.path)
                    if rng.random() < 0.7:
                        node.storage.flush()
                        node.storage.flush()  # the first flush may have found the damage
                        assert node.is_stored()
                before: list[object] = list(node.running.list_channels(timeout=WAIT))
            assert node.storage.unsaved_since is None
            assert node.goes_on_with_everything(before)
        shutil.rmtree(directory)
