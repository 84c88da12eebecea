"""The thread that keeps a connection to lnd, and turns what it sends into events.

Each connection subscribes first and then takes a snapshot. What the streams send
meanwhile is put after it, as it came: an event that the snapshot contains already
changes nothing. (An open channel is the exception, and skipped: a store takes a
second opening for an error.)
"""

from __future__ import annotations

import atexit
import queue
import threading
from contextlib import closing
from typing import Any

from ...checks import extra, quoted
from ...config import NOT_YET_KNOWN, NotYetKnown
from ...core.watchable_queue import ENDED, WatchableQueue
from ...errors import NodeError, ShuttingDownError
from ...events import (
    ClosedChannelEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerOnlineEvent,
)
from ...logs import Log
from ...wire import Vertex
from ..backoff import Backoff
from ..told_reasons import ToldReasons
from . import messages as lnd_messages
from .connection import CHANNEL_EVENTS, LIST_CHANNELS, LIST_PEERS, Connection
from .errors import AbandonedError, DisconnectedError
from .settings import Credentials, Settings

with extra("lnd"):
    from google.protobuf.message import DecodeError

logger = Log("chanfitness.nodes.lnd")


class Watch:
    """One subscription: ``updates`` is the queue, ``cancel()`` ends it.

    ``updates`` begins with a ``MonitoringResumedEvent`` and ends with ``ENDED``;
    a ``MonitoringPausedEvent`` stands wherever a connection was lost. ``fault``:
    None, or why it ended by itself. All is safe from any thread.
    """

    def __init__(self, settings: Settings, backoff: Backoff) -> None:
        self.updates: queue.Queue[Any] = WatchableQueue(threading.RLock())
        self.fault: NodeError | None = None
        self.online: set[Vertex] = set()  # as far as is known
        self._settings = settings
        self._backoff = backoff
        self._cancelled = threading.Event()
        self._tried = threading.Event()  # to connect, once
        self._snapshot: list[OpenChannel] | None = None  # the first one
        self._thread = threading.Thread(target=self._run, name="chanfitness-lnd", daemon=True)
        self._joining = threading.Lock()  # one at a time: Thread.join() of two may raise
        # What follows is the thread's own, but that cancel() abandons the connection.
        self._connection: Connection | None = None
        self._open: set[OpenChannel] = set()
        self._sees = False
        self._is_loss_told = False
        self._told = ToldReasons()

    def start(self) -> None:
        """Connect, in a thread of its own, which ends with the interpreter at the latest."""
        self._thread.start()

    @property
    def is_cancelled(self) -> bool:
        """Was :meth:`cancel` called?"""
        return self._cancelled.is_set()

    def open_channels(self, timeout: float) -> list[OpenChannel] | NotYetKnown:
        """The first snapshot, or ``NOT_YET_KNOWN`` if the first try to connect failed.

        Waits for that try, for ``timeout`` seconds at most. Raises ``NodeError`` if
        lnd refuses us, ``ShuttingDownError`` after :meth:`cancel`.
        """
        self._tried.wait(timeout)
        if self.is_cancelled:
            raise ShuttingDownError("the subscription was cancelled")
        if self.fault is not None:
            raise NodeError(*self.fault.args)
        return NOT_YET_KNOWN if self._snapshot is None else list(self._snapshot)

    def cancel(self) -> None:
        """End it at once; returns when its thread has ended, except on that thread."""
        self._cancelled.set()
        self._tried.set()
        connection = self._connection
        if connection is not None:
            connection.abandon()
        if threading.current_thread() is not self._thread:
            with self._joining:
                self._thread.join()

    # The thread.

    def _run(self) -> None:
        atexit.register(self.cancel)  # gRPC ends better if it is closed
        try:
            while not self.is_cancelled and self.fault is None:
                self._try()
                self._tried.set()
                if self.fault is None:
                    self._backoff.wait(self._cancelled)
        finally:
            self._tried.set()
            self.updates.put(ENDED)
            atexit.unregister(self.cancel)

    def _try(self) -> None:
        """Connect, and follow lnd until the connection ends."""
        try:
            self._cease_to_see()  # if that failed the last time
            credentials = self._settings.read()
            try:
                with closing(Connection(self._settings.target, credentials)) as connection:
                    self._connection = connection
                    if not self.is_cancelled:  # else cancel() may have missed the connection
                        self._follow(connection)
            except DisconnectedError as end:
                self._take_leave(end, credentials)
        except AbandonedError:
            pass
        except NodeError as error:  # the files are not there: lnd may be making new ones
            self._tell(str(error))
        except Exception as error:
            self._tell(quoted(error), exc_info=error)
        finally:
            self._connection = None

    def _follow(self, connection: Connection) -> None:
        try:
            connection.subscribe()
            # Of this answer nothing matters but that it came: by now lnd has begun both
            # streams. gRPC sends what is called before it has connected in any order, so
            # if asked for the lists at once, lnd might list first and listen later.
            connection.ask(LIST_PEERS)
            channels = lnd_messages.open_channels(connection.ask(LIST_CHANNELS))
            self._see(channels, lnd_messages.online_peers(connection.ask(LIST_PEERS)))
            while True:
                self._pass_on(*connection.next())
        except DecodeError:
            raise DisconnectedError(None, "it sent a message that cannot be read") from None
        finally:
            self._cease_to_see()

    # What is put.

    def _see(self, channels: list[OpenChannel], peers: list[Vertex]) -> None:
        self._open, self.online = set(channels), set(peers)
        self.updates.put(MonitoringResumedEvent(channels, peers))
        self._sees = True
        self._is_loss_told = False
        self._backoff.succeeded()
        if self._snapshot is None:
            self._snapshot = channels
            self._tried.set()
        logger.info(
            "connected to lnd at %s: %d channels, %d peers",
            self._settings.rpcserver,
            len(channels),
            len(peers),
        )

    def _cease_to_see(self) -> None:
        if self._sees:
            self.updates.put(MonitoringPausedEvent())
            self._sees = False

    def _pass_on(self, stream: str, raw: bytes) -> None:
        decode = lnd_messages.channel_event if stream == CHANNEL_EVENTS else lnd_messages.peer_event
        try:
            event = decode(raw)
        except ValueError as error:
            logger.warning("skipped an event of lnd: %s", error)
            return
        if event is not None and self._is_news(event):
            self.updates.put(event)

    def _is_news(self, event: lnd_messages.Event) -> bool:
        """Note what an event tells; false if a store would take it for an error."""
        if isinstance(event, OpenChannelEvent):
            channel = OpenChannel(event.channel_point, event.peer)
            if channel in self._open:
                logger.debug("channel %s with %s is open already", *channel)
                return False
            self._open.add(channel)
        elif isinstance(event, ClosedChannelEvent):
            self._open.discard(OpenChannel(event.channel_point, event.peer))
        elif isinstance(event, PeerOnlineEvent):
            self.online.add(event.peer)
        else:
            self.online.discard(event.peer)
        return True

    # What is told.

    def _take_leave(self, end: DisconnectedError, credentials: Credentials) -> None:
        """Say why a connection ended; if lnd refuses us, do not try again."""
        settings = self._settings
        if end.refuses_certificate and self._are_current(credentials):
            what = f"does not match the certificate {settings.tlscertpath!a}"
        elif end.refuses_macaroon and self._are_current(credentials):
            what = f"refuses the macaroon {settings.macaroonpath!a}"
        else:
            self._tell(str(end))
            return
        self.fault = NodeError(f"lnd at {settings.rpcserver} {what}: {end}")
        logger.critical("%s", self.fault)

    def _are_current(self, credentials: Credentials) -> bool:
        """Has lnd made no new files since we read them?"""
        try:
            return self._settings.read() == credentials
        except NodeError:
            return False

    def _tell(self, why: str, *, exc_info: BaseException | None = None) -> None:
        """Log why lnd cannot be seen: each new reason, but the same one rarely."""
        if not self._is_loss_told:
            self._told.clear()
        if self._told.is_due(why):
            logger.warning(
                "cannot see lnd at %s, trying again: %s",
                self._settings.rpcserver,
                why,
                exc_info=exc_info,
            )
        self._is_loss_told = True
