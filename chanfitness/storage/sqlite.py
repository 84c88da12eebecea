"""Persistent state: an SQLite database, and the one thread that writes it.

The loop never waits for the disk. Ten times an interval of real time, a writer thread asks
the loop for its unsaved changes, as any caller asks, and writes them in one transaction. The
time of that question is saved with them as the *heartbeat*. If nothing changed, it is written
only once an interval, to spare memory cards and disks. After a crash the next start finds the
state as of the last heartbeat, and the time since is blind.

The journal is a write-ahead log with ``synchronous=FULL``: a commit returns when it is on the
disk, so a power cut loses no more than a crash. A checkpoint after each commit moves it from
the log into the database file. Readers see the last commit and block no one.

The locks of the one writer are in :mod:`.file_lock`; :mod:`.database_file` checks at each
flush that the files are still in place.
"""

from __future__ import annotations

import datetime
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count

from .. import threads
from ..checks import quoted
from ..core.saved_state import CauseRow, ClosedRow, Flush, Saved, int_to_date
from ..errors import ChanFitnessError, ShuttingDownError, StorageError, StorageInUseError
from ..logs import Log, logged_time
from ..wire import OutPoint
from .connection import HeldError, is_held, typed_errors
from .database_file import DatabaseFile
from .reading import read
from .schema import save, save_alerts, save_channel_ids, transaction

__all__ = ["SqliteStorage", "read", "typed_errors"]

logger = Log(__name__)

_HELD_AT_STOP = 5.0  # seconds that the last flush waits for another program
_RETRY = 0.1  # seconds between two attempts of a start
_LOOKS = 10  # how often an interval the writer asks for changes


