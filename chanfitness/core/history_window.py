"""Outages and sums of one channel, over its life or a window.

An *outage* lasts from the moment at which the peer was seen to go offline to the moment at
which it was next seen online. Pure: the timeline is given.
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
_new_tuple = tuple.__new__  # faster than the NamedTuple's own


class Outage(NamedTuple):
    """The part of a peer's outage, or of unusable time, that lies in the requested window.

    Args:
        start: First date (UTC).
        end: Last date (UTC); None while it lasts, or if it lasted beyond the window's end.
        duration: The time that was seen, without blind time.
    """

    start: datetime.datetime
    end: datetime.datetime | None
    duration: datetime.timedelta


class ChannelHistory(NamedTuple):
    """The figures of a part of a channel's life.

    ``lifetime + blind == end - start``, and the durations of all outages add up to
    ``lifetime - uptime``. (Where a date is cut at the years 1 or 9999, ``blind`` may be more.)
    Outages older than the kept changes are thinned: ``outages`` lacks them, all sums count
    them.

    Args:
        start: The channel's opening or the window's beginning, whichever is later; if not
            ``complete``, the first later date from which figures are known (UTC).
        end: The end of the part, adjusted likewise if it is in the past (UTC).
        lifetime: The time that was seen.
        uptime: The part of ``lifetime`` in which the peer was online.
        blind: The time that was not seen.
        outages: The outages of the peer whose changes are kept, in order.
        complete: Whether ``start`` and ``end`` are as requested.
        thinned_outages: Number of thinned outages.
        longest_thinned: Longest duration of a thinned outage; None if there is none.
        first_outage_began: Date at which the first of ``outages`` began, if before ``start``.
        unusable: The part of ``uptime`` in which the channel was inactive.
        unusable_spans: The times in which it was, as far as the changes are kept.
        knows_unusable: False if ``unusable`` lacks time watched by an older version, which
            did not record activity.
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
        """The number of outages, thinned ones included."""
        return len(self.outages) + self.thinned_outages

    @property
    def uptime_ratio(self) -> float | None:
        """``uptime / lifetime``, 0.0 to 1.0; None while lifetime is zero."""
        return self.uptime / self.lifetime if self.lifetime else None

    @property
    def usable(self) -> datetime.timedelta:
        """``uptime - unusable``."""
        return self.uptime - self.unusable

    @property
    def usable_ratio(self) -> float | None:
        """``usable / lifetime``, 0.0 to 1.0; None while lifetime is zero, or if it is unknown."""
        return self.usable / self.lifetime if self.lifetime and self.knows_unusable else None

    @property
    def longest_outage(self) -> datetime.timedelta | None:
        """The longest duration of an outage; None without outages."""
        durations = [outage.duration for outage in self.outages]
        if self.longest_thinned is not None:
            durations.append(self.longest_thinned)
        return max(durations, default=None)

    @property
    def mean_time_to_repair(self) -> datetime.timedelta | None:
        """Offline time divided by the number of outages; None without outages."""
        return (self.lifetime - self.uptime) / self.outage_count if self.outage_count else None

    @property
    def mean_time_between_failures(self) -> datetime.timedelta | None:
        """Online time divided by the number of outages; None without outages."""
        return self.uptime / self.outage_count if self.outage_count else None


def channel_history(
    timeline: Timeline,
    now: Instant,
    channel: Channel,
    window: datetime.timedelta | None,
    until: datetime.datetime | None = None,
) -> ChannelHistory:
    """Return the figures of one channel; arguments as of :func:`.known_part.known_part`."""
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
        max(end - start - lifetime, _ZERO),  # negative where a date was cut
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
    """Return lifetime and uptime between two positions at which sums are known."""
    lifetime, uptime = over - begin, history.uptime(begin, over)
    for left, back in channel.absent_within(begin, over):
        lifetime -= back - left
        uptime -= history.uptime(left, back)
    return lifetime, uptime


def _lasting_at(end: datetime.datetime, spans: list[Outage]) -> tuple[Outage, ...]:
    """Return the spans; the last one ends with None if it lasts beyond ``end``."""
    if spans and spans[-1].end is not None and spans[-1].end > end:
        spans[-1] = spans[-1]._replace(end=None)
    return tuple(spans)


def outage_count(channel: Channel, now: Instant) -> int:
    """Return the number of known outages of the peer in the channel's life."""
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
    """Return the inactive part of the ``uptime`` between two positions."""
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
    """Yield each span in which the channel was inactive and its peer online, and its duration.

    Only spans whose changes are kept, of both the channel and its peer.
    """
    first = history.instant(0)
    start, until = max(start, first[0]), end + MICROSECOND  # to include an outage at the end
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
    """Yield a span and its duration between two positions, if any of it was seen."""
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
    """Return the gaps, with adjacent ones joined."""
    joined: list[tuple[datetime.timedelta, datetime.timedelta]] = []
    for left, back in gaps:
        begin = joined.pop()[0] if joined and joined[-1][1] == left else left
        joined.append((begin, back))
    return joined


def _seen_outages(
    channel: Channel, history: History, start: datetime.timedelta, end: datetime.timedelta
) -> Iterator[tuple[Instant, Instant | None, datetime.timedelta]]:
    """Yield each kept outage between two positions, and its duration."""
    has_gaps = bool(channel.absent_within(start, end))
    for gone, back in history.outages(start, end):
        if has_gaps:
            yield from _seen(channel, gone, back, start, end)
        else:  # a shortcut for the common case
            seen = (end if back is None else back[0]) - max(gone[0], start)
            if seen > _ZERO:
                yield gone, back, seen
