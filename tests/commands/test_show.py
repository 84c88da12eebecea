"""``chanfitness show`` for people and programs."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time

from chanfitness import (
    ChannelEventStore,
    ManualClock,
    MonitoringPausedEvent,
    OutPoint,
    SqliteStorage,
    Vertex,
)
from chanfitness.commands.main import main
from chanfitness.recording.format import format_time, parse_time
from chanfitness.terminal.formatting import short_key, short_point
from chanfitness.testing import FakeNode

from ..support.paths import DATA
from ..support.stores import WAIT, running
from ..support.terminal import (
    answer_of,
    printed_by,
    rows_shown,
    run,
    shown_on_terminal,
)
from ..support.terminal_screen import uncoloured

RECORDING = DATA / "lnd-simnet-restarts.jsonl"
SUMS = ["channel_point", "peer", "lifetime_seconds", "uptime_seconds", "uptime_ratio"]
USABLE = ["usable_seconds", "unusable_seconds", "usable_ratio"]
NAMES = ["alias", "short_channel_id"]
DESCRIPTION = [*NAMES, "transport", "active", *USABLE, "capacity", "private"]
SPAN = ["since", "complete"]
COUNTS = ["blind_seconds", "outages", "longest_outage_seconds", "flap_count", "last_seen"]
VIEWS = {
    "": [*SUMS, *SPAN, *COUNTS, *DESCRIPTION, "until"],
    "--blind": ["start", "end", "duration_seconds", "of", "cause", "peers"],
    "--closed": [*SUMS, "opened", "closed", "closed_unseen", *NAMES, *USABLE],
    "--outages": [
        *["peer", "alias", "channels", "start", "end", "duration_seconds"],
        *["cut", "cut_end"],
    ],
    "--peers": [
        *["peer", "alias", "transport", "online", "since", "uptime_ratio", "usable_ratio"],
        *["outages", "longest_outage_seconds", "flap_count", "channels", "last_flap"],
        *["uptime_ratio_1d", "uptime_ratio_7d", "uptime_ratio_30d", "trend"],
        *["complete", "figures_since"],
    ],
}
EACH_VIEW = pytest.mark.parametrize("view", VIEWS)

Printed = pytest.CaptureFixture[str]
Row = dict[str, Any]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The database of a replayed recording."""
    path = str(tmp_path_factory.mktemp("show") / "fitness.db")
    assert main(["replay", str(RECORDING), "--db", path]) == 0
    return path


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "fitness.db")


@contextmanager
def watching(node: FakeNode, path: str, **settings: Any) -> Iterator[ChannelEventStore]:
    """A running store of ``node`` with a database at ``path``."""
    config = replace(node.config, storage=SqliteStorage(path), **settings)
    with running(ChannelEventStore(config)) as store:
        yield store


def show(path: str, *options: str) -> str:
    return printed_by("show", path, *options)


# For a person.


def test_the_worst_channel_comes_first_and_columns_are_aligned(database: str) -> None:
    done = run("show", database, "--full")
    heading, heads, *table = done.stdout.decode().splitlines()
    assert (done.returncode, done.stderr) == (0, b"")
    assert heading.startswith("13 open channels as of 2026-11-22T11:50:07.536929Z, ")
    assert heads.split("  ")[0] == "CHANNEL POINT"
    assert {len(line) for line in table} == {len(heads)}
    ratios = [row["uptime_ratio"] for row in rows_shown(database)]
    assert ratios == sorted(ratios)
    assert [line.split()[0] for line in table] == [
        row["channel_point"] for row in rows_shown(database)
    ]


@pytest.mark.parametrize("view", [view for view in VIEWS if view != "--blind"])
@pytest.mark.parametrize("full", [[], ["--full"]])
@pytest.mark.parametrize("columns", [80, 200])
def test_a_table_fits_the_terminal(view: str, full: list[str], columns: int, database: str) -> None:
    names = [next(iter(row.values())) for row in rows_shown(database, *view.split())]
    text = shown_on_terminal("show", database, *view.split(), *full, columns=columns)
    heading, *table = uncoloured(text).splitlines()
    assert heading.startswith(f"{len(names)} ")
    assert max(map(len, table)) <= columns
    lines_a_row = len(table) // (1 + len(names))
    assert len(table) == (1 + len(names)) * lines_a_row
    if not full:
        names = [short_point(name) if ":" in name else short_key(name) for name in names]
    shown = [line.split()[0] for line in table[lines_a_row::lines_a_row]]
    if columns == 200 or full:
        assert shown == names
    else:
        assert [name[:6] for name in shown] == [name[:6] for name in names]


def test_offline_peers_come_first_then_the_worst(database: str) -> None:
    order = [(row["online"], row["uptime_ratio"]) for row in rows_shown(database, "--peers")]
    assert order == sorted(order)
    assert show(database, "--peers").startswith("5 peers as of 2026-11-22T11:50:07.5")


