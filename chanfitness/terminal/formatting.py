"""How figures look to a person: durations, ratios, tables.

A whole channel point is 66 characters or more and so is a peer's key: both do
not fit a terminal of 80 columns. What a person needs to *copy*, to hand it to
another command, is the channel point; it always stands whole, on a line of its
own if it must. The peer needs to be recognised: it may be cut in its middle.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Sequence

_INDENT = "  "
_RECOGNISED = 16  # so many characters tell one peer from another
_TENTH = datetime.timedelta(milliseconds=100)
_UNITS = (("d", 86400), ("h", 3600), ("m", 60))


def duration(time: datetime.timedelta) -> str:
    """Two units of it, cut off: ``12d 3h``, ``4m 43s``, ``0.2s``."""
    tenths = time // _TENTH
    seconds = tenths // 10
    for (unit, size), (smaller, part) in zip(_UNITS, (*_UNITS[1:], ("s", 1)), strict=True):
        if seconds >= size:
            return f"{seconds // size}{unit} {seconds % size // part}{smaller}"
    return f"{tenths / 10:.1f}s" if seconds < 10 else f"{seconds}s"


def percentage(ratio: float | None) -> str:
    """Cut off, so that only what was never down shows 100.00%."""
    if ratio is None:
        return "-"
    # Rounded first: 0.57 is a little less than that in binary, and would be 56.99%.
    whole, hundredths = divmod(int(round(ratio * 10_000, 6)), 100)
    return f"{whole}.{hundredths:02}%" if whole < 100 or ratio == 1 else "99.99%"


def table(
    rows: Sequence[Sequence[str]], columns: int | None, names: int, spare: Collection[int] = ()
) -> list[str]:
    """The lines of a table that fits ``columns``; None: as wide as it has to be.

    The first row has the heads, the first ``names`` cells of each (one or two)
    name what it is about. If a row does not fit a line, the cells of the columns
    with the numbers ``spare`` are left out. If that is not enough, the first name
    stands on a line of its own, whole, and a second one is cut in its middle.
    """
    needed = [[cell for at, cell in enumerate(row) if at not in spare] for row in rows]
    if columns is None:
        return _aligned(rows, names)
    layouts = [
        _aligned(rows, names),
        _aligned(needed, names),
        _two_lines(rows, columns, names),
        _two_lines(needed, columns, names),
    ]
    fitting = (lines for lines in layouts if max(map(len, lines)) <= columns)
    return next(fitting, layouts[-1])


def _two_lines(rows: Sequence[Sequence[str]], columns: int, names: int) -> list[str]:
    figures = _aligned([["", *row[names:]] for row in rows], left=0)
    room = max(columns - max(map(len, figures)), _RECOGNISED) - len(_INDENT)
    lines = []
    for row, rest in zip(rows, figures, strict=True):
        second = cut(row[1], room) if names > 1 else ""
        lines += [row[0], f"{_INDENT}{second:{room}}{rest}"]
    return lines


def cut(name: str, room: int) -> str:
    """``name`` in so many characters, without its middle."""
    if len(name) <= room:
        return name
    end = (room - 3) // 3
    return f"{name[: room - 3 - end]}...{name[-end:]}"


def cut_point(point: str, room: int) -> str:
    """A channel point in so many characters: what its output index follows is cut."""
    if len(point) <= room:
        return point
    end = f"...{point[point.rindex(':') :]}"
    return f"{point[: max(room - len(end), 0)]}{end}"


def _aligned(rows: Sequence[Sequence[str]], left: int) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if index < left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
