"""Between a lightningd and a store: one thread that asks the one and feeds the other.

Whoever hears lightningd only puts its notifications into this thread's inbox, with the
time at which it came. The thread starts the store (blind), takes a snapshot, and
turns what comes after it into events with those times. A lightningd that does not
answer holds up this thread alone; what has to wait for its answer is asked for
again at its next notification.

Twice a minute the thread asks for a sign of life. When none came for too long,
because lightningd was frozen or this process was, the time since the last one is blind,
and a new snapshot is taken. Once an hour the lists are compared with what is known.
What else it asks for waits until nothing is in the inbox; the answers go through it.
"""

from __future__ import annotations

import datetime
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from ...checks import quoted
from ...clock import Clock, Moment, SteadyClock, reader
from ...config import NOT_YET_KNOWN, Config
from ...core.saved_state import ClosedRow
from ...errors import ChanFitnessError, RequestTimeoutError
from ...events import (
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OnEvent,
    OpenChannel,
    SnapshotEvent,
)
from ...logs import Log
from ...periods import KEPT, OWN_OUTAGE, outage_settings
from ...storage.sqlite import SqliteStorage, read
from ...store import ChannelEventStore
from ...subscribe import Server
from ...wire import OutPoint
from ..inbox import Inbox
from ..signs_of_life import ASK_SECONDS, LISTS_PERIOD, SignsOfLife, elapsed
from .channels import Channels
from .follow_ups import Alias, FollowUps, Relisted
from .listings import ListingClient
from .messages import Listing
from .notifications import Notification, Notifications
from .rpc_client import LightningRpc, RpcError

logger = Log(__name__)

TOPICS = ("connect", "disconnect", "channel_state_changed")

MAXIMUM_INBOX = 10_000
"""How many notifications may wait; what comes then is left to a new snapshot."""

MAXIMUM_CHANGES = 1000
"""How many changes of state may wait for a listing that does not come."""

_FLOOD = "lightningd says more than can be handled"
_SILENCE = "no sign of life of lightningd came for a while: it was frozen, or this plugin was"

_END_TIMEOUT = 0.25  # seconds for what is in the inbox, then as much without lightningd
_STORE_TIMEOUT = 30.0  # seconds for an answer of our own store


class _Stop(NamedTuple):
    at: datetime.datetime | None


class _Gap(NamedTuple):
    """What was told from ``at`` on, until this is handled, is not in the inbox."""

    at: datetime.datetime
    reason: str


class _Lists(NamedTuple):
    """What was listed, when it was asked for: to be compared once all before it is told."""

    listing: Listing
    asked: datetime.datetime


_Item = Notification | threading.Event | _Stop | _Gap | _Lists | Relisted | Alias


