"""Interleavings with the storage: names set, and interrupts, between any two of its lines."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from chanfitness import ChannelEventStore, SqliteStorage
from chanfitness.storage.sqlite import read
from chanfitness.testing import FakeNode

from ..support.at_each_line import AtLine
from ..support.persistent_stores import FlushedByHand, figures, watching
from ..support.stores import running
from ..support.values import outpoint

FOLDER = "chanfitness/storage"
MANY = 10_000  # more lines than any call has


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitness.db"


def ids_in(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as database:
        return dict(database.execute("SELECT * FROM channel_ids").fetchall())


def test_names_set_between_any_two_lines_of_a_write_are_written(path: Path) -> None:
    node, storage = FakeNode(), FlushedByHand(path)
    node.open_channel(node.new_peer())
    with running(ChannelEventStore(replace(node.config, storage=storage))):
        for number in range(1, MANY):
            old, new = {"a": outpoint(2 * number)}, {"a": outpoint(2 * number + 1)}
            storage.channel_ids = old
            line = AtLine(FOLDER, number, partial(setattr, storage, "channel_ids", new))
            with line.watching():
                storage.flush()
            storage.flush()
            expected = new if line.happened else old
            assert ids_in(path) == {"a": str(expected["a"])}, number
            assert storage.channel_ids == expected
            if not line.happened:
                break
    assert 30 < number < MANY


def test_names_set_before_the_last_write_are_in_it(path: Path) -> None:
    node, storage = FakeNode(), FlushedByHand(path)
    with running(ChannelEventStore(replace(node.config, storage=storage))):
        storage.channel_ids = {"a": outpoint(1)}
        storage.flush()
        storage.channel_ids = {"b": outpoint(2)}
    assert ids_in(path) == {"b": str(outpoint(2))}


@pytest.mark.parametrize("is_new", [True, False])
def test_a_start_interrupted_between_any_two_lines_leaves_nothing(path: Path, is_new: bool) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    if not is_new:
        with watching(node, path):
            node.advance(hours=1)
    before, saved = set(path.parent.iterdir()), None if is_new else read(path)
    storage = SqliteStorage(path)
    for number in range(1, MANY):
        line = AtLine(FOLDER, number, interrupt)
        with suppress(KeyboardInterrupt), line.watching():
            storage.open()
        if not line.happened:
            break
        assert set(path.parent.iterdir()) == before, number
        assert is_new or read(path) == saved
    assert 100 < number < MANY
    storage.close()
    assert set(path.parent.iterdir()) == before
    with watching(node, path, storage=storage) as store:
        node.advance(hours=1)
        assert figures(store, channel) == ((1, 1) if is_new else (2, 2))


def interrupt() -> None:
    raise KeyboardInterrupt
