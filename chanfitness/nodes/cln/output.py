"""Buffered, non-blocking messages to a lightningd that may stall.

A blocking write to a full pipe would never return, nor release the lock that every other
writer waits for. Only a background thread, for which no other waits, writes here.
"""

from __future__ import annotations

import json
import os
import threading

LIMIT = 16 * 2**20
"""Bytes of the buffer; messages beyond are dropped."""

_CHUNK = 2**16


class Output:
    """Messages to a file descriptor. Only :meth:`finish` waits for its reader.

    Has ``buffer`` and ``flush``, as pyln's standard output. Safe from any thread.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._changed = threading.Condition()  # guards what follows
        self._waiting = bytearray()
        self._dropped = 0
        self._is_over = False  # whether it is finished, or its reader is gone
        self._writer = threading.Thread(
            target=self._write_on, name="chanfitness-output", daemon=True
        )
        self._writer.start()

    @property
    def buffer(self) -> Output:
        """This object, which accepts bytes."""
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
        """Do nothing; present for pyln. See :meth:`finish`."""

    def finish(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds until all is read, and drop later messages."""
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
                        f"lightningd did not read: dropped messages: {self._dropped}", "unusual"
                    )
                    self._dropped = 0
                self._changed.notify_all()

    def _written(self, chunk: bytes) -> int | None:
        """Write, and return the number of bytes written; None if the reader is gone."""
        try:
            return os.write(self._descriptor, chunk)
        except OSError:
            return None

    def _next(self) -> bytes:
        """Return the next bytes to write; empty at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or self._waiting)
            return b"" if self._is_over else bytes(self._waiting[:_CHUNK])


def _encoded(message: dict[str, object]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n\n"


def _log_line(text: str, level: str) -> bytes:
    return _encoded({"method": "log", "params": {"level": level, "message": text}})
