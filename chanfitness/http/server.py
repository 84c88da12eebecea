"""HTTP server for WSGI applications, on two daemon threads.

An event loop owns all connections; one worker computes the answers one at a time, in the order of
the requests. Clients need no threads of their own. Equal requests that are queued together share
one answer, computed after the last of them arrived.
"""

from __future__ import annotations

import io
import queue
import socket
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from typing_extensions import Self

from ..checks import quoted
from ..logs import Log
from .address import AllowedHosts
from .connections import Connection, Loop
from .password import Password

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

logger = Log(__name__)

MAXIMUM_UNREAD = 4
"""Maximum number of answers kept for clients that have not read all of them."""

HEALTH = "/healthz"
"""The path that needs no password."""

_DEPENDS_ON = (
    "PATH_INFO",
    "QUERY_STRING",
    "HTTP_ACCEPT",
    "HTTP_ACCEPT_ENCODING",
    "HTTP_IF_NONE_MATCH",
)
_CHALLENGE = 'Basic realm="chanfitness", charset="UTF-8"'
_Headers = list[tuple[str, str]]
_ALWAYS: _Headers = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
]


class Server:
    """Serves WSGI applications on ``listener`` until :meth:`close`, also as a context manager.

    All threads are daemon threads: a script that forgets ``close()`` still exits.

    Args:
        listener: The listening socket.
        applications: Applications by exact path, called with GET requests, one at a time. Their
            answers may depend only on path, query, accepted types, accepted encodings and
            ``If-None-Match``.
        hosts: The allowed ``Host`` headers.
        password: Required for all paths but ``HEALTH``; None: no password.

    Attributes:
        port: The port it listens on.
    """

    def __init__(
        self,
        listener: socket.socket,
        applications: Mapping[str, WSGIApplication],
        hosts: AllowedHosts,
        password: Password | None = None,
    ) -> None:
        self.port: int = listener.getsockname()[1]
        self._requests: queue.SimpleQueue[Connection | None] = queue.SimpleQueue()
        worker = _Worker(self._requests, applications, hosts, password)
        self._loop = Loop(worker.answer, listener, self._requests)
        self._joining = threading.Lock()  # simultaneous calls of Thread.join() may raise
        self._thread = threading.Thread(target=self._loop.run, name="chanfitness-http", daemon=True)
        threading.Thread(target=worker.run, name="chanfitness-http-worker", daemon=True).start()
        self._thread.start()

    def close(self) -> None:
        """Stop listening and close all connections. Thread-safe; a second call does nothing.

        Blocks until the listener is closed, but does not wait for an answer that is being computed.
        """
        with self._joining:
            self._loop.stop()
            self._requests.put(None)
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class _Answer:
    """A response, and the connections that read it."""

    def __init__(self, status: str, headers: _Headers, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.readers: list[Connection] = []


def _refusal(status: str, *headers: tuple[str, str]) -> _Answer:
    kind = ("Content-Type", "text/plain; charset=utf-8")
    return _Answer(status, [kind, *headers], f"{status}\n".encode())


class _Worker:
    """Answers the requests of a server, in one thread."""

    def __init__(
        self,
        requests: queue.SimpleQueue[Connection | None],
        applications: Mapping[str, WSGIApplication],
        hosts: AllowedHosts,
        password: Password | None,
    ) -> None:
        self._requests = requests
        self._applications = applications
        self._hosts = hosts
        self._password = password
        self._connection: Connection  # the one being served
        self._shared: dict[tuple[object, ...], _Answer] = {}  # answers to the queued requests
        self._readers: deque[list[Connection]] = deque()  # readers of the last answers

    def run(self) -> None:
        """Answer requests until None is queued."""
        while True:
            waiting = [self._requests.get()]
            with suppress(queue.Empty):
                while True:
                    waiting.append(self._requests.get_nowait())
            for connection in waiting:
                if connection is None:
                    return
                self._connection = connection
                connection.service()
            self._shared.clear()

    def answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer the request of the current connection; this is a WSGI application."""
        answer = self._answer(environ)
        headers = [*_ALWAYS, *answer.headers]
        if not answer.status.startswith("304"):  # its length would be that of the omitted body
            headers.append(("Content-Length", str(len(answer.body))))
        start_response(answer.status, headers)
        if environ["REQUEST_METHOD"] == "HEAD":
            return []
        # As a file, so that the connections that share it hold no copies.
        body: Iterable[bytes] = environ["wsgi.file_wrapper"](io.BytesIO(answer.body))
        return body

    def _answer(self, environ: WSGIEnvironment) -> _Answer:
        # All browsers send a host. Clients without one cannot be misled by DNS rebinding.
        if environ.get("HTTP_HOST", "localhost") not in self._hosts:
            logger.debug("refused a request for the host %s", quoted(environ["HTTP_HOST"]))
            return _refusal("421 Misdirected Request: this host is not allowed")
        if not self._is_admitted(environ):
            return _refusal("401 Unauthorized", ("WWW-Authenticate", _CHALLENGE))
        application = self._applications.get(environ["PATH_INFO"])
        if application is None:
            return _refusal("404 Not Found")
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _refusal("405 Method Not Allowed", ("Allow", "GET, HEAD"))
        key = tuple(environ.get(name) for name in _DEPENDS_ON)
        if key not in self._shared:
            self._make_room()
            self._shared[key] = _ask(application, environ)
            self._readers.append(self._shared[key].readers)
        self._shared[key].readers.append(self._connection)
        return self._shared[key]

    def _is_admitted(self, environ: WSGIEnvironment) -> bool:
        if self._password is None or environ["PATH_INFO"] == HEALTH:
            return True
        return self._password.is_in(environ.get("HTTP_AUTHORIZATION", ""))

    def _make_room(self) -> None:
        """Drop the oldest answer if there are too many, and cut off its remaining readers."""
        if len(self._shared) == MAXIMUM_UNREAD:
            del self._shared[next(iter(self._shared))]
        if len(self._readers) == MAXIMUM_UNREAD:
            for connection in self._readers.popleft():
                connection.cut_off()


def _ask(application: WSGIApplication, environ: WSGIEnvironment) -> _Answer:
    responses: list[tuple[str, _Headers]] = []

    def start_response(status: str, headers: _Headers, _: object = None) -> Any:
        responses.append((status, headers))

    try:
        body = b"".join(application({**environ, "REQUEST_METHOD": "GET"}, start_response))
        return _Answer(*responses[-1], body)
    except BaseException as error:  # any other exception would end the worker
        logger.warning("could not answer a client: %s", quoted(error))
        return _refusal("500 Internal Server Error")
