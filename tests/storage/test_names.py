"""A database under two names: one store writes it, and readers get its state or an error."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from chanfitness import SqliteStorage, StorageInUseError
from chanfitness.storage.reading import back_up
from chanfitness.storage.sqlite import read
from chanfitness.testing import FakeNode

from ..support.database_names import (
    ONE_FILE,
    OTHER_LOCK,
    Way,
    hard_link,
    lock_removed,
    mounted,
    moved,
)
from ..support.lengths import length
from ..support.persistent_stores import FlushedByHand, figures, watching
from ..support.stores import WAIT

SECOND = """
import sys
from chanfitness import SqliteStorage, StorageInUseError
storage = SqliteStorage(sys.argv[1])
try:
    storage.open()
except StorageInUseError as error:
    print("refused:", error)
else:
    print("started", flush=True)
    sys.stdin.read()
    storage.close()
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a database with an hour of a channel, in a directory of its own."""
    directory = tmp_path / "data"
    directory.mkdir()
    monkeypatch.chdir(directory)
    node = FakeNode()
    node.open_channel(node.new_peer(online=True))
    with watching(node, directory / "fitness.db"):
        node.advance(hours=1)
    return directory / "fitness.db"


@contextmanager
def in_another_process(name: str) -> Iterator[subprocess.Popen[str]]:
    """Run a process that holds the database open until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", SECOND, name],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.communicate(timeout=WAIT)


