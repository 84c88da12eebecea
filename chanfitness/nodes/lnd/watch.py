"""Subscription to lnd: a thread that keeps a connection, and turns messages into events.

Each connection subscribes first, and then takes a snapshot, dated when its lists were asked
for. Another one each hour corrects missed events. Events that come while the lists are made
are put before the snapshot; in a store they take precedence over the lists. Descriptions of
peers and channels follow a snapshot.

No event has a peer's transport. The peers are therefore listed after online events, and the
channels, too, after an open event, for the alias of the peer.
"""

from __future__ import annotations

import atexit
import datetime
import queue
import threading
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import partial
from typing import Any, NamedTuple

from ...checks import extra, quoted
from ...clock import Clock
from ...config import NOT_YET_KNOWN, NotYetKnown
from ...core.watchable_queue import ENDED, WatchableQueue
from ...errors import NodeError, ShuttingDownError
from ...events import (
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannelEvent,
    PeerOnlineEvent,
    SnapshotEvent,
)
from ...logs import Log
from ..backoff import Backoff
from ..inbox import Inbox
from ..told_reasons import ToldReasons
from . import messages as lnd_messages
from .connection import (
    CHANNEL_EVENTS,
    LIST_CHANNELS,
    LIST_PEERS,
    LISTS_DUE,
    NEWCOMERS_DUE,
    Connection,
)
from .descriptions import Descriptions
from .errors import AbandonedError, DisconnectedError
from .messages import ListedChannel, ListedPeer
from .settings import Credentials, Settings

with extra("lnd"):
    from google.protobuf.message import DecodeError

logger = Log("chanfitness.nodes.lnd")


class _Lists(NamedTuple):
    """lnd's lists. ``asked``: when they were asked for."""

    channels: list[ListedChannel]
    peers: list[ListedPeer]
    asked: datetime.datetime


