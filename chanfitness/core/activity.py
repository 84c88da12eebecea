"""History of a channel's changes between active and inactive.

An *inactive* channel is unusable while its peer is online. Sums are therefore of the
channel's uptime, not of time: each change is kept with the uptime until then, which does not
grow while the peer is offline or in the channel's gaps. Pure.
"""

from __future__ import annotations

import datetime
from array import array
from collections.abc import Sequence

from typing_extensions import Self

from .history import History
from .saved_state import MICROSECOND
from .timeline import Instant

_NOT_KEPT = 64  # an assumed number of earlier changes; arrays are cut by multiples of 8


class Activity(History):
    """The changes of one channel, from the first time that it was inactive.

    In the names of :class:`History`, *online* means not inactive, and an *outage* is a time
    in which the channel was inactive. ``measure`` is the channel's uptime until the change, in
    microseconds. A state that lasted no time leaves no change, whichever it was; of changes in
    blind time only the last state counts. A kept change takes 21 bytes. Not thread-safe.
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
        """Return an activity that begins ``at``, after earlier changes that were not kept."""
        activity = cls(at, uptime, online=online)
        activity._cut = _NOT_KEPT
        return activity

    @property
    def _is_open(self) -> bool:
        return True

    def undo_after(self, position: datetime.timedelta) -> None:
        """Undo the changes later than ``position``."""
        latest = position // MICROSECOND
        while self.count > 1 and self._positions[-1] > latest:
            self.undo()

    def unknown_until(self, position: datetime.timedelta) -> Instant | None:
        """Return the instant from which sums are known; None if it is ``position`` itself."""
        if self.is_whole or position >= self.instant(0)[0]:
            return None
        known = self.known_from(position)
        return None if known[0] == position else known

    def inactive(self, position: datetime.timedelta, uptime: datetime.timedelta) -> int:
        """Return the inactive uptime until ``position``, where sums must be known; microseconds.

        Only the difference of two results has a meaning. ``uptime``: the channel's until then.
        """
        at, measure = position // MICROSECOND, uptime // MICROSECOND
        if self.is_whole and at < self._positions[0]:
            return self._uptimes[0]
        return measure - self._uptime_until(at, measure)
