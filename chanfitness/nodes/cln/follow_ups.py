"""Questions to a lightningd that wait until nothing else is to be done.

A peer that connected has yet to reestablish its channels, of which no notification tells.
So its channels are listed again: at once, and then with pauses that double, from a tenth of
a second up to a minute. Aliases of peers are looked up one by one, after each snapshot.
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
    """The channels of a peer, listed again, and when the answer came (UTC)."""

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
    """Which peers to ask about, and when; answers go to ``inbox``. For one thread.

    What is told of a peer between a question and the moment at which its answer is taken
    makes the answer stale.
    """

    def __init__(self, listings: ListingClient, clock: Clock, inbox: Inbox) -> None:
        self._listings = listings
        self._inbox = inbox
        self._now = clock.now
        self._read = reader(clock)
        self._turns: dict[Vertex, _Turn] = {}  # of peers whose channels are to be listed
        self._unnamed: dict[Vertex, None] = {}  # whose aliases are to be looked up; a queue
        self._asked: Vertex | None = None  # whose channels were, and nothing was told since

    def relist(self, peer: Vertex) -> None:
        """List the channels of a peer at the next opportunity, and then with growing pauses."""
        self._turns[peer] = _Turn(self._read(), _NO_PAUSE)

    def relist_all(self, peers: Iterable[Vertex]) -> None:
        """List the channels of peers likewise, but keep the pauses that some have already."""
        for peer in peers:
            if peer not in self._turns:
                self.relist(peer)

    def look_up(self, peers: Iterable[Vertex]) -> None:
        """Look up the aliases of peers."""
        self._unnamed.update(dict.fromkeys(peers))

    def end(self, peer: Vertex) -> None:
        """List the channels of a peer no more."""
        self._turns.pop(peer, None)

    def told(self, peer: Vertex) -> None:
        """Note that something was told of a peer."""
        if self._asked == peer:
            self._asked = None

    def clear(self) -> None:
        """Ask for nothing."""
        self._turns.clear()
        self._unnamed.clear()
        self._asked = None

    def is_current(self, answer: Relisted) -> bool:
        """Whether nothing was told of the peer since its channels were asked for."""
        return self._asked == answer.peer

    def seconds(self) -> float | None:
        """How long to wait for the next question; None: there is none."""
        if self._unnamed:
            return 0
        if not self._turns:
            return None
        now = self._read()
        left = min(turn.pause - elapsed(turn.since, now) for turn in self._turns.values())
        return max(left.total_seconds(), 0)

    def ask(self) -> None:
        """Ask one question that is due, if there is any."""
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
