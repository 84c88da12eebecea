"""The database file: its names, its writer and its readers."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from textwrap import dedent

import pytest

from chanfitness import (
    ChannelEventStore,
    ManualClock,
    ShuttingDownError,
    SqliteStorage,
    StorageError,
    StorageInUseError,
)
from chanfitness.core.saved_state import Flush
from chanfitness.storage.sqlite import read
from chanfitness.testing import FakeNode

from ..support.stores import WAIT, running
from ..support.values import SECOND

ZERO, HOUR, DAY = timedelta(0), 3600 * SECOND, timedelta(days=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitness.db"


def store_of(node: FakeNode, storage: SqliteStorage) -> ChannelEventStore:
    return ChannelEventStore(replace(node.config, storage=storage, history=90 * DAY))


@pytest.mark.parametrize("interval", [ZERO, -SECOND])
def test_a_flush_interval_of_zero_or_less_is_refused(path: Path, interval: timedelta) -> None:
    with pytest.raises(ValueError, match="flush_interval"):
        SqliteStorage(path, interval)


def test_a_second_store_of_the_same_process_is_refused(path: Path) -> None:
    node = FakeNode()
    with running(store_of(node, SqliteStorage(path))) as first:
        with pytest.raises(StorageInUseError, match=str(path)):
            store_of(node, SqliteStorage(path)).start()
        assert first.list_channels(timeout=WAIT) == []
    with running(store_of(node, SqliteStorage(path))):
        pass


def test_a_storage_in_use_is_refused(path: Path) -> None:
    node, storage = FakeNode(), SqliteStorage(path)
    with running(store_of(node, storage)) as first:
        with pytest.raises(StorageInUseError, match=str(path)):
            store_of(node, storage).start()
        assert first.list_channels(timeout=WAIT) == []


def test_another_name_of_the_same_file_is_refused(path: Path, tmp_path: Path) -> None:
    with running(store_of(FakeNode(), SqliteStorage(path))):
        pass
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with running(store_of(FakeNode(), SqliteStorage(path))), pytest.raises(StorageInUseError):
        store_of(FakeNode(), SqliteStorage(link)).start()


def test_a_relative_path_survives_a_change_of_directory(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    with running(store_of(FakeNode(), SqliteStorage(path.name))):
        monkeypatch.chdir("/")
    assert read(path)[0] is not None


@pytest.mark.parametrize("name", ["", ":memory:"])
def test_a_special_name_of_sqlite_is_a_plain_file_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    node = FakeNode()
    channel = node.open_channel(node.new_peer())
    with suppress(ValueError, StorageError):
        for _ in range(2):
            with running(store_of(node, SqliteStorage(name))) as store:
                node.advance(hours=1)
                info = store.get_chan_info(*channel, timeout=WAIT)
        assert info.lifetime == 2 * HOUR


BEGIN = """
    import sys
    from dataclasses import replace
    from chanfitness import ChannelEventStore, SqliteStorage
    from chanfitness.testing import FakeNode
    node = FakeNode()
    node.open_channel(node.new_peer())
    store = ChannelEventStore(replace(node.config, storage=SqliteStorage(sys.argv[1])))
"""
ANOTHER_PROCESS = """
    with store:
        node.advance(hours=1)
        print("runs", flush=True)
        sys.stdin.read()
