"""An HTTP server for WSGI applications, on two daemon threads.

An event loop owns all connections; one worker computes the answers, in the order of the
requests. So no client costs a thread, and one answer is computed at a time. Equal
requests that wait together share one answer, computed when all of them had come.
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
"""How many answers are kept for clients that have not read them whole."""

HEALTH = "/healthz"
"""The path that no password keeps anybody from."""

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
    """Serves WSGI applications on ``listener`` until :meth:`close`.

    ``port``: where it listens. As a context manager it closes itself. All its
    threads are daemon threads: a script that forgets ``close()`` still exits.

    ``applications``: by exact path. They are asked with GET, one at a time; an answer
    may depend on path, query, accepted types, accepted encodings and ``If-None-Match``
    alone. ``password``: what all requests but those for ``HEALTH`` must have; None: nothing.
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
        self._joining = threading.Lock()  # one at a time: Thread.join() of two at once may raise
        self._thread = threading.Thread(target=self._loop.run, name="chanfitness-http", daemon=True)
        threading.Thread(target=worker.run, name="chanfitness-http-worker", daemon=True).start()
        self._thread.start()

    def close(self) -> None:
        """Stop listening and cut off all clients. Safe from any thread.

        Returns when nothing listens any more. An answer that is being computed, which
        may wait for the store, is not waited for. A second call does nothing.
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
    """A response, and the connections that it is given to."""

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
        self._connection: Connection  # that is being served
        self._shared: dict[tuple[object, ...], _Answer] = {}  # among those who wait together
        self._readers: deque[list[Connection]] = deque()  # of the last answers

    def run(self) -> None:
        """Answer until there is a None among the requests."""
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
        """Answer the request of the connection being served: a WSGI application."""
        answer = self._answer(environ)
        headers = [*_ALWAYS, *answer.headers]
        if not answer.status.startswith("304"):  # which has the length of what it stands for
            headers.append(("Content-Length", str(len(answer.body))))
        start_response(answer.status, headers)
        if environ["REQUEST_METHOD"] == "HEAD":
            return []
        # Handed over as a file: the connections that share it hold no copies.
        body: Iterable[bytes] = environ["wsgi.file_wrapper"](io.BytesIO(answer.body))
        return body

    def _answer(self, environ: WSGIEnvironment) -> _Answer:
        # Every browser sends a host. Other clients may send none: no page can lure them here.
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
        """Forget the oldest of too many answers, and cut off those who have not read it."""
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
    except BaseException as error:  # all of them, or nobody would be answered any more
        logger.warning("could not answer a client: %s", quoted(error))
        return _refusal("500 Internal Server Error")
