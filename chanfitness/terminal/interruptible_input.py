"""Input stream whose reads are interruptible by signals, with a progress display."""

from __future__ import annotations

import io
import os
import stat
import sys

from .wakeup import Signals

CHUNK = 2**20  # bytes per read; longer inputs show their progress


class InterruptibleInput(io.FileIO):
    """A recording being read: signals interrupt reads, and standard error shows the progress.

    Reads raise ``InterruptedBySignalError`` after a signal.
    """

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
