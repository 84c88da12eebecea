"""Histogram of offline time by hour of the week, to compare nights and weekends with the rest.

Hours are local time, beginning with Monday 00:00. Where clocks change, a day of 23 hours skips
an hour, and a day of 25 counts one twice. Pure functions.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ..clock import shifted
from ..core.blind_spans import BlindSpan
from ..core.history_window import ChannelHistory
from ..core.peerlog import PeerInfo
from ..terminal.zones import LOCAL, Zone
from .rows import Column, Table
from .seen_parts import Part, concerning, merged, seen_parts, without

HOURS_A_DAY, DAYS = 24, ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOUR, _MICROSECOND = datetime.timedelta(hours=1), datetime.timedelta(microseconds=1)
_ZERO = datetime.timedelta(0)


class Share(NamedTuple):
    """The seen time, and the part of it in which the peer was offline."""

    seen: datetime.timedelta
    offline: datetime.timedelta

    @property
    def ratio(self) -> float | None:
        """``offline / seen``; None if no time was seen."""
        return self.offline / self.seen if self.seen else None


class Hour(NamedTuple):
    """An hour of the week; ``weekday``: 0 is Monday."""

    weekday: int
    hour: int
    share: Share

    @property
    def is_weekend(self) -> bool:
        """Whether the hour is on a Saturday or Sunday."""
        return self.weekday >= 5

    @property
    def is_night(self) -> bool:
        """Whether the hour is before six o'clock."""
        return self.hour < 6


class Week(NamedTuple):
    """The hours of the week, beginning with Monday 00:00.

    Attributes:
        begin: Start of the time that the sums cover.
        end: End of the time that the sums cover.
        hours: All 168 hours.
        is_partial: Whether part of the history before ``begin`` is missing, because its outages
            are no longer kept one by one.
    """

    begin: datetime.datetime
    end: datetime.datetime
    hours: Sequence[Hour]
    is_partial: bool = False

    def share(self, of: Callable[[Hour], bool] = lambda hour: True) -> Share:
        """Return the sum of the hours for which ``of`` is true."""
        shares = [hour.share for hour in self.hours if of(hour)]
        return Share(
            sum((each.seen for each in shares), _ZERO),
            sum((each.offline for each in shares), _ZERO),
        )

    def worst(self, count: int) -> list[Hour]:
        """Return the ``count`` hours with the largest shares offline, without those at zero."""
        hours = [hour for hour in self.hours if hour.share.offline]
        return sorted(hours, key=lambda hour: -(hour.share.ratio or 0))[:count]


def week_of(
    history: ChannelHistory, info: PeerInfo, blind: Iterable[BlindSpan], zone: Zone = LOCAL
) -> Week:
    """Return the week of a peer; ``history``: of the peer's oldest channel.

    If the oldest outages are no longer kept, the time before the first kept one is left out:
    it would look as if the peer had been online.
    """
    now, spans = history.end, concerning(blind, info.transport)
    begin = history.start
    listed = sum((outage.duration for outage in history.outages), _ZERO)
    is_partial = listed != history.lifetime - history.uptime
    if is_partial:
        begin = max(history.outages[0].start if history.outages else info.since, begin)
    offline = seen_parts(history.outages, spans, now)
    seen = merged([*without((begin, now, now - begin), spans, now), *offline], now)
    sums = [by_hour(parts, now, zone) for parts in (seen, offline)]
    hours = [
        Hour(*divmod(number, HOURS_A_DAY), Share(*each))
        for number, each in enumerate(zip(*sums, strict=True))
    ]
    return Week(begin, now, hours, is_partial or not history.complete)


def by_hour(
    parts: Iterable[Part], now: datetime.datetime, zone: Zone = LOCAL
) -> list[datetime.timedelta]:
    """Return the seen time of parts in each hour of the local week; the sum is exact."""
    sums = [_ZERO] * (HOURS_A_DAY * len(DAYS))
    for begin, end, seen in parts:
        until = end or now
        counted, is_whole = _ZERO, seen == until - begin
        for over, hour in _hours(begin, until, zone):
            upto = over - begin if is_whole else seen * ((over - begin) / (until - begin))
            sums[hour] += upto - counted
            counted = upto
    return sums


def _hours(
    begin: datetime.datetime, end: datetime.datetime, zone: Zone
) -> Iterator[tuple[datetime.datetime, int]]:
    """Yield the end of each local hour within a span, and its index in the week.

    A zone's offset from UTC may have any value and change at any instant.
    """
    at = zone.at(begin)
    while begin < end:
        past = datetime.timedelta(minutes=at.minute, seconds=at.second, microseconds=at.microsecond)
        over = min(shifted(begin, _HOUR - past), end)
        following = zone.at(over)
        if following.utcoffset() != at.utcoffset():
            over = _change(begin, over, zone)
            following = zone.at(over)
        yield over, at.weekday() * HOURS_A_DAY + at.hour
        begin, at = over, following


def _change(begin: datetime.datetime, end: datetime.datetime, zone: Zone) -> datetime.datetime:
    """Return the instant in (``begin``, ``end``] at which the UTC offset changes, by bisection."""
    offset = zone.at(begin).utcoffset()
    while end - begin > _MICROSECOND:
        middle = begin + (end - begin) / 2
        if zone.at(middle).utcoffset() == offset:
            begin = middle
        else:
            end = middle
    return end


def table_of(hours: Sequence[Any]) -> Table:
    """Return the table of hours, for programs."""
    return Table("hours", "hour", _COLUMNS, lambda _: list(hours))


_COLUMNS = (
    Column("weekday", lambda row: row.weekday),
    Column("hour", lambda row: row.hour),
    Column("seen_seconds", lambda row: row.share.seen),
    Column("offline_seconds", lambda row: row.share.offline),
    Column("offline_ratio", lambda row: row.share.ratio),
)
