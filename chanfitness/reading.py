"""Reading a recording for a person: a signal ends it, and progress shows."""

from __future__ import annotations

import io
import os
import select
import signal
import socket
import stat
import sys
from types import FrameType

from typing_extensions import Self

CHUNK = 2**20  # what is read at once; a longer recording shows its progress


class InterruptedBySignalError(Exception):
    """A signal asked the command to end."""

    def __init__(self, number: int) -> None:
        self.signal = number


class Signals:
    """While entered, SIGINT and SIGTERM only set a flag (and wake a ``wait``)."""

    def __init__(self) -> None:
        self.received: int | None = None

    def __enter__(self) -> Self:
        self._wake_up, self._noticed = socket.socketpair()
        self._noticed.setblocking(False)
        self._fd_before = signal.set_wakeup_fd(self._noticed.fileno())
        self._before = {
            number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *exc_info: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._fd_before)
        self._wake_up.close()
        self._noticed.close()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = number

    def wait_for(self, readable: int) -> None:
        """Return when ``readable`` is; raise ``InterruptedBySignalError`` after a signal."""
        if self.received is None:
            select.select([readable, self._wake_up.fileno()], [], [])
        if self.received is not None:
            raise InterruptedBySignalError(self.received)


class Input(io.FileIO):
    """A recording, whose reads a signal ends, and which shows how far it is read."""

    def __init__(self, path: str, signals: Signals) -> None:
        self._signals = signals
        if path == "-":
            super().__init__(sys.stdin.fileno(), closefd=False)
        else:
            super().__init__(path)
        status = os.fstat(self.fileno())
        self._size = status.st_size if stat.S_ISREG(status.st_mode) else 0
        self._done = 0

    def readinto(self, buffer: bytearray | memoryview) -> int | None:  # type: ignore[override]
        self._signals.wait_for(self.fileno())
        count = super().readinto(buffer)
        self._done += count or 0
        self._show_progress()
        return count

    def _show_progress(self) -> None:
        if self._done > CHUNK and sys.stderr.isatty():
            done = f"{100 * self._done // self._size}%" if self._size else f"{self._done >> 20} MiB"
            print(f"\rreplaying: {done} ", end="", file=sys.stderr, flush=True)

    def clear_progress(self) -> None:
        if self._done > CHUNK and sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
