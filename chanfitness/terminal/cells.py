"""Text measured in the cells of a terminal, and cut and padded to so many.

A letter of East Asia or an emoji takes two cells, a combining character none. Terminals
disagree on sequences of emoji, each of which some draw as one: so none is left by
:func:`one_width`, and what is left has one width everywhere.
"""

from __future__ import annotations

import re
from itertools import accumulate, takewhile

from wcwidth import iter_graphemes, wcswidth

from ..checks import printable
from .colours import coloured

_ELLIPSIS = "..."
_FLAG = "[\U0001f1e6-\U0001f1ff]"  # two of these are a flag
_SELECTORS = re.compile("[\ufe00-\ufe0f]")  # of a form of the character before
_MODIFIERS = re.compile(f"[\U0001f3fb-\U0001f3ff]|({_FLAG}{_FLAG})|{_FLAG}")


def one_width(text: str) -> str:
    """As :func:`~chanfitness.checks.printable` makes it, with the same width in every terminal.

    Variation selectors are dropped, skin tones and halves of flags are escaped (and joiners,
    as they are not printable), so an emoji of several parts shows as its parts.
    """
    text = printable(text)
    if text.isascii():
        return text
    return _MODIFIERS.sub(lambda found: found[1] or ascii(found[0])[1:-1], _SELECTORS.sub("", text))


def width(text: str) -> int:
    """How many cells a text of :func:`one_width` takes."""
    return len(text) if text.isascii() else wcswidth(text)


def padded(text: str, cells: int, *, left: bool = True, colour: str = "") -> str:
    """``text`` at the left or right of so many cells; ``colour``: see :mod:`.colours`."""
    blank = " " * (cells - width(text))
    text = coloured(text, colour)
    return text + blank if left else blank + text


def cut_end(text: str, cells: int) -> str:
    """``text`` in so many cells, without its end."""
    if width(text) <= cells:
        return text
    room = cells - len(_ELLIPSIS)
    beginnings = accumulate(iter_graphemes(text))
    *_, kept = ["", *takewhile(lambda begin: width(begin) <= room, beginnings)]
    return kept + _ELLIPSIS
