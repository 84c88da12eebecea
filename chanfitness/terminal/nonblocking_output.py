"""Buffered, non-blocking writes to a reader that may stall.

A reader that stalls (a pager, a stopped terminal) would hold a blocking write for
good, and a signal's handler that only sets a flag does not end it. So text waits
in a buffer until the descriptor takes it. The buffer is bounded: when it is full,
lines are left out until the reader has taken all of it, and the stream then says
how many.
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
"""Bytes in the buffer from which on it is full: some ten thousand lines."""

_GONE = (errno.EPIPE, errno.EIO)  # what a pipe and a terminal say when nobody is there any more


class NonblockingOutput:
    """Text on its way to a file descriptor; no call of it waits, but ``finish``.

    The buffer holds at most ``LIMIT`` bytes and the write that filled it.

    ``full``: whether the next lines are left out. ``notice``: the text that takes
    the place of so many lines that were left out, once the reader has taken all
    that was kept. ``error``: why nothing is written any more; ``BrokenPipeError``
    if the reader is gone. For one thread.
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
        """Whether there is something to write."""
        return bool(self._pending) and self.error is None

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._descriptor

    def write(self, text: str) -> int:
        """Add ``text``, which is whole lines, to what is to be written (as to a file)."""
        if self.full:
            self.leave_out(text.count("\n"))
        else:
            self._pending += text.encode(self.encoding, "backslashreplace")
            self.full = len(self._pending) >= LIMIT
        return len(text)

    def leave_out(self, lines: int) -> None:
        """Count so many lines among those that are left out."""
        self._left_out += lines

    def flush(self) -> None:
        """Do nothing (as a file can): see ``finish``."""

    def wanted(self) -> int:
        """What to ask ``select.poll`` for: whether it can be written, or only for its end."""
        return select.POLLOUT if self.pending else 0

    def go_on(self, events: int) -> None:
        """Do what can be done, after ``select.poll`` said ``events``."""
        if not events & select.POLLOUT:
            self.error = BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
            return
        try:
            # A descriptor that is not our own may block, but takes so much at once.
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
        """Write what is left, but wait for the reader no longer than ``timeout`` seconds."""
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
    """A line for a person, in place of so many."""
    return f"... and {lines} more, left out: the reader did not keep up\n"


def _own(descriptor: int) -> int:
    """A descriptor of the same pipe or terminal that never blocks, if there can be one.

    What ``O_NONBLOCK`` is set on is shared with other processes, so a new one is opened.
    """
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        with suppress(OSError):
            return os.open(f"/dev/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    return descriptor
