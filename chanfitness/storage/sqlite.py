"""State that survives a crash: an SQLite database, and the one thread that writes it.

The loop never waits for the disk: a writer wakes ten times an interval of real time, asks
the loop what changed as any caller asks, and writes the answer in one transaction,
with the time of that question as the *heartbeat*; where nothing changed, once an
interval, for the sake of cards and disks. After a crash the next start finds
the state as of the last heartbeat, and the time since is blind.

The journal is a write-ahead log with ``synchronous=FULL``: a commit is on the
disk before it counts, so a power cut costs no more than a crash. Each commit is
followed by a checkpoint, which brings it from the log into the database file. Readers
see the last commit and block nobody.

One writer: see :mod:`.file_lock`. Each flush looks whether the files are still there;
see :mod:`.database_file`.
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
_RETRY = 0.1  # seconds between two tries of a start
_LOOKS = 10  # for changes, an interval


class SqliteStorage:
    """A database file for ``Config(storage=...)``.

    ``path``: the file; it and ``PATH-lock`` are made if they are not there,
    readable by their owner alone. ``flush_interval``: how much may be lost in a
    crash; what changes is saved within a tenth of it. ``lock_timeout``: how long a
    start waits for a database that another program (not a store) holds; None: until it
    is free or the store is stopped. One storage serves one store, which opens it in
    ``start()`` and closes it when it stops; then it may serve another.
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
        self._writing = threading.Lock()  # held by the writer: start() may not have noted it yet
        self._writer_ident: int | None = None
        self._stopping = threading.Event()
        self._everything = False  # whether the next flush has all that there is
        self._failure: str | None = None
        self._unsaved_since: datetime.datetime | None = None
        self._heartbeat: int | None = None  # the last that was written
        self._closed: list[ClosedRow] = []  # all that will not come back
        self._closed_written = 0  # so many of them
        self._channel_ids: dict[str, OutPoint] = {}
        self._written_ids: dict[str, OutPoint] | None = None  # as the writer wrote them last
        self._alerts: str | None = None
        self._written_alerts: str | None = None  # as the writer wrote it last
        self._written_causes: list[CauseRow] | None = None  # likewise
        self._wake: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._waiting: list[Callable[[], object]] = []  # for the next write, taken from there

    def __repr__(self) -> str:
        state = "closed" if self._file is None else self._failure or "open"
        return f"<SqliteStorage {self._path!r}, {state}>"

    @property
    def path(self) -> str:
        """The file."""
        return self._path

    @property
    def failure(self) -> str | None:
        """Why nothing is saved at present; None if the last write succeeded.

        Safe from any thread, as is :attr:`unsaved_since`.
        """
        return self._failure

    @property
    def unsaved_since(self) -> datetime.datetime | None:
        """Since when (UTC) nothing could be saved; None if the last write succeeded.

        After the store has stopped, what happened since then is lost.
        """
        return self._unsaved_since

    @property
    def channel_ids(self) -> dict[str, OutPoint]:
        """Which channel point each channel had, by the name that its node gives it.

        As of the last start, or as set since. A source whose channels move sets
        it, after it put the event that tells of a move; it is written with what
        was put before. Safe from any thread; setting it never waits.
        """
        return dict(self._channel_ids)

    @channel_ids.setter
    def channel_ids(self, ids: Mapping[str, OutPoint]) -> None:
        # One assignment: what the writer has written is for the writer to remember.
        self._channel_ids = dict(ids)

    @property
    def alerts(self) -> str | None:
        """The text of alerts that was kept last, or as of the last start; None if none was."""
        return self._alerts

    def keep_alerts(self, text: str, on_kept: Callable[[], object] | None = None) -> None:
        """Write this text with what was put before, in place of the one before.

        ``on_kept``: called on the writer's thread, or at the stop, once this text or a
        later one is on the disk, and what is to be written is written soon, not when the
        interval is over. Safe from any thread; never waits.
        """
        self._alerts = text
        if on_kept is not None:
            self._wake.put(on_kept)

    def open(self, is_stopped: Callable[[], bool] = lambda: False) -> Saved | None:
        """Take the lock and read what was saved; None from a new file.

        Waits while another program holds the database and ``is_stopped()`` is false; then
        raises ``ShuttingDownError``.

        Raises ``StorageInUseError``, ``StorageCorruptError``,
        ``StorageVersionError`` or ``StorageUnwritableError``, and then nothing
        was taken and the files are as they were.
        """
        if self._file is not None:
            raise StorageInUseError(f"{self._path}: this storage is in use by a store")
        with typed_errors(self._path):
            file = DatabaseFile(self._path)
        try:
            file.lock()
            saved = self._load(file, is_stopped)
            self._stopping = threading.Event()  # to clear one takes a lock that an interrupt leaves
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
                raise ShuttingDownError(f"the store was stopped while it waited for {self._path}")
            time.sleep(_RETRY)

    def start(self, ask: Callable[[bool], Flush | None]) -> None:
        """Begin to write at least once an interval what ``ask(everything)`` returns."""
        writer = threading.Thread(
            target=self._write_on, args=[ask], name="chanfitness-writer", daemon=True
        )
        threads.start(writer)
        self._writer = writer

    def is_written_by(self, ident: int) -> bool:
        """Is this the thread, by ``threading.get_ident()``, for which ``close()`` waits?"""
        return self._writer_ident == ident

    def close(self, last: Callable[[bool], Flush] | None = None) -> None:
        """Write the ``last`` state, and release the file. Logs what fails.

        If nothing was ever saved, as after a start that failed, files that were not there
        before :meth:`open` are removed.
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
                    self._tell_what_is_lost(self._unsaved_since, last(True))
        finally:
            self._file = None
            file.close(discard=self._heartbeat is None)

    def _tell_what_is_lost(self, since: datetime.datetime, everything: Flush) -> None:
        logger.error(
            "%s: could not be written at the end: what happened since %s is lost"
            " (channels: %d): %s",
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
            while not self._stopping.is_set():  # write() may have taken what wakes it for that
                with suppress(queue.Empty):
                    self._wait_for(self._wake.get(timeout=self._interval / _LOOKS))
                is_due = next(looks) % _LOOKS == 0
                if self._stopping.is_set() or not self._write_once(ask, is_due):
                    break
            self._writer_ident = None  # another thread may have it next

    def _write_once(self, ask: Callable[[bool], Flush | None], is_due: bool) -> bool:
        """Write, and log what fails. False if the store stops, and writes what is left itself."""
        failed_before = self._failure is not None
        try:
            self.write(ask, is_due=is_due)
        except ChanFitnessError:
            return False
        except Exception:  # of its clock
            logger.exception("%s: cannot ask what is to be written", self._path)
            return True
        if self._failure is not None and not failed_before:
            logger.error("%s: cannot be written, going on in memory: %s", self._path, self._failure)
        return True

    def _wait_for(self, on_kept: Callable[[], object] | None) -> None:
        if on_kept is not None:
            self._waiting.append(on_kept)

    def write(self, ask: Callable[[bool], Flush | None], *, is_due: bool = True) -> bool:
        """Write in one transaction what ``ask(everything)`` returns; False if it is None.

        Unless it ``is_due``, a heartbeat alone is left out.

        What failed before is in it, too. If this fails, :attr:`failure` says why. Raises what
        ``ask`` raises. For one thread at a time.
        """
        file = self._file
        assert file is not None
        with suppress(queue.Empty):
            while True:
                self._wait_for(self._wake.get_nowait())
        # Those of what is put after the question are too new.
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
        """Is the time all that is new, since all else was written?"""
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
            file.is_damaged = type(error) is sqlite3.DatabaseError  # malformed, or no database
            raise

    def _regain(self, file: DatabaseFile) -> StorageError | None:
        """See that what is written is what is at the path; else begin there anew."""
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
