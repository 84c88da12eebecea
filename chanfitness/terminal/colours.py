"""Terminal colours, as parameters of the SGR escape sequence; "" is no colour."""

from __future__ import annotations

import os
from typing import IO

RED, YELLOW = "31", "33"
_POOR, _FAIR = 0.9, 0.99


def coloured(text: str, colour: str) -> str:
    """Return ``text`` within the escape sequences of a colour."""
    return f"\x1b[{colour}m{text}\x1b[0m" if colour else text


def share_colour(ratio: float | None) -> str:
    """Return the colour of a share of time; ``ratio``: None if it is unknown."""
    if ratio is None or ratio >= _FAIR:
        return ""
    return YELLOW if ratio >= _POOR else RED


def has_colours(output: IO[str]) -> bool:
    """Whether the output is a terminal with colours, and ``NO_COLOR`` is not set."""
    return (
        output.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") not in ("dumb", "unknown")
    )
