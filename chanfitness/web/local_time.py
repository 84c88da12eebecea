"""Axis ticks in local time."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import NamedTuple

from ..terminal.zones import Zone
from .bands import Axis

_HOUR, _DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)
_LABELS = 8  # the most on an axis
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


class Tick(NamedTuple):
    """A tick of an axis; most have no ``label``."""

    at: datetime.datetime
    label: str = ""


class LocalTime(Zone):
    """A time zone with axis ticks; None: this machine's zone."""

    def ticks(self, axis: Axis) -> list[Tick]:
        """Return the ticks of an axis at local hours, days, months or years; few have labels."""
        is_short = axis.end - axis.begin <= 2 * _DAY
        found = list(self._hours(axis) if is_short else self._midnights(axis))
        every = -(-len(found) // _LABELS) or 1
        return [
            tick if index % every == 0 else tick._replace(label="")
            for index, tick in enumerate(reversed(found))
        ][::-1]

    def _hours(self, axis: Axis) -> Iterator[Tick]:
        local = self.at(axis.begin)
        past = datetime.timedelta(minutes=local.minute, seconds=local.second)
        at = axis.begin - past - datetime.timedelta(microseconds=local.microsecond)
        step = 3 if axis.end - axis.begin > 8 * _HOUR else 1
        while axis.end - at > _HOUR:
            at += _HOUR
            local = self.at(at)
            if local.hour % step == 0:
                yield Tick(at, f"{local:%H:%M}" if local.hour else _day(local))

    def _midnights(self, axis: Axis) -> Iterator[Tick]:
        for day, label in _days(self.at(axis.begin), self.at(axis.end)):
            at = self._midnight(day)
            if at is not None and axis.begin < at < axis.end:
                yield Tick(at, label)

    def _midnight(self, day: datetime.date) -> datetime.datetime | None:
        """Return the instant at which a day begins; None beyond the last date."""
        begin = datetime.datetime.combine(day, datetime.time(), tzinfo=self._zone)
        try:
            return begin.astimezone(datetime.timezone.utc)
        except (OverflowError, ValueError):
            return None


def _days(first: datetime.date, last: datetime.date) -> Iterator[tuple[datetime.date, str]]:
    """Yield the first day and the label of each day, month or year between two dates."""
    days = last.toordinal() - first.toordinal()
    if days <= 62:
        for number in range(first.toordinal(), last.toordinal() + 1):
            day = datetime.date.fromordinal(number)
            yield day, _day(day)
    elif days <= 5 * 366:
        for number in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
            day = datetime.date(number // 12, number % 12 + 1, 1)
            yield day, f"{_MONTHS[day.month - 1]} {day.year}"
    else:
        for year in range(first.year, last.year + 1):
            yield datetime.date(year, 1, 1), str(year)


def _day(day: datetime.date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]}"
