"""Fan-out of updates to any number of clients, as lnd's ``subscribe`` package.

A :class:`Server` puts each update into the queue of every :class:`Client`, in the same order
for all. It has no thread of its own: the sending thread fills the queues.
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
    """A subscription, made by :meth:`Server.subscribe`: read ``updates``, then ``cancel()``.

    ``updates`` is an unbounded ``queue.Queue`` of all updates sent since the subscription
    began; :data:`ENDED` comes last. ``quit`` is a ``threading.Event``, set when the client or
    the server has ended the subscription.
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
    """Sends each update to all clients, in the same order. Safe from any thread.

    A server does not survive ``fork``: in the child, sending and subscribing raise
    ``ShuttingDownError``.
    """

    def __init__(self) -> None:
        # Guards what follows, and is the mutex of the clients' queues. Reentrant, for a signal
        # handler that sends while its thread does.
        self._lock = threading.RLock()
        self._clients: tuple[Client[T], ...] = ()
        self._queues: tuple[WatchableQueue, ...] = ()
        self._why_stopped: str | None = None
        _servers.add(self)

    def __repr__(self) -> str:
        state = self._why_stopped or f"clients: {len(self._clients)}"
        return f"<{type(self).__name__}, {state}>"

    def subscribe(self) -> Client[T]:
        """Begin a subscription.

        Returns:
            A new client.

        Raises:
            ShuttingDownError: The server has stopped.
        """
        updates = WatchableQueue(self._lock)
        client = Client(self, updates)
        with self._lock:
            if self._why_stopped is not None:
                raise ShuttingDownError(self._why_stopped)
            self._clients += (client,)
            self._queues += (updates,)
        return client

    def send_update(self, update: T) -> None:
        """Send an update to every client. Never waits.

        A sender thousands of updates ahead of a store yields the processor to it.

        Args:
            update: The update.

        Raises:
            ShuttingDownError: The server has stopped.
            Exception: A client's queue refused the update, because its store's clock raised
                this; all other clients got the update.
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
