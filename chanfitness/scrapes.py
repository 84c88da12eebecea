"""A small HTTP server for scrapes, which no client can block.

Each client has a thread; the oldest is cut off when there are too many, and each
when it keeps silent for too long.
"""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress

from typing_extensions import Self

from .errors import extra, quoted
from .logs import Log

with extra("prometheus"):
    from prometheus_client import CollectorRegistry, MetricsHandler

logger = Log(__name__)

CLIENT_SECONDS = 10.0
"""How long a client may keep silent, or may not read, before it is cut off."""
MOST_CLIENTS = 32
"""At once; the oldest is cut off for the next."""
BACK_OFF_SECONDS = 1.0
"""When the process has no file or thread left for a client, others get time to free some."""


class _Handler(MetricsHandler):
    """Answers one client; every path is ``/metrics``. Logs nothing."""

    timeout = CLIENT_SECONDS
    server_version = "chanfitness"
    sys_version = ""


class Server:
    """Answers scrapes of ``registry`` on ``listener``, until :meth:`close`.

    ``port``: where it listens. As a context manager it closes itself. All its
    threads are daemon threads: a script that forgets ``close()`` still exits.
    """

    def __init__(self, listener: socket.socket, registry: CollectorRegistry) -> None:
        self.port: int = listener.getsockname()[1]
        self._listener = listener
        self._handler = _Handler.factory(registry)
        self._closing, self._close = socket.socketpair()  # readable when the other end is closed
        self._lock = threading.Lock()  # guards changes of what follows
        self._clients: dict[socket.socket, None] = {}  # oldest first
        self._joining = threading.Lock()  # one at a time: Thread.join() of two at once may raise
        listener.setblocking(False)  # a client may be gone before it is accepted
        self._thread = threading.Thread(target=self._run, name="chanfitness-scrapes", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more, and cut off whoever is connected. Safe from any thread.

        Returns when nothing listens any more. A scrape that still waits for the
        store is not waited for. A second call does nothing.
        """
        with self._joining:
            self._close.close()
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _run(self) -> None:
        with self._listener, self._closing, selectors.DefaultSelector() as selector:
            selector.register(self._closing, selectors.EVENT_READ)
            selector.register(self._listener, selectors.EVENT_READ)
            while self._closing not in (each.fileobj for each, _ in selector.select()):
                try:
                    self._accept()
                except (BlockingIOError, ConnectionError):
                    pass  # it has gone again
                except (OSError, RuntimeError) as error:  # no file or no thread is left
                    logger.warning("could not take a client: %s", quoted(error))
                    selector.unregister(self._listener)
                    selector.select(BACK_OFF_SECONDS)
                    selector.register(self._listener, selectors.EVENT_READ)
        with self._lock:
            for client in self._clients:
                _cut_off(client)

    def _accept(self) -> None:
        client, address = self._listener.accept()
        with self._lock:
            if len(self._clients) == MOST_CLIENTS:
                oldest = next(iter(self._clients))
                del self._clients[oldest]
                _cut_off(oldest)
            self._clients[client] = None
        try:
            threading.Thread(
                target=self._answer, args=(client, address), name="chanfitness-scrape", daemon=True
            ).start()
        except BaseException:
            self._forget(client)
            raise

    def _answer(self, client: socket.socket, address: object) -> None:
        try:
            self._handler(client, address, self)
        except OSError as error:
            logger.debug("a client was cut off: %s", quoted(error))
        except Exception as error:
            logger.warning("could not answer a client: %s", quoted(error))
        finally:
            self._forget(client)

    def _forget(self, client: socket.socket) -> None:
        with self._lock:
            self._clients.pop(client, None)
        client.close()


def _cut_off(client: socket.socket) -> None:
    """End a connection; its thread then finds that it has ended."""
    with suppress(OSError):  # the client may have done so
        client.shutdown(socket.SHUT_RDWR)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; ``OSError`` that names the address if it cannot."""
    try:
        ((family, *_, resolved), *_) = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return socket.create_server(resolved, family=family)
    except OSError as error:
        shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        reason = (error.strerror or str(error)).partition(" (while")[0]
        raise OSError(error.errno, f"cannot listen on {shown}: {reason}") from None
