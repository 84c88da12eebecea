"""Writing to whoever may not read.

A reader that stalls (a pager, a stopped terminal) would hold a blocking write for
good, and a signal's handler that only sets a flag does not end it. So what is
to be written waits here, until the descriptor takes it.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import time
from contextlib import suppress

_GONE = (errno.EPIPE, errno.EIO)  # what a pipe and a terminal say when nobody is there any more


class NonblockingOutput:
    """Text on its way to a file descriptor; no call of it waits, but ``finish``.

    Whatever was added and not yet taken is kept in memory. ``error``: why nothing
    is written any more; ``BrokenPipeError`` if whoever read it is gone. For one
    thread.
    """

    encoding = "utf-8"

    def __init__(self, descriptor: int) -> None:
        self._given = descriptor
        self._descriptor = _own(descriptor)
        self._pending = bytearray()
        self.error: OSError | None = None

    @property
    def pending(self) -> bool:
        """Whether there is something to write."""
        return bool(self._pending) and self.error is None

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._descriptor

    def write(self, text: str) -> int:
        """Add ``text`` to what is to be written (as to a file)."""
        self._pending += text.encode(self.encoding, "backslashreplace")
        return len(text)

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


def _own(descriptor: int) -> int:
    """A descriptor of the same pipe or terminal that never blocks, if there can be one.

    What ``O_NONBLOCK`` is set on is shared with other processes, so a new one is opened.
    """
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        with suppress(OSError):
            return os.open(f"/dev/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    return descriptor