def said_by(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize("way", ONE_FILE + OTHER_LOCK)
def test_a_second_store_in_the_same_process_is_refused(path: Path, way: Way) -> None:
    with watching(FakeNode(), path), ExitStack() as stack:
        name = way(path, stack)
        for _ in range(2):
            with pytest.raises(StorageInUseError, match="another store is writing it"):
                SqliteStorage(name).open()


@pytest.mark.parametrize("way", ONE_FILE + OTHER_LOCK)
def test_a_second_store_in_another_process_is_refused(path: Path, way: Way) -> None:
    with watching(FakeNode(), path), ExitStack() as stack:
        name = way(path, stack)
        with in_another_process(name) as process:
            assert said_by(process) == f"refused: {name}: another store is writing it\n"


@pytest.mark.parametrize("way", ONE_FILE + OTHER_LOCK)
def test_a_store_is_refused_until_the_process_with_the_database_ends(path: Path, way: Way) -> None:
    with ExitStack() as stack:
        with in_another_process(str(path)) as process:
            assert said_by(process) == "started\n"
            name = way(path, stack)
            with pytest.raises(StorageInUseError, match="another store is writing it"):
                SqliteStorage(name).open()
        storage = SqliteStorage(name)
        assert storage.open() is not None
        storage.close()


FORKED = """
import os, sys
from chanfitness import SqliteStorage
storage = SqliteStorage(sys.argv[1])
storage.open()
if os.fork() == 0:
    print("the child lives", flush=True)
    sys.stdin.read()
os._exit(0)
"""


def test_a_living_child_of_fork_does_not_hold_the_lock(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FORKED, str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert said_by(parent) == "the child lives\n"
        assert parent.wait(WAIT) == 0
        storage = SqliteStorage(path)
        assert storage.open() is not None
        storage.close()


@pytest.mark.parametrize("way", [hard_link, lock_removed])
def test_one_of_two_simultaneous_processes_gets_the_database(path: Path, way: Way) -> None:
    with ExitStack() as stack:
        name = way(path, stack)
        for _ in range(length(2, 100)):
            with in_another_process(name) as one, in_another_process(str(path)) as other:
                said = sorted(each.split(":")[0].strip() for each in (said_by(one), said_by(other)))
            assert said == ["refused", "started"]


def test_a_start_that_another_one_overtakes_leaves_the_files_to_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one locks the lock file between its creation and its locking."""
    make = os.open

    def make_and_be_late(file: str, flags: int, *mode: int) -> int:
        descriptor = make(file, flags, *mode)
        if flags & os.O_EXCL:
            monkeypatch.undo()
            assert said_by(stack.enter_context(in_another_process(str(path)))) == "started\n"
        return descriptor

    Path(f"{path}-lock").unlink()
    with ExitStack() as stack:
        monkeypatch.setattr(os, "open", make_and_be_late)
        with pytest.raises(StorageInUseError):
            SqliteStorage(path).open()
        assert Path(f"{path}-lock").exists()


@pytest.mark.parametrize("way", ONE_FILE)
def test_a_reader_sees_the_last_flush_by_any_name_of_one_file(path: Path, way: Way) -> None:
    node, storage = FakeNode(), FlushedByHand(path)
    with watching(node, path, storage=storage), ExitStack() as stack:
        for _ in range(2):  # the first is up to date already
            node.open_channel(node.new_peer())
        storage.flush()
        saved, _ = read(way(path, stack))
        assert saved is not None
        assert len(saved.channels) == 2


@pytest.mark.parametrize(
    ("way", "here"),
    [
        *((way, here) for way in (hard_link, mounted, moved) for here in (True, False)),
        (lock_removed, False),  # from outside, as if the lock had another name
    ],
)
def test_a_reader_under_another_name_gets_an_error_with_advice(
    path: Path, tmp_path: Path, way: Way, here: bool
) -> None:
    """The last writes are in a log that SQLite names after the first name."""
    with ExitStack() as stack:
        if here:
            stack.enter_context(watching(FakeNode(), path))
        else:
            process = stack.enter_context(in_another_process(str(path)))
            assert said_by(process) == "started\n"
        before = set(path.parent.iterdir())
        name = way(path, stack)
        made = set(path.parent.iterdir()) - before
        with pytest.raises(StorageInUseError, match=f"^{name}: .* by another name"):
            read(name)
        with pytest.raises(StorageInUseError, match=f"^{name}: .* by another name"):
            back_up(name, tmp_path / "copy.db")
        assert set(path.parent.iterdir()) <= before | made


@pytest.mark.parametrize("way", [hard_link, mounted])
def test_without_a_writer_a_second_name_works_as_the_first(path: Path, way: Way) -> None:
    with ExitStack() as stack:
        name = way(path, stack)
        assert read(name) == read(path)
        node = FakeNode()
        channel = node.open_channel(node.new_peer(online=True))
        with watching(node, Path(name)) as store:
            assert figures(store, channel) == (1, 1)


def test_reading_in_the_writing_process_does_not_release_the_lock(path: Path) -> None:
    with watching(FakeNode(), path):
        assert read(path)[0] is not None
        with ExitStack() as stack, pytest.raises(StorageInUseError):
            read(hard_link(path, stack))
        with in_another_process(str(path)) as process:
            assert said_by(process).startswith("refused")


@pytest.mark.parametrize("way", ONE_FILE)
def test_without_open_file_description_locks_the_lock_file_protects(
    path: Path, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: object) -> bytes:
        raise OSError(errno.EINVAL, "Invalid argument")

    with in_another_process(str(path)) as process, ExitStack() as stack:
        assert said_by(process) == "started\n"
        monkeypatch.setattr(fcntl, "fcntl", unsupported)
        name = way(path, stack)
        with pytest.raises(StorageInUseError, match="another store is writing it"):
            SqliteStorage(name).open()
        assert read(name)[0] is not None


def test_a_start_that_meets_another_that_fails_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start that created the locked file removes it."""
    lock = fcntl.fcntl
    new = path.with_name("new.db")

    def remove_and_lock(descriptor: int, *arguments: int | bytes) -> int | bytes:
        if os.path.exists(new):
            new.unlink()
        return lock(descriptor, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(fcntl, "fcntl", remove_and_lock)
    with pytest.raises(StorageInUseError):
        SqliteStorage(new).open()
    monkeypatch.undo()
    assert not list(path.parent.glob("new.db*"))
