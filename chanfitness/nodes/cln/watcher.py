"""A thread that asks a lightningd and feeds a store.

Threads that hear lightningd only put what it says into this thread's inbox, with the
time at which it came. This thread takes a snapshot, and turns what comes after it into
events with those times. A lightningd that does not answer holds up this thread alone; what
has to wait for its answer is asked for again at its next notification.

Twice a minute the thread asks for a sign of life. When none came for too long,
because lightningd was frozen or this process was, the time since the last one is blind,
and a new snapshot is taken. Once an hour the lists are compared with what is known.
What else it asks for waits until nothing is in the inbox; the answers go through it.

Blind time before a snapshot in which lightningd ran, and answered whatever it was asked, is
filled in from its record of network events.
"""

from __future__ import annotations

import datetime
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from ...checks import quoted
from ...clock import Clock, Moment, SteadyClock, reader
from ...core.ledger import Ledger
from ...core.loop import Question
from ...core.overview import Overview
from ...events import (
    BackfillEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    SnapshotEvent,
)
from ...logs import Log
from ...subscribe import Client, Server
from ...wire import OutPoint
from ..inbox import Inbox
from ..signs_of_life import ASK_SECONDS, LISTS_PERIOD, SignsOfLife, elapsed
from .channel_ids import ChannelIds
from .channels import Channels
from .follow_ups import Alias, FollowUps, Relisted
from .listings import NO_RECORD, ListingClient
from .messages import Listing
from .node_start import started_at
from .notifications import Notification, Notifications
from .recorded_past import RecordedPast
from .rpc_client import LightningRpc, RpcError

logger = Log(__name__)

MAXIMUM_INBOX = 10_000
"""How many notifications may wait; what comes then is left to a new snapshot."""

MAXIMUM_CHANGES = 1000
"""How many changes of state may wait for a listing that does not come."""

_FLOOD = "lightningd says more than can be handled"
_SILENCE = "no sign of life of lightningd came for a while: it was frozen, or this process was"

_END_TIMEOUT = 0.25  # seconds for what is in the inbox, then as much without lightningd
_STORE_TIMEOUT = 30.0  # seconds for an answer of our own store


class _Stop(NamedTuple):
    at: datetime.datetime | None


class _Gap(NamedTuple):
    """What was told from ``at`` on, until this is handled, is not in the inbox."""

    at: datetime.datetime
    reason: str


class Lists(NamedTuple):
    """What was listed, when it was asked for: to be compared once all before it is told."""

    listing: Listing
    asked: datetime.datetime


_Item = Notification | threading.Event | _Stop | _Gap | Lists | Relisted | Alias


