"""Decisions on a store's snapshots, with the state and outbox of alerts and their storage.

With storage, a message is passed to the senders only after it was saved, so that a crash loses
none. Its delivery is saved a moment later. Without storage, or while it cannot be written, a
message is passed at once.
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

_LAZY = 30  # looks between two saves without messages; a crash loses no more than these

_ANSWER_TIMEOUT = 30.0  # seconds to wait for an answer of the store

Moves = Iterable[tuple[str, str]]
"""Splices: old and new channel points."""


class Done(NamedTuple):
    """The sender ``name`` has delivered message ``number``, or has given it up."""

    number: int
    name: str


class Kept(NamedTuple):
    """All messages before number ``until`` are saved."""

    until: int


class Decisions:
    """Decides which messages a store's snapshots cause. Not thread-safe.

    ``post`` is called with :class:`Kept` on another thread; it must lead to a call of
    :meth:`take` on this one.
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
        self._kept: str | None = None  # the text last passed to the storage
        self._kept_outbox: list[dict[str, Any]] = []

    def look(self, store: ChannelEventStore, moves: Callable[[], Moves]) -> Decision:
        """Take a snapshot of the store, and decide on it; raises as queries to the store do.

        ``moves`` returns the splices since its last call.
        """
        snapshot = take_snapshot(store, self._storage, timeout=_ANSWER_TIMEOUT)
        self._moves |= dict(moves())  # those before the snapshot, and perhaps later ones
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
        """Note that messages were saved, or that one was delivered."""
        if isinstance(news, Kept):
            self._hand_over(news.until)
        else:
            self._outbox.done(*news)
            self._keep()

    def leave(self, doubted: Iterable[int]) -> None:
        """Save the rest at a stop, and log the number of undelivered messages.

        ``doubted``: messages whose delivery is uncertain.
        """
        for number in doubted:
            self._outbox.doubt(number)
        if self._has_begun:
            self._keep(stopped=True)
        if self._outbox:
            fate = "lost" if self._storage is None else "kept for the next start"
            logger.warning("undelivered alerts: %d, %s", len(self._outbox), fate)

    def _begin(self) -> None:
        """Load the saved state, now that the store has opened its database."""
        self._has_begun = True
        text = None if self._storage is None else self._storage.alerts
        if text is None:
            return
        try:
            kept = json.loads(text)
            state = State.of_fields(kept["state"])
            outbox = Outbox.of_fields(kept["outbox"], self._names, is_certain=kept["stopped"])
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            logger.error("the saved state of alerts is invalid, they start afresh: %s", error)
        else:
            self._state, self._outbox = state, outbox

    def _followed(self, channels: Iterable[ChannelInfo]) -> dict[str, str]:
        """Take the splices before the present snapshot; later ones remain for the next."""
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
        """Save state and outbox; new messages are passed to the senders once they are saved."""
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
