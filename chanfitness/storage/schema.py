"""The database schema: version check, and loading and saving of rows.

In the names of tables and columns a segment of the timeline is a *stretch*. These names are
the stored format and do not change.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, islice
from typing import NamedTuple

from ..checks import quoted
from ..core.saved_state import (
    CauseRow,
    ChannelRow,
    CheckpointRow,
    ClosedRow,
    Flush,
    HistoryRows,
    OutageRow,
    PeerRow,
    Saved,
)
from ..errors import StorageCorruptError, StorageVersionError
from ..wire import OutPoint
from .migrations import APPLICATION, VERSION
from .validation import channel_ids, check_closed, check_saved, typed_rows

_NUMBER_MAX = 2**63 - 1
_ROWS_AT_ONCE = 64  # changes that one statement inserts: twice as fast as single rows

_Row = PeerRow | ChannelRow | ClosedRow | CheckpointRow | CauseRow | OutageRow

_TABLES = (
    "state",
    "stretches",
    "peers",
    "channels",
    "closed_channels",
    "histories",
    "changes",
    "checkpoints",
    "activities",
    "activity_changes",
    "activity_checkpoints",
    "causes",
    "transport_outages",
)


class _Changes(NamedTuple):
    """The tables of the changes of peers or channels, and the table of their owners.

    ``columns``: the columns of a change after its number.
    """

    owner: str
    owners: str
    key: str
    histories: str
    changes: str
    checkpoints: str
    columns: str

    @property
    def all(self) -> tuple[str, str, str]:
        return self.changes, self.checkpoints, self.histories


_OF_PEERS = _Changes(
    "peer", "peers", "key", "histories", "changes", "checkpoints", "position, stretch"
)
_OF_CHANNELS = _Changes(
    "channel",
    "channels",
    "channel_point",
    "activities",
    "activity_changes",
    "activity_checkpoints",
    "position, stretch, uptime",
)


def check_version(path: str, database: sqlite3.Connection) -> int:
    """Return the version of the database; 0 for a new one."""
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (tables,) = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION and (tables or application or version):
        raise StorageCorruptError(f"{path}: not a chanfitness database")
    if version > VERSION:
        raise StorageVersionError(
            f"{path}: has version {version}, and this chanfitness knows versions up to {VERSION}"
        )
    return int(version)


def check_pages(path: str, database: sqlite3.Connection) -> None:
    """Raise ``StorageCorruptError`` if SQLite finds damage in any page."""
    (problem,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if problem != "ok":
        raise StorageCorruptError(f"{path}: damaged: {quoted(problem)}")


def load(database: sqlite3.Connection) -> Saved | None:
    """Return the saved state; None from a new database.

    Raise ``ValueError`` for a state that no store can have saved.
    """
    state = database.execute("SELECT heartbeat, position, stopped FROM state").fetchone()
    filled = [name for name in _TABLES if database.execute(f"SELECT 1 FROM {name}").fetchone()]
    if state is None:
        if filled:
            raise ValueError(f"no state, but {', '.join(filled)}")
        return None
    anchors = database.execute("SELECT * FROM stretches ORDER BY number").fetchall()
    peers = database.execute(f"SELECT {_columns(PeerRow)} FROM peers ORDER BY id")
    channels = database.execute(f"SELECT {_columns(ChannelRow)} FROM channels ORDER BY id")
    causes = database.execute(f"SELECT {_columns(CauseRow)} FROM causes ORDER BY stretch, number")
    outages = database.execute(
        f"SELECT {_columns(OutageRow)} FROM transport_outages ORDER BY rowid"
    )
    heartbeat, position, stopped = state
    saved = Saved(
        heartbeat,
        position,
        anchors,
        typed_rows(PeerRow, peers),
        typed_rows(ChannelRow, channels),
        list(_load_histories(database, _OF_PEERS)),
        list(_load_histories(database, _OF_CHANNELS)),
        typed_rows(CauseRow, causes),
        stopped,
        typed_rows(OutageRow, outages),
    )
    check_saved(saved)
    return saved


def _load_histories(database: sqlite3.Connection, tables: _Changes) -> Iterator[HistoryRows]:
    owner = tables.owner
    histories = database.execute(
        f"SELECT id, {tables.key}, first, online FROM {tables.histories}"
        f" JOIN {tables.owners} ON {owner} = id"
    ).fetchall()
    for number, key, first, online in histories:
        changes = database.execute(
            f"SELECT {tables.columns} FROM {tables.changes}"
            f" WHERE {owner} = ? AND number >= ? ORDER BY number",
            (number, first),
        ).fetchall()
        checkpoints = database.execute(
            f"SELECT {_columns(CheckpointRow)} FROM {tables.checkpoints}"
            f" WHERE {owner} = ? ORDER BY number",
            (number,),
        )
        columns = list(zip(*changes, strict=True))
        rows = typed_rows(CheckpointRow, checkpoints)
        yield HistoryRows(key, False, first, first, columns, bool(online), rows)


def load_closed(database: sqlite3.Connection) -> list[ClosedRow]:
    """Return the channels that closed for good, the first closed first."""
    rows = database.execute(f"SELECT {_columns(ClosedRow)} FROM closed_channels ORDER BY id")
    closed = typed_rows(ClosedRow, rows)
    check_closed(closed)
    return closed


def load_channel_ids(database: sqlite3.Connection) -> dict[str, OutPoint]:
    """Return the channel points by the node's ids of their channels."""
    return channel_ids(database.execute("SELECT channel_id, channel_point FROM channel_ids"))


