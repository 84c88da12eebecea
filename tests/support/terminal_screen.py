"""The screen of a terminal, from its output."""

from __future__ import annotations

import re

HOME = "\x1b[H"
ALTERNATE, NORMAL = "\x1b[?1049h", "\x1b[?1049l"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def pictures(text: str) -> list[list[str]]:
    """Return the complete pictures, as lines of plain text without trailing blanks."""
    _, _, drawn = text.partition(ALTERNATE)
    drawn, _, _ = drawn.partition(NORMAL)
    return [_lines(each) for each in drawn.split(HOME)[2:]]  # the first clears the screen


def colours(text: str, word: str) -> set[str]:
    """Return what comes right before each ``word``: its colour."""
    return set(re.findall(r"\x1b\[([0-9;]*)m" + re.escape(word), text))


def uncoloured(text: str) -> str:
    """Return the text without colours."""
    return _COLOUR.sub("", text)


def after(text: str) -> str:
    """Return the screen at the end."""
    return _ESCAPE.sub("", text.rpartition(NORMAL)[2])


def _lines(picture: str) -> list[str]:
    return [line.rstrip() for line in _ESCAPE.sub("", picture).split("\n")]
