"""Periods of time: as a person writes them (``7d``, ``12h``), and those that watchers use."""

from __future__ import annotations

import datetime
import re
from typing import Any

from .checks import quoted

KEPT = datetime.timedelta(days=90)
"""For how long the commands and the nodes' watchers keep each peer's changes."""

OWN_OUTAGE = datetime.timedelta(seconds=90)
"""Within which all peers go if a node's own line is dead: it notices peer by peer."""

RETURN_GRACE = datetime.timedelta(seconds=5)
"""After the last peer that came back, for how long the others are waited for."""

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_period(text: object) -> datetime.timedelta:
    """The period that ``7d`` (or s, m, h, w) names; ``ValueError`` for anything else, and zero."""
    match = re.fullmatch(r"([0-9]{1,6})([smhdw])", text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"bad period {quoted(text)}: expected one like 7d or 12h")
    if not int(match[1]):
        raise ValueError(f"bad period {quoted(text)}: expected more than zero")
    return datetime.timedelta(**{_UNITS[match[2]]: int(match[1])})


def parse_own_outage(text: object) -> datetime.timedelta | None:
    """The period that ``90s`` names, or None for ``off``; else as :func:`parse_period`."""
    if text == "off":
        return None
    try:
        return parse_period(text)
    except ValueError:
        raise ValueError(f"bad period {quoted(text)}: expected one like 90s, or off") from None


def outage_settings(own_outage: datetime.timedelta | None) -> dict[str, Any]:
    """The fields of ``Config`` by which a node's own outages are told; None: they are not."""
    return_grace = None if own_outage is None else RETURN_GRACE
    return {"own_outage": own_outage, "return_grace": return_grace}
