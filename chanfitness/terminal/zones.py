"""Local dates and times, with names of their zones."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from ..clock import shifted

_HOUR = datetime.timedelta(hours=1)


class Zone:
    """Formatter of dates in a time zone; None: this machine's zone."""

    def __init__(self, zone: datetime.tzinfo | None = None) -> None:
        self._zone = zone

    def at(self, moment: datetime.datetime) -> datetime.datetime:
        """Return the local date of an instant; in UTC beyond the range of dates."""
        try:
            return moment.astimezone(self._zone)
        except (OverflowError, ValueError):
            return moment

    def text(self, moment: datetime.datetime, *, seconds: bool = False) -> str:
        """Return date and time, without the zone."""
        return f"{self.at(moment):%Y-%m-%d %H:%M{':%S' if seconds else ''}}"

    def dated(self, moment: datetime.datetime) -> str:
        """Return date, time and zone: ``2026-10-25 02:30:00 CEST``."""
        return f"{self._naive(moment).isoformat(' ', 'seconds')} {self.short_name(moment)}"

    def minute(self, moment: datetime.datetime) -> str:
        """Return date and time to the minute, without the zone."""
        return self._naive(moment).isoformat(" ", "minutes")

    def _naive(self, moment: datetime.datetime) -> datetime.datetime:
        return self.at(moment).replace(tzinfo=None)

    def offset(self, moment: datetime.datetime) -> str:
        """Return the offset from UTC: ``+01:00``."""
        offset = f"{self.at(moment):%z}"
        return f"{offset[:3]}:{offset[3:5]}"

    def name(self, moment: datetime.datetime) -> str:
        """Return the name of the zone at an instant: ``CET (UTC+01:00)``, or ``UTC``."""
        local = self.at(moment)
        utc = f"UTC{self.offset(moment)}" if local.utcoffset() else "UTC"
        name = local.tzname()
        return utc if name in (None, utc, "UTC") or not name.isalpha() else f"{name} ({utc})"

    def short_name(self, moment: datetime.datetime) -> str:
        """Return the short name of the zone at an instant: ``CET``, or ``UTC+05:45``."""
        name = self.at(moment).tzname()
        return name if name and name.isalpha() else f"UTC{self.offset(moment)}"

    def is_one(self, moments: Iterable[datetime.datetime]) -> bool:
        """Whether the offset is the same at all these instants."""
        return len({self.at(each).utcoffset() for each in moments}) < 2

    def span(self, start: datetime.datetime, end: datetime.datetime | None) -> str:
        """Return start and end; the end has a date only if it is on another day."""
        begin = self.text(start, seconds=True)
        if end is None:
            return f"since {begin}{self._zone_suffix(start)}"
        until = self.text(end, seconds=True)
        if until[:10] == begin[:10]:
            until = until[11:]
        return f"{begin}{self._zone_suffix(start, end)} to {until}{self._zone_suffix(end, start)}"

    def _zone_suffix(
        self, moment: datetime.datetime, other: datetime.datetime | None = None
    ) -> str:
        """Return the zone's name if the time is ambiguous: near a change, or if offsets differ."""
        nearby = [moment, other or moment, shifted(moment, -_HOUR), shifted(moment, _HOUR)]
        return "" if self.is_one(nearby) else f" {self.at(moment).tzname()}"


LOCAL = Zone()
"""This machine's zone."""
