"""Parser of periods that a person types (``7d``, ``12h``), and the default periods."""

from __future__ import annotations

import datetime
import re
from typing import Any

from .checks import quoted

KEPT = datetime.timedelta(days=90)
"""How long the commands and the plugin keep each peer's changes of state."""

OWN_OUTAGE = datetime.timedelta(seconds=90)
"""The ``Config(own_outage=...)`` of the commands. A node with a dead line notices peer by peer."""

RETURN_GRACE = datetime.timedelta(seconds=5)
"""The ``Config(return_grace=...)`` of the commands."""

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_period(text: object) -> datetime.timedelta:
    """Parse a period such as ``7d`` (units: s, m, h, d, w).

    Raises:
        ValueError: The text has another form, or the period is zero.
    """
    match = re.fullmatch(r"([0-9]{1,6})([smhdw])", text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"bad period {quoted(text)}: expected one like 7d or 12h")
    if not int(match[1]):
        raise ValueError(f"bad period {quoted(text)}: expected more than zero")
    return datetime.timedelta(**{_UNITS[match[2]]: int(match[1])})


def parse_own_outage(text: object) -> datetime.timedelta | None:
    """Parse a period such as ``90s``, or return None for ``off``.

    Raises:
        ValueError: As for :func:`parse_period`.
    """
    if text == "off":
        return None
    try:
        return parse_period(text)
    except ValueError:
        raise ValueError(f"bad period {quoted(text)}: expected one like 90s, or off") from None


def outage_settings(own_outage: datetime.timedelta | None) -> dict[str, Any]:
    """Return the fields of ``Config`` that detect outages of this node; None: no detection."""
    return_grace = None if own_outage is None else RETURN_GRACE
    return {"own_outage": own_outage, "return_grace": return_grace}
