"""The store's timeline: positions in seen time, and their dates.

Lifetimes and uptimes are differences of *positions* on this timeline. It begins at zero and
never runs backwards. It stands still in *blind time*, while the store sees nothing; blind
time is neither lifetime nor uptime.

Each start and each resume begins a *segment*. An anchor dates a segment: the position at
which it begins, and the UTC of that moment. One position may be the end of a segment and the
beginning of the next. An *instant* therefore has a position and the number of its segment.

A steady clock dates the present segment by its latest reading: when the clock is corrected,
the whole segment gets new dates, and no position moves. Earlier segments keep their dates; a
segment that would overlap the next is moved back. Segments without a reference can be
forgotten; the others keep their numbers.

Blind time before a segment has one or more causes in turn (see :mod:`.blind_spans`).

A date outside Python's years 1 to 9999 is shown as the first or last possible date. Its
position does not move.

Pure: the moments are arguments.
"""

from __future__ import annotations

import datetime
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Container, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from ..clock import (
    FIRST_DATE,
    LAST_DATE,
    Moment,
    Reading,
    before,
    date_of,
    nearest_utc,
    shifted,
)
from .blind_spans import FILLED_IN, SUSPENDED, BlindCauses, BlindSpan, BlindTime

_ZERO = datetime.timedelta(0)
_SHORTEST_SUSPEND = datetime.timedelta(seconds=1)  # less is jitter between two readings


Instant = tuple[datetime.timedelta, int]
"""A position and the number of its segment."""


class Anchor(NamedTuple):
    """The begin of a segment, as a position and in UTC."""

    position: datetime.timedelta
    utc: datetime.datetime

    def date(self, position: datetime.timedelta) -> datetime.datetime:
        """Return the date of a position in this segment."""
        return shifted(self.utc, position - self.position)


class _Origin:
    """Position zero of a plain clock, where no date is early enough to stand for it."""

    def __init__(self, date: datetime.datetime, position: datetime.timedelta) -> None:
        self._date = date
        self._position = position

    def __rsub__(self, date: datetime.datetime) -> datetime.timedelta:
        return date - self._date + self._position


