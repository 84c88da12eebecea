"""Bounded history of a peer's changes of state, with sums over windows.

A kept change takes 13 bytes: its position on the store's timeline (8), its segment (4), and
at every eighth change the uptime until then (1 byte each). States alternate, so they are not
kept. The oldest changes are *thinned*: one checkpoint a UTC day replaces them (see
:mod:`.checkpoints`). Sums over a window that begins at a checkpoint or in kept time cost
O(log n) in the kept changes. Pure.
"""

from __future__ import annotations

import datetime
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, islice
from operator import eq, sub

from typing_extensions import Self

from .checkpoints import Checkpoints
from .saved_state import MICROSECOND, HistoryRows
from .timeline import Instant

_SUM_EVERY = 8
_TRIM_EVERY = 64  # changes; a history is also trimmed before each answer and each flush
_CUT_AT = 64  # least number of thinned changes, and a 16th of all, at which arrays are cut
_DAY = datetime.timedelta(days=1)


class History:
    """One peer's changes of state, the oldest first. Not thread-safe.

    An outage of no length leaves no change. A change to offline at the present position,
    which may still become one, counts neither for the limit nor for the period.
    """

    __slots__ = (
        "_checkpoints",
        "_cut",
        "_expired",
        "_first",
        "_positions",
        "_saved",
        "_segments",
        "_sums",
        "online",
    )

    def __init__(self, at: Instant, online: bool) -> None:
        """Begin with the peer's present state."""
        position, segment = at
        self.online = online  # after the last change
        self._positions = array("q", [position // MICROSECOND])
        self._segments = array("I", [segment])
        self._sums = array("q", [0])  # the uptime until change 0, 8, 16, ...
        self._first = 0  # the index of the oldest kept change
        self._cut = 0  # the number of changes removed from the arrays
        self._saved: int | None = None  # the number of changes saved, counted as in count
        self._checkpoints = Checkpoints()
        self._expired = False  # whether the checkpoints are too old for answers

    def __len__(self) -> int:
        return len(self._positions) - self._first

    def _measures(self) -> array[int]:
        """Return the measured quantity at each change: here the position."""
        return self._positions

    def _columns(self) -> list[array[int]]:
        """Return the arrays with one item a change."""
        return [self._positions, self._segments]

    @property
    def count(self) -> int:
        """The number of changes, thinned ones included."""
        return self._cut + len(self._positions)

    def instant(self, number: int) -> Instant:
        """Return the instant of the kept change ``number``; 0 is the oldest."""
        index = self._first + number
        return self._positions[index] * MICROSECOND, self._segments[index]

    def segments(self) -> set[int]:
        """Return the segments of all kept changes and checkpoints."""
        return {*self._segments[self._first :], *self._checkpoints.segments()}

    # Changes.

    def change(self, at: Instant, measure: int | None = None) -> bool:
        """Add a change. Return whether the history is due for a :meth:`trim`.

        ``measure``: the measured quantity at the change, if that is not the position.
        """
        position, segment = at
        microseconds, positions = position // MICROSECOND, self._positions
        if positions[-1] == microseconds and self._is_open:
            self._undo_empty_spell()
            return False
        is_due = False
        if len(positions) % _SUM_EVERY == 0:
            self._add_sum(microseconds if measure is None else measure)
            is_due = self.count % _TRIM_EVERY == 0
        positions.append(microseconds)
        self._segments.append(segment)
        if measure is not None:
            self._measures().append(measure)
        self.online = not self.online
        return is_due

    def _add_sum(self, measure: int) -> None:
        """Keep the uptime until the next change, which is at ``measure``."""
        since = self._measures()[-_SUM_EVERY:]
        uptime = sum(since[1::2]) - sum(since[::2])  # if it is offline now: states alternate
        if self.online:
            uptime = measure - since[0] - uptime
        self._sums.append(self._sums[-1] + uptime)

    @property
    def _is_open(self) -> bool:
        """Whether the next change, if it is at the same position, undoes the last."""
        return not self.online

    def _undo_empty_spell(self) -> None:
        """Undo the last change, after which no time passed."""
        if len(self) > 1:
            self.undo()
        else:
            self.online = not self.online

    def offline_from(self, at: Instant) -> None:
        """Add a change to offline ``at``, which may be the history's beginning."""
        if self.count == 1 and self.instant(0) == at:
            self.online = False
        else:
            self.change(at)

    def undo(self) -> None:
        """Undo the last change; of the first one, invert the state."""
        self.online = not self.online
        if self.count == 1:
            return
        for column in self._columns():
            del column[-1]
        if len(self._positions) % _SUM_EVERY == 0:
            del self._sums[-1]
        if self._saved is not None:
            self._saved = min(self._saved, self.count)

    # Thinning.

    def trim(
        self,
        now: Instant,
        limit: int,
        least: int,
        is_old: Callable[[Instant], bool],
        date: Callable[[Instant], datetime.datetime],
    ) -> None:
        """Thin excess and old changes, and drop old checkpoints.

        The last old change or checkpoint stays, since it has the state at the beginning of the
        period. Later answers depend only on the changes and on ``now``, not on earlier calls;
        but if the timeline goes back, what was dropped stays dropped.

        Args:
            now: The timeline's present instant.
            limit: The most changes that are kept.
            least: The number of changes that are kept at any age; at most ``limit``.
            is_old: Returns whether an instant lies before the history period.
            date: Returns the date of an instant.
        """
        final = self._count_final(now)
        if final > limit:
            self._thin(final - limit, date)
            final = limit
        if final > least and is_old(self.instant(1)):
            numbers = range(1, final - least + 1)
            self._thin(bisect_left(numbers, True, key=lambda n: not is_old(self.instant(n))), date)
        self._checkpoints.drop_old(is_old)
        self._expired = bool(self._checkpoints) and is_old(self.instant(0))

    def _count_final(self, now: Instant) -> int:
        """Return the number of kept changes that the next change cannot undo."""
        is_open = self._is_open and self._positions[-1] == now[0] // MICROSECOND
        return max(len(self) - is_open, 1)

    def _thin(self, count: int, date: Callable[[Instant], datetime.datetime]) -> None:
        """Replace the ``count`` oldest changes by checkpoints."""
        until = self._first + count
        while self._first < until:
            at = self.instant(0)
            moment = date(at)
            day = moment.date()
            last = self._checkpoints.last
            if last is None or date(last).date() != day:
                position = self._positions[self._first]
                measure = self._measures()[self._first]
                self._checkpoints.add(position, at[1], self._uptime(position, measure))
            midnight = datetime.datetime.combine(day, datetime.time(), moment.tzinfo)
            day_ends = (at[0] + _DAY - (moment - midnight)) // MICROSECOND
            end = bisect_right(self._segments, at[1], self._first + 1, until)
            self._thin_until(bisect_left(self._positions, day_ends, self._first + 1, end))
        if self._first >= _CUT_AT and self._first * 16 >= len(self._positions):
            self._cut_arrays()

    def _thin_until(self, end: int) -> None:
        """Add the changes before index ``end`` to the last checkpoint."""
        gone = self._first + self._was_online(self._first)
        measures = self._measures()
        ends, begins = measures[gone + 1 : end + 1 : 2], measures[gone:end:2]
        self._checkpoints.count(len(begins), max(map(sub, ends, begins), default=0))
        self._first = end

    def _cut_arrays(self) -> None:
        whole = self._first // _SUM_EVERY
        for column in self._columns():
            del column[: whole * _SUM_EVERY]
        del self._sums[:whole]
        self._first -= whole * _SUM_EVERY
        self._cut += whole * _SUM_EVERY

    # Figures.

    @property
    def is_whole(self) -> bool:
        """Whether nothing was thinned."""
        return not self._cut + self._first

    def known_from(self, position: datetime.timedelta) -> Instant:
        """Return the first checkpoint not before ``position``, or else the oldest kept change.

        Sums are known there, and at each position after the oldest kept change, as of the
        last :meth:`trim`.
        """
        checkpoint = None if self._expired else self._checkpoints.first_from(position)
        return self.instant(0) if checkpoint is None else checkpoint

    def uptime(self, start: datetime.timedelta, end: datetime.timedelta) -> datetime.timedelta:
        """Return the uptime between two positions at which sums are known."""
        since, until = (each // MICROSECOND for each in (start, end))
        return (self._uptime_until(until, until) - self._uptime_until(since, since)) * MICROSECOND

    def thinned(
        self, start: datetime.timedelta, end: datetime.timedelta | None = None
    ) -> tuple[int, datetime.timedelta | None]:
        """Return the number of thinned outages between two positions, and the longest duration.

        ``end``: a position at which sums are known; None: now.
        """
        return self._checkpoints.outages(start, end)

    def begun(self, position: datetime.timedelta) -> int:
        """Return the number of kept outages that began before ``position``."""
        changes = bisect_left(self._positions, position // MICROSECOND, self._first) - self._first
        return (changes + (not self._was_online(self._first))) // 2

    def ended(self, position: datetime.timedelta) -> int:
        """Return the number of kept outages that were over at ``position``."""
        changes = bisect_right(self._positions, position // MICROSECOND, self._first) - self._first
        return max(changes - self._was_online(self._first), 0) // 2

    def outages(
        self, start: datetime.timedelta, end: datetime.timedelta | None = None
    ) -> Iterator[tuple[Instant, Instant | None]]:
        """Yield the beginning and the end of each kept outage between two positions.

        An outage that lasts beyond ``end`` has the end None.
        """
        positions, segments = self._positions, self._segments
        last = self._last_change(start // MICROSECOND)
        stop = kept = len(positions)
        if end is not None:
            stop = bisect_left(positions, end // MICROSECOND, self._first)
            kept = bisect_right(positions, end // MICROSECOND, self._first)
        for gone in range(last + self._was_online(last), stop, 2):
            begun = positions[gone] * MICROSECOND, segments[gone]
            back = gone + 1
            if back < kept:
                yield begun, (positions[back] * MICROSECOND, segments[back])
            else:
                yield begun, None

    def flush(self, key: bytes | str, everything: bool, end: int) -> HistoryRows:
        """Return the unsaved ones of the first ``end`` changes, which then count as saved."""
        first = self._cut + self._first
        online = self.online ^ bool((self.count - end) % 2)
        anew = everything or self._saved is None
        begin = first if anew or self._saved is None else max(self._saved, first)
        self._saved = end
        new = slice(begin - self._cut, end - self._cut)
        columns = [column[new] for column in self._columns()]
        until = self._positions[self._first], self._measures()[self._first]
        checkpoints = self._checkpoints.rows(self._uptime(*until))
        return HistoryRows(key, anew, first, begin, columns, online, checkpoints)

    @classmethod
    def of_rows(cls, rows: HistoryRows) -> Self:
        """Return a saved history.

        Older versions kept outages of no length: without these the history is saved anew.
        """
        history = cls._begun([column[0] for column in rows.columns], rows.online)
        history._checkpoints = Checkpoints.of_rows(rows.checkpoints)
        for column, cells in zip(history._columns(), rows.columns, strict=True):
            column[:] = array(column.typecode, cells)
        history._sums = _sums(history._measures(), history._was_online(0))
        history._cut = rows.first
        history._saved = rows.first + len(rows.columns[0])
        gone = int(history._was_online(0))
        if any(map(eq, history._positions[gone + 1 :: 2], history._positions[gone::2])):
            history._remove_empty_outages()
        return history

    @classmethod
    def _begun(cls, change: Sequence[int], online: bool) -> Self:
        position, segment = change
        return cls((position * MICROSECOND, segment), online)

    def _remove_empty_outages(self) -> None:
        _, *changes = zip(*self._columns(), strict=True)
        self.online = self._was_online(0)
        for kept in (*self._columns(), self._sums):
            del kept[1:]
        for position, segment, *measure in changes:
            self.change((position * MICROSECOND, segment), *measure)
        self._saved = None

    def _last_change(self, position: int) -> int:
        return max(bisect_right(self._positions, position, lo=self._first) - 1, self._first)

    def _was_online(self, index: int) -> bool:
        return self.online ^ bool((len(self._positions) - 1 - index) % 2)

    def _uptime_until(self, position: int, measure: int) -> int:
        if position < self._positions[self._first]:
            return self._checkpoints.uptime(position)
        return self._uptime(position, measure)

    def _uptime(self, position: int, measure: int) -> int:
        """Return the uptime until ``position`` in kept time, from the checkpoints' origin."""
        index, measures = self._last_change(position), self._measures()
        summed = index - index % _SUM_EVERY
        uptime = self._sums[summed // _SUM_EVERY]
        for each in range(summed, index):
            if self._was_online(each):
                uptime += measures[each + 1] - measures[each]
        if self._was_online(index):
            uptime += measure - measures[index]
        return uptime


def _sums(measures: Sequence[int], online: bool) -> array[int]:
    """Return the uptime until changes 0, 8, 16, ...; ``online``: the state after change 0."""
    came = 0 if online else 1
    online_for = map(sub, measures[came + 1 :: 2], measures[came::2])
    uptimes = accumulate(online_for, initial=0)  # until changes 0, 2, 4, ...
    return array("q", islice(uptimes, 0, (len(measures) + 1) // 2, _SUM_EVERY // 2))