class Watcher:
    """Feeds a store with what happens on one lightningd: the store reads ``subscription``.

    ``storage``: the store's, if it has one. ``clock``: the store's. ``prepare``: called on
    the thread before all else; if it returns False, nothing is watched. ``started``: called
    with the date now, returns when lightningd started, or None if that is not known.

    All methods are safe from any thread; none waits but :meth:`stop`. What fails is logged.
    """

    retry_seconds = ASK_SECONDS
    """How long to wait, while nothing is seen, until the lists are asked for again."""

    def __init__(
        self,
        rpc: LightningRpc,
        storage: ChannelIds,
        *,
        clock: Clock | None = None,
        inbox: Inbox | None = None,
        prepare: Callable[[], bool] | None = None,
        started: Callable[[datetime.datetime], datetime.datetime | None] | None = None,
    ) -> None:
        self._clock = SteadyClock() if clock is None else clock
        self._read_clock = reader(self._clock)
        self._inbox: Inbox = queue.SimpleQueue() if inbox is None else inbox
        self._rpc = rpc
        self._storage = storage
        self._prepare = prepare
        self._listings = ListingClient(rpc, self._note_answer)
        self._past = RecordedPast(
            self._listings, self._clock, started or partial(started_at, rpc.path)
        )
        self._follow_ups = FollowUps(self._listings, self._clock, self._inbox)
        self._feed: Server[object] = Server()
        self.subscription: Client[object] = self._feed.subscribe()
        self._thread = threading.Thread(target=self._run, name="chanfitness-cln", daemon=True)
        self.names: Mapping[str, OutPoint] = {}  # of channels; replaced, never changed
        self._latest: Notification | None = None
        self._has_gap = threading.Event()
        self._signs = SignsOfLife(self._clock)  # since a snapshot was asked for
        # What follows belongs to the thread.
        self._is_watching = False
        self._channels: Channels
        self._sees = False
        self._asked: Moment  # when a sign of life was asked for
        self._listed: Moment  # when the lists were
        self._lists: Lists | None = None  # that are in the inbox
        self._notifications: Notifications
        self._backfill: BackfillEvent | None = None  # to be put with the snapshot
        self._known_already = 0  # so many items of the inbox are older than the snapshot

    def start(self) -> None:
        """Begin, in the background."""
        self._thread.start()

    def tell(self, topic: str, params: object, at: datetime.datetime | None = None) -> None:
        """Note what lightningd says, and when. Too much of it is left to a new snapshot.

        ``at``: when it happened, if not now.
        """
        if self._has_gap.is_set():
            return
        if not self._signs.note():
            self._leave_a_gap(self._signs.silent_since(), _SILENCE)
        elif self._inbox.qsize() >= MAXIMUM_INBOX:
            self._leave_a_gap(None, _FLOOD)
        else:
            notification = self._latest = Notification(topic, params, at or self._clock.now())
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

    @property
    def failure(self) -> str | None:
        """Why lightningd did not answer when it was asked last; None if it did."""
        return self._listings.failure

    def stop(self) -> None:
        """See nothing from here on, and end; in half a second, whatever happens."""
        at = None
        with suppress(Exception):  # a clock that fails is no reason not to end
            at = self._clock.now()
        self._inbox.put(_Stop(at))
        if self._thread.ident is not None:
            self._thread.join(_END_TIMEOUT)
            self._rpc.abort()
            self._thread.join(_END_TIMEOUT)

    # The thread.

    def _run(self) -> None:
        self._is_watching = self._prepare is None or self._prepare()
        if self._is_watching:
            self._guarded(self._begin)
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
                if self._is_watching:
                    self._guarded(self._start_over, *item)
            elif self._is_watching and not is_known:
                self._guarded(self._take, item)
        if self._sees:
            self._guarded(self._put, [MonitoringPausedEvent(item.at)])

    def _begin(self) -> None:
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
        self._look()

    def _next(self) -> _Item | None:
        """The next item; None when a question is due."""
        try:
            item: _Item = self._inbox.get(timeout=self._until_asking())
        except queue.Empty:
            return None
        return item

    def _until_asking(self) -> float | None:
        """Seconds to wait until a question is due; None: it never is."""
        if not self._is_watching:
            return None
        with suppress(Exception):  # a clock that fails is no reason not to go on
            follow_up, sign = self._follow_ups.seconds(), self._until_sign()
            return sign if follow_up is None else min(sign, follow_up)
        return ASK_SECONDS

    def _until_sign(self) -> float:
        """Seconds to wait until a sign of life is to be asked for."""
        since = elapsed(self._asked, self._read_clock())
        period = self._ask_seconds() if self._sees else self.retry_seconds
        return max(period - since.total_seconds(), 0)

    def _ask_seconds(self) -> float:
        """Seconds between two signs of life, while all is seen."""
        return ASK_SECONDS

    def _guarded(self, do: Callable[..., object], *arguments: object) -> None:
        try:
            do(*arguments)
        except Exception:
            logger.exception("could not handle %s", quoted(arguments))

    def _take(self, item: Notification | Lists | Relisted | Alias | None) -> None:
        if item is None:
            self._ask()
        elif not self._sees:
            if item is self._latest:
                self._look()  # what is told is in the snapshot that is to come
        elif isinstance(item, Lists):
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
        known = self._ask_store()
        fills_in = self._past.read(known)
        latest = None if fills_in is None else self._latest_event(fills_in=fills_in)
        told = self._inbox.qsize()
        lists = None if latest is None else self._ask_for_lists()
        if lists is None or latest is None:
            return
        past = self._past.event_until(latest, lists.listing)
        if not self._listings.is_answered:
            return
        self._backfill = past
        self._put_snapshot(MonitoringResumedEvent, lists, known)
        self._sees = True
        self._known_already = told
        online = len(lists.listing.online)
        logger.info("watching: channels %d, peers online %d", len(self._channels), online)
        self._follow(latest, lists)

    def _latest_event(self, *, fills_in: bool) -> int | None:
        """The number of the latest network event; None without an answer.

        ``fills_in``: whether it is needed to fill in the past.
        """
        return self._listings.latest_event() if fills_in else NO_RECORD

    def _follow(self, latest: int, lists: Lists) -> None:
        """Hear of what comes after a snapshot; ``latest``: the network event before it."""

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
        else:
            self._past.note_silence()
        if not self._starts_over() and elapsed(self._listed, self._read_clock()) >= LISTS_PERIOD:
            self._lists = self._ask_for_lists()
            if self._lists is not None:
                self._inbox.put(self._lists)

    def _starts_over(self) -> bool:
        """Take a new snapshot if a sign of life is missing; returns whether one is."""
        silent_since = self._signs.silent_since()
        if silent_since is not None:
            self._start_over(silent_since, _SILENCE)
        return silent_since is not None

    def _compare(self, lists: Lists) -> None:
        """Put what was listed, after all that was told until it came."""
        if lists is self._lists and not self._notifications.waiting:
            self._put_snapshot(SnapshotEvent, lists, self._ask_store())

    def _ask_for_lists(self) -> Lists | None:
        self._listed, asked = self._read_clock(), self._clock.now()
        listing = self._listings.everything()
        return None if listing is None else Lists(listing, asked)

    def _note_answer(self) -> None:
        if not self._signs.note():
            raise RpcError(_SILENCE)

    # Events.

    def _is_latest(self, notification: Notification) -> bool:
        return notification is self._latest

    def _put(self, events: Sequence[object]) -> None:
        if self._backfill is not None:  # ends at the moment at which the snapshot is put
            backfill, self._backfill = self._backfill, None
            events = [backfill._replace(events=[*backfill.events, *events])]
        for event in events:
            self._feed.send_update(event)

    def _ask_store(self) -> Overview:
        """What the store knows, after all that was put."""
        question = Question(Ledger.overview, ())
        self._feed.send_update(question)
        overview, error = question.response.get(timeout=_STORE_TIMEOUT)
        assert isinstance(overview, Overview), error
        return overview

    def _put_snapshot(
        self,
        kind: type[MonitoringResumedEvent | SnapshotEvent],
        lists: Lists,
        known: Overview,
    ) -> None:
        remembered = [OpenChannel(each.channel_point, each.peer) for each in known.channels]
        self._notifications.snapshot(kind, *lists, remembered)

    def _publish(self) -> None:
        """Let others know which channel has which name; after the events that told it."""
        self.names = self._channels.names
        ids = self._channels.ids
        if ids != self._storage.channel_ids:
            self._storage.channel_ids = ids
