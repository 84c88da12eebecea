"""Alerts of a replay: what would have been told, with the time of the recording."""

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

_INTERVAL = datetime.timedelta(seconds=10)  # between two looks while something happens


class ReplayedAlerts:
    """Tells ``tell`` each message at once, in the calling thread. For one replay.

    It looks when something is due, and after events, as often as alerts of a running store
    do. Raises ``ChanFitnessError`` if a message cannot be delivered.
    """

    def __init__(self, tell: Tell, rules: Rules) -> None:
        self._tell, self._rules = tell, rules
        self._state = State()
        self._moves: dict[str, str] = {}
        self._next: datetime.datetime | None = None  # when to look
        self._last: datetime.datetime | None = None  # when it was looked

    def before(self, store: ChannelEventStore, clock: ManualClock, at: datetime.datetime) -> None:
        """What comes next is at ``at``: look at all that is due until then."""
        while self._next is not None and self._next < at:
            clock.set(self._next)
            self._look(store)

    def after(self, event: object, at: datetime.datetime) -> None:
        """An event is told, at ``at``."""
        if isinstance(event, ChannelMovedEvent):
            self._moves[str(event.channel_point)] = str(event.new_channel_point)
        soon = at if self._last is None else max(at, self._last + _INTERVAL)
        self._next = soon if self._next is None else min(self._next, soon)

    def end(self, store: ChannelEventStore) -> None:
        """The replay is over, as of the time of the clock."""
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
