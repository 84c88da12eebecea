"""Event loop and connections of waitress, with limits on clients and idle time.

A connection carries one request. It is closed if its client neither sends nor reads for
``CLIENT_SECONDS``, or if it is the oldest when more than ``MAXIMUM_CLIENTS`` connect.
"""

from __future__ import annotations

import errno
import logging
import queue
import resource
import socket
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..checks import extra, quoted
from ..logs import Log

with extra("prometheus"):
    from waitress.adjustments import Adjustments
    from waitress.channel import HTTPChannel
    from waitress.parser import HTTPRequestParser
    from waitress.server import TcpWSGIServer
    from waitress.task import ThreadedTaskDispatcher

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

logger = Log(__name__)

CLIENT_SECONDS = 10
"""Idle timeout: how long a client may neither send its request nor read its answer."""
MAXIMUM_CLIENTS = 256
"""Maximum number of connections; at most a quarter of the files that the process may open."""
BACK_OFF_SECONDS = 1
"""Pause in accepting clients after the process ran out of files."""

_MAXIMUM_HEADER = 16 * 1024
_NO_FILE_LEFT = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class _ConnectionLog(logging.Logger):
    """Logger that turns waitress' messages into debug messages: any stranger can cause them."""

    def handle(self, record: logging.LogRecord) -> None:
        logger.debug("waitress, about a connection: %s", quoted(record.getMessage()))


class _Request(HTTPRequestParser):
    """Parser of a connection's only request; later data is dropped, or it would accumulate."""

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        if not self.completed:
            return consumed
        self.headers["CONNECTION"] = "close"
        return len(data)


class Connection(HTTPChannel):
    """A client's connection. Only ``service`` and ``cut_off`` may be called from other threads."""

    parser_class = _Request
    logger = _ConnectionLog(__name__)

    @property
    def is_waiting(self) -> bool:
        """Whether the connection has a complete request or an unread answer."""
        return bool(self.requests or self.total_outbufs_len)

    def writable(self) -> bool:
        """Whether the loop should send; while an answer is computed, the worker sends it.

        The worker holds the connection's lock meanwhile, and the loop would spin on it.
        """
        is_ending = self.will_close or self.close_when_flushed
        return bool(is_ending or (self.total_outbufs_len and not self.requests))

    def handle_expt(self) -> None:
        """Cut off a client that sends urgent data, which would keep the loop busy."""
        self.handle_close()

    def cut_off(self) -> None:
        """Make the loop close this connection even if its client does not read. Thread-safe."""
        connection = self.socket
        if connection is not None:  # the loop may just have closed it
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Loop(TcpWSGIServer):
    """The event loop over a listener and its connections.

    A connection with a complete request is put into ``requests``; another thread calls its
    ``service``. Only ``pull_trigger`` and ``stop`` are thread-safe.
    """

    channel_class = Connection
    logger = Connection.logger
    active_channels: dict[int, Connection]  # the oldest first

    def __init__(
        self,
        application: WSGIApplication,
        listener: socket.socket,
        requests: queue.SimpleQueue[Connection | None],
    ) -> None:
        self._requests = requests
        self._lock = threading.Lock()  # guards _is_open, and the trigger while that is true
        self._is_open = True
        self._accepts_from = 0.0  # by time.monotonic()
        self._maximum_clients = _maximum_clients()
        settings = Adjustments(
            ident="chanfitness",
            asyncore_use_poll=True,
            asyncore_loop_timeout=1,
            cleanup_interval=1,
            connection_limit=sys.maxsize,  # waitress would refuse the next client, not the oldest
            max_request_header_size=_MAXIMUM_HEADER,
            max_request_body_size=1,  # no body
            outbuf_high_watermark=sys.maxsize,  # a worker must not wait for a client to read
            log_socket_errors=False,
        )
        super().__init__(
            application,
            _sock=listener,
            dispatcher=ThreadedTaskDispatcher(),  # has no threads, see add_task
            adj=settings,
            sockinfo=(listener.family, listener.type, listener.proto, listener.getsockname()),
            bind_socket=False,
        )

    def add_task(self, task: Connection) -> None:
        """Pass a connection with a complete request to the worker."""
        self._requests.put(task)

    def readable(self) -> bool:
        """Whether to accept clients; waitress calls it in each iteration."""
        return bool(super().readable()) and time.monotonic() >= self._accepts_from

    def accept(self) -> Any:
        """Accept and return the next client, or None; free a file if none is left."""
        try:
            return super().accept()
        except OSError as error:
            if error.errno in _NO_FILE_LEFT:
                self._make_room(error)
            return None

    def _make_room(self, error: OSError) -> None:
        if self.active_channels:
            self._oldest().handle_close()
        else:
            logger.warning("cannot accept clients, trying again soon: %s", quoted(error))
            self._accepts_from = time.monotonic() + BACK_OFF_SECONDS

    def handle_accept(self) -> None:
        """Accept a client; if there are too many, close the oldest connection."""
        if len(self.active_channels) >= self._maximum_clients:
            self._oldest().handle_close()
        super().handle_accept()
        # The listener goes last in each iteration. The data of this client is then read before
        # the next is accepted, and no event of a closed file is mistaken for one of a new file
        # with the same number.
        self._map[self._fileno] = self._map.pop(self._fileno)

    def _oldest(self) -> Connection:
        """Return the oldest connection without a complete request; if none, the oldest of all."""
        return min(self.active_channels.values(), key=lambda each: each.is_waiting)

    def maintenance(self, now: float) -> None:
        """Close idle connections; waitress' own method ignores clients that do not read."""
        for connection in self.active_channels.values():
            if not connection.requests and connection.last_activity < now - CLIENT_SECONDS:
                connection.cut_off()

    def pull_trigger(self) -> None:
        """Wake the loop; after its end, do nothing. Thread-safe."""
        with self._lock:
            if self._is_open:  # after the end another file may have the trigger's number
                super().pull_trigger()

    def stop(self) -> None:
        """Make the loop close everything and end. Thread-safe; a second call does nothing."""
        with self._lock:
            if self._is_open:
                self._is_open = False
                self.trigger.pull_trigger(self._close_all)

    def _close_all(self) -> None:
        for connection in list(self.active_channels.values()):
            connection.handle_close()
        with self._lock:  # wait until stop() no longer uses the trigger
            self.close()


def _maximum_clients() -> int:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return MAXIMUM_CLIENTS
    return min(MAXIMUM_CLIENTS, max(files // 4, 1))
