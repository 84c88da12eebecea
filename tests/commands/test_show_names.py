"""Names and usable time in every view, and views of one name."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import textwrap
from contextlib import closing
from datetime import timezone
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from chanfitness import OpenChannel, OutPoint, Vertex
from chanfitness.commands.main import main
from chanfitness.reports.formats import report
from chanfitness.reports.loading import load_database
from chanfitness.reports.tables import CHANNELS, CLOSED, OUTAGES, PEERS
from chanfitness.terminal.zones import Zone
from chanfitness.testing import FakeNode

from ..support.old_versions import as_version_3
from ..support.persistent_stores import DAY, watching
from ..support.terminal import printed_by, rows_shown

TABLES = {"": CHANNELS, "--closed": CLOSED, "--outages": OUTAGES, "--peers": PEERS}
EACH_VIEW = pytest.mark.parametrize("view", TABLES)
HOSTILE = [
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 family",
    "\u05d0\u05dc\u05d9\u05e1 \u0627\u0644\u064a\u0633",
    "\u202eright to left\u2066",
    "\x1b]0;title\x07\x1b[2J",
    "one\ntwo\r\nthree",
    "</script><script>alert(1)",
    "=1+1",
    "e\u0301\u0302\u0303\u0304lan",
    "\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57",
    "nul\0nul",
    "x" * 30 + "\u6f22\u5b57",
    "\U0001f1e8\U0001f1ed flag \U0001f1e8",
    "\U0001f44d\U0001f3fd \u2764\ufe0f 1\ufe0f\u20e3",
    "Twin",
    "Twin",
    "",
    "  ",
]

Printed = pytest.CaptureFixture[str]


class Known:
    """A database with a closed channel, and an open one per alias, whose peer was away once."""

    def __init__(self, path: Path, aliases: list[str], **changed: Any) -> None:
        self.path, node = str(path), FakeNode()
        self.channels: list[OpenChannel] = []
        self.closed: list[OpenChannel] = []
        with watching(node, path, **changed):
            for number, alias in enumerate(aliases, 1):
                peer = Vertex(b"\x02" + bytes([16 * number % 256, number] * 16))
                node.peer_online(peer)
                node.describe_peer(peer, alias=alias, transport="tor")
                for channels, output in ((self.channels, 0), (self.closed, 1)):
                    point = OutPoint(bytes([0xA0 + number, number] * 16).hex(), output)
                    channel = node.open_channel(peer, point)
                    channels.append(channel)
                    node.describe_channel(
                        channel,
                        short_channel_id=f"70000{number}x{number}x{output}",
                        capacity=100_000 * number,
                        private=bool(number % 2),
                    )
                    node.channel_active(channel)
            node.advance(hours=7)
            for channel in self.channels:
                node.channel_inactive(channel)
                node.advance(hours=1)
                node.peer_offline(channel.peer)
                node.advance(hours=1)
                node.peer_online(channel.peer)
                node.channel_active(channel)
            for channel in self.closed:
                node.close_channel(channel)
            node.advance(hours=1)

    def rows(self, *options: str) -> list[dict[str, Any]]:
        return rows_shown(self.path, *options)


@pytest.fixture
def known(tmp_path: Path) -> Known:
    return Known(tmp_path / "fitness.db", ["ACINQ", "Bob's node", "Twin", "twin"])


# JSON and CSV.


def test_json_describes_channels(known: Known) -> None:
    (row,) = known.rows("ACINQ")
    described = {
        "alias": "ACINQ",
        "short_channel_id": "700001x1x0",
        "transport": "tor",
        "active": True,
        "lifetime_seconds": 16 * 3600,
        "uptime_seconds": 15 * 3600,
        "usable_seconds": 14 * 3600,
        "unusable_seconds": 3600,
        "usable_ratio": 14 / 16,
        "capacity": 100_000,
        "private": True,
    }
    assert {name: row[name] for name in described} == described


def test_json_describes_closed_channels_outages_and_peers(known: Known) -> None:
    (closed,) = known.rows("--closed", "acinq")
    assert (closed["alias"], closed["short_channel_id"]) == ("ACINQ", "700001x1x1")
    assert (closed["usable_seconds"], closed["unusable_seconds"]) == (14 * 3600, 0)
    assert closed["usable_ratio"] == closed["uptime_ratio"] == 14 / 15
    (outage,) = known.rows("--outages", "acinq")
    assert (outage["alias"], outage["channels"]) == ("ACINQ", ["700001x1x0", "700001x1x1"])
    (peer,) = known.rows("--peers", "acinq")
    assert (peer["alias"], peer["transport"]) == ("ACINQ", "tor")


def test_usable_time_is_that_of_the_window(known: Known) -> None:
    (row,) = known.rows("ACINQ", "--window", "8h")
    assert (row["unusable_seconds"], row["usable_seconds"]) == (0, 7 * 3600)
    (row,) = known.rows("ACINQ", "--window", "9h")
    assert (row["unusable_seconds"], row["usable_ratio"]) == (3600, 7 / 9)


# Text.


def test_names_come_first_and_keys_are_cut(known: Known) -> None:
    _, heads, *lines = printed_by("show", known.path).splitlines()
    names, figures = heads.split("LIFETIME")
    assert " ".join(names.split()) == "ALIAS SHORT ID CHANNEL POINT PEER"
    assert " ".join(figures.split()) == "UPTIME ONLINE USABLE OUTAGES LONGEST FLAPS LAST SEEN"
    assert [line.split("  ")[0] for line in sorted(lines)] == [
        "ACINQ",
        "Bob's node",
        "Twin",
        "twin",
    ]
    (acinq,) = [line for line in lines if line.startswith("ACINQ")]
    assert acinq.split()[1:4] == ["700001x1x0", "a101a101...a101:0", "02100110...1001"]


def test_keys_can_be_shown_whole(known: Known) -> None:
    shown = printed_by("show", known.path, "--full")
    for point, peer in known.channels:
        assert f"  {point}  {peer}  " in shown


def test_transports_are_in_the_table_of_peers(known: Known) -> None:
    _, heads, *lines = printed_by("show", known.path, "--peers").splitlines()
    begin = heads.index("TRANSPORT")
    end = begin + len("TRANSPORT")
    assert heads.startswith("ALIAS")
    assert {line[begin:end].strip() for line in lines} == {"tor"}


def test_empty_name_columns_are_left_out(tmp_path: Path) -> None:
    path, node = tmp_path / "fitness.db", FakeNode()
    with watching(node, path):
        node.open_channel(node.new_peer(online=True))
        node.advance(hours=1)
    _, heads, _ = printed_by("show", str(path)).splitlines()
    assert heads.startswith("CHANNEL POINT")
    _, heads, _ = printed_by("show", str(path), "--peers").splitlines()
    assert heads.startswith("PEER")


def test_usable_time_is_unknown_in_databases_of_older_versions(known: Known) -> None:
    with closing(sqlite3.connect(known.path)) as database:
        as_version_3(database)
        database.commit()
    note = (
        "- in USABLE: recorded by an older version, which did not track whether channels are usable"
    )
    for view in ("", "--closed", "--peers"):
        assert {row["usable_ratio"] for row in known.rows(*view.split())} == {None}
        *lines, last = printed_by("show", known.path, *view.split()).splitlines()
        assert last == note
        assert all(" - " in line or line.endswith(" -") for line in lines[2:])
    assert note not in printed_by("show", known.path, "--outages")


@EACH_VIEW
@pytest.mark.parametrize("columns", [40, 80, 120, 200])
def test_hostile_names_are_escaped_and_aligned_and_figures_are_whole(
    view: str, columns: int, tmp_path: Path
) -> None:
    overview = load_database(Known(tmp_path / "fitness.db", HOSTILE).path, outages=True)
    told = report(TABLES[view], overview, overview.as_of + 123 * DAY)
    told = told._replace(zone=Zone(timezone.utc))
    heading, *whole = told.render("text", None).split("\n")
    lines = told.render("text", columns).split("\n")
    begun = len(textwrap.wrap(heading, columns))
    assert " ".join(lines[:begun]) == heading
    lines = lines[begun:]
    assert all(line.isprintable() for line in lines)
    assert max(map(cell_len, lines)) <= columns
    height = len(lines) // (1 + len(HOSTILE))
    assert len(lines) == height * (1 + len(HOSTILE))
    figures = lines[height - 1 :: height]
    if view != "--closed":  # its last column is empty
        assert len({cell_len(line) for line in figures}) == 1
    text = [" ".join(lines[height * row :][:height]) for row in range(1, 1 + len(HOSTILE))]
    for line, expected in zip(text, whole[1:], strict=True):
        assert line.split()[-4:] == expected.split()[-4:]
    twins = [line for line in text if line.startswith("Twin")]
    assert len({line.split()[1] for line in twins}) == 2


@EACH_VIEW
def test_hostile_names_are_safe_for_programs(view: str, tmp_path: Path) -> None:
    known = Known(tmp_path / "fitness.db", HOSTILE)
    aliases = sorted(row["alias"] for row in known.rows(*view.split()))
    assert aliases == sorted(alias.encode()[:32].decode("utf-8", "ignore") for alias in HOSTILE)
    cells = [
        row["alias"]
        for row in csv.DictReader(
            io.StringIO(printed_by("show", known.path, *view.split(), "--csv"))
        )
    ]
    assert "'=1+1" in cells
    assert all(cell.isprintable() and not cell.startswith("=") for cell in cells)


# Requests by name.


@pytest.mark.parametrize(
    "name",
    ["Bob's node", "bob", "700002x2x0", "02200", "a202a202...a202:0"],
)
@EACH_VIEW
def test_only_rows_of_the_named_peer_or_channel_are_shown(
    view: str, name: str, known: Known
) -> None:
    rows = known.rows(*view.split(), name)
    peer = known.channels[1].peer
    is_channel = "x" in name or ":" in name
    if view == "--closed" and is_channel:
        assert rows == []
    else:
        assert [row["peer"] for row in rows] == [str(peer)]
    printed = printed_by("show", known.path, *view.split(), name)
    if view:
        assert int(printed.split()[0]) == len(rows)
    else:  # the screen of one peer or channel
        assert printed.startswith("Bob's node\n")
        assert f"{peer}\n" in printed


def test_the_name_may_precede_or_follow_the_options(known: Known) -> None:
    assert known.rows("--window", "9h", "ACINQ") == known.rows("ACINQ", "--window", "9h")
    assert rows_shown(known.path, "ACINQ", "--limit", "1") == known.rows("ACINQ")[:1]
    before = json.loads(printed_by("show", known.path, "--json", "ACINQ"))
    assert before["channels"] == known.rows("ACINQ")


def test_a_channel_is_found_by_its_short_id_before_a_splice(tmp_path: Path) -> None:
    path, node = tmp_path / "fitness.db", FakeNode()
    with watching(node, path):
        channel = node.open_channel(node.new_peer(online=True))
        node.describe_channel(channel, short_channel_id="1x1x1")
        moved = node.move_channel(channel)
        node.describe_channel(moved, short_channel_id="2x2x2")
        node.advance(hours=1)
    for name in ("1x1x1", "2x2x2", str(moved.channel_point)):
        (row,) = rows_shown(str(path), name)
        assert row["short_channel_id"] == "2x2x2"


@EACH_VIEW
def test_an_ambiguous_name_is_refused_with_its_candidates(
    view: str, known: Known, capsys: Printed
) -> None:
    assert main(["show", known.path, "TWIN", *view.split()]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        "chanfitness: TWIN is ambiguous: Twin 02300330...3003, twin 02400440...4004\n"
    )


@EACH_VIEW
def test_an_unknown_name_is_refused(view: str, known: Known, capsys: Printed) -> None:
    assert main(["show", known.path, "nobody\x1b[2J", *view.split()]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "chanfitness: no peer or channel is known as nobody\\x1b[2J\n"
