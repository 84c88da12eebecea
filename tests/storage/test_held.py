"""Databases that another program holds: a start waits, and does not report another store."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from chanfitness import (
    ChannelEventStore,
    ShuttingDownError,
    SqliteStorage,
    StorageInUseError,
)
from chanfitness.core.saved_state import Flush
from chanfitness.storage.sqlite import read
from chanfitness.testing import FakeNode

from ..support.disks import no_file_may_grow
from ..support.old_versions import as_version_2
from ..support.persistent_stores import DAY, HOUR, FlushedByHand, figures, watching
from ..support.stores import Call, OnRecord, running, stop
from ..support.values import SECOND

AFTER = "it is written when it is free"
WAITS = "another program holds it (a backup?): waiting for it"
FAILED, RECOVERED = "cannot be written, going on in memory", "written again, nothing is missing"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitness.db"


@pytest.fixture
def node(path: Path) -> FakeNode:
    """A node with a channel; the database has an hour of it."""
    node = FakeNode()
    node.open_channel(node.new_peer(online=True))
    with watching(node, path):
        node.advance(hours=1)
    return node


def store_of(node: FakeNode, storage: SqliteStorage) -> ChannelEventStore:
    return ChannelEventStore(replace(node.config, storage=storage, history=90 * DAY))


@contextmanager
def held(path: Path, lock: str = "EXCLUSIVE") -> Iterator[sqlite3.Connection]:
    """Hold an open transaction, as a backup program does."""
    with closing(sqlite3.connect(path, isolation_level=None)) as backup:
        backup.execute(f"BEGIN {lock}")
        yield backup
        if backup.in_transaction:
            backup.execute("COMMIT")


def without_a_log(path: Path) -> None:
    """Make the database one without a log, such as a copy, whose writers block readers."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = DELETE")


def of_an_older_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        as_version_2(database)


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if "storage" in each.name]


