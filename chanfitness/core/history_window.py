"""What a peer's history says of one channel, over its life or the window before now.

*Outage*: from the moment at which the peer was seen to go offline to the moment
at which it was next seen online. *Blind*: time in which the store saw nothing.
Pure: the timeline is given.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import NamedTuple

from .channel import Channel
from .history import History
from .known_part import known_part, outages_known_from
from .saved_state import MICROSECOND
from .timeline import Instant, Timeline

_ZERO = datetime.timedelta(0)
_new_tuple = tuple.__new__  # quicker than a NamedTuple's own, where it counts


class Outage(NamedTuple):
    """One outage of a peer, as far as it lies in the window that was asked for.

    ``end`` is None while it lasts, or if it lasted at the end of what was asked for.
    ``duration`` is the offline time that was seen: blind time in it is left out.
    """

    start: datetime.datetime
    end: datetime.datetime | None
    duration: datetime.timedelta


class ChannelHistory(NamedTuple):
    """A part of a channel's life, ``start`` to ``end`` (UTC).

    ``lifetime`` and ``uptime`` in it were seen, ``blind`` time was not:
    ``lifetime + blind == end - start``, and the durations of all outages add up
    to ``lifetime - uptime``. (Where a date is cut at the years 1 or 9999, ``blind`` is
    zero or more all the same.) ``start`` is the channel's opening or the window's
    beginning, whichever is later, if ``complete``; else the first moment after it from
    which figures are known. So is ``end``, if that was to be in the past.

    ``unusable``: the part of ``uptime`` in which the channel was inactive, and
    ``unusable_spans`` when that was, as far as its changes are kept. ``knows_unusable``:
    False if the time before an older version was replaced is in it, which did not look.

    ``outages`` lists those whose changes are kept. Of older ones, whose changes were
    thinned, ``thinned_outages`` says how many there were and ``longest_thinned`` how long
    the longest was; the other figures count them, too. ``first_outage_began``: when the
    first of ``outages`` really began, if that was before ``start``.
    """

    start: datetime.datetime
    end: datetime.datetime
    lifetime: datetime.timedelta
    uptime: datetime.timedelta
    blind: datetime.timedelta
    outages: tuple[Outage, ...]
    complete: bool = True
    thinned_outages: int = 0
    longest_thinned: datetime.timedelta | None = None
    first_outage_began: datetime.datetime | None = None
    unusable: datetime.timedelta = _ZERO
    unusable_spans: tuple[Outage, ...] = ()
    knows_unusable: bool = True

    @property
    def outage_count(self) -> int:
        """How many outages there were, listed or not."""
        return len(self.outages) + self.thinned_outages

    @property
    def uptime_ratio(self) -> float | None:
        """``uptime / lifetime``; None while lifetime is zero."""
        return self.uptime / self.lifetime if self.lifetime else None

    @property
    def usable(self) -> datetime.timedelta:
        """``uptime - unusable``."""
        return self.uptime - self.unusable

    @property
    def usable_ratio(self) -> float | None:
        """``usable / lifetime``; None while lifetime is zero, or if it is not known."""
        return self.usable / self.lifetime if self.lifetime and self.knows_unusable else None

    @property
    def longest_outage(self) -> datetime.timedelta | None:
        """The longest duration of an outage; None if there is none."""
        durations = [outage.duration for outage in self.outages]
        if self.longest_thinned is not None:
            durations.append(self.longest_thinned)
        return max(durations, default=None)

    @property
    def mean_time_to_repair(self) -> datetime.timedelta | None:
        """Offline time by outages; None if there is none."""
        return (self.lifetime - self.uptime) / self.outage_count if self.outage_count else None

    @property
    def mean_time_between_failures(self) -> datetime.timedelta | None:
        """Online time by outages; None if there is none."""
        return self.uptime / self.outage_count if self.outage_count else None


def channel_history(
    timeline: Timeline,
    now: Instant,
    channel: Channel,
    window: datetime.timedelta | None,
    until: datetime.datetime | None = None,
) -> ChannelHistory:
    """Outages and sums of one channel as of ``now``, which is where the timeline is.

    ``until``: a date at which they end instead. Those of a channel that closed end with it.
    """
    history = channel.log.history
    assert history is not None
    date = timeline.dates()
    start, end, begin, over, complete = known_part(timeline, now, channel, window, until)
    lifetime, uptime = _sums(channel, history, begin, over)
    outages = [
        _new_tuple(Outage, (date(gone), None if back is None else date(back), seen))
        for gone, back, seen in _seen_outages(channel, history, begin, over)
    ]
    first_began = None
    if outages and outages[0].start < start:
        first_began = outages[0].start
        outages[0] = outages[0]._replace(start=start)
    spans = [
        Outage(max(date(begun), start), None if back is None else date(back), seen)
        for begun, back, seen in _unusable_spans(channel, history, begin, over)
    ]
    return ChannelHistory(
        start,
        end,
        lifetime,
        uptime,
        max(end - start - lifetime, _ZERO),  # less where a date is beyond all dates
        _lasting_at(end, outages),
        complete,
        *history.thinned(begin, over),
        first_began,
        _unusable(channel, (begin, over), now[0], uptime),
        _lasting_at(end, spans),
        channel.activity_from is None or channel.activity_from <= begin,
    )


def _sums(
    channel: Channel, history: History, begin: datetime.timedelta, over: datetime.timedelta
) -> tuple[datetime.timedelta, datetime.timedelta]:
    """Lifetime and uptime between two positions from which they are known."""
    lifetime, uptime = over - begin, history.uptime(begin, over)
    for left, back in channel.absent_within(begin, over):
        lifetime -= back - left
        uptime -= history.uptime(left, back)
    return lifetime, uptime


def _lasting_at(end: datetime.datetime, spans: list[Outage]) -> tuple[Outage, ...]:
    """The spans, in order; the last one has no end if that is after ``end``."""
    if spans and spans[-1].end is not None and spans[-1].end > end:
        spans[-1] = spans[-1]._replace(end=None)
    return tuple(spans)


def outage_count(channel: Channel, now: Instant) -> int:
    """How many outages of its peer lie in the channel's life, as far as they are known."""
    history = channel.log.history
    assert history is not None
    start, (end, _) = channel.opened[0], now
    known = outages_known_from(channel, history, start)
    if known is not None:
        start = known[0]
    if start == end:
        return 0
    thinned, _ = history.thinned(start)
    count = thinned + history.begun(end) - history.ended(start)
    for left, back in _joined(channel.absent_within(start, end)):
        over = history.begun(end) if back == end else history.ended(back)
        before_it = history.ended(start) if left == start else history.begun(left)
        count -= max(over - before_it, 0)
    return count


