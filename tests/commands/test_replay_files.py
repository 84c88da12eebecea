"""``chanfitness replay`` of several files, compressed files, and a killed replay."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from chanfitness.commands.main import main

from ..support.paths import DATA
from ..support.terminal import TIMEOUT, Terminal, answer_of, run, start

RECORDING = DATA / "lnd-simnet-restarts.jsonl"
LINES = RECORDING.read_bytes().splitlines(keepends=True)


@pytest.fixture
def parts(tmp_path: Path) -> list[str]:
    """The recording in three files, the second of them compressed."""
    files = [tmp_path / name for name in ("1.jsonl", "2.jsonl.gz", "3.jsonl")]
    files[0].write_bytes(b"".join(LINES[:36]))
    files[1].write_bytes(gzip.compress(b"".join(LINES[36:57])))
    files[2].write_bytes(b"".join(LINES[57:]))
    return [str(file) for file in files]


def test_all_files_are_replayed_as_one(parts: list[str], tmp_path: Path) -> None:
    whole, database = answer_of("replay", str(RECORDING)), str(tmp_path / "db")
    assert answer_of("replay", *parts) == whole
    assert answer_of("replay", *parts, "--db", database) == whole
    assert answer_of("show", database)["as_of"] == whole["as_of"]


def test_standard_input_may_be_one_of_the_files_and_compressed(parts: list[str]) -> None:
    first, second, third = parts
    done = run("replay", first, "-", third, stdin=Path(second).read_bytes())
    assert done.stdout == run("replay", str(RECORDING)).stdout


def test_a_missing_file_is_noticed_before_the_replay(
    parts: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = tmp_path / "db"
    assert main(["replay", *parts, "missing.jsonl", "--db", str(database)]) == 2
    assert "No such file or directory: 'missing.jsonl'" in capsys.readouterr().err
    assert not database.exists()


def test_a_bad_file_is_named(
    parts: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, cut, empty = (tmp_path / name for name in ("bad.jsonl", "cut.gz", "empty.jsonl"))
    bad.write_bytes(LINES[57] + b"{}\n")
    cut.write_bytes(gzip.compress(LINES[57])[:-9])
    empty.touch()
    for file, reason in (
        (bad, ":2: no field 'at'"),
        (cut, ":2: cannot be decompressed: "),
        (empty, ":1: empty: expected a monitoring_started"),
    ):
        assert main(["replay", *parts[:2], str(file)]) == 2
        assert f"chanfitness: {file}{reason}" in capsys.readouterr().err


def test_a_killed_replay_leaves_the_database_unchanged(tmp_path: Path) -> None:
    database, terminal = str(tmp_path / "db"), Terminal(80)
    assert run("replay", "-", "--db", database, stdin=b"".join(LINES[:36])).returncode == 0
    before = answer_of("show", database) | {"age_seconds": None}
    with start(["replay", "-", "--db", database], terminal) as process:
        assert process.stdin is not None
        process.stdin.write(b"".join(LINES[36:58]) + LINES[58] * 20_000)
        process.stdin.flush()
        terminal.read_until(b"replaying: 2 MiB")
        process.kill()
        process.wait(TIMEOUT)
    terminal.read_all()
    assert answer_of("show", database) | {"age_seconds": None} == before
    rest = run("replay", "-", "--db", database, stdin=b"".join(LINES[36:]))
    assert rest.stdout == run("replay", str(RECORDING)).stdout
