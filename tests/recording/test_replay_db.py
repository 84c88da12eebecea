"""``chanfitness replay --db``: recordings that fill a database one after the other."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chanfitness import SqliteStorage

from ..support.paths import DATA
from ..support.terminal import answer_of, run

RECORDING = DATA / "lnd-simnet-restarts.jsonl"
LINES = RECORDING.read_bytes().splitlines(keepends=True)
STOPS = [31, 36, 40, 47, 57, 62, 91]  # the last line of each segment


@pytest.fixture
def database(tmp_path: Path) -> str:
    return str(tmp_path / "fitness.db")


def part(tmp_path: Path, first: int, last: int) -> str:
    """Return a recording of these lines."""
    file = tmp_path / f"{first}-{last}.jsonl"
    file.write_bytes(b"".join(LINES[first - 1 : last]))
    return str(file)


def ageless(found: dict[str, Any]) -> dict[str, Any]:
    """Return an answer of ``show`` without its age, which grows."""
    return {name: found[name] for name in found if name != "age_seconds"}


def by_channel(found: dict[str, Any]) -> dict[str, tuple[float, float]]:
    return {
        row["channel_point"]: (row["lifetime_seconds"], row["uptime_seconds"])
        for row in found["channels"]
    }


def test_replay_prints_the_same_with_and_without_db_and_so_does_show(database: str) -> None:
    without = answer_of("replay", str(RECORDING))
    assert answer_of("replay", str(RECORDING), "--db", database) == without
    shown = answer_of("show", database)
    assert shown["as_of"] == without["as_of"]
    assert by_channel(shown) == by_channel(without)


def test_a_recording_continues_from_the_previous_one(database: str, tmp_path: Path) -> None:
    for before, stop in zip([0, *STOPS], STOPS, strict=False):
        printed = answer_of("replay", part(tmp_path, before + 1, stop), "--db", database)
    assert printed == answer_of("replay", str(RECORDING))
    whole = str(tmp_path / "whole.db")
    answer_of("replay", str(RECORDING), "--db", whole)
    for view in [], ["--outages"], ["--closed"], ["--window", "20m"]:
        assert ageless(answer_of("show", database, *view)) == ageless(
            answer_of("show", whole, *view)
        )


def test_standard_input_continues_from_a_database(database: str, tmp_path: Path) -> None:
    answer_of("replay", part(tmp_path, 1, STOPS[0]), "--db", database)
    done = run("replay", "-", "--db", database, "--json", stdin=b"".join(LINES[STOPS[0] :]))
    assert json.loads(done.stdout) == answer_of("replay", str(RECORDING))


@pytest.mark.parametrize(
    "moment",
    [
        "2026-11-22T11:18:33.904732Z",  # the first line
        "2026-11-22T11:24:00Z",  # blind
        "2026-11-22T11:40:00Z",
        "2026-11-22T11:50:07.536929Z",  # the last line
    ],
)
def test_the_heartbeat_is_the_time_of_at(moment: str, database: str) -> None:
    replayed = answer_of("replay", str(RECORDING), "--at", moment, "--db", database)
    shown = answer_of("show", database)
    assert shown["as_of"] == replayed["as_of"]
    assert by_channel(shown) == by_channel(replayed)
    assert by_channel(shown) == by_channel(answer_of("replay", str(RECORDING), "--at", moment))


def test_the_time_between_two_recordings_is_blind(database: str, tmp_path: Path) -> None:
    moment = ["--at", "2026-11-22T11:24:00Z"]
    answer_of("replay", str(RECORDING), *moment, "--db", database)
    answer_of("replay", part(tmp_path, 32, 91), "--db", database)
    assert by_channel(answer_of("show", database)) == by_channel(
        answer_of("replay", str(RECORDING))
    )


def test_a_database_in_use_is_refused(database: str) -> None:
    storage = SqliteStorage(database, timedelta(hours=1))
    storage.open()
    done = run("replay", str(RECORDING), "--db", database)
    storage.close()
    assert (done.returncode, done.stdout) == (2, b"")
    assert f"{database}: another store is writing it" in done.stderr.decode()


def test_a_failed_write_is_reported_and_sets_the_exit_status(database: str) -> None:
    answer_of("replay", part(Path(database).parent, 1, STOPS[0]), "--db", database)
    with closing(sqlite3.connect(database, isolation_level=None)) as backup:
        backup.execute("BEGIN EXCLUSIVE")
        done = run("replay", "-", "--db", database, stdin=b"".join(LINES[STOPS[0] :]))
    assert done.returncode == 1
    assert "since 2026-11-22T11:23:43Z is lost (channels: " in done.stderr.decode()
    assert b"open channels as of 2026-11-22T11:50:07" in done.stdout


def test_any_name_of_the_database_is_the_same_database(database: str) -> None:
    answer_of("replay", str(RECORDING), "--db", database)
    before = ageless(answer_of("show", database))
    for name in (f"{database}/", f"{database}//", f"{database}/.", f"{database}/../fitness.db"):
        again = run("replay", str(RECORDING), "--db", name)
        assert (again.returncode, again.stdout) == (2, b"")
        assert b"has all until 2026-11-22T11:50:07" in again.stderr
        assert ageless(answer_of("show", name)) == before


def test_a_file_that_is_no_database_is_refused_and_unchanged(database: str) -> None:
    Path(database).write_bytes(b"rubbish\n" * 1000)
    done = run("replay", str(RECORDING), "--db", database)
    assert (done.returncode, done.stdout) == (2, b"")
    assert f"chanfitness: {database}: " in done.stderr.decode()
    assert Path(database).read_bytes() == b"rubbish\n" * 1000


def test_a_file_that_is_no_recording_creates_no_database(database: str, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for file in "missing", "empty":
        assert run("replay", str(tmp_path / file), "--db", database).returncode == 2
    assert {each.name for each in tmp_path.iterdir()} == {"empty"}


def test_a_bad_line_ends_the_replay_and_earlier_lines_are_saved(
    database: str, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(b"".join(LINES[:50]) + b"{}\n")
    done = run("replay", str(bad), "--db", database)
    assert (done.returncode, done.stdout) == (2, b"")
    assert f"chanfitness: {bad}:51: " in done.stderr.decode()
    assert by_channel(answer_of("show", database)) == by_channel(
        answer_of("replay", part(tmp_path, 1, 50))
    )


def test_a_recording_is_not_counted_twice(database: str) -> None:
    assert run("replay", str(RECORDING), "--db", database).returncode == 0

    again = run("replay", str(RECORDING), "--db", database)

    assert (again.returncode, again.stdout) == (2, b"")
    assert b":1: begins at 2026-11-22T11:18:33" in again.stderr
    assert b"has all until 2026-11-22T11:50:07" in again.stderr