def _unusable(
    channel: Channel,
    between: tuple[datetime.timedelta, datetime.timedelta],
    now: datetime.timedelta,
    uptime: datetime.timedelta,
) -> datetime.timedelta:
    """How much of its ``uptime`` between two positions was in inactive time."""
    if channel.activity is None:
        return _ZERO
    assert channel.log.history is not None
    inactive, (begin, over) = channel.activity.inactive, between
    until = channel.uptime(now) - _sums(channel, channel.log.history, over, now)[1]
    unusable = (inactive(over, until) - inactive(begin, until - uptime)) * MICROSECOND
    return min(max(unusable, _ZERO), uptime)  # a damaged database may say more


def _unusable_spans(
    channel: Channel, history: History, start: datetime.timedelta, end: datetime.timedelta
) -> Iterator[tuple[Instant, Instant | None, datetime.timedelta]]:
    """Each time in which it was inactive and its peer online, with the time that was seen of it.

    As far as the changes of both are kept.
    """
    first = history.instant(0)
    start, until = max(start, first[0]), end + MICROSECOND  # also a going at the end
    for inactive, active in channel.activity.outages(start, end) if channel.activity else ():
        since = max(inactive, first)
        begun: Instant | None = since
        for gone, back in history.outages(max(since[0], start) - MICROSECOND, until):
            if active is not None and gone >= active:
                break
            if begun is not None and gone > begun:
                yield from _seen(channel, begun, gone, start, end)
            begun = None if back is None else max(since, back)
        if begun is not None and (active is None or begun < active):
            yield from _seen(channel, begun, active, start, end)


def _seen(
    channel: Channel,
    begun: Instant,
    over: Instant | None,
    start: datetime.timedelta,
    end: datetime.timedelta,
) -> Iterator[tuple[Instant, Instant | None, datetime.timedelta]]:
    """A span between two positions, with the time that was seen of it, if there was any."""
    begin, until = max(begun[0], start), end if over is None else over[0]
    if begin >= until:
        return
    seen = until - begin
    for left, returned in channel.absent_within(begin, until):
        seen -= returned - left
    if seen > _ZERO:
        yield begun, over, seen


def _joined(
    gaps: list[tuple[datetime.timedelta, datetime.timedelta]],
) -> list[tuple[datetime.timedelta, datetime.timedelta]]:
    """Gaps, of which those that touch are one."""
    joined: list[tuple[datetime.timedelta, datetime.timedelta]] = []
    for left, back in gaps:
        begin = joined.pop()[0] if joined and joined[-1][1] == left else left
        joined.append((begin, back))
    return joined


def _seen_outages(
    channel: Channel, history: History, start: datetime.timedelta, end: datetime.timedelta
) -> Iterator[tuple[Instant, Instant | None, datetime.timedelta]]:
    """Each kept outage between two positions, with the offline time that was seen of it."""
    has_gaps = bool(channel.absent_within(start, end))
    for gone, back in history.outages(start, end):
        if has_gaps:
            yield from _seen(channel, gone, back, start, end)
        else:  # the same, and quicker
            seen = (end if back is None else back[0]) - max(gone[0], start)
            if seen > _ZERO:
                yield gone, back, seen
