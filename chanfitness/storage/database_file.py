"""A store's database file: opened, checked before each write, and replaced if it is lost.

While the store runs, somebody may remove, move, replace or truncate the file, or one that
SQLite keeps beside it. A file then found at the path is renamed to the next free name of
``PATH.aside-1``, ``PATH.aside-2``, ...
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from itertools import count
from pathlib import Path

from ..core.saved_state import ClosedRow, Saved
from ..logs import Log
from ..wire import OutPoint
from .connection import connect, is_damage, is_held, typed_errors
from .file_lock import FileLock
from .migrations import VERSION, migrate
from .schema import (
    check_pages,
    check_version,
    load,
    load_alerts,
    load_channel_ids,
    load_closed,
    transaction,
)

logger = Log(__name__)

_HELD_AT_START = 0.1  # seconds that one attempt of a start waits for another program's lock
_HELD = 1.0  # seconds that a flush waits for it
_HEADER = 100  # bytes
_BESIDE = ("-wal", "-shm")  # SQLite's files beside an open database

Identity = tuple[int, int]
"""The device and inode of a file."""


class DatabaseFile:
    """The database at ``path``, with its lock. For one thread at a time.

    ``channel_ids``, ``closed``, ``alerts``: as read at the last open. ``heartbeat``: the last
    one written; ``is_damaged``: whether SQLite found damage. The writer sets these two.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._place = str(Path(path).absolute())  # the working directory may change
        self._lock = FileLock(path, self._place)
        self._database: sqlite3.Connection | None = None
        self._beside: list[Identity | None] = []
        self._size = 0
        self._is_lost = False  # whether the written database is gone from the path
        self.heartbeat: int | None = None
        self.is_damaged = False
        self.channel_ids: dict[str, OutPoint] = {}
        self.closed: list[ClosedRow] = []
        self.alerts: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether the database is connected."""
        return self._database is not None

    @property
    def database(self) -> sqlite3.Connection:
        """The connection. Only while ``is_open``."""
        assert self._database is not None
        return self._database

    def lock(self) -> None:
        """Lock out other stores. Raise as :meth:`SqliteStorage.open`."""
        with typed_errors(self._path):
            self._lock.take()

    def open(self) -> Saved | None:
        """Connect to the locked file and read it. May be called again after an error.

        Raise ``HeldError`` while another program holds a lock, other errors as
        :meth:`SqliteStorage.open`.
        """
        with typed_errors(self._path):
            self._disconnect()
            self._database = connect(self._path, self._lock.file, timeout=_HELD_AT_START)
            saved = self._prepare(self._database)
            self.heartbeat = None if saved is None else saved.heartbeat
            self.wait_for_others(_HELD)
            self._note_files()
            return saved

    def _prepare(self, database: sqlite3.Connection) -> Saved | None:
        """Load the saved state, migrate the file, and make sure that it can be written."""
        version = check_version(self._path, database)
        check_pages(self._path, database)
        saved = self._load(database) if version == VERSION else None
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA wal_autocheckpoint = 1")
        try:
            with transaction(database):
                migrate(database, version)
                if version < VERSION:
                    saved = self._load(database)  # an error here rolls the migration back
        except sqlite3.OperationalError as error:
            if version < VERSION or not is_held(error):
                raise
            logger.warning(
                "%s: another program holds it (a backup?): it is written when it is free",
                self._path,
            )
        return saved

    def _load(self, database: sqlite3.Connection) -> Saved | None:
        self.channel_ids = load_channel_ids(database)
        self.closed = load_closed(database)
        self.alerts = load_alerts(database)
        return load(database)

    def wait_for_others(self, seconds: float) -> None:
        """Set how long a write waits for another program's lock."""
        if self._database is not None:
            self._database.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")

    def close(self, *, discard: bool) -> None:
        """Close and unlock; with ``discard``, remove the files that :meth:`lock` made."""
        self._disconnect()
        self._lock.release(discard=discard)

    def _disconnect(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()

    # Checks before a write.

    def is_in_place(self) -> bool:
        """Return whether the open database is at the path, whole and locked."""
        if self._database is None:
            return False
        with typed_errors(self._path):
            self.is_damaged = self.is_damaged or self._is_cut() or self._is_overwritten()
        return (
            not self.is_damaged
            and self._lock.is_current()
            and self._lock.is_whole()
            and self._identities() == self._beside
        )

    def _is_cut(self) -> bool:
        """Return whether something other than SQLite truncated the file."""
        size, before = self._lock.size(), self._size
        self._size = size
        return size < before and size < _size_by(self._lock.read(_HEADER))

    def _is_overwritten(self) -> bool:
        """Return whether other content replaced the written, as by a copy over the file."""
        self.database.execute("PRAGMA shrink_memory")  # read from the file, not from the cache
        try:
            state = self.database.execute("SELECT heartbeat FROM state").fetchone()
        except sqlite3.Error as error:
            return is_damage(error)  # the write will meet any other error
        return bool(state != (None if self.heartbeat is None else (self.heartbeat,)))

    def leave(self) -> bool:
        """Close a database that is no longer in place. Return whether it is lost."""
        if not self.is_damaged and self._lock.is_current():
            logger.warning("%s: a file beside it was removed or replaced: reopening", self._path)
            self.close(discard=False)
            return False
        self._is_lost = True
        what = "damaged or overwritten" if self.is_damaged else "removed, moved or replaced"
        logger.error("%s: was %s while in use: writing everything to a new file", self._path, what)
        with suppress(OSError):  # begin_anew() tries again
            self._set_aside(keep=self._beside)
        self.close(discard=False)
        self._remove_ours()
        return True

    def _remove_ours(self) -> None:
        """Remove the files that SQLite leaves behind when their database is moved away."""
        for suffix in _BESIDE:
            file = self._lock.file + suffix
            with suppress(OSError):
                if _identity(file) in self._beside:
                    os.unlink(file)

    def begin_anew(self) -> None:
        """Lock and open the file at the path; a new file if the written database is lost."""
        with typed_errors(self._path):
            if self._is_lost:
                self._set_aside(keep=[])
            self._lock = FileLock(self._path, self._place)
            try:
                self._lock.take()
                self.open()
            except BaseException:
                self.close(discard=True)
                raise
            self._is_lost = self.is_damaged = False

    def _set_aside(self, *, keep: list[Identity | None]) -> None:
        """Rename the files at the path but those to ``keep``."""
        file = self._lock.file
        suffixes = [
            suffix
            for suffix in ("", *_BESIDE)
            if os.path.lexists(file + suffix) and _identity(file + suffix) not in keep
        ]
        aside = next(
            name
            for name in (f"{file}.aside-{number}" for number in count(1))
            if not any(os.path.lexists(name + suffix) for suffix in ("", *_BESIDE))
        )
        for suffix in suffixes:
            os.rename(file + suffix, aside + suffix)
            logger.warning(
                "%s: the file found there was renamed to %s", file + suffix, aside + suffix
            )

    def _note_files(self) -> None:
        self._beside = self._identities()
        self._size = self._lock.size()

    def _identities(self) -> list[Identity | None]:
        return [_identity(self._lock.file + suffix) for suffix in _BESIDE]


def _size_by(header: bytes) -> int:
    """Return the size that a database's header gives, in bytes."""
    page, pages = int.from_bytes(header[16:18], "big"), int.from_bytes(header[28:32], "big")
    return page * pages


def _identity(file: str) -> Identity | None:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_dev, status.st_ino