def save_channel_ids(database: sqlite3.Connection, ids: Mapping[str, OutPoint]) -> None:
    """Replace all channel ids by ``ids``."""
    database.execute("DELETE FROM channel_ids")
    database.executemany(
        "INSERT INTO channel_ids VALUES (?, ?)", [(each, str(ids[each])) for each in ids]
    )


def load_alerts(database: sqlite3.Connection) -> str | None:
    """Return the saved state of alerts, or None."""
    row = database.execute("SELECT state FROM alerts").fetchone()
    if row is not None and not isinstance(row[0], str):
        raise ValueError(f"alerts {quoted(row[0])}")
    return None if row is None else row[0]


def save_alerts(database: sqlite3.Connection, state: str) -> None:
    """Replace the saved state of alerts by ``state``."""
    database.execute("REPLACE INTO alerts VALUES (1, ?)", [state])


def save(database: sqlite3.Connection, unsaved: Flush, closed: list[ClosedRow]) -> None:
    """Write a flush, and these final rows of closed channels."""
    write = database.executemany
    write(
        "REPLACE INTO state VALUES (1, ?, ?, ?)",
        [(unsaved.heartbeat, unsaved.position, unsaved.stopped)],
    )
    if unsaved.anchors_anew:
        database.execute("DELETE FROM stretches")
        database.execute("DELETE FROM causes")
    _save_changed(database, "stretches", ["number"], ["position", "utc"], unsaved.anchors)
    _save_changed(
        database, "causes", ["stretch", "number"], ["since", "cause", "peers"], unsaved.causes
    )
    if unsaved.outages is not None:
        database.execute("DELETE FROM transport_outages")
        write(
            f"INSERT INTO transport_outages ({_columns(OutageRow)}) VALUES ({_places(OutageRow)})",
            unsaved.outages,
        )
    if unsaved.everything:
        for table in (*_OF_PEERS.all, *_OF_CHANNELS.all, "peers", "channels"):
            database.execute(f"DELETE FROM {table}")
    _delete(database, _OF_PEERS, unsaved.forgotten)
    updates = ", ".join(f"{name} = excluded.{name}" for name in PeerRow._fields)
    write(
        f"INSERT INTO peers ({_columns(PeerRow)}) VALUES ({_places(PeerRow)})"
        f" ON CONFLICT (key) DO UPDATE SET {updates}",
        unsaved.peers,
    )
    for old, new in unsaved.moved:
        _delete(database, _OF_CHANNELS, [new])
        database.execute(
            "UPDATE channels SET channel_point = ? WHERE channel_point = ?", (new, old)
        )
    _delete(database, _OF_CHANNELS, unsaved.gone)
    updates = ", ".join(f"{name} = excluded.{name}" for name in ChannelRow._fields)
    write(
        f"INSERT INTO channels ({_columns(ChannelRow)}) VALUES ({_places(ChannelRow)})"
        f" ON CONFLICT (channel_point) DO UPDATE SET {updates}",
        unsaved.channels,
    )
    write(
        f"INSERT INTO closed_channels ({_columns(ClosedRow)}) VALUES ({_places(ClosedRow)})",
        closed,
    )
    for history in unsaved.histories:
        _save_history(database, _OF_PEERS, history)
    for history in unsaved.activities:
        _save_history(database, _OF_CHANNELS, history)


