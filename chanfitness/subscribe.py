"""Fan-out of updates to any number of clients, as lnd's ``subscribe`` package.

A :class:`Server` hands each update to every :class:`Client` that has
subscribed, in one order for all. It has no thread of its own: the clients'
queues are filled in the thread that sends.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from .core.selector import ENDED, WatchableQueue
from .errors import ShuttingDownError

__all__ = ["ENDED", "Client", "Server"]

T = TypeVar("T")


class Client(Generic[T]):
    """One subscription: read ``updates``, then ``cancel()``.

    ``updates``: an unbounded ``queue.Queue`` of what was sent since the
    subscription began; :data:`ENDED` comes last. ``quit``: a
    ``threading.Event``, set when either end has ended the subscription.
    """

    def __init__(self, server: Server[T]) -> None:
        self.updates: queue.Queue[Any] = WatchableQueue(last=ENDED)
        self.quit = threading.Event()
        self._server = server

    def cancel(self) -> None:
        """End the subscription. Safe from any thread; a second call does nothing."""
        self._server._end([self])


class Server(Generic[T]):
    """Sends each update to all clients, in one order. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards changes of what follows
        self._clients: tuple[Client[T], ...] = ()
        self._stopped = False

    def subscribe(self) -> Client[T]:
        """A new client, or ``ShuttingDownError`` after :meth:`stop`."""
        client = Client(self)
        with self._lock:
            self._refuse_if_stopped()
            self._clients += (client,)
        return client

    def send_update(self, update: T) -> None:
        """Give ``update`` to every client; ``ShuttingDownError`` after :meth:`stop`.

        If a client's queue refuses it (its store's clock raised), the others
        still get it, and then the error is raised.
        """
        clients = self._clients
        if len(clients) == 1:
            clients[0].updates.put(update)  # its mutex makes the one order
        else:
            with self._lock:
                self._refuse_if_stopped()
                _put_in_each(self._clients, update)

    def stop(self) -> None:
        """End all subscriptions. A second call does nothing."""
        with self._lock:
            self._stopped = True
            clients = self._clients
        self._end(clients)

    def _end(self, clients: Iterable[Client[T]]) -> None:
        with self._lock:
            ending = [client for client in clients if client in self._clients]
            self._clients = tuple(each for each in self._clients if each not in ending)
            for client in ending:
                client.quit.set()
            _put_in_each(ending, ENDED)

    def _refuse_if_stopped(self) -> None:
        if self._stopped:
            raise ShuttingDownError("this server has stopped")


def _put_in_each(clients: Iterable[Client[T]], item: object) -> None:
    refused: Exception | None = None
    for client in clients:
        try:
            client.updates.put(item)
        except Exception as error:
            refused = error
    if refused is not None:
        raise refused
