"""Peers and channels of a simulated node, with their sums.

Times are whole microseconds since the start. Lifetime and uptime of a channel are sums of
finished segments. A window is summed again each time, over the seen segments and the peer's
changes in them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from chanfitness import OutPoint, Vertex
from chanfitness.core.saved_state import ClosedRow, date_to_int

from .agenda import DAY, HOUR
from .values import START

FLAP_PERIOD = 8 * HOUR
BEGINNING = date_to_int(START)


# Mean times up and down, and of how many in a hundred peers.
RELIABLE, MIXED, UNRELIABLE = (10 * DAY, HOUR / 6), (8 * HOUR, HOUR / 3), (HOUR / 1.5, HOUR / 3)
KINDS: list[tuple[float, float]] = [RELIABLE] * 70 + [MIXED] * 20 + [UNRELIABLE] * 10


class Peer:
    """``up``: whether it would be online; ``online``: whether it is, as this node sees it.

    It keeps the times of its changes for ``kept``.
    """

    def __init__(self, key: Vertex, mean_up: float, mean_down: float, kept: int) -> None:
        self.key = key
        self.mean_up, self.mean_down = mean_up, mean_down
        self.up = self.online = True
        self.channels: list[Channel] = []
        self.flapped: int | None = None
        self._flaps = 0
        self._kept = kept
        self._turns: list[int] = []

    def turn(self, now: int) -> None:
        """Go offline if online, and the other way round."""
        self.online = not self.online
        del self._turns[: bisect_right(self._turns, now - self._kept)]
        self._turns.append(now)

    def online_between(self, begin: int, end: int) -> int:
        """Return for how long it was online."""
        first, last = bisect_right(self._turns, begin), bisect_right(self._turns, end)
        was_online = self.online ^ (len(self._turns) - last) % 2  # at the end
        times = [begin, *self._turns[first:last], end]
        lengths = [later - earlier for earlier, later in pairwise(times)]
        return sum(lengths[-1 if was_online else -2 :: -2])

    def flap(self, now: int) -> None:
        self._flaps = self.flaps(now) + 1
        self.flapped = now

    def flaps(self, now: int) -> int:
        """Return the flap count, with lnd's cooldown."""
        elapsed = 0 if self.flapped is None else now - self.flapped
        if elapsed < FLAP_PERIOD:
            return self._flaps
        return int(self._flaps * 0.95 ** (elapsed / FLAP_PERIOD))


class Window(NamedTuple):
    """The expected history of a channel from ``start`` to now."""

    start: int
    lifetime: int
    uptime: int
    blind: int


class Channel:
    """``is_known``: the store knows it; ``counts``: the store sees that it is open."""

    def __init__(self, point: OutPoint, peer: Peer, opened: int) -> None:
        self.point, self.peer, self.opened = point, peer, opened
        self.is_known = self.counts = False
        self.lifetime = self.uptime = 0
        self._since = opened

    def sum_up(self, now: int) -> None:
        """Finish the present segment."""
        if self.counts:
            self.lifetime += now - self._since
            self.uptime += (now - self._since) * self.peer.online
        self._since = now

    def row(self, now: int) -> ClosedRow:
        """Return its row in the database after its close."""
        dates = BEGINNING + self.opened, BEGINNING + now
        figures = self.lifetime, self.uptime
        return ClosedRow(
            str(self.point), bytes(self.peer.key), *dates, *figures, closed_unseen=0, unusable=0
        )

    def window(self, begin: int, now: int, segments: Iterable[Segment]) -> Window:
        """Return the window from ``begin``, or from its opening, until now."""
        start = max(begin, self.opened)
        seen = [(max(each.begin, start), each.end) for each in segments if each.missing is not self]
        seen = [(since, until) for since, until in seen if since < until]
        lifetime = sum(until - since for since, until in seen)
        uptime = sum(self.peer.online_between(since, until) for since, until in seen)
        return Window(start, lifetime, uptime, now - start - lifetime)


class Segment(NamedTuple):
    """A segment in which the store saw all channels, or all but ``missing``."""

    begin: int
    end: int
    missing: Channel | None