class Watch:
    """One subscription: ``updates`` is the queue, ``cancel()`` ends it.

    ``updates`` has a ``MonitoringResumedEvent`` for each connection made, a
    ``MonitoringPausedEvent`` for each one lost, and ``ENDED`` at the end. ``fault``: why it
    ended by itself, or None. Safe from any thread.

    ``clock``: dates the snapshots and the last sign of life. ``make_inbox``: returns the
    inbox of a connection.
    """

    def __init__(
        self,
        settings: Settings,
        backoff: Backoff,
        clock: Clock,
        make_inbox: Callable[[], Inbox],
    ) -> None:
        self.updates: queue.Queue[Any] = WatchableQueue(threading.RLock())
        self.fault: NodeError | None = None
        self._settings = settings
        self._backoff = backoff
        self._clock = clock
        self._make_inbox = make_inbox
        self._cancelled = threading.Event()
        self._tried = threading.Event()  # set after the first attempt to connect
        self._thread = threading.Thread(target=self._run, name="chanfitness-lnd", daemon=True)
        self._joining = threading.Lock()  # Thread.join() from two threads may raise
        # Only the thread uses the rest, except that cancel() abandons the connection.
        self._connection: Connection | None = None
        self._sees = False
        self._silent_since: datetime.datetime | None = None  # the last sign before a pause
        self._descriptions = Descriptions()  # told over this connection
        self._has_opened = False  # whether a channel opened since the last listing of channels
        self._is_loss_told = False
        self._told = ToldReasons()

    def start(self) -> None:
        """Start the thread, which ends with the interpreter at the latest."""
        self._thread.start()

    @property
    def is_cancelled(self) -> bool:
        """Whether :meth:`cancel` was called."""
        return self._cancelled.is_set()

    def wait_for_snapshot(self, timeout: float) -> NotYetKnown:
        """Wait until the first snapshot is put or the first attempt to connect has failed.

        Wait up to ``timeout`` seconds. Raise ``NodeError`` if lnd refuses,
        ``ShuttingDownError`` after :meth:`cancel`.
        """
        self._tried.wait(timeout)
        if self.is_cancelled:
            raise ShuttingDownError("the subscription was cancelled")
        if self.fault is not None:
            raise NodeError(*self.fault.args)
        return NOT_YET_KNOWN

    def cancel(self) -> None:
        """End at once, and wait for the thread, except on that thread."""
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
        atexit.register(self.cancel)  # so that the exit does not interrupt a C library
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
            self._put_pause()  # if that failed the last time
            credentials = self._settings.read()
            try:
                connection = Connection(
                    self._settings.target, credentials, self._clock, self._make_inbox()
                )
                with closing(connection):
                    self._connection = connection
                    if not self.is_cancelled:  # cancel() may have missed the connection
                        self._follow(connection)
            except DisconnectedError as end:
                self._explain(end, credentials)
        except AbandonedError:
            pass
        except NodeError as error:  # a file is missing: lnd may be making a new one
            self._tell(str(error))
        except Exception as error:
            self._tell(quoted(error), exc_info=error)
        finally:
            self._connection = None

    def _follow(self, connection: Connection) -> None:
        self._descriptions = Descriptions()
        try:
            connection.subscribe()
            # This answer shows that lnd has begun both streams. lnd serves calls in any
            # order, so it might make lists asked for at once before the streams begin.
            connection.ask(LIST_PEERS, partial(self._pass_on, connection))
            self._see(self._ask_for_lists(connection))
            while True:
                stream, raw = connection.next()
                if stream == LISTS_DUE:
                    self._put_lists(SnapshotEvent, self._ask_for_lists(connection))
                elif stream == NEWCOMERS_DUE:
                    self._describe_newcomers(connection)
                else:
                    self._pass_on(connection, stream, raw)
        except DecodeError:
            raise DisconnectedError(None, "it sent an undecodable message") from None
        finally:
            if self._sees:
                self._silent_since = connection.signs.silent_since()
            self._put_pause()

    def _ask_for_lists(self, connection: Connection) -> _Lists:
        asked = self._clock.now()
        return _Lists(self._list_channels(connection), self._list_peers(connection), asked)

    def _list_channels(self, connection: Connection) -> list[ListedChannel]:
        self._has_opened = False
        meanwhile = partial(self._pass_on, connection)
        request = lnd_messages.LIST_CHANNELS_REQUEST
        return lnd_messages.listed_channels(connection.ask(LIST_CHANNELS, meanwhile, request))

    def _list_peers(self, connection: Connection) -> list[ListedPeer]:
        meanwhile = partial(self._pass_on, connection)
        return lnd_messages.listed_peers(connection.ask(LIST_PEERS, meanwhile))

    # Events.

    def _see(self, lists: _Lists) -> None:
        self._put_lists(MonitoringResumedEvent, lists)
        self._sees = True
        self._is_loss_told = False
        self._backoff.succeeded()
        self._tried.set()
        logger.info(
            "connected to lnd at %s: %d channels, %d peers",
            self._settings.rpcserver,
            len(lists.channels),
            len(lists.peers),
        )

    def _put_lists(self, kind: type[MonitoringResumedEvent | SnapshotEvent], lists: _Lists) -> None:
        channels, peers, asked = lists
        self.updates.put(
            kind([each.channel for each in channels], [each.peer for each in peers], asked)
        )
        self._put_all(self._descriptions.of_lists(channels, peers))

    def _describe_newcomers(self, connection: Connection) -> None:
        channels = self._list_channels(connection) if self._has_opened else []
        self._put_all(self._descriptions.of_peers(channels, self._list_peers(connection)))

    def _put_pause(self) -> None:
        if self._sees:
            self.updates.put(MonitoringPausedEvent(self._silent_since))
            self._sees = False

    def _pass_on(self, connection: Connection, stream: str, raw: bytes) -> None:
        is_of_channels = stream == CHANNEL_EVENTS
        decode = lnd_messages.channel_events if is_of_channels else lnd_messages.peer_events
        try:
            events = decode(raw)
        except ValueError as error:
            logger.warning("skipped an event of lnd: %s", error)
            return
        for event in events:
            self._descriptions.note(event)
            self._has_opened |= isinstance(event, OpenChannelEvent)
            if isinstance(event, (OpenChannelEvent, PeerOnlineEvent)):
                connection.expect_newcomers()
        self._put_all(events)

    def _put_all(self, events: Iterable[object]) -> None:
        for event in events:
            self.updates.put(event)

    # Log.

    def _explain(self, end: DisconnectedError, credentials: Credentials) -> None:
        """Log why a connection ended; set ``fault`` if lnd refuses for good."""
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
        """Return whether lnd's files are still the credentials of the connection."""
        try:
            return self._settings.read() == credentials
        except NodeError:
            return False

    def _tell(self, why: str, *, exc_info: BaseException | None = None) -> None:
        """Log why lnd cannot be seen, at a limited rate."""
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
