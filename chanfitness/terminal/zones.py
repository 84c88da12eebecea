"""Dates and times as a person reads them: of a zone, which is named."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from ..clock import shifted

_HOUR = datetime.timedelta(hours=1)


class Zone:
    """The time of a zone; None: that of this machine."""

    def __init__(self, zone: datetime.tzinfo | None = None) -> None:
        self._zone = zone

    def at(self, moment: datetime.datetime) -> datetime.datetime:
        """The local date of a moment, or that in UTC where dates end."""
        try:
            return moment.astimezone(self._zone)
        except (OverflowError, ValueError):
            return moment

    def text(self, moment: datetime.datetime, *, seconds: bool = False) -> str:
        """Date and time."""
        return f"{self.at(moment):%Y-%m-%d %H:%M{':%S' if seconds else ''}}"

    def dated(self, moment: datetime.datetime) -> str:
        """Date, time and zone: ``2026-10-25 02:30:00 CEST``."""
        return f"{self._naive(moment).isoformat(' ', 'seconds')} {self.short_name(moment)}"

    def minute(self, moment: datetime.datetime) -> str:
        """Date and time to the minute, without the zone."""
        return self._naive(moment).isoformat(" ", "minutes")

    def _naive(self, moment: datetime.datetime) -> datetime.datetime:
        return self.at(moment).replace(tzinfo=None)

    def offset(self, moment: datetime.datetime) -> str:
        """The offset from UTC: ``+01:00``."""
        offset = f"{self.at(moment):%z}"
        return f"{offset[:3]}:{offset[3:5]}"

    def name(self, moment: datetime.datetime) -> str:
        """The zone as of a moment: ``CET (UTC+01:00)``, or ``UTC``."""
        local = self.at(moment)
        utc = f"UTC{self.offset(moment)}" if local.utcoffset() else "UTC"
        name = local.tzname()
        return utc if name in (None, utc, "UTC") or not name.isalpha() else f"{name} ({utc})"

    def short_name(self, moment: datetime.datetime) -> str:
        """What the zone is called as of a moment: ``CET``, or ``UTC+05:45`` if it has no name."""
        name = self.at(moment).tzname()
        return name if name and name.isalpha() else f"UTC{self.offset(moment)}"

    def is_one(self, moments: Iterable[datetime.datetime]) -> bool:
        """Whether the offset is the same at all of these."""
        return len({self.at(each).utcoffset() for each in moments}) < 2

    def span(self, start: datetime.datetime, end: datetime.datetime | None) -> str:
        """From when to when; the second date only if it is another."""
        begin = self.text(start, seconds=True)
        if end is None:
            return f"since {begin}{self._told_apart(start)}"
        until = self.text(end, seconds=True)
        if until[:10] == begin[:10]:
            until = until[11:]
        return f"{begin}{self._told_apart(start, end)} to {until}{self._told_apart(end, start)}"

    def _told_apart(self, moment: datetime.datetime, other: datetime.datetime | None = None) -> str:
        """The zone's name, if it says which hour is meant: near a change, or if the two differ."""
        nearby = [moment, other or moment, shifted(moment, -_HOUR), shifted(moment, _HOUR)]
        return "" if self.is_one(nearby) else f" {self.at(moment).tzname()}"


LOCAL = Zone()
"""That of this machine."""
