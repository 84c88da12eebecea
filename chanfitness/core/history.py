"""What a peer's changes of state say of a period of time.

A :class:`History` keeps a peer's changes, bounded, the oldest dropped first. A
change takes 13 bytes: its position on the store's timeline (8), the segment of the
timeline in which it was seen (4), and at every eighth change the uptime until then
(1 byte each). States alternate, so they need not be kept. Sums over a window
cost O(log n) in the kept changes. Pure.

*Outage*: from the moment at which the peer was seen to go offline to the moment
at which it was next seen online. *Blind*: time in which the store saw nothing.
"""

from __future__ import annotations

import datetime
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, islice
from operator import sub
from typing import NamedTuple

from typing_extensions import Self

from .saved_state import MICROSECOND, HistoryRows
from .timeline import Instant

_MARK_EVERY = 8
_CUT_AT = 64  # so many dropped changes, and a 16th of all, before the arrays are cut


class Outage(NamedTuple):
    """One outage of a peer, as far as it lies in the window that was asked for.

    ``end`` is None while it lasts. ``duration`` is the offline time that was
    seen: blind time in it is left out.
    """

    start: datetime.datetime
    end: datetime.datetime | None
    duration: datetime.timedelta


class ChannelHistory(NamedTuple):
    """A part of a channel's life, ``start`` to ``end`` (UTC).

    ``lifetime`` and ``uptime`` in it were seen, ``blind`` time was not:
    ``lifetime + blind == end - start``, and the durations of ``outages`` add up
    to ``lifetime - uptime``. (Where a date is cut at the years 1 or 9999, ``blind`` is
    zero or more all the same.) ``start`` is the latest of: the channel's opening,
    the window's beginning, and, only if changes of this peer were dropped, the
    oldest that is kept.
    """

    start: datetime.datetime
    end: datetime.datetime
    lifetime: datetime.timedelta
    uptime: datetime.timedelta
    blind: datetime.timedelta
    outages: tuple[Outage, ...]

    @property
    def uptime_ratio(self) -> float | None:
        """``uptime / lifetime``; None while lifetime is zero."""
        return self.uptime / self.lifetime if self.lifetime else None

    @property
    def longest_outage(self) -> datetime.timedelta | None:
        """The longest duration of an outage; None if there is none."""
        return max((outage.duration for outage in self.outages), default=None)

    @property
    def mean_time_to_repair(self) -> datetime.timedelta | None:
        """Offline time by outages; None if there is none."""
        if not self.outages:
            return None
        return (self.lifetime - self.uptime) / len(self.outages)

    @property
    def mean_time_between_failures(self) -> datetime.timedelta | None:
        """Online time by outages; None if there is none."""
        return self.uptime / len(self.outages) if self.outages else None


