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
4. Every call returns: an answer, a typed error, or a timeout.
5. Only the loop touches peer logs. (``start()`` does before the loop exists.)
6. No polling. The idle loop makes no wake-up at all.
7. Memory follows what is open now: channels that are open, and peers that have
   a channel or are online.
8. Nothing is dropped in silence. What cannot be handled is logged with what was
   wrong, and the loop goes on.

1 and 2 hold for FIFO queues that only the store reads.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from .axis import Axis
from .clock import Moment
from .errors import quoted
from .events import (
    ClosedChannelEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannelEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
)
from .ledger import Ledger
from .selector import Selector
from .subscribe import ENDED

logger = logging.getLogger(__name__)


class Question:
    """A question to the loop, with a response queue of its own."""

    __slots__ = ("answer", "arguments", "response")

    def __init__(self, answer: Callable[..., Any], arguments: tuple[object, ...]) -> None:
        self.answer = answer
        self.arguments = arguments
        self.response: queue.SimpleQueue[tuple[Any, Exception | None]] = queue.SimpleQueue()


class Loop:
    """Takes what is put, in order, and applies it to the accounts.

    After :meth:`run` has begun, nothing else touches the axis and the ledger.
    """

    def __init__(self, selector: Selector, axis: Axis, ledger: Ledger) -> None:
        self._selector = selector
        self._axis = axis
        self._ledger = ledger

    def run(self) -> None:
        """Handle what is put, until the end. Raises what a queue raised."""
        selector, handle = self._selector, self._handle
        while not selector.ended:
            for item, moment in selector.take():
                try:
                    handle(item, moment)
                except Exception:
                    _log_unhandled(item)
            selector.done()

    def _handle(self, item: object, moment: Moment) -> None:
        ledger, position = self._ledger, self._axis.position
        if isinstance(item, PeerOnlineEvent):
            ledger.peer_online(item.peer, position(moment, item.at))
        elif isinstance(item, PeerOfflineEvent):
            ledger.peer_offline(item.peer, position(moment, item.at))
        elif isinstance(item, Question):
            self._answer(item, moment)
        elif isinstance(item, OpenChannelEvent):
            ledger.open_channel(item.channel_point, item.peer, position(moment, item.at))
        elif isinstance(item, ClosedChannelEvent):
            position(moment, item.at)
            ledger.close_channel(item.channel_point, item.peer)
        elif isinstance(item, MonitoringPausedEvent):
            position(moment, item.at)
            ledger.pause()
        elif isinstance(item, MonitoringResumedEvent):
            position(moment, item.at)
            ledger.resume(item.open_channels, item.online_peers)
        elif item is ENDED:
            logger.info("a stream of events has ended: nothing more comes from it")
        else:
            raise TypeError(f"{quoted(item)} is no event")

    def _answer(self, question: Question, moment: Moment) -> None:
        try:
            at = self._axis.position(moment)
            question.response.put((question.answer(self._ledger, at, *question.arguments), None))
        except Exception as error:
            question.response.put((None, error))


def _log_unhandled(item: object) -> None:
    # A log handler that fails has nowhere to say so, and is no reason to stop.
    with suppress(Exception):
        logger.exception("could not handle %s", quoted(item))
