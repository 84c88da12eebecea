"""Ways to remove, replace or damage a database's files under a running store."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from chanfitness.storage.sqlite import read
from chanfitness.testing import FakeNode

from .persistent_stores import watching

Harm = Callable[[Path], object]

FILES = ("", "-wal", "-shm", "-lock")


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def remove(*suffixes: str) -> Harm:
    def harm(path: Path) -> None:
        for suffix in suffixes:
            beside(path, suffix).unlink()

    return harm


def move(*suffixes: str) -> Harm:
    def harm(path: Path) -> None:
        directory = path.with_name(f"moved-{len(list(path.parent.iterdir()))}")
        directory.mkdir()
        for suffix in suffixes:
            beside(path, suffix).rename(beside(directory / path.name, suffix))

    return harm


def rename(path: Path) -> None:
    path.rename(path.with_name(f"renamed-{len(list(path.parent.iterdir()))}.db"))


def replace_by_a_copy(path: Path) -> None:
    """Replace the file by a copy, as tools that synchronise files do."""
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    copy.rename(path)


def replace_by_another(path: Path) -> None:
    """Replace the file by another node's database, with a log beside it."""
    another = path.with_name("another.db")
    node = FakeNode()
    for _ in range(9):
        node.open_channel(node.new_peer(online=True))
    with watching(node, another):
        node.advance(hours=77)
        with closing(sqlite3.connect(another)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM state").fetchall()
            node.advance(hours=1)
    for suffix in ("", "-wal"):
        if beside(another, suffix).exists():
            beside(another, suffix).rename(beside(path, suffix))


def copy_an_older_one_over_it(path: Path) -> None:
    """Overwrite the content, as ``cp`` does, which keeps the file itself."""
    older = path.with_name("older.db")
    with watching(FakeNode(), older):
        pass
    path.write_bytes(older.read_bytes())


def copy_a_larger_one_over_it(path: Path) -> None:
    larger = path.with_name("larger.db")
    node = FakeNode()
    for _ in range(2000):
        node.open_channel(node.new_peer(online=True))
    with watching(node, larger):
        node.close_channel(node.open_channel(node.new_peer()))
    path.write_bytes(larger.read_bytes())


def vacuum(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE theirs AS SELECT zeroblob(99999)")
        database.execute("DROP TABLE theirs")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("VACUUM")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def replace_by_rubbish(path: Path) -> None:
    rubbish = path.with_name("rubbish")
    rubbish.write_bytes(b"rubbish\n" * 1000)
    rubbish.rename(path)


def replace_by_nothing(path: Path) -> None:
    empty = path.with_name("empty")
    empty.touch()
    empty.rename(path)


def replace_by_a_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere.db"))
    path.symlink_to("nowhere.db")


def truncate(size: int) -> Harm:
    def harm(path: Path) -> None:
        os.truncate(path, size)

    return harm


def overwrite_the_beginning(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(random.Random(1).randbytes(4096))


LOST: list[Harm] = [
    remove(*FILES),
    remove(""),
    remove("", "-wal", "-shm"),
    remove("", "-lock"),
    move(*FILES),
    move(""),
    rename,
    replace_by_a_copy,
    replace_by_another,
    replace_by_rubbish,
    replace_by_nothing,
    truncate(0),
    truncate(1),
    truncate(4096),
    overwrite_the_beginning,
    copy_an_older_one_over_it,
    copy_a_larger_one_over_it,
]
BESIDE: list[Harm] = [
    remove("-wal"),
    remove("-shm"),
    remove("-lock"),
    remove("-wal", "-shm", "-lock"),
    move("-wal"),
]
HARMLESS: list[Harm] = [
    lambda path: os.truncate(beside(path, "-wal"), 0),
    lambda path: path.chmod(0o640),
    lambda path: path.write_bytes(path.read_bytes()),
    vacuum,
    lambda path: read(path),
]
