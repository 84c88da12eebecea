"""What was decided and what is left to tell: the state of alerts, and how it is kept.

With storage a message is handed to the senders once it is on the disk, so that after a crash
nothing is missed; what was delivered is on the disk a moment later. While nothing can be
written, and without storage, a message is handed over at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from ..core.channel import ChannelInfo
from ..logs import Log
from ..storage.sqlite import SqliteStorage
from ..store import ChannelEventStore
from .draft import Decision, Rules
from .outbox import Outbox
from .rules import decide
from .sender import Sender
from .snapshot import past_of, take_snapshot
from .state import State

logger = Log(__name__)

_LAZY = 30  # looks after which it is kept though nothing was told: a crash loses no more

_ANSWER_TIMEOUT = 30.0  # seconds for an answer of the store

Moves = Iterable[tuple[str, str]]
"""Channel points, old and new."""


class Done(NamedTuple):
    """A sender has delivered message ``number``, or has given it up."""

    number: int
    name: str


class Kept(NamedTuple):
    """All messages before number ``until`` are on the disk."""

    until: int


class Decisions:
    """Decides of a store's snapshots. For one thread.

    ``post``: called with :class:`Kept`, on another thread; it is to come back by
    :meth:`take`.
    """

    def __init__(
        self,
        rules: Rules,
        senders: Sequence[Sender],
        storage: SqliteStorage | None,
        post: Callable[[Kept], object],
    ) -> None:
        self._rules, self._senders, self._storage, self._post = rules, senders, storage, post
        self._names = frozenset(sender.name for sender in senders)
        self._state = State()
        self._outbox = Outbox()
        self._moves: dict[str, str] = {}
        self._has_begun = False
        self._looks = 0
        self._kept: str | None = None  # as it was given to the storage last
        self._kept_outbox: list[dict[str, Any]] = []

    def look(self, store: ChannelEventStore, moves: Callable[[], Moves]) -> Decision:
        """Decide how things are now. ``moves``: returns those since it was called last.

        Raises as questions to the store do.
        """
        snapshot = take_snapshot(store, self._storage, timeout=_ANSWER_TIMEOUT)
        self._moves |= dict(moves())  # all that the snapshot shows, and perhaps later ones
        if not self._has_begun:
            self._begin()
        moved = self._followed(snapshot.channels)
        decision = decide(
            self._rules, self._state, snapshot._replace(moved=moved), partial(past_of, store)
        )
        self._state = decision.state
        for number in self._outbox.add(decision.messages, self._names):
            for sender in self._senders:
                sender.withdraw(number)
        if decision.messages or moved or self._looks % _LAZY == 0:
            self._keep()
        self._looks += 1
        if self._storage is None or self._storage.failure is not None:
            self._hand_over(self._outbox.end)
        return decision

    def take(self, news: Done | Kept) -> None:
        """Something is on the disk, or delivered."""
        if isinstance(news, Kept):
            self._hand_over(news.until)
        else:
            self._outbox.done(*news)
            self._keep()

    def leave(self, doubted: Iterable[int]) -> None:
        """Keep what is left at a stop, and log how much that is.

        ``doubted``: messages that may or may not have been delivered.
        """
        for number in doubted:
            self._outbox.doubt(number)
        if self._has_begun:
            self._keep(stopped=True)
        if self._outbox:
            fate = "lost" if self._storage is None else "told after the next start"
            logger.warning("alerts that were not delivered: %d, %s", len(self._outbox), fate)

    def _begin(self) -> None:
        """Go on with what was kept, now that the store has opened its database."""
        self._has_begun = True
        text = None if self._storage is None else self._storage.alerts
        if text is None:
            return
        try:
            kept = json.loads(text)
            state = State.of_fields(kept["state"])
            outbox = Outbox.of_fields(kept["outbox"], self._names, is_certain=kept["stopped"])
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            logger.error("what was kept of alerts cannot be used, they begin anew: %s", error)
        else:
            self._state, self._outbox = state, outbox

    def _followed(self, channels: Iterable[ChannelInfo]) -> dict[str, str]:
        """The moves that the present snapshot shows; later ones are left for the next."""
        present = {str(channel.channel_point) for channel in channels}
        followed = {old: new for old, new in self._moves.items() if old not in present}
        for old in followed:
            del self._moves[old]
        return followed

    def _hand_over(self, until: int) -> None:
        for number, entry in self._outbox.hand_over(until):
            for sender in self._senders:
                if sender.name in entry.owed:
                    sender.put(number, entry.message)

    def _keep(self, *, stopped: bool = False) -> None:
        """Have it written; what is new in the outbox is handed over when it is."""
        if self._storage is None:
            return
        outbox = self._outbox.fields()
        text = json.dumps({"state": self._state.fields(), "outbox": outbox, "stopped": stopped})
        if text == self._kept:
            return
        is_urgent = self._kept_outbox != outbox
        self._kept, self._kept_outbox = text, outbox
        until = Kept(self._outbox.end)
        self._storage.keep_alerts(text, partial(self._post, until) if is_urgent else None)
