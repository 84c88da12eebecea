"""The event loop of the store's thread.

An *item* is an event, a question, or the snapshot that ``start()`` takes. It is *put* at the
moment at which a queue accepts it. The loop's promises:

1. One order. Items of all sources, questions and ``stop()`` are handled in the order in which
   they were put. (The snapshot comes first, as in lnd; items already in the queues follow it.)
2. An item's time is the time of its put. The putting thread reads it from the clock during
   the put, unless the event has its own time ``at``. Items put before the snapshot have the
   snapshot's time.
3. Time never runs backwards, whatever the clock or an ``at`` says. An ``at`` later than the
   put counts as the put. Always 0 <= uptime <= lifetime. Only a ``MonitoringPausedEvent`` may
   go back to its ``at``, since a lost connection is noticed late. It goes back no further
   than the event before it and the start of the present segment; questions and flushes do
   not move that bound. A ``BackfillEvent`` is one item; its events lie in blind time.
4. Every call returns: an answer, a typed error, or a timeout.
5. Only the loop touches peer logs. (``start()`` does before the loop exists.)
6. No polling. The idle loop makes no wake-up at all.
7. Memory follows the present state: open channels, peers that are online or have a channel,
   and the few unknown peers and channels that events named last. With storage, also channels
   closed within the history period; no event and no question scans those.
8. Nothing is dropped in silence. An item that cannot be handled is logged with the reason,
   and the loop goes on. A *repeat*, an event of a state already known, changes nothing and is
   logged at debug level.

1 and 2 hold for FIFO queues that only the store reads.
"""

from __future__ import annotations

import datetime
import queue
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from ..checks import quoted
from ..clock import Moment
from ..events import (
    EVENTS,
    ActiveChannelEvent,
    BackfillEvent,
    ChannelDescribedEvent,
    ChannelMovedEvent,
    ClosedChannelEvent,
    InactiveChannelEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OnEvent,
    OpenChannelEvent,
    PeerDescribedEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SnapshotEvent,
)
from ..logs import Log
from .ledger import Ledger
from .recent_events import RecentEvents
from .selector import Selector
from .timeline import Timeline
from .watchable_queue import ENDED, Barrier

logger = Log(__name__)


_Lists = TypeVar("_Lists", MonitoringResumedEvent, SnapshotEvent)


class Question:
    """A question to the loop, with its own response queue."""

    __slots__ = ("answer", "arguments", "response")

    def __init__(self, answer: Callable[..., Any], arguments: tuple[object, ...]) -> None:
        self.answer = answer
        self.arguments = arguments
        self.response: queue.SimpleQueue[tuple[Any, Exception | None]] = queue.SimpleQueue()


