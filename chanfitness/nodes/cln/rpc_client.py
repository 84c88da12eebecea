"""Questions to a lightningd, by its socket.

pyln's own client waits for as long as an answer takes, and nothing can end that
wait. A watcher must end whatever the node does, so this one has a timeout for each
question, and :meth:`LightningRpc.abort`.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from ...checks import quoted
from ...errors import ChanFitnessError

_END = b"\n\n"
_CHUNK = 2**20
_SHORTEST = 0.001  # seconds; a timeout of zero would be none

LONGEST_ANSWER = 200 * 1024 * 1024
"""In bytes, as an lnd's; one without end would fill the memory before its time is up."""


class RpcError(ChanFitnessError):
    """A question was not answered, or with an error."""


class NoAnswerError(RpcError):
    """A question was not answered at all."""


class RefusedError(RpcError):
    """A question was answered with an error; ``code``: its number, as lightningd has it."""

    def __init__(self, code: object, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class LightningRpc:
    """The socket ``path``; each question has ``timeout`` seconds in all, by ``monotonic``.

    What answers without end is not read to the end: see ``LONGEST_ANSWER``.
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
        """The socket."""
        return self._path

    def call(self, method: str, params: dict[str, object], fields: object) -> object:
        """The ``result`` of a question, or :class:`RpcError`.

        That is a ``NoAnswerError`` without an answer, a ``RefusedError`` where it is an error.

        ``fields``: lightningd is asked for these alone, as its filters name them.
        One that does not know filters answers in full.
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
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                self._take(connection)
                try:
                    answer = self._ask(connection, json.dumps(question).encode() + _END)
                finally:
                    self._release()
        except (OSError, ValueError, RecursionError) as error:
            kind = NoAnswerError if isinstance(error, OSError) else RpcError
            raise kind(f"{method}: no answer from lightningd: {quoted(str(error))}") from None
        if "result" not in answer:
            code, reason = _error(answer)
            raise RefusedError(code, f"{method}: no answer from lightningd: {quoted(reason)}")
        return answer["result"]

    def reach(self) -> None:
        """Connect, and hang up.

        Raises ``OSError`` as the system has it, ``ConnectionAbortedError`` after :meth:`abort`.
        """
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            try:
                self._take(connection)
            finally:
                self._release()

    def is_answered(self) -> bool:
        """Whether lightningd answers: asks the cheapest question that its own loop answers.

        That is to leave this connection as it is, without notifications of its own.
        """
        try:
            self.call("notifications", {"enable": False}, {})
        except RpcError as error:  # an error may be an answer, too
            return not isinstance(error, NoAnswerError)
        return True

    def abort(self) -> None:
        """Let the question at hand fail, and every later one."""
        with self._lock:
            self._aborted = True
            if self._connection is not None:
                with suppress(OSError):  # gone already
                    self._connection.shutdown(socket.SHUT_RDWR)

    def _take(self, connection: socket.socket) -> None:
        # The system takes only short names; lightningd runs us where its socket is.
        path = min(self._path, os.path.relpath(self._path), key=len)
        connection.settimeout(self._timeout)
        connection.connect(path)
        with self._lock:
            if self._aborted:
                raise ConnectionAbortedError("not asked any more")
            self._connection = connection

    def _release(self) -> None:
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
            raise OSError("it hung up")
        # Aliases are text of strangers, which lightningd passes on as it came.
        message = json.loads(answer.decode("utf-8", "replace"))
        if not isinstance(message, dict):
            raise ValueError(message)
        return message


def _error(answer: dict[str, object]) -> tuple[object, str]:
    error = answer.get("error")
    if isinstance(error, dict):
        return error.get("code"), str(error.get("message", error))
    return None, str(error)
