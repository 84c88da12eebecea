"""Text width in terminal cells: measuring, cutting and padding.

An East Asian letter or an emoji takes two cells, a combining character none. Terminals disagree
on sequences of emoji, which some draw as one: :func:`one_width` breaks them up, so that the text
has the same width everywhere.
"""

from __future__ import annotations

import re
from itertools import accumulate, takewhile

from wcwidth import iter_graphemes, wcswidth

from ..checks import printable
from .colours import coloured

_ELLIPSIS = "..."
_FLAG = "[\U0001f1e6-\U0001f1ff]"  # two of these are a flag
_SELECTORS = re.compile("[\ufe00-\ufe0f]")  # they select a form of the character before them
_MODIFIERS = re.compile(f"[\U0001f3fb-\U0001f3ff]|({_FLAG}{_FLAG})|{_FLAG}")


def one_width(text: str) -> str:
    """Return ``text`` printable and with the same width in every terminal.

    Drops variation selectors, and escapes skin tones, halves of flags, and all that
    :func:`~chanfitness.checks.printable` escapes, as joiners: an emoji sequence shows as its parts.
    """
    text = printable(text)
    if text.isascii():
        return text
    return _MODIFIERS.sub(lambda found: found[1] or ascii(found[0])[1:-1], _SELECTORS.sub("", text))


def width(text: str) -> int:
    """Return the number of cells that a text of :func:`one_width` takes."""
    return len(text) if text.isascii() else wcswidth(text)


def padded(text: str, cells: int, *, left: bool = True, colour: str = "") -> str:
    """Pad ``text`` to ``cells``, aligned left or right; ``colour``: see :mod:`.colours`."""
    blank = " " * (cells - width(text))
    text = coloured(text, colour)
    return text + blank if left else blank + text


def cut_end(text: str, cells: int) -> str:
    """Return ``text`` cut at its end to fit in ``cells``."""
    if width(text) <= cells:
        return text
    room = cells - len(_ELLIPSIS)
    beginnings = accumulate(iter_graphemes(text))
    *_, kept = ["", *takewhile(lambda begin: width(begin) <= room, beginnings)]
    return kept + _ELLIPSIS