class Loop:
    """Takes items in order and applies them to the accounts.

    Once :meth:`run` has begun, only the loop may touch the timeline and the ledger.
    """

    def __init__(
        self,
        selector: Selector,
        timeline: Timeline,
        ledger: Ledger,
        on_event: OnEvent | None = None,
    ) -> None:
        self._selector = selector
        self._timeline = timeline
        self._advance = ledger.advance
        self._ledger = ledger
        self._recent = RecentEvents(ledger.is_known)
        self._note = self._recent.note
        self._latest = timeline.instant()  # of the latest event
        self._found: list[object] = []  # events that the ledger made, for on_event
        self._handlers: dict[type, Callable[[Any, Moment], Any]] = {
            PeerOnlineEvent: self._peer_online,
            PeerOfflineEvent: self._peer_offline,
            Question: self._answer,
            OpenChannelEvent: self._open_channel,
            ClosedChannelEvent: self._close_channel,
            ChannelMovedEvent: self._move_channel,
            ActiveChannelEvent: partial(self._set_active, True),
            InactiveChannelEvent: partial(self._set_active, False),
            PeerDescribedEvent: self._describe_peer,
            ChannelDescribedEvent: self._describe_channel,
            MonitoringPausedEvent: self._pause,
            MonitoringResumedEvent: self._resume,
            SnapshotEvent: self._snapshot,
            BackfillEvent: self._backfill,
            type(ENDED): self._ended,
            Barrier: self._reach,
        }
        if on_event is not None:
            ledger.told = self._found
            self._handlers |= {
                kind: partial(self._observed, handler, on_event)
                for kind, handler in self._handlers.items()
                if issubclass(kind, EVENTS)
            }

    def run(self) -> None:
        """Handle items until the end. Raise whatever a queue raises."""
        selector, handlers, unknown = self._selector, self._handlers, self._unknown
        selector.begin()
        while not selector.ended:
            for item, moment, _ in selector.take():
                try:
                    handlers.get(type(item), unknown)(item, moment)
                except Exception:
                    logger.exception("could not handle %s", quoted(item))
            selector.done()

    def _observed(
        self, handler: Callable[[Any, Moment], Any], on_event: OnEvent, event: Any, moment: Moment
    ) -> None:
        event, date = handler(event, moment) or (event, self._timeline.latest_date())
        told, self._found[:] = [event, *self._found], ()
        for each in told:
            try:
                on_event(each, date)
            except Exception:
                logger.exception("on_event failed for %s", quoted(each))

    def _peer_online(self, event: PeerOnlineEvent, moment: Moment) -> None:
        peer, at = event
        self._latest = now = self._advance(moment, at)
        self._ledger.peer_online(now, peer)
        self._note(peer, moment, at)

    def _peer_offline(self, event: PeerOfflineEvent, moment: Moment) -> None:
        peer, at = event
        self._latest = now = self._advance(moment, at)
        self._ledger.peer_offline(now, peer)
        self._note(peer, moment, at)

    def _open_channel(self, event: OpenChannelEvent, moment: Moment) -> None:
        point, peer, at = event
        self._latest = now = self._advance(moment, at)
        self._ledger.open_channel(now, point, peer)
        self._note(point, moment, at)

    def _close_channel(self, event: ClosedChannelEvent, moment: Moment) -> None:
        point, peer, at = event
        self._latest = now = self._advance(moment, at)
        self._ledger.close_channel(now, point, peer)
        self._note(point, moment, at)

    def _move_channel(self, event: ChannelMovedEvent, moment: Moment) -> None:
        point, new_point, peer, at = event
        self._latest = now = self._advance(moment, at)
        self._ledger.move_channel(now, point, new_point, peer)
        self._note(point, moment, at)
        self._note(new_point, moment, at)

    def _set_active(
        self, active: bool, event: ActiveChannelEvent | InactiveChannelEvent, moment: Moment
    ) -> None:
        point, at = event
        self._latest = now = self._advance(moment, at)
        self._ledger.set_active(now, point, active)
        self._note(point, moment, at)

    def _describe_peer(self, event: PeerDescribedEvent, moment: Moment) -> None:
        peer, alias, transport, at = event
        self._latest = now = self._advance(moment, at)
        self._ledger.describe_peer(now, peer, alias, transport)

    def _describe_channel(self, event: ChannelDescribedEvent, moment: Moment) -> None:
        point, short_channel_id, capacity, private, at = event
        self._latest = now = self._advance(moment, at)
        self._ledger.describe_channel(now, point, short_channel_id, capacity, private)

    def _pause(
        self, event: MonitoringPausedEvent, moment: Moment
    ) -> tuple[object, datetime.datetime]:
        timeline = self._timeline
        was_paused = timeline.paused
        self._latest = timeline.go_back(moment, event.at, self._latest)
        self._ledger.pause(self._latest)
        self._recent.clear()
        return event, timeline.latest_date() if was_paused else timeline.date(self._latest)

    def _resume(
        self, event: MonitoringResumedEvent, moment: Moment
    ) -> tuple[object, datetime.datetime]:
        event = self._corrected(event)
        self._latest = now = self._advance(moment, event.at)
        self._ledger.resume(now, event.open_channels, event.online_peers)
        return event, self._timeline.latest_date()

    def _snapshot(self, event: SnapshotEvent, moment: Moment) -> tuple[object, datetime.datetime]:
        event = self._corrected(event)
        self._latest = now = self._advance(moment, event.at)
        self._ledger.snapshot(now, event.open_channels, event.online_peers)
        return event, self._timeline.latest_date()

    def _backfill(self, backfill: BackfillEvent, moment: Moment) -> None:
        timeline = self._timeline
        if not timeline.paused:
            raise ValueError("a source that sees has nothing to fill in")
        timeline.turn_back(moment, backfill.since)
        begun = timeline.segment
        for event in backfill.events:
            self._handlers[type(event)](event, moment)
        if timeline.segment > begun:
            timeline.filled_in(begun + 1)

    def _corrected(self, event: _Lists) -> _Lists:
        """Return the event, its lists updated by newer events of its peers and channels."""
        told = set() if event.at is None else self._recent.since(event.at)
        if not told:
            return event
        lists = self._ledger.corrected(event.open_channels, event.online_peers, told)
        return type(event)(*lists, event.at)

    def _reach(self, barrier: Barrier, _: Moment) -> None:
        barrier.reached.set()

    def _ended(self, _: object, __: Moment) -> None:
        logger.info("a stream of events has ended: no more events come from it")

    def _unknown(self, item: object, _: Moment) -> None:
        raise TypeError(f"{quoted(item)} is not an event")

    def _answer(self, question: Question, moment: Moment) -> None:
        try:
            now = self._advance(moment)
            question.response.put((question.answer(self._ledger, now, *question.arguments), None))
        except Exception as error:
            question.response.put((None, error))
