"""Damaged database files: the error names the file, which is unchanged."""

from __future__ import annotations

import random
import re
import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from chanfitness import (
    ChanFitnessError,
    ChannelEventStore,
    OpenChannel,
    SqliteStorage,
    StorageCorruptError,
    StorageError,
    StorageVersionError,
)
from chanfitness.storage.migrations import VERSION
from chanfitness.storage.sqlite import read
from chanfitness.testing import FakeNode

from ..support.lengths import length
from ..support.random_seeds import different_seeds, replayable
from ..support.stores import WAIT, running
from ..support.values import SECOND

ZERO, HOUR, DAY = timedelta(0), 3600 * SECOND, timedelta(days=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitness.db"


def store_of(node: FakeNode, storage: SqliteStorage) -> ChannelEventStore:
    return ChannelEventStore(replace(node.config, storage=storage, history=90 * DAY))


def a_database(path: Path, peers: int = 3, changes: int = 20) -> OpenChannel:
    """Make a database of six hours with open channels and two closed ones; return the first."""
    node = FakeNode()
    channels = [node.open_channel(node.new_peer()) for _ in range(peers)]
    storage = SqliteStorage(path)
    with running(store_of(node, storage)):
        storage.channel_ids = {"a name": channels[0].channel_point}
        storage.keep_alerts("none")
        for set_active in [node.channel_inactive, node.channel_active] * 2:
            set_active(channels[0])
            node.advance(hours=1)
        for number in range(changes):
            for channel in channels:
                (node.peer_offline if number % 2 else node.peer_online)(channel.peer)
            node.advance(hours=2 / changes)
        node.close_channel(node.open_channel(channels[0].peer))
        node.advance(days=91)
        node.close_channel(node.open_channel(channels[0].peer))
    return channels[0]


def start_raises(path: Path, kind: type[StorageError]) -> None:
    """Check that ``start()`` raises ``kind``, names the file, and leaves it and its lock as is."""
    before = content(path)
    node = FakeNode()
    store = store_of(node, SqliteStorage(path))
    for _ in range(2):  # the lock is released, so the second try fails the same way
        with pytest.raises(kind, match=f"^{re.escape(str(path))}") as raised:
            store.start()
        assert type(raised.value) is kind
        assert str(raised.value).isprintable()
    assert content(path) == before


def content(path: Path) -> bytes:
    """Return the content without SQLite's header, which counts writes."""
    return path.read_bytes()[100:] if path.is_file() else b""


@pytest.mark.parametrize("size", [1, 100, 5000])
def test_rubbish_is_corrupt(path: Path, size: int) -> None:
    path.write_bytes(random.Random(size).randbytes(size))
    start_raises(path, StorageCorruptError)
    with pytest.raises(StorageCorruptError, match=str(path)):
        read(path)


@pytest.mark.parametrize("part", [0.01, 0.3, 0.5, 0.9])  # the end may belong to an empty table
def test_a_truncated_file_is_corrupt(path: Path, part: float) -> None:
    a_database(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    start_raises(path, StorageCorruptError)


@pytest.mark.parametrize("pragma", ["application_id = 7", "user_version = 1", "page_size = 512"])
def test_a_database_of_another_program_is_corrupt(path: Path, pragma: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA {pragma}")
        database.execute("CREATE TABLE state (theirs)")
        database.commit()
    start_raises(path, StorageCorruptError)
    with pytest.raises(StorageCorruptError, match="not a chanfitness database"):
        read(path)


def test_a_newer_version_is_refused(path: Path) -> None:
    a_database(path)
    with closing(sqlite3.connect(path)) as database:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        database.execute(f"PRAGMA user_version = {version + 1}")
    start_raises(path, StorageVersionError)
    with pytest.raises(StorageVersionError, match=str(version + 1)):
        read(path)


def test_an_empty_file_becomes_a_database(path: Path) -> None:
    path.touch()
    channel = a_database(path)
    saved, closed = read(path)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert saved is not None
    assert saved.channels[0].channel_point == str(channel.channel_point)
    assert (len(saved.channels), len(saved.histories), len(closed)) == (4, 3, 2)


def test_a_start_that_was_killed_before_its_first_write_is_no_damage(path: Path) -> None:
    path.touch(0o600)
    assert read(path) == (None, [])


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM state",
        "DELETE FROM stretches",
        "DELETE FROM peers",
        "DROP TABLE closed_channels",
        "UPDATE peers SET key = x'00' WHERE id = 1",
        "UPDATE peers SET since_stretch = 9",
        "UPDATE peers SET uptime = 'much'",
        "UPDATE peers SET online_since = 1000000000000000",
        "UPDATE peers SET flap_count = 'many'",
        "UPDATE peers SET flap_count = -1",
        "UPDATE peers SET flap_stretch = ''",
        "UPDATE channels SET opened_stretch = 9",
        "UPDATE channels SET lived_from = 1000000000000000",
        "UPDATE channels SET uptime_before = -1000000000000000",
        "UPDATE channels SET closed = 1e300 WHERE closed IS NOT NULL",
        "UPDATE channels SET closed_unseen = 'perhaps'",
        "UPDATE channels SET left = NULL",
        "UPDATE closed_channels SET closed_unseen = 'perhaps'",
        "UPDATE channels SET gaps = '[[1]]'",
        "UPDATE channels SET gaps = '[[0, 3600000000], [0, 3600000000]]'",
        "UPDATE channels SET gaps = '[[0, 9223372036854775807]]'",
        "UPDATE channels SET gaps = '[[false, true]]'",
        "UPDATE channels SET gaps = replace(hex(zeroblob(100000)), '0', '[')",
        "UPDATE channels SET gaps = cast(x'ff' AS TEXT)",
        "UPDATE channels SET channel_point = cast(x'1b5b324aff' AS TEXT) WHERE id = 1",
        "UPDATE histories SET first = first + 1000",
        "UPDATE histories SET first = 0.5",
        "UPDATE changes SET stretch = 9",
        "UPDATE changes SET position = -position",
        "UPDATE stretches SET utc = 9000000000000000000",
    ],
)
def test_impossible_values_are_corrupt(path: Path, damage: str) -> None:
    a_database(path)
    with closing(sqlite3.connect(path)) as database:
        database.execute(damage)
        database.commit()
    start_raises(path, StorageCorruptError)


def test_bit_flips_are_detected_or_harmless(path: Path) -> None:
    """Promise 4: SQLite has no checksums, so some stay undetected; no other error is raised."""
    channel = a_database(path)
    whole, found = path.read_bytes(), []
    for seed in different_seeds(length(120, 3000)):
        rng, damaged = random.Random(seed), bytearray(whole)
        damaged[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        with replayable(seed):
            found.append(is_found(path, channel))
            assert not found[-1] or content(path) == damaged[100:]
    assert any(found) or len(found) == 1


def is_found(path: Path, channel: OpenChannel) -> bool:
    """Return whether a store refuses the database; otherwise ask it everything."""
    node = FakeNode()
    node.open_channel(channel.peer, channel.channel_point)
    try:
        with running(store_of(node, SqliteStorage(path))) as store:
            ask_everything(store)
    except StorageError:
        return True
    return False


def ask_everything(store: ChannelEventStore) -> None:
    store.list_peers(timeout=WAIT)
    for info in store.list_channels(timeout=WAIT):
        assert ZERO <= info.uptime <= info.lifetime
        with suppress(ChanFitnessError):
            store.get_history(info.channel_point, timeout=WAIT)