@pytest.mark.parametrize("lock", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_start_does_not_wait_for_a_lock_that_allows_reading(
    node: FakeNode, path: Path, lock: str, caplog: pytest.LogCaptureFixture
) -> None:
    (channel,) = node.config.get_open_channels()  # type: ignore[misc]
    storage = FlushedByHand(path)
    with ExitStack() as backup:
        backup.enter_context(held(path, lock))
        with running(store_of(node, storage)) as store:
            node.advance(hours=1)
            assert figures(store, channel) == (2, 2)
            assert storage.failure is None
            storage.flush()
            assert storage.failure == "another program holds it"
            backup.close()
    assert logged(caplog) == [
        f"{path}: another program holds it (a backup?): {AFTER}",
        f"{path}: {RECOVERED}",
    ]
    with running(store_of(node, storage)) as store:
        assert figures(store, channel) == (2, 2)


@pytest.mark.parametrize("kind", [without_a_log, of_an_older_version])
def test_a_start_waits_until_the_database_is_free(
    node: FakeNode, path: Path, kind: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    kind(path)
    waits = threading.Event()
    store = store_of(node, SqliteStorage(path))
    with OnRecord(WAITS, waits.set):
        with held(path):
            start = Call(store.start)
            assert waits.wait(30)
            with pytest.raises(StorageInUseError, match="another store is writing it"):
                SqliteStorage(path).open()
        start.result()
    stop(store)
    assert logged(caplog) == [f"{path}: {WAITS}"]
    saved, _ = read(path)
    assert saved is not None
    assert saved.position == 3600 * 10**6


def test_a_stop_ends_a_waiting_start(node: FakeNode, path: Path) -> None:
    without_a_log(path)
    waits = threading.Event()
    store = store_of(node, SqliteStorage(path))
    with held(path), OnRecord(WAITS, waits.set):
        start = Call(store.start)
        assert waits.wait(30)
        stop(store)
        with pytest.raises(ShuttingDownError, match=f"waiting for {path}"):
            start.result()
    with running(store_of(node, SqliteStorage(path))):
        pass


@pytest.mark.parametrize("timeout", [timedelta(0), timedelta(milliseconds=1)])
def test_a_start_waits_at_most_for_lock_timeout(
    node: FakeNode, path: Path, timeout: timedelta, caplog: pytest.LogCaptureFixture
) -> None:
    without_a_log(path)
    store = store_of(node, SqliteStorage(path, lock_timeout=timeout))
    with held(path):
        for _ in range(2):
            with pytest.raises(StorageInUseError, match=f"^{path}: another program holds it$"):
                store.start()
    assert logged(caplog) == [f"{path}: {WAITS}"] * 2  # once for each start
    with running(store):
        pass


def test_a_reader_gets_an_error_that_another_program_holds_the_database(
    node: FakeNode, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chanfitness.storage.reading._HELD", 0.1)
    without_a_log(path)
    in_use = pytest.raises(StorageInUseError, match=f"^{path}: another program holds it$")
    with held(path), in_use:
        read(path)


def test_a_held_database_is_logged_once_and_written_later(
    node: FakeNode, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage = SqliteStorage(path, timedelta(milliseconds=1))
    failed, recovered = threading.Event(), threading.Event()
    with (
        OnRecord(FAILED, failed.set),
        OnRecord(RECOVERED, recovered.set),
        running(store_of(node, storage)) as store,
    ):
        with held(path):
            node.advance(hours=1)
            node.open_channel(node.new_peer(online=True))
            assert failed.wait(30)
            assert isinstance(storage.unsaved_since, datetime)
        assert recovered.wait(30)
        assert storage.unsaved_since is None
        infos = store.list_channels()
    assert logged(caplog) == [
        f"{path}: {FAILED}: another program holds it",
        f"{path}: {RECOVERED}",
    ]
    with running(store_of(node, SqliteStorage(path))) as store:
        assert store.list_channels() == infos


class AnnouncedStop(FlushedByHand):
    """A storage that announces when the store asks for its last write."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.asks = threading.Event()

    def close(self, last: Callable[[bool], Flush] | None = None) -> None:
        assert last is not None
        ask = last

        def announced(everything: bool) -> Flush:
            self.asks.set()
            return ask(everything)

        super().close(announced)


def test_a_stop_waits_for_a_held_database(node: FakeNode, path: Path) -> None:
    storage = AnnouncedStop(path)
    store = store_of(node, storage)
    store.start()
    node.advance(hours=1)
    with held(path) as backup:
        stopped = Call(store.stop)
        assert storage.asks.wait(30)
        backup.execute("COMMIT")
        stopped.result()
    assert storage.unsaved_since is None
    saved, _ = read(path)
    assert saved is not None
    assert saved.position == 2 * 3600 * 10**6


def test_a_stop_logs_the_lost_time_if_the_database_is_held_for_too_long(
    node: FakeNode,
    path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chanfitness.storage.sqlite._HELD_AT_STOP", 0.1)
    storage = FlushedByHand(path)
    saved_until = node.clock.now()
    with held(path), running(store_of(node, storage)):
        node.open_channel(node.new_peer())
        node.advance(hours=1)
    assert storage.unsaved_since == saved_until
    assert logged(caplog)[-1] == (
        f"{path}: could not be written at the stop: everything since"
        f" {saved_until:%Y-%m-%dT%H:%M:%SZ} is lost (channels: 2): another program holds it"
    )
    assert caplog.records[-1].levelno == logging.ERROR


def test_of_a_new_database_all_time_since_the_start_is_lost(path: Path) -> None:
    node, storage = FakeNode(), SqliteStorage(path)
    node.open_channel(node.new_peer(online=True))
    started = node.clock.now()
    store = store_of(node, storage)
    store.start()
    node.advance(hours=1)
    with no_file_may_grow():
        stop(store)
    assert storage.unsaved_since == started
    assert not path.exists()
    with running(store_of(node, storage)):
        assert storage.unsaved_since is None
    assert storage.unsaved_since is None
    assert node.clock.now() - started == HOUR > SECOND
