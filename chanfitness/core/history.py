"""What a peer's changes of state say of a period of time.

A :class:`History` keeps a peer's changes, bounded. A kept change takes 13 bytes: its
position on the store's timeline (8), the segment of the timeline in which it was seen
(4), and at every eighth change the uptime until then (1 byte each). States alternate, so
they need not be kept. The oldest are *thinned*: of each UTC day a checkpoint is left (see
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

_MARK_EVERY = 8
_TRIM_EVERY = 64  # so many changes; and before each answer, and each flush
_CUT_AT = 64  # so many thinned changes, and a 16th of all, before the arrays are cut
_DAY = datetime.timedelta(days=1)


class History:
    """One peer's changes of state, from the one that began it. Not thread-safe.

    An offline spell of no length leaves no change. What may still become one, a going at
    the present position, counts neither for the limit nor for the period.
    """

    __slots__ = (
        "_checkpoints",
        "_cut",
        "_expired",
        "_first",
        "_marks",
        "_positions",
        "_saved",
        "_segments",
        "online",
    )

    def __init__(self, at: Instant, online: bool) -> None:
        """Begin with the state that the peer is in."""
        position, segment = at
        self.online = online  # after the last change
        self._positions = array("q", [position // MICROSECOND])
        self._segments = array("I", [segment])
        self._marks = array("q", [0])  # the uptime until change 0, 8, 16, ...
        self._first = 0  # the changes before this one were thinned
        self._cut = 0  # how many changes the arrays were cut by
        self._saved: int | None = None  # how many changes were saved, of all there ever were
        self._checkpoints = Checkpoints()
        self._expired = False  # whether the checkpoints are too old to answer from

    def __len__(self) -> int:
        return len(self._positions) - self._first

    def _measures(self) -> array[int]:
        """At each change, how far what the sums are of had come: time itself."""
        return self._positions

    def _columns(self) -> list[array[int]]:
        """All that is kept of each change."""
        return [self._positions, self._segments]

    @property
    def count(self) -> int:
        """How many changes there ever were."""
        return self._cut + len(self._positions)

    def instant(self, number: int) -> Instant:
        """When the kept change ``number`` was; 0 is the oldest."""
        index = self._first + number
        return self._positions[index] * MICROSECOND, self._segments[index]

    def segments(self) -> set[int]:
        """In which segments the kept changes and the checkpoints were seen."""
        return {*self._segments[self._first :], *self._checkpoints.segments()}

    # Changes.

    def change(self, at: Instant, measure: int | None = None) -> bool:
        """The state changes, at ``measure`` if that is not time itself.

        Returns whether it is time to :meth:`trim`.
        """
        position, segment = at
        microseconds, positions = position // MICROSECOND, self._positions
        if positions[-1] == microseconds and self._is_open:
            self._end_no_spell()
            return False
        is_due = False
        if len(positions) % _MARK_EVERY == 0:
            self._mark(microseconds if measure is None else measure)
            is_due = self.count % _TRIM_EVERY == 0
        positions.append(microseconds)
        self._segments.append(segment)
        if measure is not None:
            self._measures().append(measure)
        self.online = not self.online
        return is_due

    def _mark(self, measure: int) -> None:
        """Note the uptime until the next change, which is at ``measure``."""
        since = self._measures()[-_MARK_EVERY:]
        uptime = sum(since[1::2]) - sum(since[::2])  # if it is offline now: states alternate
        if self.online:
            uptime = measure - since[0] - uptime
        self._marks.append(self._marks[-1] + uptime)

    @property
    def _is_open(self) -> bool:
        """Whether the last change is taken back if the next is at its position."""
        return not self.online

    def _end_no_spell(self) -> None:
        """Take back a spell of no length."""
        if len(self) > 1:
            self.undo()
        else:
            self.online = not self.online

    def offline_from(self, at: Instant) -> None:
        """The peer went offline ``at``, which may be where the history begins."""
        if self.count == 1 and self.instant(0) == at:
            self.online = False
        else:
            self.change(at)

    def undo(self) -> None:
        """Take the last change back; if it is the first, its state."""
        self.online = not self.online
        if self.count == 1:
            return
        for column in self._columns():
            del column[-1]
        if len(self._positions) % _MARK_EVERY == 0:
            del self._marks[-1]
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
        """Thin what is too much and what is old, and drop the checkpoints that are too old.

        The last of the changes or checkpoints that are old stays, since it says in which
        state the period began. What is asked afterwards depends on the changes and on
        ``now`` alone, not on when this was called before; unless the timeline goes back: what
        was too old for a later answer is gone.

        Args:
            now: Where the timeline is.
            limit: How many changes are kept at most.
            least: How many are kept however old they are; no more than ``limit``.
            is_old: Whether an instant lies before the period for which history is kept.
            date: Dates an instant.
        """
        settled = self._settled(now)
        if settled > limit:
            self._thin(settled - limit, date)
            settled = limit
        if settled > least and is_old(self.instant(1)):
            numbers = range(1, settled - least + 1)
            self._thin(bisect_left(numbers, True, key=lambda n: not is_old(self.instant(n))), date)
        self._checkpoints.drop_old(is_old)
        self._expired = bool(self._checkpoints) and is_old(self.instant(0))

    def _settled(self, now: Instant) -> int:
        """How many kept changes cannot be taken back because a spell had no length."""
        is_open = self._is_open and self._positions[-1] == now[0] // MICROSECOND
        return max(len(self) - is_open, 1)

    def _thin(self, count: int, date: Callable[[Instant], datetime.datetime]) -> None:
        """Leave checkpoints of the ``count`` oldest changes."""
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
        """Count the changes before index ``end`` with the last checkpoint."""
        gone = self._first + self._was_online(self._first)
        measures = self._measures()
        ends, begins = measures[gone + 1 : end + 1 : 2], measures[gone:end:2]
        self._checkpoints.count(len(begins), max(map(sub, ends, begins), default=0))
        self._first = end

    def _cut_arrays(self) -> None:
        whole = self._first // _MARK_EVERY
        for column in self._columns():
            del column[: whole * _MARK_EVERY]
        del self._marks[:whole]
        self._first -= whole * _MARK_EVERY
        self._cut += whole * _MARK_EVERY

    # Figures.

    @property
    def is_whole(self) -> bool:
        """Whether nothing was thinned."""
        return not self._cut + self._first

    def known_from(self, position: datetime.timedelta) -> Instant:
        """The first checkpoint not before ``position``, or else the oldest kept change.

        From there, and from whatever is later than the oldest kept change, sums are known.
        As of the last :meth:`trim`.
        """
        checkpoint = None if self._expired else self._checkpoints.first_from(position)
        return self.instant(0) if checkpoint is None else checkpoint

    def uptime(self, start: datetime.timedelta, end: datetime.timedelta) -> datetime.timedelta:
        """The uptime between two positions, from each of which sums are known."""
        since, until = (each // MICROSECOND for each in (start, end))
        return (self._uptime_until(until, until) - self._uptime_until(since, since)) * MICROSECOND

    def thinned(
        self, start: datetime.timedelta, end: datetime.timedelta | None = None
    ) -> tuple[int, datetime.timedelta | None]:
        """How many outages between two positions were thinned, and how long the longest was.

        ``end``: one from which sums are known; None: now.
        """
        return self._checkpoints.outages(start, end)

    def begun(self, position: datetime.timedelta) -> int:
        """How many kept outages began before ``position``."""
        changes = bisect_left(self._positions, position // MICROSECOND, self._first) - self._first
        return (changes + (not self._was_online(self._first))) // 2

    def ended(self, position: datetime.timedelta) -> int:
        """How many kept outages were over at ``position``."""
        changes = bisect_right(self._positions, position // MICROSECOND, self._first) - self._first
        return max(changes - self._was_online(self._first), 0) // 2

    def outages(
        self, start: datetime.timedelta, end: datetime.timedelta | None = None
    ) -> Iterator[tuple[Instant, Instant | None]]:
        """When the peer went and came back, of all kept outages that end after ``start``.

        Those that begin at ``end`` or later are left out, and a return that is later than that.
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
        """What was not saved yet, of the first ``end`` changes; it then counts as saved."""
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
        """The history that was saved.

        Older versions kept outages of no length; without them it is to be saved anew.
        """
        history = cls._begun([column[0] for column in rows.columns], rows.online)
        history._checkpoints = Checkpoints.of_rows(rows.checkpoints)
        for column, cells in zip(history._columns(), rows.columns, strict=True):
            column[:] = array(column.typecode, cells)
        history._marks = _marks(history._measures(), history._was_online(0))
        history._cut = rows.first
        history._saved = rows.first + len(rows.columns[0])
        gone = int(history._was_online(0))
        if any(map(eq, history._positions[gone + 1 :: 2], history._positions[gone::2])):
            history._leave_out_no_outages()
        return history

    @classmethod
    def _begun(cls, change: Sequence[int], online: bool) -> Self:
        position, segment = change
        return cls((position * MICROSECOND, segment), online)

    def _leave_out_no_outages(self) -> None:
        _, *changes = zip(*self._columns(), strict=True)
        self.online = self._was_online(0)
        for kept in (*self._columns(), self._marks):
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
        """The uptime until ``position`` in kept time, counted as checkpoints count it."""
        index, measures = self._last_change(position), self._measures()
        marked = index - index % _MARK_EVERY
        uptime = self._marks[marked // _MARK_EVERY]
        for each in range(marked, index):
            if self._was_online(each):
                uptime += measures[each + 1] - measures[each]
        if self._was_online(index):
            uptime += measure - measures[index]
        return uptime


def _marks(measures: Sequence[int], online: bool) -> array[int]:
    """The uptime until change 0, 8, 16, ..., of a peer that was ``online`` after change 0."""
    came = 0 if online else 1
    online_for = map(sub, measures[came + 1 :: 2], measures[came::2])
    uptimes = accumulate(online_for, initial=0)  # until every second change
    return array("q", islice(uptimes, 0, (len(measures) + 1) // 2, _MARK_EVERY // 2))
