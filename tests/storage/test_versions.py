"""Databases of earlier versions: a store migrates them, and a reader leaves them unchanged."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from chanfitness import (
    ManualClock,
    OpenChannel,
    SqliteStorage,
    StorageCorruptError,
)
from chanfitness.reports.loading import load_database
from chanfitness.storage.migrations import VERSION
from chanfitness.storage.sqlite import read
from chanfitness.testing import FakeNode

from ..support.paths import DATA
from ..support.persistent_stores import HOUR, figures, history_of, watching
from ..support.stores import WAIT
from ..support.values import outpoint, vertex

OPENED, ABSENT, CLOSED, RETURNED = (
    OpenChannel(outpoint(number)._replace(index=0), vertex(number)) for number in range(1, 5)
)
BEGUN = FakeNode().clock.now()
ENDED = BEGUN + 18 * HOUR


@pytest.fixture(params=[1, 2])
def path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Return a database of that version; version 1 is as 2, but without names of channels."""
    path = tmp_path / "fitness.db"
    path.write_bytes(gzip.decompress((DATA / "database-2.db.gz").read_bytes()))
    if request.param == 1:
        with closing(sqlite3.connect(path)) as database:
            database.execute("DROP TABLE channel_ids")
            database.execute("PRAGMA user_version = 1")
    return path


@pytest.fixture
def node() -> FakeNode:
    """Return the node an hour later, with two of its channels."""
    node = FakeNode(ManualClock(ENDED + HOUR))
    for channel in (OPENED, RETURNED, ABSENT, CLOSED):
        node.peer_online(channel.peer)
        node.open_channel(channel.peer, channel.channel_point)
    return node


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        (version,) = database.execute("PRAGMA user_version").fetchone()
    return int(version)


def test_open_and_absent_channels_continue_and_closed_ones_begin_at_zero(
    path: Path, node: FakeNode
) -> None:
    with watching(node, path) as store:
        node.advance(hours=1)
        found = {channel: figures(store, channel) for channel in (OPENED, ABSENT, RETURNED, CLOSED)}
        outages = history_of(store, OPENED).outages
        blind = history_of(store, ABSENT).blind
        assert store.get_peer_info(OPENED.peer, timeout=WAIT).flap_count == 1  # two, cooled down

    assert found == {OPENED: (9, 8), ABSENT: (5, 5), RETURNED: (7, 7), CLOSED: (1, 1)}
    assert outages == ((BEGUN + 3 * HOUR, BEGUN + 4 * HOUR, HOUR),)
    assert blind == 15 * HOUR
    assert version_of(path) == VERSION
    _, (row,) = read(path)
    assert row.channel_point == str(CLOSED.channel_point)


@pytest.mark.parametrize("migrated", [False, True])
def test_a_channel_closed_by_absence_is_dated_when_it_was_found_missing(
    path: Path, migrated: bool
) -> None:
    if migrated:
        with watching(FakeNode(ManualClock(ENDED)), path, get_open_channels=lambda: [OPENED]):
            pass

    closed = load_database(str(path)).closed

    period, four = timedelta(hours=14), 4 * HOUR
    assert tuple(each[:7] for each in closed[:2]) == (
        (str(CLOSED[0]), CLOSED[1], four, four, BEGUN, BEGUN + four, False),
        (str(ABSENT[0]), ABSENT[1], four, four, BEGUN, BEGUN + period, True),
    )
    assert len(closed) == (3 if migrated else 2)


def test_reading_leaves_the_database_unchanged(path: Path) -> None:
    before = path.read_bytes()
    overview = load_database(str(path))
    assert [info.channel_point for info in overview.channels] == [OPENED[0], RETURNED[0]]
    assert path.read_bytes() == before


def test_peers_and_their_channels_are_migrated(path: Path) -> None:
    saved, _ = read(path)
    assert saved is not None
    keys = [bytes(channel.peer) for channel in (OPENED, ABSENT, RETURNED)]
    assert sorted(row.key for row in saved.peers) == keys
    assert sorted(rows.key for rows in saved.histories) == keys


def test_the_names_of_channels_are_migrated(path: Path, node: FakeNode) -> None:
    names = {} if version_of(path) == 1 else {"a name": OPENED.channel_point}
    storage = SqliteStorage(path)
    with watching(node, path, storage=storage):
        assert storage.channel_ids == names


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE peers SET uptime = 'much'",
        "UPDATE channels SET left = 'long ago' WHERE left IS NOT NULL",
        "UPDATE channels SET left = -1 WHERE left IS NOT NULL",
        "UPDATE channels SET uptime_left = NULL",
        "UPDATE stretches SET utc = 9000000000000000000",
        "UPDATE closed_channels SET closed = 'yesterday'",
        "DELETE FROM state",
        "DROP TABLE histories",
    ],
)
def test_a_damaged_database_is_refused_and_unchanged(
    path: Path, node: FakeNode, damage: str
) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute(damage)
        database.commit()
    version, before = version_of(path), path.read_bytes()[100:]
    with pytest.raises(StorageCorruptError), watching(node, path):
        pass
    with pytest.raises(StorageCorruptError):
        read(path)
    assert (version_of(path), path.read_bytes()[100:]) == (version, before)
