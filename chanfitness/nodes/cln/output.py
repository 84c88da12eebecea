"""Buffered messages to a lightningd that may not read them.

A pipe that nobody reads would hold a blocking write for good, and with it the lock that
every other writer waits for. Only one thread, for which nobody waits, writes here.
"""

from __future__ import annotations

import json
import os
import threading

LIMIT = 16 * 2**20
"""In bytes; what comes while so much is not read yet is dropped."""

_CHUNK = 2**16


class Output:
    """Messages to a file descriptor. No call waits for its reader, but :meth:`finish`.

    pyln takes one for its standard output: hence ``buffer`` and ``flush``. Safe from any
    thread.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._changed = threading.Condition()  # guards what follows
        self._waiting = bytearray()
        self._dropped = 0
        self._is_over = False  # finished, or its reader is gone
        self._writer = threading.Thread(
            target=self._write_on, name="chanfitness-output", daemon=True
        )
        self._writer.start()

    @property
    def buffer(self) -> Output:
        """Itself: it takes bytes."""
        return self

    def send(self, **message: object) -> None:
        """Add one JSON-RPC message."""
        self.write(_encoded(message))

    def log(self, text: str, level: str) -> None:
        """Add a line for lightningd's log."""
        self.write(_log_line(text, level))

    def write(self, message: bytes) -> int:
        """Add a whole message."""
        with self._changed:
            if self._waiting and len(self._waiting) + len(message) > LIMIT:
                self._dropped += 1
            elif not self._is_over:
                self._waiting += message
                self._changed.notify_all()
        return len(message)

    def flush(self) -> None:
        """Do nothing (as a file can): see :meth:`finish`."""

    def finish(self, timeout: float) -> None:
        """Wait for at most ``timeout`` seconds until all is read; what comes later is dropped."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or not self._waiting, timeout)
            self._is_over = True
            self._changed.notify_all()

    def _write_on(self) -> None:
        while chunk := self._next():
            written = self._written(chunk)
            with self._changed:
                if written is None:
                    self._is_over = True
                del self._waiting[:written]
                if self._dropped and not self._waiting:
                    self._waiting += _log_line(
                        f"lightningd did not read: messages dropped {self._dropped}", "unusual"
                    )
                    self._dropped = 0
                self._changed.notify_all()

    def _written(self, chunk: bytes) -> int | None:
        """How many bytes the descriptor took; None if its reader is gone."""
        try:
            return os.write(self._descriptor, chunk)
        except OSError:
            return None

    def _next(self) -> bytes:
        """The next bytes to write; none when it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or self._waiting)
            return b"" if self._is_over else bytes(self._waiting[:_CHUNK])


def _encoded(message: dict[str, object]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n\n"


def _log_line(text: str, level: str) -> bytes:
    return _encoded({"method": "log", "params": {"level": level, "message": text}})
