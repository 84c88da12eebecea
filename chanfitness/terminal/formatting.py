"""Text formatting of durations, ratios, keys and tables.

Channel points and keys have 66 characters or more, too many for two of them in 80 columns. They are
cut so that a person recognises them; commands accept the cut names.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Sequence

from .cells import cut_end, one_width, padded, width

Cut = Callable[[str, int], str]
"""Cuts a name to a number of cells."""

_GAP = "  "
_INDENT = "  "
_LEAST = 12  # cells of a cut name
_ALIAS = 32  # cells of an alias, the protocol's limit in bytes
_RECOGNISED = 15  # characters of a cut key, enough to recognise it
_OUTPOINT = 66  # characters of the shortest channel point
_TENTH = datetime.timedelta(milliseconds=100)
_UNITS = (("d", 86400), ("h", 3600), ("m", 60))


def duration(time: datetime.timedelta) -> str:
    """Format a period in at most two units, rounded down: ``12d 3h``, ``4m 43s``, ``0.2s``."""
    tenths = time // _TENTH
    seconds = tenths // 10
    for (unit, size), (smaller, part) in zip(_UNITS, (*_UNITS[1:], ("s", 1)), strict=True):
        if seconds >= size:
            return f"{seconds // size}{unit} {seconds % size // part}{smaller}"
    return f"{tenths / 10:.1f}s" if seconds < 10 else f"{seconds}s"


def percentage(ratio: float | None) -> str:
    """Format a ratio, rounded down so that only 1 shows 100.00%."""
    if ratio is None:
        return "-"
    # Rounded first: 0.57 is slightly less in binary, and would be 56.99%.
    whole, hundredths = divmod(int(round(ratio * 10_000, 6)), 100)
    return f"{whole}.{hundredths:02}%" if whole < 100 or ratio == 1 else "99.99%"


def points(ratio: float) -> str:
    """Format a difference of shares in percentage points, with an arrow as its sign."""
    points = f"{abs(ratio) * 100:.2f}"
    if points == "0.00":
        return "= 0.00"
    return f"\u25b2 +{points}" if ratio > 0 else f"\u25bc \u2212{points}"


def table(
    rows: Sequence[Sequence[str]],
    columns: int | None,
    cuts: Sequence[Cut | None],
    spare: Collection[int] = (),
    colours: Sequence[Sequence[str]] | None = None,
) -> list[str]:
    """Return the lines of a table that fits in ``columns``.

    If rows are too wide, names are cut, then the ``spare`` columns are left out, and finally rows
    are split into several lines. Figures are never cut or left out.

    Args:
        rows: The cells; the first row has the heads.
        columns: Width of the terminal; None: unlimited.
        cuts: The function that cuts each of the first columns, which are names; None: never cut.
        spare: Indices of the columns that may be left out.
        colours: The colour of each cell.
    """
    colours = colours or [[""] * len(row) for row in rows]
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    every = list(range(len(widths)))
    if columns is None:
        return _lines(rows, [every], widths, cuts, colours)
    needed = [number for number in every if number not in spare]
    for line in (every, needed):
        narrowed = _narrowed(line, columns, widths, cuts)
        if narrowed and (line == every or _are_distinct(rows, narrowed[0], cuts[0])):
            return _lines(rows, [line], narrowed, cuts, colours)
    least = [_LEAST if cuts[0] else widths[0], *widths[1:]]
    below = columns - len(_INDENT)
    broken = _broken(every[: len(cuts)], columns, below, least)
    rest = _needed(broken[0][1:], widths) + len(_GAP) if broken[0][1:] else 0
    widths[0] = min(max(columns - rest, least[0]), widths[0])
    broken += _broken(every[len(cuts) :], below, below, widths)
    return _lines(rows, broken, widths, cuts, colours)


def _needed(numbers: Sequence[int], widths: Sequence[int]) -> int:
    """Return the number of cells that these columns take."""
    return sum(widths[number] for number in numbers) + len(_GAP) * (len(numbers) - 1)


def _narrowed(
    line: Sequence[int], columns: int, widths: Sequence[int], cuts: Sequence[Cut | None]
) -> list[int] | None:
    """Return the widths with which a line fits, cutting the widest name first; None: it cannot."""
    narrowed = list(widths)
    for _ in range(_needed(line, widths) - columns):
        wide = [
            number
            for number in line
            if number < len(cuts) and cuts[number] and narrowed[number] > _LEAST
        ]
        if not wide:
            return None
        narrowed[max(wide, key=lambda number: narrowed[number])] -= 1
    return narrowed


def _are_distinct(rows: Sequence[Sequence[str]], room: int, cut_name: Cut | None) -> bool:
    """Whether different names in the first column still differ when cut."""
    firsts = {row[0] for row in rows[1:]}
    return cut_name is None or len({cut_name(first, room) for first in firsts}) == len(firsts)


def _broken(
    numbers: Sequence[int], first: int, further: int, widths: Sequence[int]
) -> list[list[int]]:
    """Split columns into lines; ``first`` and ``further`` are the widths of these lines."""
    lines = [list(numbers[:1])]
    for number in numbers[1:]:
        if _needed([*lines[-1], number], widths) <= (first if len(lines) == 1 else further):
            lines[-1].append(number)
        else:
            lines.append([number])
    return lines


def _lines(
    rows: Sequence[Sequence[str]],
    lines: Sequence[Sequence[int]],
    widths: Sequence[int],
    cuts: Sequence[Cut | None],
    colours: Sequence[Sequence[str]],
) -> list[str]:
    """Format each row as ``lines`` of the columns with these indices."""
    names = len(cuts)
    heads = [head[:room] for head, room in zip(rows[0], widths, strict=True)]
    fitted = [
        [
            cut_name(cell, room) if cut_name else cell
            for cell, room, cut_name in zip(row, widths, cuts, strict=False)
        ]
        + list(row[names:])
        for row in rows[1:]
    ]
    return [
        (_INDENT if line_number else "")
        + _GAP.join(
            padded(row[number], widths[number], left=number < names, colour=of_row[number])
            for number in line
        ).rstrip()
        for row, of_row in zip([heads, *fitted], colours, strict=True)
        for line_number, line in enumerate(lines)
    ]


def cut(name: str, room: int) -> str:
    """Return ``name`` cut in its middle to ``room`` characters."""
    if len(name) <= room:
        return name
    end = (room - 3) // 3
    return f"{name[: room - 3 - end]}...{name[-end:]}"


def short_alias(alias: str) -> str:
    """Return an alias, escaped and cut to 32 cells; "-" if it is empty."""
    return cut_end(one_width(alias).strip(), _ALIAS) or "-"


def short_key(key: str) -> str:
    """Return the first and last digits of a public key or a transaction id."""
    return cut(key, _RECOGNISED)


def short_point(point: str) -> str:
    """Return a channel point with the first and last digits of its transaction id."""
    txid, colon, index = point.partition(":")
    return short_key(txid) + colon + index if len(point) >= _OUTPOINT else point


def cut_point(point: str, room: int) -> str:
    """Return a channel point cut to ``room`` cells before its output index."""
    if width(point) <= room:
        return point
    begin, colon, index = point.rpartition(":")
    end = f"...{colon}{index}"
    return begin[: room - len(end)] + end if begin and len(end) < room else cut_end(point, room)
