"""``show DB NAME`` and ``--by hour``, in each format and encoding."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from chanfitness.commands.main import main
from chanfitness.testing import FakeNode

from ..support.made_up_peers import DAY, HOUR, MadeUpPeer, make_database
from ..support.persistent_stores import watching
from ..support.terminal import (
    COMMAND,
    TIMEOUT,
    answer_of,
    printed_by,
    run,
    shown_on_terminal,
)
from ..support.time_zones import BERLIN, machine_in
from ..support.values import outpoint, vertex

ALIAS = "\u6f22\u5b57"
SUNDAY = datetime(2026, 10, 25, tzinfo=timezone.utc)  # clocks go back in Berlin
LENGTH = 14 * DAY
AWAY = [(HOUR / 2, 2 * HOUR), (9 * DAY, 9 * DAY + 6 * HOUR)]
Printed = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("one") / "fitness.db"
    peers = [MadeUpPeer(ALIAS, "tor", AWAY), MadeUpPeer("other")]
    return str(make_database(file, peers, LENGTH, start=SUNDAY))


# The screen of one peer.


def test_the_screen_of_one_peer_is_in_local_time(path: str) -> None:
    with machine_in(BERLIN):
        lines = printed_by("show", path, ALIAS).splitlines()
    assert lines[0] == ALIAS
    assert f"key        {vertex(1)}" in lines
    assert "2026-10-25 02:30:00 CEST  2026-10-25 03:00:00 CET  1h 30m" in lines
    bands = [line for line in lines if line.startswith(("▃", "█", "▂", "▁", "▅", "▄"))]
    assert [len(band) for band in bands] == [80]
    assert "2026-10-25 02:00 to 2026-11-08 01:00 CET, 4h 12m per character" in lines


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_the_screen_fits_the_terminal(columns: int, path: str) -> None:
    for options in (["--window", "3d"], ["--by", "hour"]):
        lines = shown_on_terminal("show", path, "other", *options, columns=columns).splitlines()
        assert max(map(len, lines)) <= columns
        if "--by" not in options:
            assert "\u00b7" * columns in lines


def test_json_and_csv_of_one_peer_are_rows(path: str) -> None:
    (row,) = answer_of("show", path, ALIAS)["channels"]
    assert row["channel_point"] == str(outpoint(1))
    table = printed_by("show", path, "--csv")
    heads, row_of_one = printed_by("show", path, ALIAS, "--csv").splitlines()
    assert heads == table.splitlines()[0]
    assert row_of_one.split(",")[0] == str(outpoint(1))


def test_views_list_only_rows_with_that_name(path: str) -> None:
    for view, count in (("--outages", 2), ("--peers", 1), ("--closed", 0)):
        assert printed_by("show", path, ALIAS, view).split()[0] == str(count)


def test_a_closed_channel_is_shown_by_its_name(tmp_path: Path, capsys: Printed) -> None:
    node, file = FakeNode(), tmp_path / "fitness.db"
    with watching(node, file):
        channel = node.open_channel(node.new_peer(online=True))
        node.describe_channel(channel, short_channel_id="7x7x7")
        node.advance(hours=1)
        node.close_channel(channel)
        node.advance(hours=1)
    lines = printed_by("show", str(file), "7x7x7").splitlines()
    assert f"channel   {channel.channel_point}" in lines
    assert "online    100.00%" in lines
    assert "It has no open channels. Its closed channels:" in printed_by(
        "show", str(file), str(channel.peer)
    )
    assert main(["show", str(file), "7x7x7", "--by", "hour"]) == 2
    assert capsys.readouterr().err.endswith("are not known: it has no open channel\n")


def printed_in(encoding: str, *arguments: str) -> str:
    done = subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        timeout=TIMEOUT,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    return done.stdout.decode(encoding)


@pytest.mark.parametrize("options", [[], ["--by", "hour"]])
def test_an_ascii_output_gets_ascii(options: list[str], path: str) -> None:
    plain = printed_in("ascii", "show", path, ALIAS, *options)
    assert plain.splitlines()[0] == "\\u6f22\\u5b57"
    assert printed_in("latin-1", "show", path, ALIAS, *options).isascii()
    whole = printed_in("utf-8", "show", path, ALIAS, *options)
    assert whole.splitlines()[0] == ALIAS
    assert len(whole.splitlines()) == len(plain.splitlines())
    assert "▁" in whole


# By hour.


def test_json_and_csv_have_each_hour_of_the_week(path: str) -> None:
    with machine_in(BERLIN):
        answer = answer_of("show", path, ALIAS, "--by", "hour")
        table = printed_by("show", path, "--by", "hour", ALIAS, "--csv")
    assert list(answer)[:3] == ["as_of", "age_seconds", "sees"]
    assert (answer["as_of"], answer["sees"]) == ("2026-11-08T00:00:00.000000Z", True)
    hours = answer["hours"]
    assert len(hours) == 168
    names = ["weekday", "hour", "seen_seconds", "offline_seconds", "offline_ratio"]
    assert {tuple(each) for each in hours} == {tuple(names)}
    # 02:00 to 03:00 twice on the first Sunday, and once on the second
    sunday = {each["hour"]: each for each in hours if each["weekday"] == 6}
    assert list(sunday[2].values()) == [6, 2, 3 * 3600, 1800 + 3600, 0.5]
    assert sunday[3]["offline_seconds"] == 0
    offline = sum((end - begin for begin, end in AWAY), timedelta(0)).total_seconds()
    assert sum(each["offline_seconds"] for each in hours) == offline
    assert sum(each["seen_seconds"] for each in hours) == LENGTH.total_seconds()
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [[row[name] for name in names] for row in rows] == [
        [str(value) for value in each.values()] for each in hours
    ]
    assert list(rows[0])[5:] == ["as_of", "age_seconds", "sees"]


def test_hours_cover_the_window(path: str) -> None:
    hours = json.loads(printed_by("show", path, ALIAS, "--by", "hour", "--window", "5d", "--json"))
    assert sum(each["seen_seconds"] for each in hours["hours"]) == 5 * 86400
    assert sum(each["offline_seconds"] for each in hours["hours"]) == 6 * 3600


def test_text_is_a_grid(path: str) -> None:
    with machine_in(BERLIN):
        lines = printed_by("show", path, ALIAS, "--by", "hour").splitlines()
    assert lines[0] == ALIAS
    assert lines[-4] == "The worst hours:"
    (tuesday,) = [line for line in lines if line.startswith("Tue  ")]
    assert tuesday.split()[1] == "." + "▄" * 6 + "." * 17  # offline on one of two Tuesdays
    (sunday,) = [line for line in lines if line.startswith("Sun  ")]
    assert sunday.split()[1] == "..▄" + "." * 21


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ([], "--by hour needs a NAME"),
        (["other", "--peers"], "--by does not go with --peers"),
        (["other", "--limit", "3"], "--by does not go with --limit"),
        (["other", "--from", "2026-01-01"], "--by does not go with --from and --to"),
        (["other", "--by", "day"], "invalid choice: 'day'"),
    ],
)
def test_options_that_conflict_with_hours_are_refused(
    options: list[str], why: str, path: str, capsys: Printed
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["show", path, "--by", "hour", *options])
    assert ended.value.code == 2
    assert why in capsys.readouterr().err


def test_without_a_history_there_are_no_hours(tmp_path: Path) -> None:
    node, file = FakeNode(), tmp_path / "fitness.db"
    with watching(node, file, history=None):
        channel = node.open_channel(node.new_peer(online=True))
        node.advance(hours=1)
    done = run("show", str(file), str(channel.peer), "--by", "hour")
    assert done.returncode == 2
    assert done.stderr.decode().endswith("are not known: its history was not kept\n")
    assert main(["show", str(file), str(channel.peer)]) == 0


@pytest.mark.parametrize("options", [[], ["--by", "hour"]])
def test_an_unknown_name_is_refused(options: list[str], path: str, capsys: Printed) -> None:
    assert main(["show", path, "nobody", *options]) == 2
    assert capsys.readouterr().err == "chanfitness: no peer or channel is known as nobody\n"
    assert main(["show", path, "0200000000", *options]) == 2
    assert "0200000000 is ambiguous" in capsys.readouterr().err
