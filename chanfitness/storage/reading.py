"""Read-only access and backups, also while a store writes the database."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from operator import attrgetter

from ..core.restore import closed_rows
from ..core.saved_state import ClosedRow, Saved
from ..errors import StorageError
from .connection import connect, typed_errors
from .file_lock import reading
from .migrations import VERSION, migrate
from .schema import check_pages, check_version, load, load_closed, transaction
from .validation import check_closed

_HELD = 5.0  # seconds to wait for another program
_PORTION = 256  # pages


def read(path: str | os.PathLike[str]) -> tuple[Saved | None, list[ClosedRow]]:
    """Return the saved state and all closed channels, the first closed first.

    Raise as :meth:`SqliteStorage.open`.
    """
    path = os.fspath(path)
    with typed_errors(path), _snapshot(path) as stored:
        version = check_version(path, stored)
        if not version:
            return None, []
        with _of_our_version(stored, version) as database:
            saved, closed = load(database), load_closed(database)
        may_return = [] if saved is None else closed_rows(saved)
        check_closed(may_return)
        return saved, sorted([*closed, *may_return], key=attrgetter("closed"))


@contextmanager
def _of_our_version(database: sqlite3.Connection, version: int) -> Iterator[sqlite3.Connection]:
    """Yield the database; of one with an earlier version, a migrated copy in memory."""
    if version == VERSION:
        yield database
        return
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
        database.backup(copy)
        migrate(copy, version)
        yield copy


def back_up(
    path: str | os.PathLike[str],
    target: str | os.PathLike[str],
    meanwhile: Callable[[], object] = lambda: None,
) -> None:
    """Copy a database as of its last flush into one new file, readable by its owner alone.

    After an error the new file is removed.

    Args:
        path: The database.
        target: The new file.
        meanwhile: Called after each MiB or so; an error that it raises ends the copy.

    Raises:
        StorageError: ``target`` exists or cannot be written; others as
            :meth:`SqliteStorage.open`.
    """
    path, target = os.fspath(path), os.fspath(target)
    with typed_errors(path), _snapshot(path) as database:
        check_version(path, database)
        check_pages(path, database)
        with (
            typed_errors(target),
            _new_file(target) as file,
            closing(connect(target, file, timeout=0)) as copy,
        ):
            database.backup(copy, pages=_PORTION, progress=lambda *_: meanwhile())
            copy.execute("PRAGMA journal_mode = DELETE")  # a log would be a second file
            check_pages(target, copy)


@contextmanager
def _snapshot(path: str) -> Iterator[sqlite3.Connection]:
    """Yield a connection that sees one state throughout."""
    file = os.path.realpath(path)
    if not os.path.exists(file):
        raise StorageError(f"{path}: no such file")
    with (
        reading(path, file),
        closing(connect(path, file, timeout=_HELD)) as database,
        transaction(database),
    ):
        yield database


@contextmanager
def _new_file(path: str) -> Iterator[str]:
    """Create an empty file and yield its path; remove the file if the body raises."""
    file = os.path.realpath(path)
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise StorageError(f"{path}: exists already: not overwritten") from None
    try:
        yield file
    except BaseException:
        for suffix in ("", "-journal", "-wal", "-shm"):
            with suppress(OSError):
                os.unlink(file + suffix)
        raise
