"""Writing a recording, line by line, so that it is a valid one at every moment.

What ended in the middle (a crash, a full disk) is mended when the file is opened
again: see :class:`Recorder`.
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

_BEGINNING = b'{"at": "'  # of every line that is written here
_CHUNK = 2**20
_NOTABLE = datetime.timedelta(seconds=1)  # below it, a clock was merely set right


class Entry(NamedTuple):
    """A line, the event that it says, and its time."""

    event: object
    at: datetime.datetime
    line: bytes


def _entry(event: object, at: datetime.datetime) -> Entry:
    return Entry(event, at, format_event(event, at).encode() + b"\n")


class RecordingEncoder:
    """Says with which lines an event goes on what is a valid recording so far.

    That is one line for most. What comes while monitoring is stopped has none
    (but for a channel that moved, and descriptions), and what comes before its first start neither.
    A start while it is started is a stop and a start: a new snapshot.

    ``last``: the time of the line before, or None; ``started``: whether
    monitoring is.
    """

    def __init__(self, last: datetime.datetime | None = None, *, started: bool = False) -> None:
        self.last = last
        self.started = started

    def lines(self, event: object, at: datetime.datetime) -> list[bytes]:
        """The lines for ``event``, handled ``at`` (in UTC)."""
        return [entry.line for entry in self.entries(event, at)]

    def entries(self, event: object, at: datetime.datetime) -> list[Entry]:
        """The same, each with the event that it says and its time."""
        events = self._course(event)
        if events and (self.last is None or at > self.last):
            self.last = at
        return [_entry(each, self.last or at) for each in events]

    def _course(self, event: object) -> list[object]:
        if isinstance(event, FOUND):  # which a replay finds, too
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
    """Appends to a recording; the file is made, for its owner alone, if it is not there.

    On opening an existing file, an incomplete last line is cut off, and if its
    last line says that monitoring was on, a ``monitoring_stopped`` is added at
    that line's time.

    If the file is moved, removed or truncated (log rotation does that), that is noticed
    at the next line: the recording goes on in a new file at the same path, or in the
    truncated one from its beginning, with a ``monitoring_started`` of what the lines until
    then add up to, at the last line's time.

    Raises ``RecordingError`` if the last complete line is no line of a
    recording (the file is then left as it was), ``ChanFitnessError`` if someone
    else records there or if it is no regular file, and ``OSError``. For one thread.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._place = os.path.abspath(self._path)  # also if the process changes its directory
        self._unwritten: deque[Entry] = deque()
        self._beginning: deque[bytes] = deque()  # of a new file: comes before the others
        self._written = RecordedState()
        self._warned = False
        self._torn = False  # whether a part of a line may be at the end
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
        """Record ``event``, handled ``at`` (in UTC): each line of it is one write.

        A line is never earlier than the one before. If the file cannot be
        written, that raises ``OSError``, or ``ChanFitnessError`` if it is not ours any
        more; the file is as it was then, and the next call writes the lines that are
        missing first.
        """
        last = self._encoder.last
        if last is not None and last - at >= _NOTABLE and not self._warned:
            self._warned = True
            logger.warning(
                "%s: ends at %s: until then, its lines get that time", self._path, logged_time(last)
            )
        self._unwritten += self._encoder.entries(event, at)
        while self._unwritten:
            self._follow_the_path()
            while self._beginning:
                self._write(self._beginning[0])
                self._beginning.popleft()
            event, at, line = self._unwritten[0]
            if self._size or isinstance(event, MonitoringResumedEvent):  # with which it begins
                self._write(line)
            self._unwritten.popleft()
            self._written.apply(event, at)

    def close(self, at: datetime.datetime | None = None) -> None:
        """End the recording, ``at`` this time or at the last line's, and release the file.

        Raises ``OSError`` if it cannot be written; it is released all the same.
        A second call does nothing.
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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close it; after an error, a new file in which nothing was recorded is removed."""
        if kind is not None and self._file >= 0 and self._is_new_and_empty():
            os.unlink(self._place)
        self.close()

    def _is_new_and_empty(self) -> bool:
        return self._is_new and not self._size and self._is_in_place()

    def _follow_the_path(self) -> None:
        """Begin anew if the file was moved, removed or truncated."""
        if not self._is_in_place():
            file = _open_empty(self._place)
            os.close(self._file)
            self._file = file
        elif os.fstat(self._file).st_size < self._size:
            os.ftruncate(self._file, 0)
        else:
            return
        logger.warning(
            "%s: was moved, removed or truncated: beginning anew there with a snapshot", self._path
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
            while written < len(line):  # what does not fit the disk is written in part
                written += os.write(self._file, line[written:])
        except OSError as error:
            self._torn = True
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
                self._torn = False
            raise OSError(error.errno, error.strerror, self._path) from None
        self._size += len(line)


class _End(NamedTuple):
    """How a file ends: where, when, whether monitoring is on, whether with a line's end."""

    size: int = 0
    last: datetime.datetime | None = None
    started: bool = False
    is_whole: bool = True


def _open(path: str) -> tuple[int, bool]:
    """Open a file, and say whether it was made for that."""
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
            raise ChanFitnessError(f"{path}: another file is there now, and it is not empty")
    except BaseException:
        os.close(file)
        raise
    return file


def _take_lock(file: int, path: str) -> None:
    if not stat.S_ISREG(os.fstat(file).st_mode):
        raise ChanFitnessError(f"{path}: no regular file")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ChanFitnessError(f"{path}: someone else is recording there") from None


def _cut(file: int, path: str, end: _End) -> int:
    incomplete = os.fstat(file).st_size - end.size
    if incomplete:
        logger.warning("%s: cut off an incomplete last line, of %d bytes", path, incomplete)
        os.ftruncate(file, end.size)
    return end.size


def _find_end(file: int, path: str) -> _End:
    """Find where the file's last complete line ends, and what is so after it.

    Only the last lines are read.
    """
    size = os.fstat(file).st_size
    if not size:
        return _End()
    with mmap.mmap(file, size, access=mmap.ACCESS_READ) as text:
        complete = text.rfind(b"\n") + 1
        tail = text[complete : complete + MAX_LINE_BYTES + 1]
        with suppress(ValueError):  # all of a line but its end is as good as the line
            parse_line(tail)
            return _state_at(text, size, path)._replace(is_whole=False)
        if not complete and not (tail.startswith(_BEGINNING) or _BEGINNING.startswith(tail)):
            raise RecordingError(path, 1, "no recording: nothing was changed")
        return _state_at(text, complete, path)


def _state_at(text: mmap.mmap, end: int, path: str) -> _End:
    """What is so after the lines before ``end``."""
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
        if not isinstance(event, TIMELESS):  # which may come at any time
            return _End(end, last, not isinstance(event, MonitoringPausedEvent))
    if last is not None:
        raise RecordingError(path, 1, "a recording begins with a monitoring_started")
    return _End()


def _number(text: mmap.mmap, begin: int) -> int:
    """The number of the line that begins there."""
    chunks = (text[at : min(at + _CHUNK, begin)] for at in range(0, begin, _CHUNK))
    return 1 + sum(chunk.count(b"\n") for chunk in chunks)
