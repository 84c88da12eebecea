"""Between a lightningd and a store: one thread that asks the one and feeds the other.

Whoever hears lightningd only puts its notifications into this thread's inbox, with the
time at which it came. The thread starts the store (blind), takes a snapshot, and
turns what comes after it into events with those times. A lightningd that does not
answer holds up this thread alone; what has to wait for its answer is asked for
again at its next notification.
"""

from __future__ import annotations

import datetime
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from ...checks import quoted
from ...clock import Clock, SteadyClock, reader
from ...config import NOT_YET_KNOWN, Config
from ...core.queries import Overview
from ...core.saved_state import ClosedRow
from ...errors import ChanFitnessError, RequestTimeoutError
from ...events import MonitoringPausedEvent, OnEvent, OpenChannel
from ...logs import Log
from ...periods import KEPT, OWN_OUTAGE
from ...storage.sqlite import SqliteStorage, read
from ...store import ChannelEventStore
from ...subscribe import Server
from ...wire import OutPoint
from .channels import Channels
from .listings import ListingClient
from .messages import Listing, parse_peer
from .notifications import Notification, Notifications
from .rpc_client import LightningRpc
from .startup_grace import StartupGrace

logger = Log(__name__)

TOPICS = ("connect", "disconnect", "channel_state_changed")

MAXIMUM_INBOX = 10_000
"""How many notifications may wait; what comes then is left to a new snapshot."""

MAXIMUM_CHANGES = 1000
"""How many changes of state may wait for a listing that does not come."""

_END_TIMEOUT = 0.25  # seconds for what is in the inbox, then as much without lightningd
_STORE_TIMEOUT = 30.0  # seconds for an answer of our own store


class Inbox(Protocol):
    """What :class:`Watcher` needs of a ``queue.SimpleQueue``."""

    def put(self, item: Any) -> None:
        """Never blocks."""

    def get(self, *, timeout: float | None) -> Any:
        """The next item, or ``queue.Empty`` after so many seconds."""

    def qsize(self) -> int:
        """How many items there are."""


class _Stop(NamedTuple):
    at: datetime.datetime | None


class _Overrun(NamedTuple):
    """What was told from ``at`` on, until this is handled, is not in the inbox."""

    at: datetime.datetime


