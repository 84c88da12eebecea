"""JSON-RPC client of lightningd's socket, with timeouts and abort.

pyln's client waits for an answer without limit, and nothing can end that wait. A watcher must
be able to end at any time: here each call has a timeout, and :meth:`LightningRpc.abort` ends
it.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from ...checks import quoted
from ...errors import ChanFitnessError

_END = b"\n\n"
_CHUNK = 2**20
_SHORTEST = 0.001  # seconds; zero would make the socket non-blocking

LONGEST_ANSWER = 200 * 1024 * 1024
"""Bytes of an answer at most, as for lnd; an endless one would fill the memory."""


class RpcError(ChanFitnessError):
    """A call got no answer, an unusable one, or an error."""


class NoAnswerError(RpcError):
    """A call got no answer."""


class RefusedError(RpcError):
    """lightningd answered with an error; ``code``: its number."""

    def __init__(self, code: object, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class LightningRpc:
    """A client of the socket ``path``; a call takes up to ``timeout`` seconds by ``monotonic``.

    :meth:`call` is for one thread, :meth:`abort` for any.
    """

    def __init__(
        self, path: str, timeout: float = 10, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._timeout = timeout
        self._monotonic = monotonic
        self._count = 0
        self._lock = threading.Lock()  # guards what follows
        self._connection: socket.socket | None = None
        self._aborted = False

    @property
    def path(self) -> str:
        """The path of the socket."""
        return self._path

    def call(self, method: str, params: dict[str, object], fields: object) -> object:
        """Call a method and return its ``result``.

        ``fields``: a lightningd filter of the wanted fields. An old lightningd ignores it.

        Raise ``NoAnswerError`` without an answer, ``RefusedError`` for an error as the answer,
        ``RpcError`` for an unusable one.
        """
        self._count += 1
        question = {
            "jsonrpc": "2.0",
            "id": f"chanfitness:{method}#{self._count}",
            "method": method,
            "params": params,
            "filter": fields,
        }
        try:
            with self._connected() as connection:
                answer = self._ask(connection, json.dumps(question).encode() + _END)
        except (OSError, ValueError, RecursionError) as error:
            kind = NoAnswerError if isinstance(error, OSError) else RpcError
            raise kind(f"{method}: no answer from lightningd: {quoted(str(error))}") from None
        if "result" not in answer:
            code, reason = _error(answer)
            raise RefusedError(code, f"{method}: no answer from lightningd: {quoted(reason)}")
        return answer["result"]

    def reach(self) -> None:
        """Connect and disconnect. Raise ``OSError`` if that fails.

        That is a ``ConnectionAbortedError`` after :meth:`abort`.
        """
        with self._connected():
            pass

    def probe(self) -> None:
        """Make a trivial call, and raise as :meth:`call`.

        It turns notifications off on a new connection, where they are off already.
        """
        self.call("notifications", {"enable": False}, {})

    def is_answered(self) -> bool:
        """Return whether lightningd answers a trivial call."""
        try:
            self.probe()
        except RpcError as error:  # an error may be an answer, too
            return not isinstance(error, NoAnswerError)
        return True

    def abort(self) -> None:
        """Make the present call and all later ones fail."""
        with self._lock:
            self._aborted = True
            if self._connection is not None:
                with suppress(OSError):  # gone already
                    self._connection.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        """Yield a connection that :meth:`abort` shuts down."""
        # Socket paths have a length limit. The relative path may be shorter: lightningd runs
        # its plugins in the directory of its socket.
        path = min(self._path, os.path.relpath(self._path), key=len)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(self._timeout)
            connection.connect(path)
            with self._lock:
                if self._aborted:
                    raise ConnectionAbortedError("aborted")
                self._connection = connection
            try:
                yield connection
            finally:
                with self._lock:
                    self._connection = None

    def _ask(self, connection: socket.socket, question: bytes) -> dict[str, object]:
        deadline = self._monotonic() + self._timeout
        connection.sendall(question)
        answer, chunk = bytearray(), b"?"
        while chunk and answer.find(_END, -len(chunk) - 1) < 0:
            connection.settimeout(max(deadline - self._monotonic(), _SHORTEST))
            chunk = connection.recv(_CHUNK)
            answer += chunk
            if len(answer) > LONGEST_ANSWER:
                raise ValueError(f"more than {LONGEST_ANSWER} bytes")
        if not answer:
            raise OSError("connection closed")
        # Aliases are strangers' text, which lightningd passes on unchecked.
        message = json.loads(answer.decode("utf-8", "replace"))
        if not isinstance(message, dict):
            raise ValueError(message)
        return message


def _error(answer: dict[str, object]) -> tuple[object, str]:
    error = answer.get("error")
    if isinstance(error, dict):
        return error.get("code"), str(error.get("message", error))
    return None, str(error)
