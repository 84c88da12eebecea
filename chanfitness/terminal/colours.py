"""Colours of text on a terminal, as parameters of its sequence SGR; "" is none."""

from __future__ import annotations

import os
from typing import IO

RED, YELLOW = "31", "33"
_POOR, _FAIR = 0.9, 0.99


def coloured(text: str, colour: str) -> str:
    """``text`` that a terminal shows in a colour."""
    return f"\x1b[{colour}m{text}\x1b[0m" if colour else text


def share_colour(ratio: float | None) -> str:
    """That of a share of time; None: it is not known."""
    if ratio is None or ratio >= _FAIR:
        return ""
    return YELLOW if ratio >= _POOR else RED


def has_colours(output: IO[str]) -> bool:
    """Whether it is a terminal that shows colours to a person who wants them."""
    return (
        output.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") not in ("dumb", "unknown")
    )
