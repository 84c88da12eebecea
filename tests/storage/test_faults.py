"""Errors of the storage: damage of the data is a StorageError, a fault of the code is not."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chanfitness import (
    ChannelEventStore,
    MonitoringPausedEvent,
    PeerDescribedEvent,
    SqliteStorage,
    StorageCorruptError,
    StorageError,
    StorageInUseError,
    StorageUnwritableError,
)
from chanfitness.core.saved_state import ChannelRow, ClosedRow, HistoryRows, PeerRow, Saved
from chanfitness.storage.sqlite import read, typed_errors
from chanfitness.storage.validation import check_saved, typed_rows
from chanfitness.testing import FakeNode

from ..support.persistent_stores import watching
from ..support.values import ALICE, CHANNEL_1, SECOND

FAULTS = [
    TypeError("unsupported operand"),
    KeyError("peer"),
    IndexError("list index out of range"),
    AttributeError("no attribute"),
    AssertionError(),
    OverflowError("date value out of range"),
    RecursionError("maximum recursion depth exceeded"),
    ZeroDivisionError("division by zero"),
    RuntimeError("generator raised StopIteration"),
    MemoryError(),
    sqlite3.ProgrammingError("Cannot operate on a closed database."),
    sqlite3.InterfaceError("bad parameter or other API misuse"),
    sqlite3.IntegrityError("UNIQUE constraint failed"),
    sqlite3.NotSupportedError("deterministic=True requires SQLite 3.8.3"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_a_fault_of_the_code_is_raised_as_it_is(fault: Exception) -> None:
    with pytest.raises(type(fault)) as raised, typed_errors("db"):
        raise fault
    assert raised.value is fault
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("moments that are not in order"), StorageCorruptError),
        (sqlite3.DatabaseError("file is not a database"), StorageCorruptError),
        (sqlite3.DatabaseError("database disk image is malformed"), StorageCorruptError),
        (sqlite3.DataError("string or blob too big"), StorageCorruptError),
        (sqlite3.OperationalError("no such table: state"), StorageCorruptError),
        (sqlite3.OperationalError("Could not decode to UTF-8"), StorageCorruptError),
        (sqlite3.OperationalError("database is locked"), StorageInUseError),
        (sqlite3.OperationalError("disk I/O error"), StorageUnwritableError),
        (OSError(28, "No space left on device"), StorageUnwritableError),
    ],
    ids=repr,
)
def test_an_error_of_the_file_is_a_storage_error_with_its_cause(
    error: Exception, kind: type[StorageError]
) -> None:
    with pytest.raises(kind, match=r"^db: ") as raised, typed_errors("db"):
        raise error
    assert raised.value.__cause__ is error


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a database with a row in every table."""
    node = FakeNode()
    path = tmp_path / "fitness.db"
    storage = SqliteStorage(path)
    channels = [node.open_channel(node.new_peer(online=True)) for _ in range(4)]
    rules: dict[str, Any] = {"history_limit": 1, "own_outage": SECOND}
    with watching(node, path, storage=storage, **rules):
        storage.channel_ids = {"a name": channels[0].channel_point}
        storage.keep_alerts("none")
        node.describe_peer(channels[0].peer, alias="alice", transport="i2p")
        node.describe_channel(channels[0], short_channel_id="1x2x3", capacity=5, private=True)
        node.describe_channel(channels[0], short_channel_id="2x2x3")
        for day in range(2):
            node.channel_inactive(channels[0])
            node.advance(hours=1 + day * 24)
            node.channel_active(channels[0])
            node.advance(hours=1)
        node.channel_inactive(channels[0])
        node.advance(hours=1)
        node.peer_offline(channels[0].peer)
        node.close_channel(channels[2])
        node.advance(days=91)  # the channel can no longer come back
        node.close_channel(channels[3])
        node.peer_online(channels[0].peer)
        peers = [node.open_channel(node.new_peer()).peer for _ in range(4)]
        for number, peer in enumerate(peers):
            node.peer_online(peer)
            transport = "tor" if number else "clearnet"
            node.channel_notifier.send_update(PeerDescribedEvent(peer, None, transport))
        for peer in peers[1:]:
            node.peer_offline(peer)
        node.advance(hours=1)
        node.channel_notifier.send_update(MonitoringPausedEvent())
    return path


def columns() -> list[tuple[str, str, str]]:
    """Return every column of every table, with its declared type."""
    from chanfitness.storage.migrations import migrate  # noqa: PLC0415

    with closing(sqlite3.connect(":memory:")) as database:
        migrate(database, 0)
        return database.execute(
            "SELECT schema.name, field.name, field.type FROM sqlite_schema AS schema,"
            " pragma_table_info(schema.name) AS field WHERE schema.type = 'table'"
        ).fetchall()


