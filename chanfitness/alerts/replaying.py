"""Alerts of a replayed recording, dated by the recording."""

from __future__ import annotations

import datetime
from functools import partial

from ..clock import ManualClock
from ..errors import ChanFitnessError
from ..events import ChannelMovedEvent
from ..store import ChannelEventStore
from .command import UndeliveredError
from .draft import Rules, count_left_out
from .messages import Message
from .rules import decide
from .sender import Tell
from .snapshot import past_of, take_snapshot
from .state import State

_INTERVAL = datetime.timedelta(seconds=10)  # between two looks while events arrive


class ReplayedAlerts:
    """Observer of one replay that passes each message to ``tell``, in the calling thread.

    It looks at the store when a decision is due and after events, as often as in a running store.
    Raises ``ChanFitnessError`` if a message cannot be delivered.
    """

    def __init__(self, tell: Tell, rules: Rules) -> None:
        self._tell, self._rules = tell, rules
        self._state = State()
        self._moves: dict[str, str] = {}
        self._next: datetime.datetime | None = None  # date of the next look
        self._last: datetime.datetime | None = None  # date of the last look

    def before(self, store: ChannelEventStore, clock: ManualClock, at: datetime.datetime) -> None:
        """Take all looks that are due before the next event, which is at ``at``."""
        while self._next is not None and self._next < at:
            clock.set(self._next)
            self._look(store)

    def after(self, event: object, at: datetime.datetime) -> None:
        """Note an event at ``at``, and schedule a look."""
        if isinstance(event, ChannelMovedEvent):
            self._moves[str(event.channel_point)] = str(event.new_channel_point)
        soon = at if self._last is None else max(at, self._last + _INTERVAL)
        self._next = soon if self._next is None else min(self._next, soon)

    def end(self, store: ChannelEventStore) -> None:
        """Take the last look, at the end of the replay."""
        now = self._look(store)
        message = count_left_out(self._state, now)
        if message is not None:
            self._deliver(message)

    def _look(self, store: ChannelEventStore) -> datetime.datetime:
        snapshot = take_snapshot(store)._replace(moved=self._moves)
        decision = decide(self._rules, self._state, snapshot, partial(past_of, store))
        self._moves = {}
        self._state, self._last = decision.state, snapshot.now
        self._next = None if decision.due is None else snapshot.now + decision.due
        for message in decision.messages:
            self._deliver(message)
        return snapshot.now

    def _deliver(self, message: Message) -> None:
        try:
            self._tell(message)
        except UndeliveredError as error:
            raise ChanFitnessError(f"the alert command {error}") from None
