"""Hostile text, of strangers or in a manipulated database, in each view and format."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from chanfitness import (
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    PeerDescribedEvent,
    SqliteStorage,
)
from chanfitness.checks import printable
from chanfitness.commands.main import main
from chanfitness.core.overview import ClosedChannel, Overview
from chanfitness.reports.formats import report
from chanfitness.reports.rows import Column
from chanfitness.reports.tables import CLOSED, LIVE, PEERS
from chanfitness.testing import FakeNode

from ..support.lengths import length
from ..support.persistent_stores import watching
from ..support.values import ALICE, SECOND, START, vertex

VIEWS = ["", "--blind", "--closed", "--outages", "--peers"]
FORMATS = ["", "--csv", "--json"]
ESCAPES = "\x1b]0;title\x07\x1b[2J"
HOSTILE = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    "+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    ESCAPES,
    "one\ntwo\r\nthree\u2028four\x85five",
    "right\u202eto left\u200f\u2066",
    "\x9b2J\x00\x7f\x08",
    '",=1+1,"',
    "\ufeff=1+1",
    "\u05d0\u05dc\u05d9\u05e1 \u0661\u0662",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "</script><script>alert(1)",
]
FORMULAS = ("=", "+", "-", "@", "\t", "\r")

Printed = pytest.CaptureFixture[str]


class Cell(NamedTuple):
    """A column of the database, and whether it holds text."""

    table: str
    column: str
    is_text: bool


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a row in each table."""
    path = tmp_path_factory.mktemp("hostile") / "fitness.db"
    storage = SqliteStorage(path)
    node = FakeNode()
    rules: dict[str, Any] = {"history_limit": 1, "own_outage": SECOND}
    with watching(node, path, storage=storage, **rules):
        channel = node.open_channel(node.new_peer(online=True))
        storage.channel_ids = {"a name": channel.channel_point}
        storage.keep_alerts("none")
        node.close_channel(node.open_channel(channel.peer))
        node.advance(days=91)  # too late to return under the same outpoint
        for change in [node.peer_offline, node.peer_online] * 2:
            change(channel.peer)
            node.advance(hours=1)
        node.channel_notifier.send_update(MonitoringPausedEvent())
        node.advance(hours=1)
        node.channel_notifier.send_update(MonitoringResumedEvent([channel], [channel.peer]))
        for set_active in [node.channel_inactive, node.channel_active] * 2:
            set_active(channel)
            node.advance(hours=1)
        peers = [channel.peer, *(node.new_peer() for _ in range(3))]
        for number, peer in enumerate(peers):
            node.peer_online(peer)
            transport = "tor" if number else "clearnet"
            node.channel_notifier.send_update(PeerDescribedEvent(peer, None, transport))
        for peer in peers[1:]:
            node.peer_offline(peer)
        node.advance(hours=1)
        node.channel_notifier.send_update(MonitoringPausedEvent())
    return path


def cells(path: Path) -> Iterator[Cell]:
    with closing(sqlite3.connect(path)) as database:
        tables = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        for (table,) in tables:
            assert database.execute(f"SELECT count(*) FROM {table}").fetchone()[0], table
            for _, name, kind, *_ in database.execute(f"PRAGMA table_info({table})"):
                yield Cell(table, name, kind == "TEXT")


def test_no_text_of_a_database_controls_a_terminal_or_a_spreadsheet(
    untouched: Path, tmp_path: Path, capsys: Printed
) -> None:
    """Try each text in each column of text, and one in each other column; it may be refused."""
    path = tmp_path / "fitness.db"
    shown = []  # the cases accepted by every view and format
    for number, cell in enumerate(cells(untouched)):
        for text in texts_for(cell, number):
            if put(untouched, path, cell, text) and all_is_harmless(path, capsys):
                shown.append((cell.table, cell.column, text))
    assert {("closed_channels", "channel_point", text) for text in HOSTILE} <= set(shown)


def texts_for(cell: Cell, number: int) -> list[str]:
    """All texts for one column, and in the short run some for each other one."""
    if not cell.is_text:
        return [ESCAPES]
    every = 1 if cell[:2] == ("closed_channels", "channel_point") else length(4, 1)
    return HOSTILE[number % every :: every]


def put(untouched: Path, path: Path, cell: Cell, text: str) -> bool:
    """Make a database with ``text`` in a column; return whether SQLite accepts it there."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(untouched)) as old, closing(sqlite3.connect(path)) as new:
        old.backup(new)
        try:
            new.execute(f"UPDATE {cell.table} SET {cell.column} = ?", [text])
        except sqlite3.IntegrityError:
            return False
        new.commit()
    return True


def all_is_harmless(path: Path, capsys: Printed) -> bool:
    """Assert that each view in each format is harmless; return whether all were shown."""
    refused = 0
    for view in VIEWS:
        for form in FORMATS:
            status = main(["show", str(path), *filter(None, [view, form])])
            out, err = capsys.readouterr()
            assert is_harmless(out), out
            assert is_harmless(err), err
            assert status == (2 if err else 0)
            if not err and form == "--csv":
                assert not any(cell.startswith(FORMULAS) for cell in csv_cells(out))
            refused += status
    for options in ([], ["--by", "hour"]):
        main(["show", str(path), str(vertex(1)), *options])
        assert all(is_harmless(text) for text in capsys.readouterr())
    return not refused


def is_harmless(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n")) and not any(
        unicodedata.bidirectional(each) in ("R", "AL", "AN") for each in text
    )


def csv_cells(text: str) -> list[str]:
    return [cell for row in csv.reader(io.StringIO(text)) for cell in row]


# The gate of each format.


NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)


def snapshot_of(text: str) -> Overview:
    """A snapshot whose only foreign text is ``text``."""
    hour = timedelta(hours=1)
    channel = ClosedChannel(
        text, ALICE, hour, hour, START, START + hour, False, hour, "1x1x1", text
    )
    return Overview(NOW, True, timedelta(0), (), None, (), closed=(channel,))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_one_readable_line(text: str) -> None:
    heading, heads, row = report(CLOSED, snapshot_of(text)).render("text", None).split("\n")
    assert (heading.split()[0], heads.split()[0]) == ("1", "ALIAS")
    assert row.isprintable()
    readable = [part for part in text.split() if printable(part) == part]
    assert all(part in row for part in readable)


@pytest.mark.parametrize("text", HOSTILE)
def test_json_has_the_unchanged_text(text: str) -> None:
    printed = report(CLOSED, snapshot_of(text)).render("json", None)
    assert is_harmless(printed)
    (row,) = json.loads(printed)["closed_channels"]
    assert row["channel_point"] == row["alias"] == text


@pytest.mark.parametrize("text", HOSTILE)
def test_csv_has_no_formulas(text: str) -> None:
    printed = report(CLOSED, snapshot_of(text)).render("csv", None)
    _, row = printed.split("\n")
    assert is_harmless(printed)
    assert not any(cell.startswith(FORMULAS) for cell in csv_cells(row))


@pytest.mark.parametrize("text", HOSTILE)
def test_text_formatted_by_columns_is_escaped(text: str) -> None:
    """In every table, for every column."""
    column = Column("closed", lambda row: row.channel.closed, "CLOSED", lambda _: text)
    for table in (CLOSED, LIVE, PEERS):
        shown = table._replace(columns=[column], rows=CLOSED.rows, names=1, shown=[])
        _, line = report(shown, snapshot_of("")).text_table(None)
        assert line.isprintable()
