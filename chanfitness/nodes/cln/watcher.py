"""A thread that polls lightningd and feeds a store.

Other threads put lightningd's notifications, with their times of arrival, into this thread's
inbox. This thread takes a snapshot, and turns later notifications into events with those
times. A lightningd that does not answer holds up this thread alone; a question without an
answer is asked again at the next notification.

Twice a minute the thread asks for a sign of life. If none came for too long, lightningd or
this process was frozen: the time since the last sign is blind, and a new snapshot is taken.
Once an hour the lists are put as a snapshot, to correct missed events. Follow-up questions
are asked while the inbox is empty; their answers go through it.

Blind time before a snapshot is filled in from lightningd's record of network events, if
lightningd ran all the while and answered every question.
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
"""Number of notifications that may wait; a new snapshot replaces the rest."""

MAXIMUM_CHANGES = 1000
"""Number of changes of state that may wait for a listing."""

_FLOOD = "lightningd sends more notifications than can be handled"
_SILENCE = "no sign of life of lightningd for a while: it or this process was frozen"

_END_TIMEOUT = 0.25  # seconds to empty the inbox, and again after the calls are aborted
_STORE_TIMEOUT = 30.0  # seconds for the store's answer


class _Stop(NamedTuple):
    at: datetime.datetime | None


class _Gap(NamedTuple):
    """Notifications from ``at`` until this is handled are missing in the inbox."""

    at: datetime.datetime
    reason: str


class Lists(NamedTuple):
    """A full listing and when it was asked for; its place in the inbox is its order."""

    listing: Listing
    asked: datetime.datetime


_Item = Notification | threading.Event | _Stop | _Gap | Lists | Relisted | Alias


class Watcher:
    """Feeds a store with the events of one lightningd: the store reads ``subscription``.

    ``storage``: the store's, if it has one. ``clock``: the store's. ``prepare``: called
    first, on the thread; if it returns False, nothing is watched. ``started``: called with
    the present date, returns when lightningd started, or None.

    All methods are safe from any thread. Only :meth:`stop` waits. Failures are logged.
    """

    retry_seconds = ASK_SECONDS
    """Seconds between two attempts to take a snapshot."""

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
        self.names: Mapping[str, OutPoint] = {}  # channel points by name; replaced, not changed
        self._latest: Notification | None = None
        self._has_gap = threading.Event()
        self._signs = SignsOfLife(self._clock)  # since the last snapshot was asked for
        # Only the thread uses the rest.
        self._is_watching = False
        self._channels: Channels
        self._sees = False
        self._asked: Moment  # when a sign of life was last asked for
        self._listed: Moment  # when the lists were last asked for
        self._lists: Lists | None = None  # the lists in the inbox
        self._notifications: Notifications
        self._backfill: BackfillEvent | None = None  # to put with the snapshot
        self._known_already = 0  # the number of inbox items older than the snapshot

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def tell(self, topic: str, params: object, at: datetime.datetime | None = None) -> None:
        """Put a notification; if too many wait, a new snapshot replaces it.

        ``at``: when it happened; now unless given.
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
        """Return an event that is set once all earlier notifications have reached the store."""
        event = threading.Event()
        self._inbox.put(event)
        return event

    @property
    def failure(self) -> str | None:
        """Why lightningd's last answer is missing or unusable; None if it is neither."""
        return self._listings.failure

    def stop(self) -> None:
        """Pause monitoring and end the thread. Returns within half a second."""
        at = None
        with suppress(Exception):  # a failing clock must not keep it from ending
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
                self._has_gap.clear()  # before the snapshot: later notifications must count
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
        """Return the next item; None when a question is due."""
        try:
            item: _Item = self._inbox.get(timeout=self._until_asking())
        except queue.Empty:
            return None
        return item

    def _until_asking(self) -> float | None:
        """Return the seconds to wait until a question is due; None if none will be."""
        if not self._is_watching:
            return None
        with suppress(Exception):  # a failing clock must not end the watching
            follow_up, sign = self._follow_ups.seconds(), self._until_sign()
            return sign if follow_up is None else min(sign, follow_up)
        return ASK_SECONDS

    def _until_sign(self) -> float:
        """Return the seconds to wait until the next question for a sign of life."""
        since = elapsed(self._asked, self._read_clock())
        period = self._ask_seconds() if self._sees else self.retry_seconds
        return max(period - since.total_seconds(), 0)

    def _ask_seconds(self) -> float:
        """Return the seconds between two questions for a sign of life, while the node is seen."""
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
                self._look()  # the new snapshot will include the notification
        elif isinstance(item, Lists):
            self._compare(item)
        elif isinstance(item, Relisted | Alias):
            self._notifications.take_answer(item)
        else:
            self._notifications.take(item)
            if self._notifications.waiting > MAXIMUM_CHANGES:
                self._start_over(item.at, _FLOOD)

    def _start_over(self, at: datetime.datetime, reason: str) -> None:
        """Pause as of ``at``, and take a new snapshot."""
        logger.warning("%s: taking a new snapshot", reason)
        if self._sees:
            self._put([MonitoringPausedEvent(at)])
            self._sees = False
        self._notifications.forget()
        self._known_already = 0
        self._look()

    def _look(self) -> None:
        """Take a snapshot, and put it as a resume."""
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
        """Return the number of the latest network event; None without an answer.

        ``fills_in``: whether a backfill needs it.
        """
        return self._listings.latest_event() if fills_in else NO_RECORD

    def _follow(self, latest: int, lists: Lists) -> None:
        """Subscribe to events after a snapshot; ``latest``: the network event before it."""

    def _ask(self) -> None:
        if self._until_sign() > 0:
            self._follow_ups.ask()
            return
        self._asked = self._read_clock()
        if self._sees:
            self._ask_for_a_sign()
        else:
            self._look()

    # While the node is seen.

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
        """Take a new snapshot if a sign of life is missing. Return whether it is."""
        silent_since = self._signs.silent_since()
        if silent_since is not None:
            self._start_over(silent_since, _SILENCE)
        return silent_since is not None

    def _compare(self, lists: Lists) -> None:
        """Put the lists as a snapshot, after the notifications that came before them."""
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
        if self._backfill is not None:  # a backfill ends with its snapshot, as one item
            backfill, self._backfill = self._backfill, None
            events = [backfill._replace(events=[*backfill.events, *events])]
        for event in events:
            self._feed.send_update(event)

    def _ask_store(self) -> Overview:
        """Return the store's overview, after all events put so far."""
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
        """Publish names and ids of channels, after their events are put."""
        self.names = self._channels.names
        ids = self._channels.ids
        if ids != self._storage.channel_ids:
            self._storage.channel_ids = ids