"""


@contextmanager
def another_process(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a store of ``path`` in another process."""
    with subprocess.Popen(
        [sys.executable, "-c", dedent(BEGIN) + dedent(ANOTHER_PROCESS), path],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        watchdog = threading.Timer(WAIT, process.kill)
        watchdog.start()
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"runs\n", "no store runs there"
            yield process
        finally:
            process.kill()
            watchdog.cancel()


def test_a_database_of_another_process_is_refused_until_that_is_killed(
    path: Path,
) -> None:
    with another_process(path) as process:
        with pytest.raises(StorageInUseError, match=str(path)):
            store_of(FakeNode(), SqliteStorage(path)).start()
        process.kill()
        process.wait(WAIT)
        with running(store_of(FakeNode(), SqliteStorage(path))) as store:
            assert store.list_channels(timeout=WAIT) == []


def test_no_call_in_this_process_releases_its_lock(path: Path) -> None:
    """A process loses its locks when it closes the file: only SQLite may open it."""
    node = FakeNode()
    with running(store_of(node, SqliteStorage(path))):
        with pytest.raises(StorageInUseError):
            store_of(node, SqliteStorage(path)).start()
        assert read(path) == (None, [])

        with pytest.raises(AssertionError, match="no store runs"), another_process(path):
            pass


def run(script: str, path: Path) -> None:
    """Run the script in a process of its own, which must succeed and print nothing."""
    ended = subprocess.run(
        [sys.executable, "-c", dedent(BEGIN) + dedent(script), path],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        timeout=2 * WAIT,
        check=False,
    )
    assert (ended.stderr, ended.returncode) == (b"", 0)


def test_a_script_without_stop_writes_at_its_exit(path: Path) -> None:
    run("store.start(); node.advance(hours=3)", path)
    saved, _ = read(path)
    assert saved is not None
    assert (len(saved.channels), saved.position) == (1, 3 * 3600 * 10**6)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_of_fork_does_not_write_the_database(path: Path) -> None:
    run(
        """
        import os, subprocess, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads
        store.start()
        node.advance(hours=1)
        store.list_channels(timeout=30)
        child = os.fork()
        if child == 0:
            store.stop()
            del store
            sys.exit()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        other = "import sys, chanfitness as c; c.SqliteStorage(sys.argv[1]).open()"
        refused = subprocess.run(
            [sys.executable, "-c", other, sys.argv[1]], capture_output=True, timeout=30
        )
        assert b"StorageInUseError" in refused.stderr, refused
        node.advance(hours=1)
        store.stop()
        """,
        path,
    )
    saved, _ = read(path)
    assert saved is not None
    assert saved.position == 2 * 3600 * 10**6


def test_readers_see_a_consistent_state_while_another_process_writes(path: Path) -> None:
    with another_process(path) as process:
        assert read(path) == (None, [])
        process.communicate(b"", timeout=WAIT)

    saved, _ = read(path)

    assert saved is not None
    assert (len(saved.channels), saved.position) == (1, 3600 * 10**6)


def test_a_missing_database_cannot_be_read(path: Path) -> None:
    with pytest.raises(StorageError, match=str(path)):
        read(path)
    assert not path.exists()


def test_only_the_owner_may_read_the_file(path: Path) -> None:
    before = os.umask(0)
    try:
        with running(store_of(FakeNode(), SqliteStorage(path))):
            files = list(path.parent.iterdir())
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in files}
    finally:
        os.umask(before)
    assert {"fitness.db", "fitness.db-lock"} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_the_stop_writes_the_rest_for_a_writer_that_was_refused(path: Path) -> None:
    asked = threading.Event()

    def refuse(everything: bool) -> Flush:
        asked.set()
        raise ShuttingDownError("the store stops")

    storage = SqliteStorage(path, timedelta(milliseconds=1))
    storage.open()
    storage.start(refuse)

    assert asked.wait(WAIT)
    storage.close()

    assert storage.open() is None
    storage.close()


def test_a_store_without_a_writer_does_not_start(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def start_but_no_writer(thread: threading.Thread) -> None:
        if thread.name == "chanfitness-writer":
            raise RuntimeError("can't start new thread")
        start(thread)

    store = store_of(FakeNode(), SqliteStorage(path))
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start_but_no_writer)
        with pytest.raises(RuntimeError):
            store.start()

    with running(store_of(FakeNode(), SqliteStorage(path))):
        pass


def test_a_storage_that_is_not_open_may_be_closed(path: Path) -> None:
    SqliteStorage(path).close()

    assert not path.exists()


class BrokenAtTheEnd(ManualClock):
    """A clock that works until it is broken."""

    broken = False

    def now(self) -> datetime:
        if self.broken:
            raise OSError("no clock")
        return super().now()


def test_a_clock_that_fails_at_the_stop_loses_only_the_time_since(path: Path) -> None:
    clock = BrokenAtTheEnd()
    node = FakeNode(clock)
    channel = node.open_channel(node.new_peer(online=True))
    with running(store_of(node, SqliteStorage(path))) as store:
        node.advance(hours=1)
        store.list_channels(timeout=WAIT)
        node.advance(hours=1)
        clock.broken = True
    clock.broken = False

    with running(store_of(node, SqliteStorage(path))) as store:
        assert store.get_chan_info(*channel, timeout=WAIT).lifetime == timedelta(hours=1)
