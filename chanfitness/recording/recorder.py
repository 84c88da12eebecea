"""Recorder of events that keeps its file valid after every line.

After a crash or a full disk, the next start repairs the file: see :class:`Recorder`.
"""

from __future__ import annotations

import datetime
import fcntl
import mmap
import os
import stat
from collections import deque
from contextlib import suppress
from typing import NamedTuple

from typing_extensions import Self

from ..errors import ChanFitnessError, RecordingError
from ..events import FOUND, MonitoringPausedEvent, MonitoringResumedEvent
from ..logs import Log, logged_time
from .format import MAX_LINE_BYTES, TIMELESS, format_event, parse_line
from .recorded_state import RecordedState

logger = Log(__name__)

_BEGINNING = b'{"at": "'  # of every line that a recorder writes
_CHUNK = 2**20
_NOTABLE = datetime.timedelta(seconds=1)  # smaller steps back are usual corrections of a clock


class Entry(NamedTuple):
    """An event, its time, and its line."""

    event: object
    at: datetime.datetime
    line: bytes


def _entry(event: object, at: datetime.datetime) -> Entry:
    return Entry(event, at, format_event(event, at).encode() + b"\n")


class RecordingEncoder:
    """Encodes events as lines that keep the recording valid.

    Most events have one line. While monitoring is stopped, only moves and descriptions have
    one; before its first start, no event has. A start while monitoring is on has two lines: a
    stop and a start.

    ``last``: the last line's time, or None. ``started``: whether monitoring is on.
    """

    def __init__(self, last: datetime.datetime | None = None, *, started: bool = False) -> None:
        self.last = last
        self.started = started

    def lines(self, event: object, at: datetime.datetime) -> list[bytes]:
        """Return the lines for ``event``, handled at ``at`` (in UTC)."""
        return [entry.line for entry in self.entries(event, at)]

    def entries(self, event: object, at: datetime.datetime) -> list[Entry]:
        """Return the lines for ``event``, each with its event and its time."""
        events = self._events_to_write(event)
        if events and (self.last is None or at > self.last):
            self.last = at
        return [_entry(each, self.last or at) for each in events]

    def _events_to_write(self, event: object) -> list[object]:
        if isinstance(event, FOUND):  # a replay finds them itself
            return []
        before = self.started
        if isinstance(event, MonitoringResumedEvent):
            self.started = True
            return [MonitoringPausedEvent(), event] if before else [event]
        if isinstance(event, TIMELESS):
            return [] if self.last is None else [event]
        self.started = before and not isinstance(event, MonitoringPausedEvent)
        return [event] if before else []


class Recorder:
    """Appends to a recording file. Not thread-safe.

    A missing file is created, readable by its owner alone. Of an existing file, an incomplete
    last line is cut off; if monitoring was on, a ``monitoring_stopped`` is added at the last
    line's time.

    A file that was moved, removed or truncated (by log rotation) is noticed at the next line.
    The recording then continues in a new file at the same path, or at the beginning of the
    truncated one. It begins with a ``monitoring_started`` of the state so far, at the last
    line's time.

    Args:
        path: The file.

    Raises:
        RecordingError: The last complete line is no line of a recording. The file is unchanged.
        ChanFitnessError: Another recorder uses the file, or it is no regular file.
        OSError: The file cannot be opened or written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._place = os.path.abspath(self._path)  # the process may change its directory
        self._unwritten: deque[Entry] = deque()
        self._beginning: deque[bytes] = deque()  # of a new file, before the unwritten entries
        self._written = RecordedState()
        self._warned = False
        self._torn = False  # whether the file may end with a part of a line
        self._file, self._is_new = _open(self._path)
        try:
            _take_lock(self._file, self._path)
            end = _find_end(self._file, self._path)
            self._size = _cut(self._file, self._path, end)
            self._encoder = RecordingEncoder(end.last, started=end.started)
            if not end.is_whole:
                self._write(b"\n")
            if end.last is not None:
                self.write(MonitoringPausedEvent(), end.last)
        except BaseException:
            os.close(self._file)
            raise

    def write(self, event: object, at: datetime.datetime) -> None:
        """Write the lines of an event, each in one piece.

        A time before the last line's is replaced by it. After an error the file is unchanged,
        and the next call first writes the missing lines.

        Args:
            event: The event.
            at: When it was handled, in UTC.

        Raises:
            OSError: The file cannot be written.
            ChanFitnessError: The file was moved, and another one that cannot be used is there.
            TypeError: ``event`` is no event.
        """
        last = self._encoder.last
        if last is not None and last - at >= _NOTABLE and not self._warned:
            self._warned = True
            logger.warning(
                "%s: the clock is behind the last line: new lines are dated %s until it catches up",
                self._path,
                logged_time(last),
            )
        self._unwritten += self._encoder.entries(event, at)
        while self._unwritten:
            self._follow_the_path()
            while self._beginning:
                self._write(self._beginning[0])
                self._beginning.popleft()
            event, at, line = self._unwritten[0]
            if self._size or isinstance(event, MonitoringResumedEvent):  # a file begins with one
                self._write(line)
            self._unwritten.popleft()
            self._written.apply(event, at)

    def close(self, at: datetime.datetime | None = None) -> None:
        """End the recording with a ``monitoring_stopped``, and release the file.

        A second call does nothing.

        Args:
            at: When monitoring stopped, in UTC; None: at the last line's time.

        Raises:
            OSError: The file cannot be written. It is released.
        """
        if self._file < 0:
            return
        try:
            at = at or self._encoder.last
            if at is not None:
                self.write(MonitoringPausedEvent(), at)
        finally:
            os.close(self._file)
            self._file = -1

    def __repr__(self) -> str:
        return f"<Recorder {self._path!r}, {'closed' if self._file < 0 else 'open'}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close the file; after an error, remove it if it is new and empty."""
        if kind is not None and self._file >= 0 and self._is_new_and_empty():
            os.unlink(self._place)
        self.close()

    def _is_new_and_empty(self) -> bool:
        return self._is_new and not self._size and self._is_in_place()

    def _follow_the_path(self) -> None:
        """Begin the file again if it was moved, removed or truncated."""
        if not self._is_in_place():
            file = _open_empty(self._place)
            os.close(self._file)
            self._file = file
        elif os.fstat(self._file).st_size < self._size:
            os.ftruncate(self._file, 0)
        else:
            return
        logger.warning(
            "%s: moved, removed or truncated: beginning again there with a snapshot", self._path
        )
        self._size, self._torn = 0, False
        self._beginning = deque(_entry(event, at).line for event, at in self._written.beginning())

    def _is_in_place(self) -> bool:
        try:
            return os.path.samestat(os.stat(self._place), os.fstat(self._file))
        except FileNotFoundError:
            return False

    def _write(self, line: bytes) -> None:
        if self._torn:
            os.ftruncate(self._file, self._size)
            self._torn = False
        written = 0
        try:
            while written < len(line):  # on a nearly full disk a write is partial
                written += os.write(self._file, line[written:])
        except OSError as error:
            self._torn = True
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
                self._torn = False
            raise OSError(error.errno, error.strerror, self._path) from None
        self._size += len(line)


