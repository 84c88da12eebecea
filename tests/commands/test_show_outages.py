"""Outages: one row per peer, the newest first, with local dates."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time

from chanfitness import OpenChannel
from chanfitness.recording.format import format_time
from chanfitness.testing import FakeNode

from ..support.made_up_nights import (
    BLIND,
    LENGTH,
    PEERS,
    between,
    common,
    make_nights,
    moment,
    total,
)
from ..support.made_up_peers import MINUTE, MadeUpPeer, make_database
from ..support.persistent_stores import DAY, HOUR, ZERO, watching
from ..support.terminal import printed_by, rows_shown, shown_on_terminal
from ..support.time_zones import BERLIN, machine_in
from ..support.values import START

Printed = pytest.CaptureFixture[str]
Row = dict[str, Any]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_nights(tmp_path_factory.mktemp("nights"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitness.db"


# Outages.


def outage_rows(database: str, *options: str) -> list[Row]:
    return rows_shown(database, "--outages", *options)


def by_habit(begin: timedelta, end: timedelta) -> list[list[object]]:
    """The alias, start, end and seconds of each outage, and whether it is cut at either edge."""
    found: list[list[object]] = []
    for peer in PEERS:
        life = [(max(begin, peer.opened[0]), end)]
        for went, back in peer.offline:
            gone = next((over for since, over in BLIND if since < went < over), went)
            for first, over in common([(gone, back)], life):
                seen = over - first - total(common([(first, over)], BLIND))
                last = None if back > end == LENGTH else moment(over)
                cut = [gone < first, last is not None and back > end]
                found.append([peer.alias, moment(first), last, seen.total_seconds(), *cut])
    return found


def in_short(rows: Sequence[Row]) -> list[list[object]]:
    names = ["alias", "start", "end", "duration_seconds", "cut", "cut_end"]
    return [[row[name] for name in names] for row in rows]


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (ZERO, LENGTH),
        (DAY + HOUR, 2.5 * DAY),
        (2 * DAY, 3 * DAY),  # exactly an outage
        (3 * DAY, 4 * DAY),  # from its end to the beginning of another
        (6.5 * DAY, 7 * DAY - 2 * HOUR),  # within one
        (8 * DAY, LENGTH),
    ],
)
def test_each_outage_of_a_peer_is_one_row(begin: timedelta, end: timedelta, database: str) -> None:
    rows = outage_rows(database, *between(begin, end))
    assert sorted(in_short(rows), key=str) == sorted(by_habit(begin, end), key=str)


def test_the_newest_outages_come_first_after_those_that_last(database: str) -> None:
    rows = outage_rows(database)
    assert [row["end"] is None for row in rows] == [True] + [False] * (len(rows) - 1)
    starts = [row["start"] for row in rows[1:]]
    assert starts == sorted(starts, reverse=True)
    first, *_ = outage_rows(database, *between(None, 7 * DAY - 2 * HOUR))
    assert (first["alias"], first["end"]) == ("twice", moment(7 * DAY - 2 * HOUR))
    assert outage_rows(database, "--limit", "3") == rows[:3]


def test_an_outage_lists_the_channels_concerned(database: str) -> None:
    names = {
        row["start"]: row["channels"]
        for row in outage_rows(database, "twice", "--to", "2027-01-01")
    }
    assert names == {
        moment(2 * DAY): ["700003x2x0", "700004x2x1"],
        moment(6 * DAY): ["700003x2x0", "700004x2x1"],
    }
    (row,) = csv.DictReader(io.StringIO(printed_by("show", database, "gone", "--outages", "--csv")))
    assert (row["channels"], row["end"], row["cut"]) == ("700006x3x0", "", "False")


def test_outages_of_a_channel_are_clipped_to_its_life(database: str) -> None:
    first, second = outage_rows(database, "700004x2x1")
    assert second["channels"] == ["700004x2x1"]
    assert (second["start"], second["end"]) == (moment(2.5 * DAY), moment(3 * DAY))
    assert (second["cut"], second["duration_seconds"]) == (True, 12 * 3600)
    assert first["duration_seconds"] == 46 * 3600
    assert outage_rows(database, "700005x2x2") == []  # it opened later


# Closed channels.


def closed_while_away(node: FakeNode, path: Path, **settings: Any) -> OpenChannel:
    """A channel that closed two hours after its peer went offline, two hours before its return."""
    channel = node.open_channel(node.new_peer(online=True))
    with watching(node, path, **settings):
        node.describe_channel(channel, short_channel_id="1x1x1")
        node.advance(hours=1)
        node.peer_offline(channel.peer)
        node.advance(hours=2)
        node.close_channel(channel)
        node.advance(hours=2)
        node.peer_online(channel.peer)
        node.advance(hours=1)
    return channel


def test_a_closed_channel_has_the_outages_of_its_life(path: Path) -> None:
    node = FakeNode()
    channel = closed_while_away(node, path)
    gone = node.clock.now() - 5 * HOUR
    for name in ("1x1x1", str(channel.channel_point)):
        (row,) = outage_rows(str(path), name)
        assert row["channels"] == ["1x1x1"]
        assert (row["start"], row["end"]) == (format_time(gone), format_time(gone + 2 * HOUR))
        assert (row["duration_seconds"], row["cut"], row["cut_end"]) == (7200, False, True)
    assert outage_rows(str(path)) == outage_rows(str(path), "1x1x1")
    after = format_time(gone + 3 * HOUR)
    assert outage_rows(str(path), "--from", after) == []
    (row,) = outage_rows(str(path), "--from", format_time(gone + HOUR))
    assert (row["cut"], row["duration_seconds"]) == (True, 3600)


def test_a_channel_gone_for_good_has_no_outages_but_a_note(path: Path) -> None:
    node = FakeNode()
    closed_while_away(node, path)
    with watching(node, path):
        node.advance(days=91)
    with watching(node, path):
        node.open_channel(node.new_peer())
    assert len(rows_shown(str(path), "--closed")) == 1
    heading, note = printed_by("show", str(path), "1x1x1", "--outages").splitlines()
    assert heading.startswith("0 outages as of ")
    assert note == "... and those of channels whose history was not kept"
    since = format_time(node.clock.now() - DAY)
    _, *notes = printed_by("show", str(path), "--outages", "--from", since).splitlines()
    assert note not in notes


def test_unlisted_outages_count_once_per_peer(path: Path) -> None:
    node = FakeNode()
    first = node.open_channel(node.new_peer(online=True))
    node.open_channel(first.peer)
    with watching(node, path, history_limit=4):
        for _ in range(10):
            node.advance(hours=23)
            node.peer_offline(first.peer)
            node.advance(hours=1)
            node.peer_online(first.peer)
    *_, note = printed_by("show", str(path), "--outages").splitlines()
    assert note == "... and 8 older ones, not kept one by one"
    assert len(outage_rows(str(path))) == 2


# Local times.


def lines_of(database: str, *options: str) -> list[str]:
    with freeze_time(START + LENGTH + HOUR):
        return printed_by("show", database, *options).splitlines()


def test_outages_have_local_dates_and_the_zone_is_named_once(database: str) -> None:
    with machine_in(BERLIN):
        heading, heads, first, second, *_ = lines_of(database, "--outages")
        assert heading == (
            f"12 outages as of {moment(LENGTH)}, 1h 0m ago; times are local, CET (UTC+01:00)"
        )
        assert heads.split() == ["ALIAS", "PEER", "CHANNELS", "START", "END", "OFFLINE"]
        assert first.split()[-5:] == ["2026-01-09", "13:00:00", "lasts", "1d", "12h"]
        assert "  2026-01-10 01:00:00  2026-01-10 07:00:00  " in second
        heading, _, _, second, *_ = lines_of(database, "--outages", "--utc")
        assert heading.endswith("; times are UTC")
        assert "  2026-01-10 00:00:00  2026-01-10 06:00:00  " in second
        _, _, blind, *_ = lines_of(database, "--blind")
        assert blind.startswith("2026-01-06 01:00:00  2026-01-06 02:00:00  1h 0m  all")


def test_cut_outages_are_marked_at_either_edge(database: str) -> None:
    options = between(DAY + HOUR, DAY + 2 * HOUR)
    _, _, line = lines_of(database, "--outages", "--utc", *options)
    assert "  before 2026-01-02 01:00:00  after 2026-01-02 02:00:00  " in line


def test_naive_moments_are_local(database: str) -> None:
    with machine_in(BERLIN):
        (row,) = outage_rows(database, "--from", "2026-01-02", "--to", "2026-01-03 00:00")
        assert (row["start"], row["end"]) == (moment(DAY), moment(DAY + 6 * HOUR))
        (row,) = outage_rows(database, "--from", "2026-01-02T06:30", "--to", "2026-01-03")
        assert (row["start"], row["cut"]) == (moment(DAY + 5.5 * HOUR), True)


def test_dates_around_a_clock_change_have_offsets(tmp_path: Path) -> None:
    begin = datetime(2026, 10, 24, tzinfo=timezone.utc)
    away = (DAY + 30 * MINUTE, DAY + 90 * MINUTE)  # from half past two to half past two
    path = make_database(
        tmp_path / "fitness.db", [MadeUpPeer("a", offline=[away])], 2 * DAY, start=begin
    )
    with machine_in(BERLIN):
        heading, _, line = lines_of(str(path), "--outages")
        assert heading.endswith("; times are local, with their offset from UTC")
        assert "  2026-10-25 02:30:00+02:00  2026-10-25 02:30:00+01:00  " in line


def on_a_terminal(database: str, *options: str) -> list[str]:
    with machine_in(BERLIN):
        return shown_on_terminal("show", database, *options, columns=200).splitlines()


@pytest.mark.parametrize("view", ["", "--closed", "--peers"])
def test_on_a_terminal_headings_are_local_unless_utc_is_requested(view: str, database: str) -> None:
    heading, *_ = on_a_terminal(database, *view.split())
    assert " as of 2026-01-11 01:00:00 CET (UTC+01:00), " in heading
    heading, *_ = on_a_terminal(database, *view.split(), "--utc")
    assert f" as of {moment(LENGTH)}, " in heading


def test_on_a_terminal_the_zone_of_outages_is_in_the_heading(database: str) -> None:
    heading, *_ = on_a_terminal(database, "--outages", "--from", "2026-01-02", "--to", "2026-01-03")
    assert " as of 2026-01-11 01:00:00 CET (UTC+01:00), " in heading
    assert heading.endswith(
        " ago, from 2026-01-02 00:00:00, until 2026-01-03 00:00:00; times are local"
    )
