"""State that survives a crash: an SQLite database, and the one thread that writes it.

This is the one room that touches the disk. The loop never waits for it: a
writer wakes once an interval of real time, asks the loop what changed as any
caller asks, and writes the answer in one transaction, with the time of that
question as the *heartbeat*. After a crash the next start finds the state as of
the last heartbeat, and the time since is blind.

The journal is a write-ahead log with ``synchronous=FULL``: a commit is on the
disk before it counts, so a power cut costs no more than a crash. Readers see
the last commit and block nobody.

One writer: for as long as a store uses a database it holds an exclusive
transaction on a small database beside it (``PATH-lock``). The system releases
that when the process ends, however it ends.
"""

from __future__ import annotations

import datetime
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress

from ..checks import quoted
from ..core.saved_state import ClosedRow, Flush, Saved
from ..errors import (
    ChanFitnessError,
    StorageCorruptError,
    StorageError,
    StorageInUseError,
    StorageUnwritableError,
)
from ..logs import Log
from ..wire import OutPoint
from .schema import (
    VERSION,
    check_version,
    load,
    load_channel_ids,
    load_closed,
    migrate,
    save,
    save_channel_ids,
    transaction,
)

logger = Log(__name__)

_SMALLEST = 100  # bytes: the header of an SQLite database
_SENSELESS = (sqlite3.Error, ValueError, TypeError, LookupError, OverflowError, RecursionError)
_SIGNS_OF_DAMAGE = ("no such", "has no column", "decode", "malformed")


