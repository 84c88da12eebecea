"""Saved state of alerts: written with earlier puts, and soon if a caller waits for it."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from chanfitness import SqliteStorage
from chanfitness.testing import FakeNode

from ..support.disks import no_file_may_grow
from ..support.persistent_stores import FlushedByHand, watching
from ..support.stores import WAIT


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitness.db"


def alerts_in(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [text for (text,) in database.execute("SELECT state FROM alerts")]


def test_the_last_state_is_there_after_a_start(path: Path) -> None:
    storage = SqliteStorage(path)
    with watching(FakeNode(), path, storage=storage):
        assert storage.alerts is None
        storage.keep_alerts("first")
        storage.keep_alerts("last")
        assert storage.alerts == "last"
    assert alerts_in(path) == ["last"]
    with watching(FakeNode(), path, storage=storage):
        assert storage.alerts == "last"
    assert alerts_in(path) == ["last"]


def test_on_kept_is_called_soon_after_the_state_is_on_the_disk(path: Path) -> None:
    storage, kept = SqliteStorage(path, timedelta.max), threading.Event()
    found: list[str] = []

    def on_kept() -> None:
        found.extend(alerts_in(path))
        kept.set()

    with watching(FakeNode(), path, storage=storage):
        storage.keep_alerts("quiet")
        storage.keep_alerts("state", on_kept)
        assert kept.wait(WAIT)
    assert found == ["state"]


def test_on_kept_is_called_at_the_last_write(path: Path) -> None:
    storage, kept = FlushedByHand(path), threading.Event()
    with watching(FakeNode(), path, storage=storage):
        storage.keep_alerts("state", kept.set)
        assert not kept.is_set()
    assert kept.is_set()
    assert alerts_in(path) == ["state"]


def test_on_kept_is_called_when_the_file_can_be_written_again(path: Path) -> None:
    storage = FlushedByHand(path)
    told: list[str] = []
    with watching(FakeNode(), path, storage=storage):
        storage.keep_alerts("state", lambda: told.append("kept"))
        with no_file_may_grow():
            storage.flush()
        assert (told, storage.failure is None) == ([], False)
        storage.flush()
        assert told == ["kept"]
        storage.flush()
        assert told == ["kept"]


def test_a_database_that_is_begun_again_has_the_state(path: Path) -> None:
    storage = FlushedByHand(path)
    with watching(FakeNode(), path, storage=storage):
        storage.keep_alerts("state")
        storage.flush()
        path.rename(path.with_name("moved.db"))
        storage.flush()
        assert alerts_in(path) == ["state"]
