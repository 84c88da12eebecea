"""Text formatting of alerts, as one line to read on a phone.

Aliases, which strangers choose, are escaped here.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from ..checks import printable
from ..terminal.formatting import short_key, short_point

_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
_LISTED = 3  # channels named; the others are counted
_DAY = datetime.timedelta(days=1)


def period(time: datetime.timedelta) -> str:
    """Format a period in at most two units, rounded down: ``6 h``, ``2 d 3 h``, ``41 min``."""
    seconds = max(int(time.total_seconds()), 0)
    units = [*_UNITS, ("", 1)]
    for (unit, size), (smaller, part) in zip(_UNITS, units[1:], strict=True):
        if seconds >= size:
            rest = seconds % size // part
            return f"{seconds // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return "0 s"


def since(date: datetime.datetime, now: datetime.datetime, zone: datetime.tzinfo | None) -> str:
    """Format a date as briefly as possible, in ``zone`` (None: this machine's)."""
    local, today = date.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return f"{local:%H:%M}"
    day = f"{local:%a} {local.day} {local:%b}"
    return f"{day} {local:%H:%M}" if local.year == today.year else f"{day} {local.year}"


def peer(key: str, alias: str | None) -> str:
    """Return the name of a peer."""
    return printable(alias) if alias else f"peer {short_key(key)}"


def channel(point: str, short_channel_id: str | None) -> str:
    """Return the name of a channel."""
    return short_channel_id or short_point(point)


def channels(names: Sequence[str], capacities: Sequence[int | None]) -> str:
    """Return the names and the total capacity of channels."""
    named = ", ".join(names[:_LISTED])
    if len(names) > _LISTED:
        named += f" and {len(names) - _LISTED} more"
    known = [each for each in capacities if each is not None]
    if not known:
        return named
    return f"{'' if len(known) == len(names) else 'at least '}{sum(known):,} sat ({named})"


def compared(
    window: datetime.timedelta, longest: datetime.timedelta | None, most: datetime.timedelta
) -> str:
    """Compare an outage with the longest one before; ``most``: maximum of ``window``."""
    within = min(window, most)
    if within >= _DAY:
        length = f"{round(within / _DAY)} days" if within >= 2 * _DAY else "a day"
    else:
        length = period(within)
    if longest is None:
        return f"its first in {length}"
    return f"its longest in {length} was {period(longest)}"


def counted(counts: Sequence[tuple[str, int]]) -> str:
    """Return the numbers of omitted messages as text."""
    total = sum(count for _, count in counts)
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts)
    return f"{total} more: {kinds}"
