"""The state of alerts is written with what was put before, soon if somebody waits for it."""

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


def test_what_was_kept_last_is_there_after_a_start(path: Path) -> None:
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


def test_who_waits_for_it_is_told_soon_and_not_before_it_is_on_the_disk(path: Path) -> None:
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


def test_who_waits_is_told_at_the_last_write_too(path: Path) -> None:
    storage, kept = FlushedByHand(path), threading.Event()
    with watching(FakeNode(), path, storage=storage):
        storage.keep_alerts("state", kept.set)
        assert not kept.is_set()
    assert kept.is_set()
    assert alerts_in(path) == ["state"]


def test_who_waits_is_told_when_it_can_be_written_again(path: Path) -> None:
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


def test_a_database_that_is_begun_anew_has_it(path: Path) -> None:
    storage = FlushedByHand(path)
    with watching(FakeNode(), path, storage=storage):
        storage.keep_alerts("state")
        storage.flush()
        path.rename(path.with_name("moved.db"))
        storage.flush()
        assert alerts_in(path) == ["state"]