class Timeline:
    """Turns moments into positions, and positions into dates. The loop owns it.

    ``earlier``: the anchors of earlier segments; the last ended at position ``end``.
    ``numbers``: the numbers of these segments. ``causes``: the causes of the blind times
    between them.
    """

    def __init__(
        self,
        start: Moment,
        earlier: Sequence[Anchor] = (),
        end: datetime.timedelta = _ZERO,
        numbers: Sequence[int] | None = None,
        causes: BlindCauses | None = None,
    ) -> None:
        self._start: Any  # the Moment at which the present segment began
        self._began: datetime.timedelta  # the position at which it began
        self._zero: Any  # of a plain clock: a date less this is its position
        self._latest: Moment
        self.paused = False
        self.on_resume: Callable[[], object] = lambda: None  # called when the timeline goes on
        self.concerned: Callable[[], int] = lambda: 0  # the number of peers with a channel
        self.causes = causes or BlindCauses()
        self._numbers = list(range(len(earlier)) if numbers is None else numbers)
        self.segment = self._numbers[-1] + 1 if earlier else 0  # the present segment's number
        self._earlier = _apart(earlier, end)
        self._moved_back: tuple[datetime.datetime, list[Anchor]] | None = None  # cache of _dated()
        self._last = end  # the latest position; while paused, the position without the pause
        self._standing = end  # the position while paused
        self._begin(start, end)

    # Positions.

    def advance(self, moment: Moment, at: datetime.datetime | None = None) -> Instant:
        """Advance to an item put at ``moment``, and return its instant.

        An event's own time ``at`` counts only if it is earlier than the put: a stray ``at`` in
        the far future would stop time for good. No item is before the one handled last.
        """
        position: datetime.timedelta
        position = self._follow(moment) if type(moment) is Reading else moment - self._zero
        if at is not None:
            position -= max(date_of(moment) - nearest_utc(at), _ZERO)
        if position > self._last:
            self._last = position
        return self._standing if self.paused else self._last, self.segment

    def go_back(self, moment: Moment, at: datetime.datetime | None, bound: Instant) -> Instant:
        """Return the instant of an item put at ``moment``, also before the latest position.

        It is neither before ``bound`` nor before the present segment. While paused it is the
        timeline's instant.
        """
        latest, segment = now = self.advance(moment, at)
        if at is None or self.paused:
            return now
        position: datetime.timedelta
        position = self._position_of(moment) if type(moment) is Reading else moment - self._zero
        position -= max(date_of(moment) - nearest_utc(at), _ZERO)
        least = bound[0] if bound[1] == segment else self._began
        return min(max(position, least), latest), segment

    def instant(self) -> Instant:
        """Return the present instant."""
        return self._standing if self.paused else self._last, self.segment

    def pause(self, at: Instant) -> None:
        """Stand still at the present instant, or at an earlier one of the present segment."""
        self._standing, _ = at
        self.paused = True

    def blame(self, cause: str, peers: int | None = None) -> None:
        """Set the cause of the present blind time from now on.

        ``peers``: how many it concerns; :attr:`concerned` unless given.
        """
        concerned = self.concerned() if peers is None else peers
        self.causes.add(self.segment + 1, self.latest_date(), cause, concerned)

    def resume(self) -> Instant:
        """Begin the next segment at the latest moment, and return its first instant."""
        now = self._latest_moment()
        self._end_segment()
        self._begin(now, self._standing)
        self._last = self._standing
        self.paused = False
        self.on_resume()
        return self._last, self.segment

    def turn_back(self, moment: Moment, since: datetime.datetime) -> None:
        """While paused, move the present moment back to ``since``, where a record begins.

        At most back to the last seen moment. The next resume is at the new moment.
        """
        latest, floor = date_of(moment), self.seen_until()
        since = min(nearest_utc(since), latest)
        then = _before(moment, latest - (since if floor is None else max(since, floor)))
        if self._standing == self._began:  # nothing was seen in this segment: move its begin
            self._begin(then, self._standing)
        self._last = self._position_of(then) if isinstance(then, Reading) else then - self._zero

    def filled_in(self, number: int) -> None:
        """Note that the time from the begin of segment ``number`` until now was filled in."""
        self.causes.add(number, self.latest_date(), FILLED_IN, self.concerned())

    def _follow(self, reading: Reading) -> datetime.timedelta:
        """Date the present segment by ``reading``, and return its position."""
        self._latest = reading
        position = self._position_of(reading)
        if self._slept(reading) and not self.paused:
            self._last = max(position, self._last)
            now = self._latest_moment()  # a later reading may have been handled already
            self._end_segment()
            self._begin(now, self._last)
            self.causes.add(self.segment, date_of(now), SUSPENDED, self.concerned())
            position = self._position_of(reading)
        return position

    def _position_of(self, reading: Reading) -> datetime.timedelta:
        position: datetime.timedelta = reading.seen - self._start.seen + self._began
        return position

    def _slept(self, reading: Reading) -> datetime.timedelta:
        """Return how long the machine was suspended since the present segment began."""
        slept: datetime.timedelta = reading.asleep - self._start.asleep
        return slept if slept >= _SHORTEST_SUSPEND else _ZERO

    def _begin(self, moment: Moment, position: datetime.timedelta) -> None:
        """Begin a segment at ``position``, the position of ``moment``."""
        self._start = self._latest = moment
        self._began = position
        if not isinstance(moment, Reading):
            try:
                self._zero = moment - position
            except OverflowError:
                self._zero = _Origin(moment, position)

    def _end_segment(self) -> None:
        self._earlier = self._dated()
        self._earlier.append(Anchor(self._began, self._begun()))
        self._moved_back = None
        self._numbers.append(self.segment)
        self.segment += 1

    # Dates.

    def latest_date(self) -> datetime.datetime:
        """Return the date of the latest item. It advances also while paused."""
        return date_of(self._latest_moment())

    def seen_until(self) -> datetime.datetime | None:
        """Return the date until which time was seen; None if it never was."""
        if not self.paused:
            return self.latest_date()
        went_on = (each for each in reversed(self.anchors()) if each.position < self._standing)
        return next((each.date(self._standing) for each in went_on), None)

    def blind(self, now: Instant) -> datetime.timedelta:
        """Return the blind time since the first segment began, restarts included."""
        first = self.anchors()[0]
        return max(self.latest_date() - first.utc - (now[0] - first.position), _ZERO)

    def blind_spans(self) -> list[BlindSpan]:
        """Return the blind spans between the kept segments, and the present one."""
        spans = [span for time in self._blind_times() for span in self.causes.spans(time)]
        if self.paused:
            start = self._present_date(self._standing)
            time = BlindTime(self.segment + 1, start, self.latest_date())
            spans += self.causes.spans(time, lasts=True)
        return spans

    def filled_in_spans(self) -> list[BlindSpan]:
        """Return the filled-in spans of the kept segments."""
        return [
            span
            for number, anchor in zip(self.numbers(), self.anchors(), strict=True)
            for span in self.causes.filled_in(number, anchor.utc)
        ]

    def _blind_times(self) -> list[BlindTime]:
        """Return the blind times between the kept segments."""
        _, *numbers = self.numbers()
        return [
            BlindTime(number, min(earlier.date(later.position), later.utc), later.utc)
            for number, (earlier, later) in zip(numbers, pairwise(self.anchors()), strict=True)
        ]

    def ago(self, then: Instant, now: Instant) -> datetime.timedelta:
        """Return the time since ``then``, by the dates."""
        if then[1] == now[1] and not self.paused:
            return now[0] - then[0]  # the same, but quicker
        return self.latest_date() - self.date(then)

    def date(self, instant: Instant) -> datetime.datetime:
        """Return the date of ``instant``.

        While paused, an instant of the next segment has the date at which the timeline
        stands.
        """
        position, segment = instant
        if segment >= self.segment:
            return self._present_date(position)
        anchor, following = self._anchor(segment)
        return min(anchor.date(position), following)  # anchor.date() cuts at the first date

    def _anchor(self, segment: int) -> tuple[Anchor, datetime.datetime]:
        """Return the anchor of an earlier segment, and the date at which the next begins."""
        anchors, index = self._dated(), bisect_left(self._numbers, segment)
        following = anchors[index + 1].utc if index + 1 < len(anchors) else self._begun()
        return anchors[index], following

    def dates(self) -> Callable[[Instant], datetime.datetime]:
        """Return a function as :meth:`date`, as of now, that is quicker for many instants."""
        present = Anchor(self._last, self._present_date(self._last)), LAST_DATE
        if present[0].utc in (FIRST_DATE, LAST_DATE):  # the date may be cut
            return self.date
        known: dict[int, tuple[Anchor, datetime.datetime]] = {}

        def date(instant: Instant) -> datetime.datetime:
            position, segment = instant
            if segment not in known:
                known[segment] = self._anchor(segment) if segment < self.segment else present
            (at, utc), following = known[segment]
            try:
                found = utc + (position - at)
            except OverflowError:
                return self.date(instant)
            return found if found < following else following

        return date

    def locate(self, date: datetime.datetime) -> datetime.timedelta:
        """Return the position at ``date``; in blind time, the position of the standstill."""
        if date >= self._begun():  # _begun() may be cut, so count back from the latest date
            position = self._last - (self._present_date(self._last) - date)
            return min(max(position, self._began), self.instant()[0])
        dated = self._dated()
        following = bisect_right(dated, date, key=_anchor_utc)
        if not following:
            return dated[0].position if dated else self._began
        anchor = dated[following - 1]
        end = dated[following].position if following < len(dated) else self._began
        return min(anchor.position + (date - anchor.utc), end)

    def anchors(self) -> list[Anchor]:
        """Return the anchors of all segments, the present one last."""
        return [*self._dated(), Anchor(self._began, self._begun())]

    def numbers(self) -> list[int]:
        """Return the numbers of the segments, in the order of :meth:`anchors`."""
        return [*self._numbers, self.segment]

    def forget(self, before: datetime.datetime, needed: Container[int]) -> None:
        """Forget segments that ended before the date, except the first and those ``needed``.

        The blind times between two segments that stay are merged into one, at the end of the
        earlier segment, with the cause of the longest.
        """
        ends = [anchor.utc for anchor in self._dated()[1:]]
        keep = [
            index
            for index, number in enumerate(self._numbers)
            if index in (0, len(ends)) or ends[index] >= before or number in needed
        ]
        times = self._blind_times()
        for begun, following in pairwise(keep):
            self.causes.merge(times[begun:following])
        self._earlier = [self._earlier[index] for index in keep]
        self._moved_back = None
        self._numbers = [self._numbers[index] for index in keep]

    def _dated(self) -> list[Anchor]:
        """Return the anchors of the earlier segments, moved back where two would overlap."""
        begun = self._begun()
        if not self._earlier or self._earlier[-1].date(self._began) <= begun:
            return self._earlier
        if self._moved_back is None or self._moved_back[0] != begun:
            self._moved_back = begun, _apart(self._earlier, self._began, begun)
        return self._moved_back[1]

    def _begun(self) -> datetime.datetime:
        """Return the date at which the present segment began."""
        return self._present_date(self._began)

    def _present_date(self, position: datetime.timedelta) -> datetime.datetime:
        latest = self._latest
        if isinstance(latest, Reading):
            ago = self._position_of(latest) - position
            return shifted(latest.utc, -self._slept(latest) - ago)
        return shifted(self._start, position - self._began)

    def _latest_moment(self) -> Moment:
        latest = self._latest
        if isinstance(latest, Reading):
            ahead = self._position_of(latest) - self._last
            return Reading(shifted(latest.utc, -ahead), latest.seen - ahead, latest.asleep)
        return self._present_date(self._last)


def _before(moment: Moment, by: datetime.timedelta) -> Moment:
    if isinstance(moment, Reading):
        return Reading(before(moment.utc, by), moment.seen - by, moment.asleep)
    return before(moment, by)


def _anchor_utc(anchor: Anchor) -> datetime.datetime:
    return anchor.utc


def _apart(
    anchors: Sequence[Anchor], end: datetime.timedelta, before: datetime.datetime | None = None
) -> list[Anchor]:
    """Return ``anchors``, with each segment that overlaps the next moved back.

    The last segment ends at position ``end``, and not after the date ``before``.
    """
    apart = list(anchors)
    for number in reversed(range(len(apart))):
        anchor = apart[number]
        if before is not None and anchor.date(end) > before:
            apart[number] = anchor._replace(utc=shifted(before, anchor.position - end))
        end, before = apart[number]
    return apart
