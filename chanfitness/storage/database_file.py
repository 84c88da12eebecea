"""A database file that one store writes: opened, watched, and begun anew if it is taken away.

The path may lead to another file, or to none, while the store runs: somebody removed,
moved, replaced or truncated it, or one of the files that SQLite keeps beside it. What is
then at the path in the database's place is kept, under the next free name ``PATH.aside-1``,
``PATH.aside-2``, ...
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

_HELD_AT_START = 0.1  # seconds that one try of a start waits for another program
_HELD = 1.0  # seconds that a flush does
_HEADER = 100  # bytes
_BESIDE = ("-wal", "-shm")  # what SQLite keeps beside a database, while it is open

Identity = tuple[int, int]
"""Of a file: its device and inode."""


class DatabaseFile:
    """The database at ``path``, with its lock. For one thread at a time.

    ``channel_ids``, ``closed``, ``alerts``: what was read when it was opened last.
    ``heartbeat``: the last that is in it; ``is_damaged``: whether SQLite says so. The writer
    sets these.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._place = str(Path(path).absolute())  # the directory may be changed
        self._lock = FileLock(path, self._place)
        self._database: sqlite3.Connection | None = None
        self._beside: list[Identity | None] = []
        self._size = 0
        self._is_lost = False  # whether what was written is not at the path
        self.heartbeat: int | None = None
        self.is_damaged = False
        self.channel_ids: dict[str, OutPoint] = {}
        self.closed: list[ClosedRow] = []
        self.alerts: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a connection."""
        return self._database is not None

    @property
    def database(self) -> sqlite3.Connection:
        """The connection, while there is one."""
        assert self._database is not None
        return self._database

    def lock(self) -> None:
        """Keep other stores away. Errors as :meth:`SqliteStorage.open`."""
        with typed_errors(self._path):
            self._lock.take()

    def open(self) -> Saved | None:
        """Connect to the locked file, and read it; again, after an error.

        Raises ``HeldError`` while another program holds a lock, other errors as
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
        """Read what was saved, bring the file to our version, and see that it can be written."""
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
                    saved = self._load(database)  # if it is refused, it is left as it was
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
        """Let writing wait so long for a lock that another program holds."""
        if self._database is not None:
            self._database.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")

    def close(self, *, discard: bool) -> None:
        """Release all; with ``discard``, remove the files that were not there before."""
        self._disconnect()
        self._lock.release(discard=discard)

    def _disconnect(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()

    # While it is written.

    def is_in_place(self) -> bool:
        """Whether what is written is at the path, whole and locked."""
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
        """Whether the file is shorter than it was, and not because SQLite made it so."""
        size, before = self._lock.size(), self._size
        self._size = size
        return size < before and size < _size_by(self._lock.read(_HEADER))

    def _is_overwritten(self) -> bool:
        """Whether the file has not what was written, as when another is copied over it."""
        self.database.execute("PRAGMA shrink_memory")  # what is cached says nothing of the file
        try:
            state = self.database.execute("SELECT heartbeat FROM state").fetchone()
        except sqlite3.Error as error:
            return is_damage(error)  # what else it may be, the write meets it, too
        return bool(state != (None if self.heartbeat is None else (self.heartbeat,)))

    def leave(self) -> bool:
        """Close what is not in place any more. Returns whether it is lost."""
        if not self.is_damaged and self._lock.is_current():
            logger.warning("%s: a file beside it was removed or replaced: opened again", self._path)
            self.close(discard=False)
            return False
        self._is_lost = True
        what = "damaged or overwritten" if self.is_damaged else "removed, moved or replaced"
        logger.error(
            "%s: was %s while it was written: everything is written anew", self._path, what
        )
        with suppress(OSError):  # begin_anew() tries again
            self._set_aside(keep=self._beside)
        self.close(discard=False)
        self._remove_ours()
        return True

    def _remove_ours(self) -> None:
        """Remove what SQLite leaves beside a database that was moved away from it."""
        for suffix in _BESIDE:
            file = self._lock.file + suffix
            with suppress(OSError):
                if _identity(file) in self._beside:
                    os.unlink(file)

    def begin_anew(self) -> None:
        """Lock and open what is at the path; a new file, if what was written is lost."""
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
        """Rename what is at the path and belongs to another database, or is damaged."""
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
            logger.warning("%s: what was there is kept as %s", file + suffix, aside + suffix)

    def _note_files(self) -> None:
        self._beside = self._identities()
        self._size = self._lock.size()

    def _identities(self) -> list[Identity | None]:
        return [_identity(self._lock.file + suffix) for suffix in _BESIDE]


def _size_by(header: bytes) -> int:
    """The size that a database's header says it has."""
    page, pages = int.from_bytes(header[16:18], "big"), int.from_bytes(header[28:32], "big")
    return page * pages


def _identity(file: str) -> Identity | None:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_dev, status.st_ino
