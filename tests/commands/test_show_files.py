"""Files of ``chanfitness show``: other files than databases, and databases in use."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from chanfitness import ChannelEventStore, SqliteStorage
from chanfitness.commands.main import main
from chanfitness.testing import FakeNode

from ..support.stores import running
from ..support.terminal import printed_by, run, without_ages

Printed = pytest.CaptureFixture[str]


def nothing_saved(path: Path) -> None:
    path.touch()  # a file that existed before a start is kept
    storage = SqliteStorage(path)
    storage.open()
    storage.close()


def of_another(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE pictures (name)")


NO_DATABASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "no such file"),
    "rubbish": (lambda path: path.write_bytes(b"rubbish\n" * 1000), " database"),
    "short rubbish": (lambda path: path.write_bytes(b"rubbish\n"), " database"),
    "without a byte": (Path.touch, "nothing was saved yet"),
    "nothing saved": (nothing_saved, "nothing was saved yet"),
    "of another program": (of_another, "not a chanfitness database"),
    "a folder": (Path.mkdir, "unable to open"),
}


def files(folder: Path) -> dict[Path, bytes]:
    return {each: each.read_bytes() for each in folder.iterdir() if each.is_file()}


@pytest.mark.parametrize("kind", NO_DATABASES)
def test_files_that_are_not_databases_are_refused_and_left_unchanged(
    kind: str, tmp_path: Path, capsys: Printed
) -> None:
    make, reason = NO_DATABASES[kind]
    path = tmp_path / "fitness.db"
    make(path)
    before = files(tmp_path)
    assert main(["show", str(path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"chanfitness: {path}: ")
    assert reason in printed.err
    assert files(tmp_path) == before


# Beside a store.


def test_a_database_is_readable_while_a_store_uses_it(tmp_path: Path) -> None:
    path, node = str(tmp_path / "fitness.db"), FakeNode()
    node.open_channel(node.new_peer(online=True))
    with running(store_of(node, path)):
        node.advance(hours=2)
    saved = without_ages(run("show", path).stdout.decode())
    with running(store_of(node, path)):
        node.advance(hours=1)
        assert without_ages(run("show", path).stdout.decode()) == saved
    assert b"    3h 0m   3h 0m  100.00% " in run("show", path).stdout


def test_an_uncommitted_write_is_not_shown(tmp_path: Path) -> None:
    path, node = str(tmp_path / "fitness.db"), FakeNode()
    node.open_channel(node.new_peer(online=True))
    with running(store_of(node, path)):
        node.advance(hours=2)
    saved = printed_by("show", path)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM channels")
        assert without_ages(printed_by("show", path)) == without_ages(saved)
        writer.execute("COMMIT")
    assert printed_by("show", path).startswith("0 open channels")


def store_of(node: FakeNode, path: str) -> ChannelEventStore:
    storage, history = SqliteStorage(path), timedelta(days=90)
    return ChannelEventStore(replace(node.config, storage=storage, history=history))


def test_a_window_goes_with_channels_outages_and_peers_only() -> None:
    for view in ("--advice", "--blind", "--closed"):
        done = run("show", "x.db", view, "--window", "7d")
        assert (done.returncode, done.stdout) == (2, b"")
        assert f"--window does not go with {view}".encode() in done.stderr
    with pytest.raises(SystemExit):
        main(["show", "x.db", "--closed", "--window", "7d"])
