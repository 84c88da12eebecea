"""Activity: when a channel could not be used, as its source said.

A channel that its source calls *inactive* is unusable while its peer is online. So sums are
not of time but of the channel's uptime: each change is kept with the uptime until then,
which stands still while the peer is offline, and in the channel's gaps. Pure.
"""

from __future__ import annotations

import datetime
from array import array
from collections.abc import Sequence

from typing_extensions import Self

from .history import History
from .saved_state import MICROSECOND
from .timeline import Instant

_NOT_KEPT = 64  # so many changes, which is any number that histories are cut by


class Activity(History):
    """One channel's changes between inactive and not, from the first time that it was.

    In the names of :class:`History` it is *online* while it is not inactive, and its
    *outages* are the times in which it was. ``measure`` of a change is the channel's uptime
    until then, in microseconds. Neither spell leaves a change if it has no length: what is said
    in blind time counts as it was said last. A kept change takes 21 bytes. Not thread-safe.
    """

    __slots__ = ("_uptimes",)

    def __init__(self, at: Instant, uptime: int, *, online: bool = False) -> None:
        super().__init__(at, online)
        self._uptimes = array("q", [uptime])

    def _measures(self) -> array[int]:
        return self._uptimes

    def _columns(self) -> list[array[int]]:
        return [self._positions, self._segments, self._uptimes]

    @classmethod
    def _begun(cls, change: Sequence[int], online: bool) -> Self:
        position, segment, uptime = change
        return cls((position * MICROSECOND, segment), uptime, online=online)

    @classmethod
    def not_kept_until(cls, at: Instant, uptime: int, *, online: bool) -> Self:
        """One that begins anew: there were changes before ``at``, which were not kept."""
        activity = cls(at, uptime, online=online)
        activity._cut = _NOT_KEPT
        return activity

    @property
    def _is_open(self) -> bool:
        return True

    def undo_after(self, position: datetime.timedelta) -> None:
        """Take back the changes that are later than ``position``."""
        latest = position // MICROSECOND
        while self.count > 1 and self._positions[-1] > latest:
            self.undo()

    def unknown_until(self, position: datetime.timedelta) -> Instant | None:
        """The first instant from ``position`` on from which sums are known; None: it is."""
        if self.is_whole or position >= self.instant(0)[0]:
            return None
        known = self.known_from(position)
        return None if known[0] == position else known

    def inactive(self, position: datetime.timedelta, uptime: datetime.timedelta) -> int:
        """The uptime in inactive time until ``position``, counted from wherever; microseconds.

        ``uptime``: the channel's, until there. Sums must be known from there.
        """
        at, measure = position // MICROSECOND, uptime // MICROSECOND
        if self.is_whole and at < self._positions[0]:
            return self._uptimes[0]
        return measure - self._uptime_until(at, measure)
