"""Waitress' event loop with limits on what its connections can cost.

A connection carries one request. Its client is cut off if it neither sends nor reads for
``CLIENT_SECONDS``, or is the oldest when one more than ``MAXIMUM_CLIENTS`` connects.
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
"""How long a client may neither send of its request nor read of its answer."""
MAXIMUM_CLIENTS = 256
"""At once, or a quarter of the files that the process may open if that is less."""
BACK_OFF_SECONDS = 1
"""How long no client is accepted if the process has no file left for one."""

_MAXIMUM_HEADER = 16 * 1024
_NO_FILE_LEFT = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class _ConnectionLog(logging.Logger):
    """Waitress' log of a connection: for debugging only, as any stranger can fill it."""

    def handle(self, record: logging.LogRecord) -> None:
        logger.debug("waitress, of a connection: %s", quoted(record.getMessage()))


class _Request(HTTPRequestParser):
    """Parses the one request of a connection; what follows it is dropped, or would pile up."""

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        if not self.completed:
            return consumed
        self.headers["CONNECTION"] = "close"
        return len(data)


class Connection(HTTPChannel):
    """A client's connection. All but ``service`` and ``cut_off`` is for the loop's thread."""

    parser_class = _Request
    logger = _ConnectionLog(__name__)

    @property
    def is_waiting(self) -> bool:
        """Whether a whole request, or an answer that is not read yet, is at hand."""
        return bool(self.requests or self.total_outbufs_len)

    def writable(self) -> bool:
        """Whether the loop is to send; what is being answered, the worker sends itself.

        The loop would find it locked, and look again and again, at the worker's cost.
        """
        is_ending = self.will_close or self.close_when_flushed
        return bool(is_ending or (self.total_outbufs_len and not self.requests))

    def handle_expt(self) -> None:
        """Cut off a client that sends urgent data: left unread, it keeps the loop awake."""
        self.handle_close()

    def cut_off(self) -> None:
        """Make the loop close this connection, even if its client reads nothing."""
        connection = self.socket
        if connection is not None:  # the loop may just have closed it
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Loop(TcpWSGIServer):
    """The event loop over a listener and its connections.

    A connection whose request is complete is put into ``requests``, for another thread to
    call its ``service``. All but ``pull_trigger`` and ``stop`` is for the loop's thread.
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
            connection_limit=sys.maxsize,  # it would shut out the next client, not the oldest
            max_request_header_size=_MAXIMUM_HEADER,
            max_request_body_size=1,  # that is, none
            outbuf_high_watermark=sys.maxsize,  # or a worker would wait for a client to read
            log_socket_errors=False,
        )
        super().__init__(
            application,
            _sock=listener,
            dispatcher=ThreadedTaskDispatcher(),  # without threads: see add_task
            adj=settings,
            sockinfo=(listener.family, listener.type, listener.proto, listener.getsockname()),
            bind_socket=False,
        )

    def add_task(self, task: Connection) -> None:
        """Hand over a connection with a complete request."""
        self._requests.put(task)

    def readable(self) -> bool:
        """Whether to accept clients; waitress calls it once a round."""
        return bool(super().readable()) and time.monotonic() >= self._accepts_from

    def accept(self) -> Any:
        """The next client, or None; without a file for it, make room."""
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
        """Accept a client; if there are too many, cut off the oldest."""
        if len(self.active_channels) >= self._maximum_clients:
            self._oldest().handle_close()
        super().handle_accept()
        # Be last in each round: when the next one is accepted, what this one sent has been
        # read, and no event of a closed file is taken for one of a new file of its number.
        self._map[self._fileno] = self._map.pop(self._fileno)

    def _oldest(self) -> Connection:
        """The oldest connection without a complete request if there is any, or the oldest."""
        return min(self.active_channels.values(), key=lambda each: each.is_waiting)

    def maintenance(self, now: float) -> None:
        """Cut off silent clients; waitress' own method leaves those that do not read."""
        for connection in self.active_channels.values():
            if not connection.requests and connection.last_activity < now - CLIENT_SECONDS:
                connection.cut_off()

    def pull_trigger(self) -> None:
        """Wake the loop; when it has ended, do nothing. Safe from any thread."""
        with self._lock:
            if self._is_open:  # else its file number may be another file's by now
                super().pull_trigger()

    def stop(self) -> None:
        """Make the loop close all and end. Safe from any thread; a second call does nothing."""
        with self._lock:
            if self._is_open:
                self._is_open = False
                self.trigger.pull_trigger(self._close_all)

    def _close_all(self) -> None:
        for connection in list(self.active_channels.values()):
            connection.handle_close()
        with self._lock:  # the trigger has called this before stop() had done with it
            self.close()


def _maximum_clients() -> int:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return MAXIMUM_CLIENTS
    return min(MAXIMUM_CLIENTS, max(files // 4, 1))