class SqliteStorage:
    """A database file for ``Config(storage=...)``.

    ``path``: the file; it and ``PATH-lock`` are made if they are not there,
    readable by their owner alone. ``flush_interval``: how much may be lost in a
    crash. One storage serves one store, which opens it in ``start()`` and closes
    it when it stops; then it may serve another.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        flush_interval: datetime.timedelta = datetime.timedelta(seconds=30),
    ) -> None:
        if flush_interval <= datetime.timedelta(0):
            raise ValueError(f"bad flush_interval {flush_interval!r}: expected more than zero")
        self._path = os.fspath(path)
        if not self._path:
            raise ValueError("bad path '': expected a file's name")
        self._interval = min(flush_interval.total_seconds(), threading.TIMEOUT_MAX)
        self._lock: sqlite3.Connection | None = None
        self._database: sqlite3.Connection
        self._writer: threading.Thread | None = None
        self._writer_ident: int | None = None
        self._stopping = threading.Event()
        self._failed = False  # whether the last write failed
        self._failure: str | None = None  # and why, known before it is logged
        self._closed_rows: list[ClosedRow] = []  # of writes that failed
        self._channel_ids: dict[str, OutPoint] = {}
        self._new_ids: dict[str, OutPoint] | None = None  # not written yet

    @property
    def path(self) -> str:
        """The file."""
        return self._path

    @property
    def failure(self) -> str | None:
        """Why nothing is saved at present; None if the last write succeeded."""
        return self._failure

    @property
    def channel_ids(self) -> dict[str, OutPoint]:
        """Which channel point each channel had, by the name that its node gives it.

        As of the last start, or as set since. A source whose channels move sets
        it, after it put the event that tells of a move; it is written with what
        was put before. Safe from any thread.
        """
        return dict(self._channel_ids)

    @channel_ids.setter
    def channel_ids(self, ids: Mapping[str, OutPoint]) -> None:
        self._channel_ids = self._new_ids = dict(ids)

    def open(self) -> Saved | None:
        """Take the lock and read what was saved; None from a new file.

        Raises ``StorageInUseError``, ``StorageCorruptError``,
        ``StorageVersionError`` or ``StorageUnwritableError``, and then nothing
        was taken and the file is as it was.
        """
        if self._lock is not None:
            raise StorageInUseError(f"{self._path}: this storage is in use by a store")
        lock = _take_lock(self._path)
        try:
            with typed_errors(self._path):
                self._database = _connect(self._path)
                try:
                    saved = _prepare(self._path, self._database)
                    self._channel_ids = load_channel_ids(self._database)
                except BaseException:
                    self._database.close()
                    raise
        except BaseException:
            lock.close()
            raise
        self._lock = lock
        self._stopping.clear()
        self._failed = False
        self._failure = None
        self._closed_rows.clear()
        self._new_ids = None
        return saved

    def start(self, ask: Callable[[bool], Flush | None]) -> None:
        """Begin to write once an interval what ``ask(everything)`` returns."""
        writer = threading.Thread(
            target=self._write_on, args=[ask], name="chanfitness-writer", daemon=True
        )
        writer.start()
        self._writer = writer

    def is_written_by(self, ident: int) -> bool:
        """Is this the thread, by ``threading.get_ident()``, for which ``close()`` waits?"""
        return self._writer_ident == ident

    def close(self, last: Callable[[bool], Flush] | None = None) -> None:
        """Write the ``last`` state, and release the file. Logs what fails."""
        if self._lock is None:
            return
        self._stopping.set()
        if self._writer is not None:
            self._writer.join()
            self._writer = None
        try:
            if last is not None:
                ids = self._new_ids
                self._write(last(self._failed), ids)
        finally:
            self._database.close()
            self._lock.close()
            self._lock = None

    def _write_on(self, ask: Callable[[bool], Flush | None]) -> None:
        self._writer_ident = threading.get_ident()
        while not self._stopping.wait(self._interval):
            ids = self._new_ids  # those of what is put after the question are too new
            try:
                unsaved = ask(self._failed)
            except ChanFitnessError:
                break  # the store stops, and writes what is left itself
            except Exception:  # of its clock
                logger.exception("%s: cannot ask what is to be written", self._path)
                continue
            if unsaved is not None:
                self._write(unsaved, ids)
        self._writer_ident = None  # another thread may have it next

    def _write(self, unsaved: Flush, ids: dict[str, OutPoint] | None) -> None:
        """Write in one transaction; what failed before is in it, too."""
        self._closed_rows += unsaved.closed
        try:
            with transaction(self._database):
                save(self._database, unsaved, self._closed_rows, everything=self._failed)
                if ids is not None:
                    save_channel_ids(self._database, ids)
        except Exception as error:
            self._failure = str(error)
            if not self._failed:
                logger.error("%s: cannot be written, going on in memory: %s", self._path, error)
            self._failed = True
        else:
            self._failure = None
            self._closed_rows.clear()
            if self._failed:
                logger.warning("%s: written again, nothing is missing", self._path)
            self._failed = False
            if self._new_ids is ids:
                self._new_ids = None


def read(path: str | os.PathLike[str]) -> tuple[Saved | None, list[ClosedRow]]:
    """What a database holds, also while a store writes it. Errors as ``open``."""
    path = os.fspath(path)
    if not os.path.exists(path):
        raise StorageError(f"{path}: no such file")
    with typed_errors(path), closing(_connect(path)) as database, transaction(database):
        if not check_version(path, database):
            return None, []
        return load(database), load_closed(database)


def _connect(path: str, suffix: str = "", timeout: float = 5) -> sqlite3.Connection:
    """Open the file, under the one name that all links to it lead to."""
    file = os.path.realpath(path) + suffix
    with suppress(OSError):  # what is wrong, SQLite will say
        os.close(os.open(file, os.O_CREAT | os.O_EXCL, 0o600))
    # Only SQLite may open a file that is there: closing it would drop SQLite's locks.
    with suppress(OSError):
        if 0 < os.stat(file).st_size < _SMALLEST and os.path.isfile(file):
            raise StorageCorruptError(f"{path}: damaged: no database")  # SQLite takes it for empty
    return sqlite3.connect(file, timeout=timeout, isolation_level=None, check_same_thread=False)


def _take_lock(path: str) -> sqlite3.Connection:
    with typed_errors(path):
        lock = _connect(path, "-lock", timeout=0)
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except BaseException:
            lock.close()
            raise
        return lock


def _prepare(path: str, database: sqlite3.Connection) -> Saved | None:
    """Read what was saved, bring the file to our version, and see that it can be written."""
    version = check_version(path, database)
    (problem,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if problem != "ok":
        raise StorageCorruptError(f"{path}: damaged: {quoted(problem)}")
    saved = load(database) if version == VERSION else None
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    with transaction(database):
        migrate(database, version)
    return load(database) if version < VERSION else saved


@contextmanager
def typed_errors(path: str) -> Iterator[None]:
    """Raise what SQLite says of a file, or what makes no sense in it, as a ``StorageError``."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise StorageInUseError(f"{path}: another store is writing it") from None
        if any(sign in str(error) for sign in _SIGNS_OF_DAMAGE):
            raise StorageCorruptError(f"{path}: damaged: {quoted(str(error))}") from None
        raise StorageUnwritableError(f"{path}: cannot be used: {error}") from None
    except _SENSELESS as error:
        raise StorageCorruptError(f"{path}: damaged: {quoted(str(error))}") from None
