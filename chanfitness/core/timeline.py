"""The store's timeline: how far, in time that counts, the store has come.

Lifetimes and uptimes are differences of *positions* on this timeline. It begins at
zero, never runs backwards, and stands still while the store sees nothing: that
is *blind time*, and it is neither lifetime nor uptime of anything.

Each start and each resume begins a *segment*. A segment is dated by an anchor:
the position at which it begins, and the UTC of that moment. A position alone may
be the end of one segment and the beginning of the next, so what is to be dated
is an *instant*: a position and the number of its segment.

A clock that can be corrected dates the present segment by its latest reading:
when the clock is set right, the whole segment is dated anew, and no position
moves. Earlier segments keep their dates, but one that would overlap the next is
moved back until it does not. Segments that nothing refers to any more can be
forgotten; the others keep their numbers.

Blind time before a segment has a cause, or several in turn (see :mod:`.blind_spans`).

Python's dates end with the years 1 and 9999: a date beyond is shown as the first or
the last that there is. No position moves for it.

Pure: the moments are arguments.
"""

from __future__ import annotations

import datetime
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Container, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from ..clock import FIRST_DATE, LAST_DATE, Moment, Reading, before, nearest_utc, shifted
from .blind_spans import FILLED_IN, SUSPENDED, BlindCauses, BlindSpan, BlindTime

_ZERO = datetime.timedelta(0)
_SHORTEST_SUSPEND = datetime.timedelta(seconds=1)  # below it is the jitter of two readings


Instant = tuple[datetime.timedelta, int]
"""A moment on the timeline that can be dated: its position, the number of its segment."""


class Anchor(NamedTuple):
    """Where a segment begins, on the timeline and in UTC."""

    position: datetime.timedelta
    utc: datetime.datetime

    def date(self, position: datetime.timedelta) -> datetime.datetime:
        """The date of a position in this segment."""
        return shifted(self.utc, position - self.position)


class _Origin:
    """Position zero where it lies before all dates; else a date does, which is quicker."""

    def __init__(self, date: datetime.datetime, position: datetime.timedelta) -> None:
        self._date = date
        self._position = position

    def __rsub__(self, date: datetime.datetime) -> datetime.timedelta:
        return date - self._date + self._position


