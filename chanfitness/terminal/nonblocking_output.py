"""Buffered, non-blocking writes to a reader that may stall.

A reader that stalls (a pager, a stopped terminal) would block a write forever, and a signal
handler that only sets a flag would not end it. Text is therefore buffered until the descriptor
takes it. The buffer is bounded: once it is full, lines are dropped until the reader has taken all
of it, and a notice then says how many.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import time
from collections.abc import Callable
from contextlib import suppress

LIMIT = 2**20
"""Bytes from which on the buffer is full: about ten thousand lines."""

_GONE = (errno.EPIPE, errno.EIO)  # the errors of a pipe and of a terminal without a reader


class NonblockingOutput:
    """A buffered text stream to a file descriptor; only ``finish`` blocks. Not thread-safe.

    The buffer holds at most ``LIMIT`` bytes and the write that filled it.

    Attributes:
        full: Whether further lines are dropped.
        notice: Returns the text to write in place of a number of dropped lines, once the reader
            has taken the whole buffer.
        error: The error that ended writing; ``BrokenPipeError`` if the reader is gone.
    """

    encoding = "utf-8"

    def __init__(self, descriptor: int) -> None:
        self._given = descriptor
        self._descriptor = _own(descriptor)
        self._pending = bytearray()
        self._left_out = 0  # lines
        self.full = False
        self.notice: Callable[[int], str] = left_out_notice
        self.error: OSError | None = None

    @property
    def pending(self) -> bool:
        """Whether text is waiting to be written."""
        return bool(self._pending) and self.error is None

    def fileno(self) -> int:
        """Return the descriptor to poll."""
        return self._descriptor

    def write(self, text: str) -> int:
        """Buffer ``text``, which must be whole lines, and return its length."""
        if self.full:
            self.leave_out(text.count("\n"))
        else:
            self._pending += text.encode(self.encoding, "backslashreplace")
            self.full = len(self._pending) >= LIMIT
        return len(text)

    def leave_out(self, lines: int) -> None:
        """Count ``lines`` dropped by the caller."""
        self._left_out += lines

    def flush(self) -> None:
        """Do nothing; file-like objects need it. See ``finish``."""

    def wanted(self) -> int:
        """Return the events to poll for; without pending text only the reader's end is reported."""
        return select.POLLOUT if self.pending else 0

    def go_on(self, events: int) -> None:
        """Write as much as possible without blocking, after ``select.poll`` returned ``events``."""
        if not events & select.POLLOUT:
            self.error = BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
            return
        try:
            # A descriptor that could not be reopened may block, but not for PIPE_BUF bytes.
            written = os.write(self._descriptor, self._pending[: select.PIPE_BUF])
        except BlockingIOError:
            return
        except OSError as error:
            self.error = BrokenPipeError(*error.args) if error.errno in _GONE else error
        else:
            del self._pending[:written]
            if not self._pending:
                self._go_on_after_gap()

    def _go_on_after_gap(self) -> None:
        self.full = False
        if self._left_out:
            count, self._left_out = self._left_out, 0
            self.write(self.notice(count))

    def finish(self, timeout: float) -> None:
        """Write the rest of the buffer, waiting at most ``timeout`` seconds for the reader."""
        deadline = time.monotonic() + timeout
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        while self.pending:
            left = deadline - time.monotonic()
            ready = poll.poll(max(left, 0) * 1000)
            if not ready:
                break
            self.go_on(ready[0][1])
        if self._descriptor != self._given:
            os.close(self._descriptor)
            self._descriptor = self._given


def left_out_notice(lines: int) -> str:
    """Return the line that takes the place of dropped lines."""
    return f"... and {lines} more lines, left out because the reader did not keep up\n"


def _own(descriptor: int) -> int:
    """Return a non-blocking descriptor of the same pipe or terminal if possible, else the same one.

    Other processes share the open file, so ``O_NONBLOCK`` must not be set on it: it is reopened.
    """
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        with suppress(OSError):
            return os.open(f"/dev/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    return descriptor