class Watcher:
    """Keeps the figures of one lightningd's channels, in the database ``path``.

    ``startup``: lightningd has just started, so that its connects are still to come.
    ``after_start``: called with the store once it has started; what it raises is
    logged. ``clock``, ``on_event``: as in :class:`~chanfitness.Config`.

    All methods are safe from any thread; none waits but :meth:`ready` and
    :meth:`stop`. What fails is logged: nothing but ``ready`` raises.
    """

    def __init__(
        self,
        path: str,
        rpc: LightningRpc,
        *,
        startup: bool,
        clock: Clock | None = None,
        inbox: Inbox | None = None,
        on_event: OnEvent | None = None,
        after_start: Callable[[ChannelEventStore], object] | None = None,
    ) -> None:
        self._clock = SteadyClock() if clock is None else clock
        self._now = reader(self._clock)
        self._inbox: Inbox = queue.SimpleQueue() if inbox is None else inbox
        self._rpc = rpc
        self._listings = ListingClient(rpc)
        self._is_starting = startup
        self._after_start = after_start
        self._feed: Server[object] = Server()
        feed = self._feed.subscribe()
        self._storage = SqliteStorage(path)
        self._store = ChannelEventStore(
            Config(
                subscribe_channel_events=lambda: feed,
                subscribe_peer_events=lambda: feed,
                get_open_channels=lambda: NOT_YET_KNOWN,
                clock=self._clock,
                history=KEPT,
                storage=self._storage,
                own_outage=OWN_OUTAGE,
                on_event=on_event,
            )
        )
        self._thread = threading.Thread(target=self._run, name="chanfitness-cln", daemon=True)
        self._started = threading.Event()
        self._failure: str | None = None  # why there is no store, once _started is set
        self.names: Mapping[str, OutPoint] = {}  # of channels; replaced, never changed
        self._latest: Notification | None = None
        self._is_overrun = threading.Event()
        # What follows belongs to the thread.
        self._channels: Channels
        self._sees = False
        self._grace: StartupGrace | None = None
        self._notifications: Notifications
        self._known_already = 0  # so many items of the inbox are older than the snapshot

    def start(self) -> None:
        """Begin, in the background."""
        self._thread.start()

    def tell(self, topic: str, params: object) -> None:
        """Note what lightningd says, and when. Too much of it is left to a new snapshot."""
        if self._is_overrun.is_set():
            return
        if self._inbox.qsize() >= MAXIMUM_INBOX:
            overrun = _Overrun(self._clock.now())
            self._is_overrun.set()
            self._inbox.put(overrun)
            return
        notification = self._latest = Notification(topic, params, self._clock.now())
        self._inbox.put(notification)

    def reached(self) -> threading.Event:
        """Is set once all that was told before has reached the store."""
        event = threading.Event()
        self._inbox.put(event)
        return event

    def ready(self, timeout: float) -> ChannelEventStore:
        """The store, once it has started. Raises ``ChanFitnessError`` if there is none."""
        if not self._started.wait(timeout):
            raise RequestTimeoutError("the store has not started yet")
        if self._failure is not None:
            raise ChanFitnessError(self._failure)
        return self._store

    def warnings(self) -> list[str]:
        """Why the answers may not be what they seem; empty if all is well."""
        warnings = []
        if self._storage.failure is not None:
            warnings.append(f"nothing is saved: {self._storage.failure}")
        if self._listings.failure is not None:
            warnings.append(f"not all is seen: {self._listings.failure}")
        return warnings

    def closed(self) -> list[ClosedRow]:
        """The channels that closed and were saved with their final figures."""
        _, closed = read(self._storage.path)
        return closed

    @property
    def all_is_saved(self) -> bool:
        """Whether, as far as it is known, nothing that was seen is missing in the database."""
        return self._storage.unsaved_since is None

    def stop(self) -> None:
        """See nothing from here on, save, and end; in about a second, whatever happens."""
        at = None
        with suppress(Exception):  # a clock that fails is no reason not to end
            at = self._clock.now()
        self._inbox.put(_Stop(at))
        if self._thread.ident is not None:
            self._thread.join(_END_TIMEOUT)
            self._rpc.abort()
            self._thread.join(_END_TIMEOUT)
        self._store.stop()

    # The thread.

    def _run(self) -> None:
        has_store = self._start_store()
        if has_store:
            self._guarded(self._look)
        while True:
            item = self._next()
            is_known = item is not None and self._known_already > 0
            self._known_already -= is_known
            if isinstance(item, _Stop):
                break
            if isinstance(item, threading.Event):
                item.set()
            elif isinstance(item, _Overrun):
                self._is_overrun.clear()  # first: from here on all is told again
                if has_store:
                    self._guarded(self._start_over, item.at)
            elif has_store and not is_known:
                self._guarded(self._take, item)
        if self._sees:
            self._guarded(self._put, [MonitoringPausedEvent(item.at)])

    def _start_store(self) -> bool:
        try:
            self._store.start()
        except ChanFitnessError as error:
            self._failure = f"cannot watch the channels: {error}"
        except Exception as error:
            self._failure = f"cannot watch the channels: {quoted(error)}"
        else:
            self._channels = channels = Channels(self._storage.channel_ids)
            self._notifications = Notifications(
                channels, self._listings, self._put, self._is_latest, self._publish
            )
            if self._after_start is not None:
                self._guarded(self._after_start, self._store)
        if self._failure is not None:
            logger.error("%s", self._failure)
        self._started.set()
        return self._failure is None

    def _next(self) -> Notification | threading.Event | _Stop | _Overrun | None:
        """The next item; None when the connects have settled."""
        wait = self._grace.wait(self._now()) if self._grace is not None else None
        try:
            item: Notification | threading.Event | _Stop | _Overrun
            item = self._inbox.get(timeout=None if wait is None else wait.total_seconds())
        except queue.Empty:
            return None
        return item

    def _guarded(self, do: Callable[..., object], *arguments: object) -> None:
        try:
            do(*arguments)
        except Exception:
            logger.exception("could not handle %s", quoted(arguments))

    def _take(self, notification: Notification | None) -> None:
        if notification is None or not self._sees:
            self._take_blindly(notification)
        else:
            self._notifications.take(notification)
            if self._notifications.waiting > MAXIMUM_CHANGES:
                self._start_over(notification.at)

    def _start_over(self, at: datetime.datetime) -> None:
        """See nothing from ``at`` on, until a new snapshot."""
        logger.warning("lightningd says more than can be handled: taking a new snapshot")
        if self._sees:
            self._put([MonitoringPausedEvent(at)])
            self._sees = False
        self._notifications.forget()
        self._is_starting |= self._grace is not None  # some of its connects were not told
        self._grace = None
        self._known_already = 0
        self._look()

    # Before all is seen: what is told is in the snapshot that is to come.

    def _take_blindly(self, notification: Notification | None) -> None:
        if notification is None:
            self._grace = None
            self._look()
        elif self._grace is None:
            if self._is_latest(notification):
                self._look()
        elif notification.topic == "connect":
            peer = notification.parsed(parse_peer)
            if peer is not None:
                self._grace.connected(peer, self._now())

    def _look(self) -> None:
        """Take the snapshot; right after a start of lightningd, see first who is to come."""
        told = self._inbox.qsize()
        listing = self._listings.everything()
        if listing is None:
            return
        overview = self._store.get_overview(timeout=_STORE_TIMEOUT)
        if self._is_starting:
            self._is_starting = False
            self._grace = self._begin_grace(listing, overview)
        if self._grace is None:
            self._resume(listing, overview)
            self._known_already = told

    def _begin_grace(self, listing: Listing, overview: Overview) -> StartupGrace | None:
        """The wait for the connects; None if nobody is to come."""
        away = listing.peers_with_channels.difference(listing.online)
        if not away:
            return None
        were_offline = {peer.peer for peer in overview.peers if not peer.online}
        logger.info("peers with channels that are not connected yet: %d", len(away))
        return StartupGrace(self._now(), away, away - were_offline, bool(listing.online))

    def _resume(self, listing: Listing, overview: Overview) -> None:
        remembered = [OpenChannel(each.channel_point, each.peer) for each in overview.channels]
        self._put(self._channels.resume(listing, remembered))
        self._publish()
        self._sees = True
        logger.info(
            "watching: channels %d, peers online %d", len(self._channels), len(listing.online)
        )

    # Events.

    def _is_latest(self, notification: Notification) -> bool:
        return notification is self._latest

    def _put(self, events: Sequence[object]) -> None:
        for event in events:
            self._feed.send_update(event)

    def _publish(self) -> None:
        """Let others know which channel has which name; after the events that told it."""
        self.names = self._channels.names
        ids = self._channels.ids
        if ids != self._storage.channel_ids:
            self._storage.channel_ids = ids
