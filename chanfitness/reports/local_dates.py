"""Local dates: moments in the zone of this machine, or in another, as a person reads them."""

from __future__ import annotations

import datetime

Zone = datetime.tzinfo | None
"""None: the zone of this machine."""


def local(moment: datetime.datetime, zone: Zone = None) -> datetime.datetime:
    """The local date of a moment; the moment itself where dates end."""
    try:
        return moment.astimezone(zone)
    except (OverflowError, ValueError):
        return moment


def date_text(moment: datetime.datetime, zone: Zone = None) -> str:
    """Date, time and zone: ``2026-10-25 02:30:00 CEST``."""
    return f"{_naive(moment, zone).isoformat(' ', 'seconds')} {zone_name(moment, zone)}"


def minute_text(moment: datetime.datetime, zone: Zone = None) -> str:
    """Date and time to the minute, without the zone."""
    return _naive(moment, zone).isoformat(" ", "minutes")


def _naive(moment: datetime.datetime, zone: Zone) -> datetime.datetime:
    return local(moment, zone).replace(tzinfo=None)


def zone_name(moment: datetime.datetime, zone: Zone = None) -> str:
    """What the zone is called as of a moment: ``CET``, or ``UTC+05:45`` if it has no name."""
    at = local(moment, zone)
    name, offset = at.tzname(), f"{at:%z}"
    return name if name and name.isalpha() else f"UTC{offset[:3]}:{offset[3:5]}"