class Timeline:
    """Turns moments into positions, and positions into dates. The loop owns it.

    ``earlier`` are the anchors of segments that were seen before, the last of
    which ended at position ``end``, and ``numbers`` are theirs. ``causes``: those of
    the blind times between them.
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
        self._began: datetime.timedelta  # and the position
        self._zero: Any  # of a plain clock: what is subtracted from a date for its position
        self._latest: Moment
        self.paused = False
        self.on_resume: Callable[[], object] = lambda: None  # is called when the timeline goes on
        self.concerned: Callable[[], int] = lambda: 0  # how many peers it concerns not to see
        self.causes = causes or BlindCauses()
        self._numbers = list(range(len(earlier)) if numbers is None else numbers)
        self.segment = self._numbers[-1] + 1 if earlier else 0  # the present one's number
        self._earlier = _apart(earlier, end)
        self._moved_back: tuple[datetime.datetime, list[Anchor]] | None = None  # of _dated()
        self._last = end  # the latest position, or what it would be if the timeline did not stand
        self._standing = end  # where it stands while paused
        self._begin(start, end)

    # Positions.

    def advance(self, moment: Moment, at: datetime.datetime | None = None) -> Instant:
        """Go on to where something lies that was put at ``moment``.

        An event's own time ``at`` may only be earlier than the put: one stray
        stamp of the far future would stop time for good. And nothing is ever
        before what came last.
        """
        position: datetime.timedelta
        position = self._follow(moment) if type(moment) is Reading else moment - self._zero
        if at is not None:
            position -= max(_utc(moment) - nearest_utc(at), _ZERO)
        if position > self._last:
            self._last = position
        return self._standing if self.paused else self._last, self.segment

    def go_back(self, moment: Moment, at: datetime.datetime | None, bound: Instant) -> Instant:
        """Where something lies that was put at ``moment``, also before the latest position.

        It is neither before ``bound`` nor before the present segment, and while the
        timeline stands it is where that does.
        """
        latest, segment = now = self.advance(moment, at)
        if at is None or self.paused:
            return now
        position: datetime.timedelta
        position = self._position_of(moment) if type(moment) is Reading else moment - self._zero
        position -= max(_utc(moment) - nearest_utc(at), _ZERO)
        least = bound[0] if bound[1] == segment else self._began
        return min(max(position, least), latest), segment

    def instant(self) -> Instant:
        """Where the timeline is."""
        return self._standing if self.paused else self._last, self.segment

    def pause(self, at: Instant) -> None:
        """Stand still where the timeline is, or at an earlier instant of the present segment."""
        self._standing, _ = at
        self.paused = True

    def blame(self, cause: str, peers: int | None = None) -> None:
        """While the timeline stands: from now on, for this cause.

        ``peers``: how many that concerns, if not those that are :attr:`concerned`.
        """
        concerned = self.concerned() if peers is None else peers
        self.causes.add(self.segment + 1, self.latest_date(), cause, concerned)

    def resume(self) -> Instant:
        """Go on from where the timeline stands, as of the latest moment."""
        now = self._latest_moment()
        self._end_segment()
        self._begin(now, self._standing)
        self._last = self._standing
        self.paused = False
        self.on_resume()
        return self._last, self.segment

    def turn_back(self, moment: Moment, since: datetime.datetime) -> None:
        """While the timeline stands, let it be ``since``, of which there is a record.

        Not before it went on last. The next resume lies there.
        """
        latest, floor = _utc(moment), self.seen_until()
        since = min(nearest_utc(since), latest)
        then = _before(moment, latest - (since if floor is None else max(since, floor)))
        if self._standing == self._began:  # nothing was seen in this segment: it may begin there
            self._begin(then, self._standing)
        self._last = self._position_of(then) if isinstance(then, Reading) else then - self._zero

    def filled_in(self, number: int) -> None:
        """What was seen from segment ``number`` on until now was filled in."""
        self.causes.add(number, self.latest_date(), FILLED_IN, self.concerned())

    def _follow(self, reading: Reading) -> datetime.timedelta:
        """Date the present segment by ``reading``, and return the position at which that lies."""
        self._latest = reading
        position = self._position_of(reading)
        if self._slept(reading) and not self.paused:
            self._last = max(position, self._last)
            now = self._latest_moment()  # not the reading itself, which may have been overtaken
            self._end_segment()
            self._begin(now, self._last)
            self.causes.add(self.segment, _utc(now), SUSPENDED, self.concerned())
            position = self._position_of(reading)
        return position

    def _position_of(self, reading: Reading) -> datetime.timedelta:
        position: datetime.timedelta = reading.seen - self._start.seen + self._began
        return position

    def _slept(self, reading: Reading) -> datetime.timedelta:
        """For how long the machine was suspended since the present segment began."""
        slept: datetime.timedelta = reading.asleep - self._start.asleep
        return slept if slept >= _SHORTEST_SUSPEND else _ZERO

    def _begin(self, moment: Moment, position: datetime.timedelta) -> None:
        """Begin a segment at ``position``, which is where ``moment`` lies."""
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
        """The date of what came last; it goes on while the timeline stands."""
        return _utc(self._latest_moment())

    def seen_until(self) -> datetime.datetime | None:
        """The date of the last moment at which the timeline went on; None if it never did."""
        if not self.paused:
            return self.latest_date()
        went_on = (each for each in reversed(self.anchors()) if each.position < self._standing)
        return next((each.date(self._standing) for each in went_on), None)

    def blind(self, now: Instant) -> datetime.timedelta:
        """How long the timeline stood, or was not there, since it first began."""
        first = self.anchors()[0]
        return max(self.latest_date() - first.utc - (now[0] - first.position), _ZERO)

    def blind_spans(self) -> list[BlindSpan]:
        """The blind times between the segments that are kept, and the present one."""
        spans = [span for time in self._blind_times() for span in self.causes.spans(time)]
        if self.paused:
            start = self._present_date(self._standing)
            time = BlindTime(self.segment + 1, start, self.latest_date())
            spans += self.causes.spans(time, lasts=True)
        return spans

    def filled_in_spans(self) -> list[BlindSpan]:
        """The times that were filled in, in the segments that are kept."""
        return [
            span
            for number, anchor in zip(self.numbers(), self.anchors(), strict=True)
            for span in self.causes.filled_in(number, anchor.utc)
        ]

    def _blind_times(self) -> list[BlindTime]:
        """Those before each segment but the first that is kept."""
        _, *numbers = self.numbers()
        return [
            BlindTime(number, min(earlier.date(later.position), later.utc), later.utc)
            for number, (earlier, later) in zip(numbers, pairwise(self.anchors()), strict=True)
        ]

    def ago(self, then: Instant, now: Instant) -> datetime.timedelta:
        """How long ago ``then`` was, by the dates."""
        if then[1] == now[1] and not self.paused:
            return now[0] - then[0]  # the same, and quicker
        return self.latest_date() - self.date(then)

    def date(self, instant: Instant) -> datetime.datetime:
        """The date of something that was seen at ``instant``.

        While the timeline stands, what is to begin with the next segment has the date
        at which it stands.
        """
        position, segment = instant
        if segment >= self.segment:
            return self._present_date(position)
        anchor, following = self._anchor(segment)
        return min(anchor.date(position), following)  # it may be cut where dates begin

    def _anchor(self, segment: int) -> tuple[Anchor, datetime.datetime]:
        """The anchor of an earlier segment, and the date at which the next begins."""
        anchors, index = self._dated(), bisect_left(self._numbers, segment)
        following = anchors[index + 1].utc if index + 1 < len(anchors) else self._begun()
        return anchors[index], following

    def dates(self) -> Callable[[Instant], datetime.datetime]:
        """:meth:`date` as of now: quicker, for many instants."""
        present = Anchor(self._last, self._present_date(self._last)), LAST_DATE
        if present[0].utc in (FIRST_DATE, LAST_DATE):  # it may be cut
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
        """The position at ``date``; in blind time, where the timeline stood."""
        if date >= self._begun():  # which may be cut, so counted back from the latest date
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
        """The anchors of all segments, the present one last."""
        return [*self._dated(), Anchor(self._began, self._begun())]

    def numbers(self) -> list[int]:
        """The numbers of the segments that :meth:`anchors` are of."""
        return [*self._numbers, self.segment]

    def forget(self, before: datetime.datetime, needed: Container[int]) -> None:
        """Forget earlier segments that ended ``before``, but those ``needed`` and the first.

        What was blind between two that are left is taken for one blind time, at the
        end of the first of them, with the cause of the longest.
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
        """The anchors of the earlier segments, none of which overlaps the next."""
        begun = self._begun()
        if not self._earlier or self._earlier[-1].date(self._began) <= begun:
            return self._earlier
        if self._moved_back is None or self._moved_back[0] != begun:
            self._moved_back = begun, _apart(self._earlier, self._began, begun)
        return self._moved_back[1]

    def _begun(self) -> datetime.datetime:
        """The date at which the present segment began."""
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


def _utc(moment: Moment) -> datetime.datetime:
    return moment.utc if isinstance(moment, Reading) else moment


def _before(moment: Moment, by: datetime.timedelta) -> Moment:
    if isinstance(moment, Reading):
        return Reading(before(moment.utc, by), moment.seen - by, moment.asleep)
    return before(moment, by)


def _anchor_utc(anchor: Anchor) -> datetime.datetime:
    return anchor.utc


def _apart(
    anchors: Sequence[Anchor], end: datetime.timedelta, before: datetime.datetime | None = None
) -> list[Anchor]:
    """``anchors``, with each segment that overlaps the next moved back.

    The last segment ends at position ``end``, and by the date ``before``.
    """
    apart = list(anchors)
    for number in reversed(range(len(apart))):
        anchor = apart[number]
        if before is not None and anchor.date(end) > before:
            apart[number] = anchor._replace(utc=shifted(before, anchor.position - end))
        end, before = apart[number]
    return apart
