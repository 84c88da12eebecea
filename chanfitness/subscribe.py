"""Fan-out of updates to any number of clients, as lnd's ``subscribe`` package.

A :class:`Server` hands each update to every :class:`Client` that has
subscribed, in one order for all. It has no thread of its own: the clients'
queues are filled in the thread that sends.
"""

from __future__ import annotations

import os
import queue
import threading
import time
import weakref
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from .core.watchable_queue import ENDED, WatchableQueue
from .errors import ShuttingDownError

__all__ = ["ENDED", "Client", "Server"]

T = TypeVar("T")


class Client(Generic[T]):
    """One subscription: read ``updates``, then ``cancel()``.

    ``updates``: an unbounded ``queue.Queue`` of what was sent since the
    subscription began; :data:`ENDED` comes last. ``quit``: a
    ``threading.Event``, set when either end has ended the subscription.
    """

    def __init__(self, server: Server[T], updates: WatchableQueue) -> None:
        self.updates: queue.Queue[Any] = updates
        self.quit = threading.Event()
        self._server = server

    def __repr__(self) -> str:
        state = "ended" if self.quit.is_set() else "subscribed"
        return f"<Client of {type(self._server).__name__}, {state}>"

    def cancel(self) -> None:
        """End the subscription. Safe from any thread; a second call does nothing."""
        self._server._end([self])


class Server(Generic[T]):
    """Sends each update to all clients, in one order. Safe from any thread.

    A server is not carried over ``fork``: in the child sending and subscribing raise
    ``ShuttingDownError``.
    """

    def __init__(self) -> None:
        # Guards what follows, and is the mutex of the clients' queues. A signal's handler
        # may take it again while its thread sends.
        self._lock = threading.RLock()
        self._clients: tuple[Client[T], ...] = ()
        self._queues: tuple[WatchableQueue, ...] = ()
        self._why_stopped: str | None = None
        _servers.add(self)

    def __repr__(self) -> str:
        state = self._why_stopped or f"clients: {len(self._clients)}"
        return f"<{type(self).__name__}, {state}>"

    def subscribe(self) -> Client[T]:
        """A new client, or ``ShuttingDownError`` after :meth:`stop`."""
        updates = WatchableQueue(self._lock)
        client = Client(self, updates)
        with self._lock:
            if self._why_stopped is not None:
                raise ShuttingDownError(self._why_stopped)
            self._clients += (client,)
            self._queues += (updates,)
        return client

    def send_update(self, update: T) -> None:
        """Give ``update`` to every client; ``ShuttingDownError`` after :meth:`stop`.

        If a client's queue refuses it (its store's clock raised), the others
        still get it, and then the error is raised. Never waits; but a publisher that
        is thousands of updates ahead of a store leaves the processor to it.
        """
        refused, is_ahead = None, False
        with self._lock:
            if self._why_stopped is not None:
                raise ShuttingDownError(self._why_stopped)
            for updates in self._queues:
                try:
                    if updates.accept(update):
                        is_ahead = True
                except Exception as error:
                    refused = error
        if is_ahead:
            time.sleep(0)
        if refused is not None:
            raise refused

    def stop(self) -> None:
        """End all subscriptions. A second call does nothing."""
        with self._lock:
            self._why_stopped = self._why_stopped or "this server has stopped"
            self._end(self._clients)

    def _end(self, clients: Iterable[Client[T]]) -> None:
        with self._lock:
            ending = [client for client in clients if client in self._clients]
            self._clients = tuple(each for each in self._clients if each not in ending)
            for client in ending:
                client.quit.set()
                client.updates.put(ENDED)
            self._queues = tuple(each for each in self._queues if not each.has_ended)

    def _end_in_a_child(self) -> None:
        self._lock = threading.RLock()  # another thread may have held it
        self._why_stopped = f"this server runs in process {os.getppid()}, not in a child of it"
        for updates in self._queues:
            updates.reset(self._lock)
        self._end(self._clients)


_servers: weakref.WeakSet[Server[Any]] = weakref.WeakSet()


def _end_all_in_a_child() -> None:
    for server in list(_servers):
        server._end_in_a_child()


os.register_at_fork(after_in_child=_end_all_in_a_child)
