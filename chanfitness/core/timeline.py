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

Pure: the moments are arguments.
"""

from __future__ import annotations

import datetime
from bisect import bisect_left, bisect_right
from collections.abc import Container, Sequence
from typing import Any, NamedTuple

from ..clock import Moment, Reading, to_utc

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
        return self.utc + (position - self.position)


class Timeline:
    """Turns moments into positions, and positions into dates. The loop owns it.

    ``earlier`` are the anchors of segments that were seen before, the last of
    which ended at position ``end``, and ``numbers`` are theirs.
    """

    def __init__(
        self,
        start: Moment,
        earlier: Sequence[Anchor] = (),
        end: datetime.timedelta = _ZERO,
        numbers: Sequence[int] | None = None,
    ) -> None:
        self._zero: Any  # the Moment that lies at position zero
        self._latest: Moment
        self.paused = False
        self._numbers = list(range(len(earlier)) if numbers is None else numbers)
        self.segment = self._numbers[-1] + 1 if earlier else 0  # the present one's number
        self._asleep = _ZERO  # what a Reading said of it when the present segment began
        self._earlier = _apart(earlier, end)
        self._last = end  # the latest position, or what it would be if the timeline did not stand
        self._standing = end  # where it stands while paused
        self._begin(start, end)

    # Positions.

    def position(self, moment: Moment, at: datetime.datetime | None = None) -> datetime.timedelta:
        """Where on the timeline something lies that was put at ``moment``.

        An event's own time ``at`` may only be earlier than the put: one stray
        stamp of the far future would stop time for good. And nothing is ever
        before what was asked for last.
        """
        position: datetime.timedelta = moment - self._zero
        if type(moment) is Reading:
            self._follow(moment, position)
            position = moment - self._zero
        if at is not None:
            position -= max(_utc(moment) - to_utc(at), _ZERO)
        if position > self._last:
            self._last = position
        return self._standing if self.paused else self._last

    def pause(self) -> None:
        """Stand still, at the latest position."""
        self._standing = self._last
        self.paused = True

    def go_back(self, position: datetime.timedelta) -> None:
        """Stand still at an earlier position of the present segment."""
        self._standing = position
        self.paused = True

    def resume(self) -> None:
        """Go on from where the timeline stands, as of what was asked for last."""
        now = self._latest_moment()
        self._end_segment()
        self._begin(now, self._standing)
        self._last = self._standing
        self.paused = False

    def _follow(self, reading: Reading, position: datetime.timedelta) -> None:
        self._latest = reading
        if self._slept(reading) and not self.paused:
            self._last = max(position, self._last)
            now = self._latest_moment()  # not the reading itself, which may have been overtaken
            self._end_segment()
            self._begin(now, self._last)

    def _slept(self, reading: Reading) -> datetime.timedelta:
        """For how long the machine was suspended since the present segment began."""
        slept = reading.asleep - self._asleep
        return slept if slept >= _SHORTEST_SUSPEND else _ZERO

    def _begin(self, moment: Moment, position: datetime.timedelta) -> None:
        """Begin a segment at ``position``, which is where ``moment`` lies."""
        self._began = position
        self._latest = moment
        if isinstance(moment, Reading):
            self._zero = Reading(moment.utc, moment.seen - position)
            self._asleep = moment.asleep
        else:
            self._zero = moment - position

    def _end_segment(self) -> None:
        self._earlier = self._dated()
        self._earlier.append(Anchor(self._began, self._present_date(self._began)))
        self._numbers.append(self.segment)
        self.segment += 1

    # Dates.

    def instant(self) -> Instant:
        """Where the timeline is."""
        return self._standing if self.paused else self._last, self.segment

    def now(self) -> datetime.datetime:
        """The date of what was asked for last; it goes on while the timeline stands."""
        return _utc(self._latest_moment())

    def blind(self) -> datetime.timedelta:
        """How long the timeline stood, or was not there, since it first began."""
        first = self.anchors()[0]
        return self.now() - first.utc - (self.instant()[0] - first.position)

    def ago(self, instant: Instant) -> datetime.timedelta:
        """How long ago ``instant`` was, by the dates."""
        position, segment = instant
        if segment == self.segment and not self.paused:
            return self._last - position  # the same, and quicker
        return self.now() - self.date(instant)

    def date(self, instant: Instant) -> datetime.datetime:
        """The date of something that was seen at ``instant``.

        While the timeline stands, what is to begin with the next segment has the date
        at which it stands.
        """
        position, segment = instant
        if segment >= self.segment:
            return self._present_date(position)
        return self._dated()[bisect_left(self._numbers, segment)].date(position)

    def locate(self, date: datetime.datetime) -> datetime.timedelta:
        """The position at ``date``; in blind time, where the timeline stood."""
        begun = self._present_date(self._began)
        if date >= begun:
            return min(self._began + (date - begun), self.instant()[0])
        dated = self._dated()
        following = bisect_right(dated, date, key=_anchor_utc)
        if not following:
            return dated[0].position if dated else self._began
        anchor = dated[following - 1]
        end = dated[following].position if following < len(dated) else self._began
        return min(anchor.position + (date - anchor.utc), end)

    def anchors(self) -> list[Anchor]:
        """The anchors of all segments, the present one last."""
        return [*self._dated(), Anchor(self._began, self._present_date(self._began))]

    def numbers(self) -> list[int]:
        """The numbers of the segments that :meth:`anchors` are of."""
        return [*self._numbers, self.segment]

    def forget(self, before: datetime.datetime, needed: Container[int]) -> None:
        """Forget earlier segments that ended ``before``, but those ``needed`` and the first.

        What was blind between two that are left is taken for one blind time, at the
        end of the first of them.
        """
        ends = [anchor.utc for anchor in self._dated()[1:]]
        keep = [
            index
            for index, number in enumerate(self._numbers)
            if index in (0, len(ends)) or ends[index] >= before or number in needed
        ]
        self._earlier = [self._earlier[index] for index in keep]
        self._numbers = [self._numbers[index] for index in keep]

    def _dated(self) -> list[Anchor]:
        """The anchors of the earlier segments, none of which overlaps the next."""
        begun = self._present_date(self._began)
        if self._earlier and self._earlier[-1].date(self._began) > begun:
            return _apart(self._earlier, self._began, begun)
        return self._earlier

    def _present_date(self, position: datetime.timedelta) -> datetime.datetime:
        latest = self._latest
        if isinstance(latest, Reading):
            ago: datetime.timedelta = latest - self._zero - position
            return latest.utc - self._slept(latest) - ago
        dated: datetime.datetime = self._zero + position
        return dated

    def _latest_moment(self) -> Moment:
        latest = self._latest
        if isinstance(latest, Reading):
            ahead = latest - self._zero - self._last
            return Reading(latest.utc - ahead, latest.seen - ahead, latest.asleep)
        return self._present_date(self._last)


def _utc(moment: Moment) -> datetime.datetime:
    return moment.utc if isinstance(moment, Reading) else moment


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
            apart[number] = anchor._replace(utc=before - (end - anchor.position))
        end, before = apart[number]
    return apart