def test_closed_channels_and_outages_are_named_in_the_heading(database: str) -> None:
    assert show(database, "--closed").startswith("2 closed channels as of 2026-")
    assert show(database, "--outages").startswith("27 outages as of 2026-")
    assert show(database, "--outages", "--window", "1m").startswith("1 outage as of 2026-")


def test_each_blind_span_has_its_cause(path: str) -> None:
    node = FakeNode()
    node.open_channel(node.new_peer(online=True))
    with watching(node, path):
        node.advance(hours=1)
    node.advance(hours=1)
    with watching(node, path):
        node.advance(hours=1)
        node.channel_notifier.send_update(MonitoringPausedEvent())
        node.advance(hours=1)
    stopped, lasts = rows_shown(path, "--blind")
    begun = format_time(node.clock.now() - timedelta(hours=3))
    ended = format_time(node.clock.now() - timedelta(hours=2))
    assert list(stopped.values()) == [begun, ended, 3600, "all", "stopped", 1]
    assert list(lasts.values())[1:] == [None, 3600, "all", "source", 1]
    heading, heads, *rows = show(path, "--blind").splitlines()
    assert heading.startswith("2 blind spans as of ")
    assert heads.split() == ["START", "END", "BLIND", "OF", "CAUSE", "PEERS"]
    assert [line.split()[-3:] for line in rows] == [["all", "stopped", "1"], ["all", "source", "1"]]


def test_a_channel_that_was_found_missing_is_marked(path: str) -> None:
    node = FakeNode()
    seen, unseen = (node.open_channel(node.new_peer()) for _ in range(2))
    with watching(node, path):
        node.advance(hours=1)
        node.close_channel(seen)
    with watching(node, path, get_open_channels=list):
        node.advance(hours=1)
    rows = {row["channel_point"]: row["closed_unseen"] for row in rows_shown(path, "--closed")}
    assert rows == {str(seen.channel_point): False, str(unseen.channel_point): True}
    _, heads, first, second = show(path, "--closed").splitlines()
    assert heads.split()[-1] == "NOTE"
    assert (first.split()[-1], second.split()[-1]) == ("ago", "unseen")

    with watching(node, path, get_open_channels=lambda: [unseen]):
        pass
    (row,) = rows_shown(path, "--closed")
    assert row["channel_point"] == str(seen.channel_point)


def test_a_limit_keeps_the_worst_rows(database: str) -> None:
    lines = [line.split() for line in show(database).splitlines()]
    limited = [line.split() for line in show(database, "--limit", "3").splitlines()]
    assert limited == [*lines[:5], ["...", "and", "10", "more"]]
    assert show(database, "--limit", "13") == show(database)
    assert rows_shown(database, "--limit", "3") == rows_shown(database)[:3]


@pytest.mark.parametrize(("limit", "more"), [([], 0), (["--limit", "3"], 10), (["--limit=99"], 0)])
def test_json_says_how_many_rows_a_limit_left_out(
    limit: list[str], more: int, database: str
) -> None:
    answer = answer_of("show", database, *limit)
    assert list(answer) == ["as_of", "age_seconds", "sees", "more", "channels"]
    assert (answer["more"], len(answer["channels"])) == (more, 13 - more)


@pytest.mark.parametrize("text", ["-1", "many", "1.5", ""])
def test_a_bad_count_is_an_error(text: str, database: str, capsys: Printed) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["show", database, f"--limit={text}"])
    printed = capsys.readouterr()
    assert (raised.value.code, printed.out) == (2, "")
    assert "argument --limit: bad count '" in printed.err


# For a program.


@EACH_VIEW
def test_json_and_csv_have_the_same_rows_in_the_same_order(view: str, database: str) -> None:
    with freeze_time("2026-11-23"):
        *circumstances, more, (_, in_json) = answer_of("show", database, *view.split()).items()
        in_csv = list(csv.DictReader(io.StringIO(show(database, *view.split(), "--csv"))))
    assert [name for name, _ in circumstances] == ["as_of", "age_seconds", "sees"]
    assert more == ("more", 0)
    assert in_json
    assert [list(row) for row in in_json] == [VIEWS[view]] * len(in_json)
    assert in_csv == [
        {
            name: ""
            if value is None
            else " ".join(value)
            if isinstance(value, list)
            else str(value)
            for name, value in [*row.items(), *circumstances]
        }
        for row in in_json
    ]