class Watcher:
    """Keeps the figures of one lightningd's channels, in the database ``path``.

    ``own_outage``: as for :func:`~chanfitness.periods.outage_settings`. ``after_start``:
    called with the store once it has started; what it raises is logged. ``clock``,
    ``on_event``: as in :class:`~chanfitness.Config`.

    All methods are safe from any thread; none waits but :meth:`ready` and
    :meth:`stop`. What fails is logged: nothing but ``ready`` raises.
    """

    def __init__(
        self,
        path: str,
        rpc: LightningRpc,
        *,
        own_outage: datetime.timedelta | None = OWN_OUTAGE,
        clock: Clock | None = None,
        inbox: Inbox | None = None,
        on_event: OnEvent | None = None,
        after_start: Callable[[ChannelEventStore], object] | None = None,
    ) -> None:
        self._clock = SteadyClock() if clock is None else clock
        self._read_clock = reader(self._clock)
        self._inbox: Inbox = queue.SimpleQueue() if inbox is None else inbox
        self._rpc = rpc
        self._listings = ListingClient(rpc, self._note_answer)
        self._after_start = after_start
        self._follow_ups = FollowUps(self._listings, self._clock, self._inbox)
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
                on_event=on_event,
                **outage_settings(own_outage),
            )
        )
        self._thread = threading.Thread(target=self._run, name="chanfitness-cln", daemon=True)
        self._started = threading.Event()
        self._failure: str | None = None  # why there is no store, once _started is set
        self.names: Mapping[str, OutPoint] = {}  # of channels; replaced, never changed
        self._latest: Notification | None = None
        self._has_gap = threading.Event()
        self._signs = SignsOfLife(self._clock)  # since a snapshot was asked for
        # What follows belongs to the thread.
        self._channels: Channels
        self._sees = False
        self._asked: Moment  # when a sign of life was asked for
        self._listed: Moment  # when the lists were
        self._lists: _Lists | None = None  # that are in the inbox
        self._notifications: Notifications
        self._known_already = 0  # so many items of the inbox are older than the snapshot

    def start(self) -> None:
        """Begin, in the background."""
        self._thread.start()

    def tell(self, topic: str, params: object) -> None:
        """Note what lightningd says, and when. Too much of it is left to a new snapshot."""
        if self._has_gap.is_set():
            return
        if not self._signs.note():
            self._leave_a_gap(self._signs.silent_since(), _SILENCE)
        elif self._inbox.qsize() >= MAXIMUM_INBOX:
            self._leave_a_gap(None, _FLOOD)
        else:
            notification = self._latest = Notification(topic, params, self._clock.now())
            self._inbox.put(notification)

    def _leave_a_gap(self, at: datetime.datetime | None, reason: str) -> None:
        gap = _Gap(at or self._clock.now(), reason)
        self._has_gap.set()
        self._inbox.put(gap)

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
    def storage(self) -> SqliteStorage:
        """The database."""
        return self._storage

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
            elif isinstance(item, _Gap):
                self._signs = SignsOfLife(self._clock)
                self._has_gap.clear()  # first: from here on all is told again
                if has_store:
                    self._guarded(self._start_over, *item)
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
            self._asked = self._read_clock()
            self._channels = channels = Channels(self._storage.channel_ids)
            self._notifications = Notifications(
                channels,
                self._listings,
                self._follow_ups,
                put=self._put,
                is_latest=self._is_latest,
                publish=self._publish,
            )
            if self._after_start is not None:
                self._guarded(self._after_start, self._store)
        if self._failure is not None:
            logger.error("%s", self._failure)
        self._started.set()
        return self._failure is None

    def _next(self) -> _Item | None:
        """The next item; None when a question is due."""
        try:
            item: _Item = self._inbox.get(timeout=self._until_asking())
        except queue.Empty:
            return None
        return item

    def _until_asking(self) -> float | None:
        """Seconds to wait until a question is due; None: it never is."""
        if self._failure is not None:
            return None
        with suppress(Exception):  # a clock that fails is no reason not to go on
            follow_up, sign = self._follow_ups.seconds(), self._until_sign()
            return sign if follow_up is None else min(sign, follow_up)
        return ASK_SECONDS

    def _until_sign(self) -> float:
        """Seconds to wait until a sign of life is to be asked for."""
        since = elapsed(self._asked, self._read_clock())
        return max(ASK_SECONDS - since.total_seconds(), 0)

    def _guarded(self, do: Callable[..., object], *arguments: object) -> None:
        try:
            do(*arguments)
        except Exception:
            logger.exception("could not handle %s", quoted(arguments))

    def _take(self, item: Notification | _Lists | Relisted | Alias | None) -> None:
        if item is None:
            self._ask()
        elif not self._sees:
            if item is self._latest:
                self._look()  # what is told is in the snapshot that is to come
        elif isinstance(item, _Lists):
            self._compare(item)
        elif isinstance(item, Relisted | Alias):
            self._notifications.take_answer(item)
        else:
            self._notifications.take(item)
            if self._notifications.waiting > MAXIMUM_CHANGES:
                self._start_over(item.at, _FLOOD)

    def _start_over(self, at: datetime.datetime, reason: str) -> None:
        """See nothing from ``at`` on, until a new snapshot."""
        logger.warning("%s: taking a new snapshot", reason)
        if self._sees:
            self._put([MonitoringPausedEvent(at)])
            self._sees = False
        self._notifications.forget()
        self._known_already = 0
        self._look()

    def _look(self) -> None:
        """Take a snapshot, from which on all is seen."""
        self._signs = SignsOfLife(self._clock)
        self._signs.note()
        self._lists = None
        told = self._inbox.qsize()
        lists = self._ask_for_lists()
        if lists is not None:
            online = len(lists.listing.online)
            self._put_snapshot(MonitoringResumedEvent, lists)
            self._sees = True
            self._known_already = told
            logger.info("watching: channels %d, peers online %d", len(self._channels), online)

    def _ask(self) -> None:
        if self._until_sign() > 0:
            self._follow_ups.ask()
            return
        self._asked = self._read_clock()
        if self._sees:
            self._ask_for_a_sign()
        else:
            self._look()

    # While all is seen.

    def _ask_for_a_sign(self) -> None:
        self._signs.expect()
        if self._rpc.is_answered():
            self._signs.note()
        silent_since = self._signs.silent_since()
        if silent_since is not None:
            self._start_over(silent_since, _SILENCE)
        elif elapsed(self._listed, self._read_clock()) >= LISTS_PERIOD:
            self._lists = self._ask_for_lists()
            if self._lists is not None:
                self._inbox.put(self._lists)

    def _compare(self, lists: _Lists) -> None:
        """Put what was listed, after all that was told until it came."""
        if lists is self._lists and not self._notifications.waiting:
            self._put_snapshot(SnapshotEvent, lists)

    def _ask_for_lists(self) -> _Lists | None:
        self._listed, asked = self._read_clock(), self._clock.now()
        listing = self._listings.everything()
        return None if listing is None else _Lists(listing, asked)

    def _note_answer(self) -> None:
        if not self._signs.note():
            raise RpcError(_SILENCE)

    # Events.

    def _is_latest(self, notification: Notification) -> bool:
        return notification is self._latest

    def _put(self, events: Sequence[object]) -> None:
        for event in events:
            self._feed.send_update(event)

    def _put_snapshot(
        self, kind: type[MonitoringResumedEvent | SnapshotEvent], lists: _Lists
    ) -> None:
        overview = self._store.get_overview(timeout=_STORE_TIMEOUT)
        remembered = [OpenChannel(each.channel_point, each.peer) for each in overview.channels]
        self._notifications.snapshot(kind, *lists, remembered)

    def _publish(self) -> None:
        """Let others know which channel has which name; after the events that told it."""
        self.names = self._channels.names
        ids = self._channels.ids
        if ids != self._storage.channel_ids:
            self._storage.channel_ids = ids