def _save_changed(
    database: sqlite3.Connection,
    table: str,
    keys: Sequence[str],
    columns: Sequence[str],
    rows: Sequence[tuple[object, ...]],
) -> None:
    """Write only rows that differ, so that unchanged pages are not written again."""
    database.executemany(
        f"INSERT INTO {table} ({', '.join([*keys, *columns])})"
        f" VALUES ({', '.join('?' * len([*keys, *columns]))})"
        f" ON CONFLICT ({', '.join(keys)})"
        f" DO UPDATE SET {', '.join(f'{each} = excluded.{each}' for each in columns)}"
        f" WHERE {' OR '.join(f'{table}.{each} IS NOT excluded.{each}' for each in columns)}",
        rows,
    )


def _delete(
    database: sqlite3.Connection, tables: _Changes, keys: Sequence[bytes] | Sequence[str]
) -> None:
    """Delete peers or channels with their histories."""
    rows = [(key,) for key in keys]
    owners = f"SELECT id FROM {tables.owners} WHERE {tables.key} = ?"
    for table in tables.all:
        database.executemany(f"DELETE FROM {table} WHERE {tables.owner} IN ({owners})", rows)
    database.executemany(f"DELETE FROM {tables.owners} WHERE {tables.key} = ?", rows)


def _save_history(database: sqlite3.Connection, tables: _Changes, history: HistoryRows) -> None:
    owner = tables.owner
    (number,) = database.execute(
        f"SELECT id FROM {tables.owners} WHERE {tables.key} = ?", (history.key,)
    ).fetchone()
    first = _NUMBER_MAX if history.anew else history.first
    database.execute(
        f"DELETE FROM {tables.changes} WHERE {owner} = ? AND (number < ? OR number >= ?)",
        (number, first, history.begin),
    )
    changes = enumerate(zip(*history.columns, strict=True), history.begin)
    rows = ((number, each, *change) for each, change in changes)
    while chunk := [*islice(rows, _ROWS_AT_ONCE)]:
        places = ", ".join([f"({', '.join('?' * len(chunk[0]))})"] * len(chunk))
        database.execute(
            f"INSERT INTO {tables.changes} VALUES {places}", [*chain.from_iterable(chunk)]
        )
    database.execute(f"DELETE FROM {tables.checkpoints} WHERE {owner} = ?", (number,))
    database.executemany(
        f"INSERT INTO {tables.checkpoints} ({owner}, number, {_columns(CheckpointRow)})"
        f" VALUES (?, ?, {_places(CheckpointRow)})",
        [(number, each, *row) for each, row in enumerate(history.checkpoints)],
    )
    database.execute(f"DELETE FROM {tables.histories} WHERE {owner} = ?", (number,))
    if not history.anew or any(history.columns):
        database.execute(
            f"INSERT INTO {tables.histories} VALUES (?, ?, ?)",
            (number, history.first, history.online),
        )


def _columns(
    row: type[_Row],
) -> str:
    return ", ".join(row._fields)


def _places(
    row: type[_Row],
) -> str:
    return ", ".join("?" * len(row._fields))


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Commit the statements of the body, or roll them back if it raises."""
    database.execute("BEGIN")
    try:
        yield database
        database.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.ProgrammingError):  # the body closed it, which rolls back
            if database.in_transaction:
                database.execute("ROLLBACK")
        raise
