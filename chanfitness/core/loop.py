"""The loop: the one thread that touches the accounts.

What it promises. An *item* is an event, a question, or the snapshot that
``start()`` takes; it is *put* at the moment at which a queue accepts it.

1. One order. Items of all sources, questions and ``stop()`` are handled in the
   order in which they were put. (The snapshot is first, as in lnd: what was in
   the queues before it comes after it.)
2. Time is when it was put. An item's time is read from the clock while it is
   put, in the thread that puts it, or is the event's own ``at``; what was put
   before the snapshot has the snapshot's time.
3. Time never runs backwards, whatever the clock or an ``at`` says, and an
   ``at`` is never taken to be later than the put. 0 <= uptime <= lifetime.
   A ``MonitoringPausedEvent`` alone, whose line was lost before anyone noticed, may go
   back to its ``at``, but not before the event ahead of it nor before the present
   segment of the timeline: questions and flushes do not move that bound.
4. Every call returns: an answer, a typed error, or a timeout.
5. Only the loop touches peer logs. (``start()`` does before the loop exists.)
6. No polling. The idle loop makes no wake-up at all.
7. Memory follows what is open now: channels that are open, and peers that have
   a channel or are online; and the last few strangers of which events told. With storage,
   also those that closed within the history period, which no event and no question scans.
8. Nothing is dropped in silence. What cannot be handled is logged with what was
   wrong, and the loop goes on. A repeat, which tells what is so already, changes
   nothing and is in the debug log.

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
    """A question to the loop, with a response queue of its own."""

    __slots__ = ("answer", "arguments", "response")

    def __init__(self, answer: Callable[..., Any], arguments: tuple[object, ...]) -> None:
        self.answer = answer
        self.arguments = arguments
        self.response: queue.SimpleQueue[tuple[Any, Exception | None]] = queue.SimpleQueue()


class Loop:
    """Takes what is put, in order, and applies it to the accounts.

    After :meth:`run` has begun, nothing else touches the timeline and the ledger.
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
        self._latest = timeline.instant()  # of an event
        self._found: list[object] = []  # by the ledger, and not told yet
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
        """Handle what is put, until the end. Raises what a queue raised."""
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
                logger.exception("on_event failed, of %s", quoted(each))

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

    def _corrected(self, event: _Lists) -> _Lists:
        """The event with what was told since its lists were asked for."""
        told = set() if event.at is None else self._recent.since(event.at)
        if not told:
            return event
        lists = self._ledger.corrected(event.open_channels, event.online_peers, told)
        return type(event)(*lists, event.at)

    def _reach(self, barrier: Barrier, _: Moment) -> None:
        barrier.reached.set()

    def _ended(self, _: object, __: Moment) -> None:
        logger.info("a stream of events has ended: nothing more comes from it")

    def _unknown(self, item: object, _: Moment) -> None:
        raise TypeError(f"{quoted(item)} is no event")

    def _answer(self, question: Question, moment: Moment) -> None:
        try:
            now = self._advance(moment)
            question.response.put((question.answer(self._ledger, now, *question.arguments), None))
        except Exception as error:
            question.response.put((None, error))