@pytest.mark.parametrize("window", [[], ["--window", "5m"]])
def test_outages_add_up_to_the_offline_time(window: list[str], database: str) -> None:
    for row in rows_shown(database, *window):
        found = rows_shown(database, "--outages", row["channel_point"], *window)
        of_channel = [timedelta(seconds=each["duration_seconds"]) for each in found]
        offline = timedelta(seconds=row["lifetime_seconds"] - row["uptime_seconds"])
        assert len(of_channel) == row["outages"]
        assert sum(of_channel, timedelta(0)) == offline
        longest = None if not of_channel else max(of_channel).total_seconds()
        assert row["longest_outage_seconds"] == longest


@pytest.mark.parametrize(
    "text", ["7", "7y", "-1d", "1.5h", "", "7 d", "9999999d", "7\N{ARABIC-INDIC DIGIT THREE}d"]
)
def test_a_bad_period_is_an_error(text: str, database: str, capsys: Printed) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["show", database, f"--window={text}"])
    printed = capsys.readouterr()
    assert (raised.value.code, printed.out) == (2, "")
    assert "argument --window: bad period '" in printed.err
    assert "': expected one like 7d or 12h" in printed.err


@pytest.mark.parametrize("text", ["7d", "999999w", "500000m"])
def test_a_window_longer_than_its_life_covers_all_of_a_channel(text: str, database: str) -> None:
    of_window, of_all = rows_shown(database, "--window", text), rows_shown(database)
    for row in (*of_window, *of_all):
        del row["flap_count"]  # over all time it decays and includes earlier flaps
    assert of_window == of_all


# Compared with a store's own answers.


@pytest.mark.parametrize("window", [None, timedelta(minutes=5)])
def test_figures_agree_with_a_store_that_continues_the_database(
    window: timedelta | None, database: str, path: str
) -> None:
    options = [] if window is None else ["--window", f"{window.seconds}s"]
    shown = rows_shown(database, *options)
    online = [row["peer"] for row in rows_shown(database, "--peers") if row["online"]]
    with closing(sqlite3.connect(database)) as old, closing(sqlite3.connect(path)) as new:
        old.backup(new)
    with watching(node_of(shown, online), path, history=timedelta(days=90)) as store:
        for row in shown:
            point = OutPoint.parse(row["channel_point"])
            history = store.get_history(point, window=window, timeout=WAIT)
            sums = [history.lifetime, history.uptime, history.blind]
            names = ["lifetime_seconds", "uptime_seconds", "blind_seconds"]
            assert [row[name] for name in names] == [each.total_seconds() for each in sums]
            assert [
                (each["start"], each["end"], each["duration_seconds"])
                for each in reversed(rows_shown(database, "--outages", str(point), *options))
            ] == [
                (format_time(start), end and format_time(end), seen.total_seconds())
                for start, end, seen in history.outages
            ]


def node_of(channels: list[Row], online: list[str]) -> FakeNode:
    """A node with these channels and peers, at the end of the recording."""
    node = FakeNode(ManualClock(parse_time("2026-11-22T11:50:07.536929Z")))
    for peer in online:
        node.peer_online(Vertex.parse(peer))
    for row in channels:
        node.open_channel(Vertex.parse(row["peer"]), OutPoint.parse(row["channel_point"]))
    return node


# Stores with other settings than the command's.


def test_without_a_history_only_totals_are_shown(path: str) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    with watching(node, path, history=None):
        node.advance(seconds=10)
        node.peer_offline(channel.peer)
        node.advance(seconds=30)
    (row,) = rows_shown(path)
    assert (row["lifetime_seconds"], row["uptime_seconds"]) == (40, 10)
    assert not row["outages"]
    assert rows_shown(path, "--outages") == []


def test_totals_are_exact_after_changes_were_dropped(
    tmp_path: Path,
) -> None:
    path, node = str(tmp_path / "fitness.db"), FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    with watching(node, path, history=timedelta(days=1)):
        flap(node, channel.peer, 50)
    (row,) = rows_shown(path)
    assert (row["lifetime_seconds"], row["uptime_seconds"]) == (100 * 3600, 50 * 3600)
    (row,) = rows_shown(path, "--window", "10h")
    assert (row["lifetime_seconds"], row["uptime_seconds"]) == (10 * 3600, 5 * 3600)


def test_all_kept_history_is_shown_whatever_the_limit_of_the_store(path: str) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    with watching(node, path, history=timedelta(days=36500), history_limit=50_000):
        flap(node, channel.peer, 6000)
    (row,) = rows_shown(path)
    assert row["outages"] == 6000
    (row,) = rows_shown(path, "--window", "11990h")
    assert (row["lifetime_seconds"], row["outages"]) == (11990 * 3600, 5995)


def flap(node: FakeNode, peer: Vertex, times: int) -> None:
    """An hour online and an hour offline, ``times`` times."""
    for _ in range(times):
        node.advance(hours=1)
        node.peer_offline(peer)
        node.advance(hours=1)
        node.peer_online(peer)