class _End(NamedTuple):
    """The end of a recording: size, last time, monitoring on, last line terminated."""

    size: int = 0
    last: datetime.datetime | None = None
    started: bool = False
    is_whole: bool = True


def _open(path: str) -> tuple[int, bool]:
    """Open a file, and return whether it was created."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
    try:
        return os.open(path, flags | os.O_EXCL, 0o600), True
    except FileExistsError:
        return os.open(path, flags, 0o600), False


def _open_empty(path: str) -> int:
    file, _ = _open(path)
    try:
        _take_lock(file, path)
        if os.fstat(file).st_size:
            raise ChanFitnessError(f"{path}: replaced by another file, which is not empty")
    except BaseException:
        os.close(file)
        raise
    return file


def _take_lock(file: int, path: str) -> None:
    if not stat.S_ISREG(os.fstat(file).st_mode):
        raise ChanFitnessError(f"{path}: not a regular file")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ChanFitnessError(f"{path}: another recorder uses this file") from None


def _cut(file: int, path: str, end: _End) -> int:
    incomplete = os.fstat(file).st_size - end.size
    if incomplete:
        logger.warning("%s: cut off an incomplete last line of %d bytes", path, incomplete)
        os.ftruncate(file, end.size)
    return end.size


def _find_end(file: int, path: str) -> _End:
    """Return the file's last complete line and the state after it, reading only its end."""
    size = os.fstat(file).st_size
    if not size:
        return _End()
    with mmap.mmap(file, size, access=mmap.ACCESS_READ) as text:
        complete = text.rfind(b"\n") + 1
        tail = text[complete : complete + MAX_LINE_BYTES + 1]
        with suppress(ValueError):  # a whole line may lack only its newline
            parse_line(tail)
            return _state_at(text, size, path)._replace(is_whole=False)
        if not complete and not (tail.startswith(_BEGINNING) or _BEGINNING.startswith(tail)):
            raise RecordingError(path, 1, "not a recording: the file is unchanged")
        return _state_at(text, complete, path)


def _state_at(text: mmap.mmap, end: int, path: str) -> _End:
    """Return the state after the lines before ``end``."""
    last: datetime.datetime | None = None
    begin = end
    while begin:
        line_end = begin
        begin = text.rfind(b"\n", 0, line_end - 1) + 1
        try:
            at, event = parse_line(text[begin : min(line_end, begin + MAX_LINE_BYTES + 1)])
        except ValueError as error:
            raise RecordingError(path, _number(text, begin), str(error)) from None
        last = last or at
        if not isinstance(event, TIMELESS):  # these do not say whether monitoring is on
            return _End(end, last, not isinstance(event, MonitoringPausedEvent))
    if last is not None:
        raise RecordingError(path, 1, "a recording begins with a monitoring_started")
    return _End()


def _number(text: mmap.mmap, begin: int) -> int:
    """Return the number of the line that begins at ``begin``."""
    chunks = (text[at : min(at + _CHUNK, begin)] for at in range(0, begin, _CHUNK))
    return 1 + sum(chunk.count(b"\n") for chunk in chunks)