WRONG = {
    "INTEGER": ["'text'", "x'00'", "1.5", "9e999", "9223372036854775807", "-9223372036854775808"],
    "TEXT": ["x'00'", "''", "'text'", "cast(x'ff' AS TEXT)"],
    "BLOB": ["'text'", "1", "x''", "x'02'", "zeroblob(33)"],
}
FREE = {
    (table, column, value)
    for table, column in (
        ("alerts", "state"),
        ("channel_ids", "channel_id"),
        ("closed_channels", "channel_point"),
        ("closed_channels", "short_channel_id"),
        ("closed_channels", "alias"),
        ("peers", "alias"),
    )
    for value in ("''", "'text'")
} | {("channels", "former_ids", "''")}
UNREAD = {
    ("histories", "online"),
    ("changes", "number"),
    ("channels", "id"),
    ("closed_channels", "id"),
    ("transport_outages", "id"),
    ("histories", "peer"),
    ("checkpoints", "peer"),
    ("checkpoints", "number"),
    ("activities", "online"),
    ("activities", "channel"),
    ("activity_changes", "number"),
    ("activity_checkpoints", "channel"),
    ("activity_checkpoints", "number"),
}
"""Columns of which only the truth value, the order or the equality counts."""


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        (table, column, value)
        for table, column, kind in columns()
        for value in WRONG[kind]
        if (table, column, value) not in FREE and (table, column) not in UNREAD
    ],
)
def test_a_cell_of_the_wrong_type_or_out_of_range_is_damage_with_its_cause(
    path: Path, table: str, column: str, value: str
) -> None:
    with closing(sqlite3.connect(path)) as database:
        try:
            database.execute(f"UPDATE OR REPLACE {table} SET {column} = {value}")
        except sqlite3.IntegrityError:
            return  # SQLite refuses the value
        database.commit()
    store = ChannelEventStore(replace(FakeNode().config, storage=SqliteStorage(path)))
    with pytest.raises(StorageCorruptError, match=f"^{re.escape(str(path))}: damaged: ") as one:
        store.start()
    assert one.value.__cause__ is not None
    if table not in ("channel_ids", "alerts"):  # only a store reads these
        with pytest.raises(StorageCorruptError, match=f"^{re.escape(str(path))}: damaged: ") as two:
            read(path)
        assert two.value.__cause__ is not None


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM peers WHERE id = 1",
        "DELETE FROM changes",
        "UPDATE channels SET left = NULL",
        "UPDATE channels SET uptime_left = NULL",
        "UPDATE channels SET closed = NULL",
        "UPDATE channels SET closed = 9000000000000000000 WHERE closed IS NOT NULL",
        "UPDATE channels SET closed = 0",
        "UPDATE channels SET left = left + 9000000000000",
        "UPDATE channels SET uptime_left = uptime_left + 1000000000000000",
        "UPDATE channels SET uptime_left = -1000000000000000 WHERE closed IS NOT NULL",
        "UPDATE channels SET key = x'03' || zeroblob(32)",
        "UPDATE state SET heartbeat = 9000000000000000000",
        "UPDATE closed_channels SET opened = 9000000000000000000",
        "UPDATE closed_channels SET closed = -9000000000000000000",
        "UPDATE closed_channels SET uptime = lifetime + 1",
        "UPDATE closed_channels SET uptime = -1",
        "UPDATE channels SET active = 1 WHERE active = 0",
        "UPDATE channels SET mark = NULL",
        "UPDATE channels SET mark = 0 WHERE active IS NULL",
        "UPDATE channels SET unusable = 1000000000000000",
        "UPDATE activities SET online = NOT online",
        "DELETE FROM activity_changes",
        "UPDATE activity_changes SET uptime = 9000000000000000",
        "UPDATE activity_changes SET position = 0",
        "UPDATE activity_checkpoints SET uptime = 9000000000000000",
        "UPDATE channels SET private = 2",
        "UPDATE channels SET capacity = -1",
        "UPDATE channels SET former_ids = '1x2x3 4'",
        "UPDATE channels SET short_channel_id = '1x2'",
        "UPDATE channels SET activity_from = 9000000000000000",
        "UPDATE peers SET transport = 'carrier pigeon'",
        "UPDATE closed_channels SET unusable = uptime + 1",
        "UPDATE closed_channels SET unusable = -1",
        "UPDATE channels SET gaps = '7'",
        "UPDATE channels SET gaps = 'null'",
        "UPDATE channels SET gaps = '[7]'",
        "UPDATE channels SET gaps = '[[1, 2, 3]]'",
        "UPDATE channels SET gaps = '{\"a\": 1}'",
    ],
)
def test_inconsistent_rows_are_damage_with_their_cause(path: Path, damage: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute(damage)
        database.commit()
    with pytest.raises(StorageCorruptError) as raised:
        read(path)
    assert isinstance(raised.value.__cause__, ValueError)


@pytest.mark.parametrize("number", [-1, 2**32])
def test_a_segment_with_an_impossible_number_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match=f"segment number {number} is out of range"):
        check_saved(Saved(1_000, 20, [(number, 0, 1_000)], [], [], []))


def test_a_history_of_a_missing_peer_is_refused() -> None:
    """On damaged pages a peer's row and its index may disagree."""
    history = HistoryRows(bytes(ALICE), False, 0, 0, [(0,), (0,)], True, [])
    with pytest.raises(ValueError, match="unknown peer"):
        check_saved(Saved(1_000, 20, [(0, 0, 1_000)], [], [], [history]))


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        (PeerRow, tuple(PeerRow(bytes(ALICE), 5, None, 10, 0, 1, 10, 0, "alice"))),
        (
            ChannelRow,
            tuple(
                ChannelRow(str(CHANNEL_1), bytes(ALICE), 0, 0, 0, 0, None, None, "[]", None, 0, 1)
            ),
        ),
        (ClosedRow, tuple(ClosedRow(str(CHANNEL_1), bytes(ALICE), 0, 0, 2, 1, 0))),
    ],
)
def test_a_row_is_read_as_it_was_written(kind: type[PeerRow], row: tuple[object, ...]) -> None:
    assert typed_rows(kind, [row]) == [row]