class SqliteStorage:
    """A database file for ``Config(storage=...)``.

    A storage serves one store at a time, which opens it in ``start()`` and closes it when it
    stops.

    Args:
        path: The file. It and ``PATH-lock`` are created if missing, readable by their owner
            alone.
        flush_interval: The most time that a crash can lose. Changes are saved within a tenth
            of it.
        lock_timeout: How long a start waits while another program, not a store, locks the
            database. None: until it is free or the store is stopped.

    Raises:
        ValueError: ``flush_interval`` is not more than zero, or ``path`` cannot name a file.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        flush_interval: datetime.timedelta = datetime.timedelta(minutes=5),
        lock_timeout: datetime.timedelta | None = None,
    ) -> None:
        if flush_interval <= datetime.timedelta(0):
            raise ValueError(f"bad flush_interval {flush_interval!r}: expected more than zero")
        self._path = os.fspath(path)
        if not self._path or "\0" in self._path:
            raise ValueError(f"bad path {quoted(self._path)}: expected a file's name")
        self._interval = min(flush_interval.total_seconds(), threading.TIMEOUT_MAX)
        self._lock_timeout = lock_timeout
        self._file: DatabaseFile | None = None  # from open() to close()
        self._writer: threading.Thread | None = None
        self._writing = threading.Lock()  # held by the writer, which start() may not know yet
        self._writer_ident: int | None = None
        self._stopping = threading.Event()
        self._everything = False  # whether the next flush writes the whole state
        self._failure: str | None = None
        self._unsaved_since: datetime.datetime | None = None
        self._heartbeat: int | None = None  # the last one written
        self._closed: list[ClosedRow] = []  # channels that closed for good
        self._closed_written = 0  # how many of them are written
        self._channel_ids: dict[str, OutPoint] = {}
        self._written_ids: dict[str, OutPoint] | None = None  # as last written
        self._alerts: str | None = None
        self._written_alerts: str | None = None  # as last written
        self._written_causes: list[CauseRow] | None = None  # as last written
        self._wake: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._waiting: list[Callable[[], object]] = []  # callbacks for the next write

    def __repr__(self) -> str:
        state = "closed" if self._file is None else self._failure or "open"
        return f"<SqliteStorage {self._path!r}, {state}>"

    @property
    def path(self) -> str:
        """The path of the database file."""
        return self._path

    @property
    def failure(self) -> str | None:
        """Why the last write failed; None if it succeeded. Safe from any thread."""
        return self._failure

    @property
    def unsaved_since(self) -> datetime.datetime | None:
        """Since when (UTC) nothing could be saved; None if the last write succeeded.

        When the store has stopped, later events are lost. Safe from any thread.
        """
        return self._unsaved_since

    @property
    def channel_ids(self) -> dict[str, OutPoint]:
        """The channel points by the node's ids of their channels.

        As of the last start, or as set since. A source whose channels move sets it after
        it has put the event of a move; it is written together with the events put before.
        Safe from any thread; setting it never waits.
        """
        return dict(self._channel_ids)

    @channel_ids.setter
    def channel_ids(self, ids: Mapping[str, OutPoint]) -> None:
        # A single assignment needs no lock; only the writer notes what it has written.
        self._channel_ids = dict(ids)

    @property
    def alerts(self) -> str | None:
        """The state of alerts, as last given to :meth:`keep_alerts` or loaded; or None."""
        return self._alerts

    def keep_alerts(self, text: str, on_kept: Callable[[], object] | None = None) -> None:
        """Replace the state of alerts; it is written with the events put before.

        Safe from any thread; never waits.

        Args:
            text: The state.
            on_kept: Called once this text or a later one is on the disk, on the writer's
                thread or at the stop. With it, the write does not wait for the interval.
        """
        self._alerts = text
        if on_kept is not None:
            self._wake.put(on_kept)

    def open(self, is_stopped: Callable[[], bool] = lambda: False) -> Saved | None:
        """Lock the file and return the saved state; None from a new file.

        Wait while another program locks the database. After an error nothing is locked, and
        the files are as they were.

        Args:
            is_stopped: Whether to give up waiting.

        Raises:
            ShuttingDownError: ``is_stopped()`` was true.
            StorageInUseError: Another store writes the file, or ``lock_timeout`` is over.
            StorageCorruptError: The file is damaged or not a chanfitness database.
            StorageVersionError: A newer chanfitness wrote the file.
            StorageUnwritableError: The file cannot be read or written.
        """
        if self._file is not None:
            raise StorageInUseError(f"{self._path}: this storage is in use by a store")
        with typed_errors(self._path):
            file = DatabaseFile(self._path)
        try:
            file.lock()
            saved = self._load(file, is_stopped)
            self._stopping = threading.Event()  # anew: an interrupt may have left its lock held
            self._everything = False
            self._failure = self._unsaved_since = self._written_causes = None
            self._heartbeat = None if saved is None else saved.heartbeat
            self._closed, self._closed_written = file.closed, len(file.closed)
            self._channel_ids = self._written_ids = file.channel_ids
            self._alerts = self._written_alerts = file.alerts
            self._wake, self._waiting = queue.SimpleQueue(), []
            self._file = file
            return saved
        except BaseException:
            self._file = None
            file.close(discard=True)
            raise

    def _load(self, file: DatabaseFile, is_stopped: Callable[[], bool]) -> Saved | None:
        waiting_since = None
        while True:
            try:
                return file.open()
            except HeldError:
                now = time.monotonic()
                if waiting_since is None:
                    waiting_since = now
                    logger.warning(
                        "%s: another program holds it (a backup?): waiting for it", self._path
                    )
                limit = self._lock_timeout
                if limit is not None and now - waiting_since >= limit.total_seconds():
                    raise
            if is_stopped():
                raise ShuttingDownError(f"the store was stopped while waiting for {self._path}")
            time.sleep(_RETRY)

    def start(self, ask: Callable[[bool], Flush | None]) -> None:
        """Start the writer, which writes the flush that ``ask(everything)`` returns.

        ``everything``: whether the flush is to have the whole state, not only changes.
        """
        writer = threading.Thread(
            target=self._write_on, args=[ask], name="chanfitness-writer", daemon=True
        )
        threads.start(writer)
        self._writer = writer

    def is_written_by(self, ident: int) -> bool:
        """Return whether this is the writer's thread, for which ``close()`` waits.

        ``ident``: as of ``threading.get_ident()``.
        """
        return self._writer_ident == ident

    def close(self, last: Callable[[bool], Flush] | None = None) -> None:
        """Write the ``last`` flush and release the file. Failures are logged.

        If nothing was ever saved, as after a failed start, remove the files that
        :meth:`open` created.
        """
        file = self._file
        if file is None:
            return
        self._stopping.set()
        self._wake.put(None)
        with self._writing:
            pass  # a writer that begins later ends at once
        if self._writer is not None:
            self._writer.join()
            self._writer = None
        try:
            if last is not None:
                file.wait_for_others(_HELD_AT_STOP)
                self.write(last)
                if self._unsaved_since is not None:
                    self._log_loss(self._unsaved_since, last(True))
        finally:
            self._file = None
            file.close(discard=self._heartbeat is None)

    def _log_loss(self, since: datetime.datetime, everything: Flush) -> None:
        logger.error(
            "%s: could not be written at the stop: everything since %s is lost (channels: %d): %s",
            self._path,
            logged_time(since),
            sum(row.closed is None for row in everything.channels),
            self._failure,
        )

    # The writer's thread.

    def _write_on(self, ask: Callable[[bool], Flush | None]) -> None:
        with self._writing:
            self._writer_ident = threading.get_ident()
            looks = count(1)
            while not self._stopping.is_set():  # write() may have taken the stop's wake-up
                with suppress(queue.Empty):
                    self._wait_for(self._wake.get(timeout=self._interval / _LOOKS))
                is_due = next(looks) % _LOOKS == 0
                if self._stopping.is_set() or not self._write_once(ask, is_due):
                    break
            self._writer_ident = None  # the system may give it to another thread

    def _write_once(self, ask: Callable[[bool], Flush | None], is_due: bool) -> bool:
        """Write, and log a failure. Return False if the store stops; it writes the rest itself."""
        failed_before = self._failure is not None
        try:
            self.write(ask, is_due=is_due)
        except ChanFitnessError:
            return False
        except Exception:  # of the store's clock
            logger.exception("%s: cannot ask for the unsaved changes: trying again", self._path)
            return True
        if self._failure is not None and not failed_before:
            logger.error("%s: cannot be written, going on in memory: %s", self._path, self._failure)
        return True

    def _wait_for(self, on_kept: Callable[[], object] | None) -> None:
        if on_kept is not None:
            self._waiting.append(on_kept)

    def write(self, ask: Callable[[bool], Flush | None], *, is_due: bool = True) -> bool:
        """Write the flush that ``ask(everything)`` returns, in one transaction.

        It has the changes of failed writes, too. If this write fails, :attr:`failure` says
        why. For one thread at a time.

        Args:
            ask: Returns a flush, or None if the store has stopped; its errors pass through.
            is_due: Whether to write a flush that has nothing but a new heartbeat.

        Returns:
            False if ``ask`` returned None.
        """
        file = self._file
        assert file is not None
        with suppress(queue.Empty):
            while True:
                self._wait_for(self._wake.get_nowait())
        # Taken before the question: they must not be newer than the flush.
        ids, alerts = self._channel_ids, self._alerts
        trouble = self._regain(file)
        unsaved = ask(self._everything)
        if unsaved is None:
            return False
        self._closed += unsaved.closed
        try:
            if trouble is not None:
                raise trouble
            if not is_due and self._is_heartbeat(unsaved, ids, alerts):
                return True
            self._commit(file, unsaved, ids, alerts)
        except Exception as error:
            self._failed(error, unsaved)
        else:
            file.heartbeat = unsaved.heartbeat
            self._succeeded(unsaved, ids, alerts)
        return True

    def _is_heartbeat(self, unsaved: Flush, ids: dict[str, OutPoint], alerts: str | None) -> bool:
        """Return whether the heartbeat is the only news since the last write."""
        return (
            unsaved.is_quiet
            and list(unsaved.causes) == self._written_causes
            and ids is self._written_ids
            and alerts is self._written_alerts
            and not self._waiting
            and self._failure is None
        )

    def _failed(self, error: Exception, unsaved: Flush) -> None:
        self._everything = True
        self._failure = str(error).removeprefix(f"{self._path}: ") or quoted(error)
        if self._unsaved_since is None:
            first = unsaved.anchors[0][2] if self._heartbeat is None else self._heartbeat
            self._unsaved_since = int_to_date(first)

    def _succeeded(self, unsaved: Flush, ids: dict[str, OutPoint], alerts: str | None) -> None:
        failed_before = self._failure is not None
        self._everything = False
        self._failure = self._unsaved_since = None
        self._heartbeat = unsaved.heartbeat
        self._closed_written = len(self._closed)
        self._written_ids, self._written_alerts = ids, alerts
        self._written_causes = list(unsaved.causes)
        waiting, self._waiting = self._waiting, []
        for on_kept in waiting:
            on_kept()
        if failed_before:
            logger.warning("%s: written again, nothing is missing", self._path)

    def _commit(
        self, file: DatabaseFile, unsaved: Flush, ids: dict[str, OutPoint], alerts: str | None
    ) -> None:
        try:
            with transaction(file.database) as database:
                closed = self._closed[self._closed_written :]
                save(database, unsaved, closed)
                if ids is not self._written_ids:
                    save_channel_ids(database, ids)
                if alerts is not None and alerts is not self._written_alerts:
                    save_alerts(database, alerts)
        except sqlite3.Error as error:
            if is_held(error):
                raise HeldError(f"{self._path}: another program holds it") from error
            file.is_damaged = type(error) is sqlite3.DatabaseError  # malformed or not a database
            raise

    def _regain(self, file: DatabaseFile) -> StorageError | None:
        """Make sure that the open database is at the path; otherwise open one there."""
        try:
            if file.is_in_place():
                return None
            if file.is_open:
                self._everything = True
                self._written_ids = self._written_alerts = None
                if file.leave():
                    self._closed_written = 0
            file.begin_anew()
        except StorageError as error:
            return error
        return None