class History:
    """One peer's changes of state, from the one that began it. Not thread-safe."""

    __slots__ = (
        "_cut",
        "_first",
        "_marks",
        "_positions",
        "_saved",
        "_segments",
        "dropped",
        "online",
    )

    def __init__(self, at: Instant, online: bool) -> None:
        """Begin with the state that the peer is in."""
        position, segment = at
        self.online = online  # after the last change
        self.dropped = False  # whether changes were
        self._positions = array("q", [position // MICROSECOND])
        self._segments = array("I", [segment])
        self._marks = array("q", [0])  # the uptime until change 0, 8, 16, ...
        self._first = 0  # the changes before this one were dropped
        self._cut = 0  # how many changes the arrays were cut by
        self._saved: int | None = None  # how many changes were saved, of all there ever were

    def __len__(self) -> int:
        return len(self._positions) - self._first

    @property
    def count(self) -> int:
        """How many changes there ever were."""
        return self._cut + len(self._positions)

    def instant(self, number: int) -> Instant:
        """When the kept change ``number`` was; 0 is the oldest."""
        index = self._first + number
        return self._positions[index] * MICROSECOND, self._segments[index]

    def segments(self) -> set[int]:
        """In which segments the kept changes were seen."""
        return set(self._segments[self._first :])

    def change(self, at: Instant) -> None:
        """The state changes."""
        position, segment = at
        microseconds = position // MICROSECOND
        if len(self._positions) % _MARK_EVERY == 0:
            self._marks.append(self._uptime(microseconds))
        self._positions.append(microseconds)
        self._segments.append(segment)
        self.online = not self.online

    def undo(self) -> None:
        """Take the last change back."""
        del self._positions[-1], self._segments[-1]
        if len(self._positions) % _MARK_EVERY == 0:
            del self._marks[-1]
        self.online = not self.online

    def drop(self, count: int) -> None:
        """Drop the ``count`` oldest changes."""
        self.dropped = self.dropped or count > 0
        self._first += count
        if self._first >= _CUT_AT and self._first * 16 >= len(self._positions):
            whole = self._first // _MARK_EVERY
            del self._positions[: whole * _MARK_EVERY]
            del self._segments[: whole * _MARK_EVERY]
            del self._marks[:whole]
            self._first -= whole * _MARK_EVERY
            self._cut += whole * _MARK_EVERY

    def uptime(self, start: datetime.timedelta, end: datetime.timedelta) -> datetime.timedelta:
        """The uptime between two positions, neither before the oldest change."""
        return (self._uptime(end // MICROSECOND) - self._uptime(start // MICROSECOND)) * MICROSECOND

    def outage_count(self, start: datetime.timedelta) -> int:
        """How many :meth:`outages` there are."""
        return len(self._gone(start))

    def outages(self, start: datetime.timedelta) -> Iterator[tuple[Instant, Instant | None]]:
        """When the peer went offline and came back, of all outages that end after ``start``."""
        for gone in self._gone(start):
            back = gone + 1
            yield self.instant(gone), self.instant(back) if back < len(self) else None

    def _gone(self, start: datetime.timedelta) -> range:
        """The changes to offline of all outages that end after ``start``."""
        number = self._last_change(start // MICROSECOND) - self._first
        return range(number + self._was_online(self._first + number), len(self), 2)

    def flush(self, key: bytes, everything: bool, end: int) -> HistoryRows:
        """What was not saved yet, of the first ``end`` changes; it then counts as saved."""
        first = self._cut + self._first
        online = self.online ^ bool((self.count - end) % 2)
        anew = everything or self._saved is None
        begin = first if anew or self._saved is None else max(self._saved, first)
        self._saved = end
        new = slice(begin - self._cut, end - self._cut)
        changes = list(zip(self._positions[new], self._segments[new], strict=True))
        return HistoryRows(key, anew, first, begin, changes, online, self.dropped)

    @classmethod
    def of_rows(cls, rows: HistoryRows) -> Self:
        """The history that was saved."""
        position, segment = rows.changes[0]
        history = cls((position * MICROSECOND, segment), rows.online)
        history._positions = array("q", [position for position, _ in rows.changes])
        history._segments = array("I", [segment for _, segment in rows.changes])
        history._marks = _marks(history._positions, history._was_online(0))
        history.dropped = rows.dropped
        history._cut = rows.first
        history._saved = rows.first + len(rows.changes)
        return history

    def _last_change(self, position: int) -> int:
        return max(bisect_right(self._positions, position, lo=self._first) - 1, self._first)

    def _was_online(self, index: int) -> bool:
        return self.online ^ bool((len(self._positions) - 1 - index) % 2)

    def _uptime(self, position: int) -> int:
        """The uptime until ``position``, counted from wherever the arrays begin."""
        index = self._last_change(position)
        marked = index - index % _MARK_EVERY
        uptime = self._marks[marked // _MARK_EVERY]
        for each in range(marked, index):
            if self._was_online(each):
                uptime += self._positions[each + 1] - self._positions[each]
        if self._was_online(index):
            uptime += position - self._positions[index]
        return uptime


def _marks(positions: Sequence[int], online: bool) -> array[int]:
    """The uptime until change 0, 8, 16, ..., of a peer that was ``online`` after change 0."""
    came = 0 if online else 1
    online_for = map(sub, positions[came + 1 :: 2], positions[came::2])
    uptimes = accumulate(online_for, initial=0)  # until every second change
    return array("q", islice(uptimes, 0, (len(positions) + 1) // 2, _MARK_EVERY // 2))
