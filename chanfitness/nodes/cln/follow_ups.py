"""Follow-up questions to a lightningd, asked while the inbox is empty.

A peer that connected has yet to reestablish its channels, and no notification tells when.
Its channels are therefore listed again: at once, and then with pauses that double, from a
tenth of a second up to a minute. Aliases of peers are looked up one by one, after each
snapshot.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import NamedTuple

from ...clock import Clock, Moment, reader
from ...wire import Vertex
from ..inbox import Inbox
from ..signs_of_life import elapsed
from .listings import ListingClient
from .messages import Listed

_NO_PAUSE = datetime.timedelta(0)
_SHORTEST_PAUSE = datetime.timedelta(seconds=0.1)
_LONGEST_PAUSE = datetime.timedelta(minutes=1)


class Relisted(NamedTuple):
    """A new listing of a peer's channels, and when the answer came (UTC)."""

    peer: Vertex
    channels: list[Listed]
    at: datetime.datetime


class Alias(NamedTuple):
    """The alias of a peer, and when the answer came (UTC)."""

    peer: Vertex
    alias: str
    at: datetime.datetime


class _Turn(NamedTuple):
    since: Moment
    pause: datetime.timedelta


class FollowUps:
    """The schedule of follow-up questions; answers go to ``inbox``. For one thread.

    An answer is stale if lightningd told something of the peer after the question.
    """

    def __init__(self, listings: ListingClient, clock: Clock, inbox: Inbox) -> None:
        self._listings = listings
        self._inbox = inbox
        self._now = clock.now
        self._read = reader(clock)
        self._turns: dict[Vertex, _Turn] = {}  # peers to list channels of
        self._unnamed: dict[Vertex, None] = {}  # a queue of peers to look up aliases of
        self._asked: Vertex | None = None  # the last peer listed, until something is told of it

    def relist(self, peer: Vertex) -> None:
        """List the channels of a peer at the next opportunity, and then with growing pauses."""
        self._turns[peer] = _Turn(self._read(), _NO_PAUSE)

    def relist_all(self, peers: Iterable[Vertex]) -> None:
        """List the channels of each of these peers, keeping the pauses of peers in turn."""
        for peer in peers:
            if peer not in self._turns:
                self.relist(peer)

    def look_up(self, peers: Iterable[Vertex]) -> None:
        """Look up the aliases of peers."""
        self._unnamed.update(dict.fromkeys(peers))

    def end(self, peer: Vertex) -> None:
        """Stop listing the channels of a peer."""
        self._turns.pop(peer, None)

    def told(self, peer: Vertex) -> None:
        """Note that something was told of a peer."""
        if self._asked == peer:
            self._asked = None

    def clear(self) -> None:
        """Drop all questions."""
        self._turns.clear()
        self._unnamed.clear()
        self._asked = None

    def is_current(self, answer: Relisted) -> bool:
        """Return whether an answer is not stale."""
        return self._asked == answer.peer

    def seconds(self) -> float | None:
        """Return the seconds to wait until the next question; None without one."""
        if self._unnamed:
            return 0
        if not self._turns:
            return None
        now = self._read()
        left = min(turn.pause - elapsed(turn.since, now) for turn in self._turns.values())
        return max(left.total_seconds(), 0)

    def ask(self) -> None:
        """Ask one question, if one is due."""
        now = self._read()
        for peer, turn in self._turns.items():
            if elapsed(turn.since, now) >= turn.pause:
                pause = min(max(2 * turn.pause, _SHORTEST_PAUSE), _LONGEST_PAUSE)
                self._turns[peer] = _Turn(now, pause)
                self._relist(peer)
                return
        if self._unnamed:
            self._look_up(next(iter(self._unnamed)))

    def _relist(self, peer: Vertex) -> None:
        self._asked = peer
        channels = self._listings.channels_of(peer)
        if channels is not None:
            self._inbox.put(Relisted(peer, channels, self._now()))

    def _look_up(self, peer: Vertex) -> None:
        del self._unnamed[peer]
        alias = self._listings.alias_of(peer)
        if alias is not None:
            self._inbox.put(Alias(peer, alias, self._now()))
