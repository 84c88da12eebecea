"""SQLite connections, and the translation of SQLite's errors into this package's."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from ..checks import quoted
from ..errors import (
    ChanFitnessError,
    StorageCorruptError,
    StorageError,
    StorageInUseError,
    StorageUnwritableError,
)

_SMALLEST = 100  # bytes: the header of an SQLite database
_SIGNS_OF_DAMAGE = ("no such", "has no column", "decode", "malformed")


class HeldError(StorageInUseError):
    """Another program holds a lock of SQLite on the database."""


def connect(path: str, file: str, *, timeout: float) -> sqlite3.Connection:
    """Connect to the existing file ``file``; ``path`` is its name in errors.

    ``file`` has its symbolic links resolved. ``timeout``: seconds to wait for a lock that
    another program holds.
    """
    # Only SQLite may open an existing database: a close() would drop SQLite's locks.
    if 0 < os.stat(file).st_size < _SMALLEST and os.path.isfile(file):
        raise StorageCorruptError(f"{path}: damaged: not a database")  # SQLite takes it for empty
    return sqlite3.connect(
        f"file:{quote(os.fsencode(file))}?mode=rw",
        uri=True,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
    )


@contextmanager
def typed_errors(path: str) -> Iterator[None]:
    """Turn an error of SQLite, the system or a check into a ``StorageError``.

    A check of rows read raises ``ValueError``. Errors of any other type pass unchanged.
    """
    try:
        yield
    except ChanFitnessError:
        raise
    except sqlite3.Error as error:
        typed = _storage_error(path, error)
        if typed is None:
            raise
        raise typed from error
    except ValueError as error:
        raise StorageCorruptError(f"{path}: damaged: {quoted(str(error))}") from error
    except OSError as error:
        raise StorageUnwritableError(f"{path}: cannot be used: {error.strerror}") from error


def _storage_error(path: str, error: sqlite3.Error) -> StorageError | None:
    """Return the typed error; None if the error is in the call, not in the file."""
    text = str(error)
    if is_held(error):
        return HeldError(f"{path}: another program holds it")
    if is_damage(error):
        return StorageCorruptError(f"{path}: damaged: {quoted(text)}")
    if isinstance(error, sqlite3.OperationalError):
        return StorageUnwritableError(f"{path}: cannot be used: {text}")
    return None


def is_held(error: sqlite3.Error) -> bool:
    """Return whether the error says that another connection holds a lock."""
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether the error says that the file is damaged or not a database."""
    if isinstance(error, sqlite3.OperationalError):
        return any(sign in str(error) for sign in _SIGNS_OF_DAMAGE)
    return type(error) in (sqlite3.DatabaseError, sqlite3.DataError, sqlite3.InternalError)
