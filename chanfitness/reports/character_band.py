"""Timelines as a line of text: when a peer was offline, unusable or not seen.

A *band* is a row of cells (characters) that each cover the same length of time. A cell shows
any offline time, however short; else unusable time; else blind time if that fills at least half
of the cell. Each state has its own character. Pure functions.
"""

from __future__ import annotations

import datetime
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from ..clock import shifted
from ..terminal.zones import LOCAL, Zone
from .seen_parts import Part

_ZERO, _MICROSECOND = datetime.timedelta(0), datetime.timedelta(microseconds=1)
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_LABEL = 11  # the least number of cells between two ticks of an axis


class Glyphs(NamedTuple):
    """The characters of a band.

    Attributes:
        none: Never offline.
        heights: Offline, by rising share; the last one is for all of the time.
        unusable: Online, but not usable.
        blind: Not seen.
        scale: An excerpt of the heights, for the legend.
    """

    none: str
    heights: str
    unusable: str
    blind: str
    scale: str

    def height(self, part: datetime.timedelta, whole: datetime.timedelta) -> str:
        """Return the character for ``part`` of ``whole``, which must not be zero."""
        if not part:
            return self.none
        if part >= whole:
            return self.heights[-1]
        partial = len(self.heights) - 1
        return self.heights[min(int(part / whole * partial), partial - 1)]


BLOCKS = Glyphs("\u00b7", "▁▂▃▄▅▆▇█", "~", "░", "▁█")
PLAIN = Glyphs(".", "123456789#", "~", "?", "1-9#")
"""For outputs limited to ASCII."""


class Band(NamedTuple):
    """The contents of a band.

    Attributes:
        begin: Start of the band.
        end: End of the band, after ``begin``.
        known: The instant before which nothing is known.
        offline: The spans of offline time.
        unusable: The spans of unusable time.
        blind: The blind spans.
    """

    begin: datetime.datetime
    end: datetime.datetime
    known: datetime.datetime
    offline: Sequence[Part] = ()
    unusable: Sequence[Part] = ()
    blind: Sequence[Part] = ()

    def edges(self, cells: int) -> list[datetime.datetime]:
        """Return the start of each of ``cells`` cells, and the end of the last one."""
        length = self.end - self.begin
        return [self.begin + length * number // cells for number in range(cells + 1)]


def band_text(band: Band, cells: int, glyphs: Glyphs) -> str:
    """Return the band as ``cells`` characters; cells before ``known`` are blank."""
    edges = band.edges(cells)
    sums = [covered(parts, edges) for parts in (band.offline, band.unusable, band.blind)]
    return "".join(
        _cell(max(begin, band.known), end, end - begin, each, glyphs)
        for (begin, end), each in zip(pairwise(edges), zip(*sums, strict=True), strict=True)
    )


def _cell(
    begin: datetime.datetime,
    end: datetime.datetime,
    length: datetime.timedelta,
    sums: Sequence[datetime.timedelta],
    glyphs: Glyphs,
) -> str:
    """Return the character of a cell that is known from ``begin`` to ``end``."""
    offline, unusable, blind = sums
    if begin >= end:
        return " "
    if offline:
        return glyphs.height(offline, length)
    if unusable:
        return glyphs.unusable
    return glyphs.blind if 2 * blind >= end - begin else glyphs.none


def covered(parts: Iterable[Part], edges: Sequence[datetime.datetime]) -> list[datetime.timedelta]:
    """Return the seen time of parts between each two edges.

    Where only some of a part was seen, its seen time is spread evenly over it.
    """
    sums = [_ZERO] * (len(edges) - 1)
    for begin, end, seen in parts:
        until = edges[-1] if end is None else end
        for cell in range(max(bisect_right(edges, begin) - 1, 0), len(sums)):
            if edges[cell] >= until:
                break
            inside = min(until, edges[cell + 1]) - max(begin, edges[cell])
            sums[cell] += inside if seen == until - begin else seen * (inside / (until - begin))
    return sums


def legend(cells: int, glyphs: Glyphs) -> str:
    """Return the longest legend that fits in ``cells``, else the shortest."""
    none, heights, unusable, blind, scale = glyphs
    short = f"{none} online {scale} offline {unusable} unusable {blind} blind"
    longer = (
        f"{none} online  {heights} offline, by share  {unusable} online, but not usable"
        f"  {blind} blind"
    )
    longest = f"{longer}  (blank: not known yet)"
    return next((each for each in (longest, longer) if len(each) <= cells), short)


# The axis.


class _Unit(NamedTuple):
    """A unit of local time.

    Attributes:
        number: Returns the number of the unit that contains a date.
        label: Returns the label of the unit with that number.
    """

    number: Callable[[datetime.datetime], int]
    label: Callable[[int], str]


def _minutes(count: int) -> _Unit:
    def number(at: datetime.datetime) -> int:
        return ((at.toordinal() * 24 + at.hour) * 60 + at.minute) // count

    def label(number: int) -> str:
        days, minutes = divmod(number * count, 24 * 60)
        return f"{minutes // 60:02}:{minutes % 60:02}" if minutes else _day(days)

    return _Unit(number, label)


def _days(count: int) -> _Unit:
    # Ordinal 1 is a Monday, so that weeks begin on Mondays.
    return _Unit(lambda at: (at.toordinal() - 1) // count, lambda number: _day(number * count + 1))


def _months(count: int) -> _Unit:
    def label(number: int) -> str:
        year, month = divmod(number * count, 12)
        return f"{_MONTHS[month]} {year}"

    return _Unit(lambda at: (at.year * 12 + at.month - 1) // count, label)


def _day(ordinal: int) -> str:
    day = datetime.date.fromordinal(ordinal)
    return f"{day.day} {_MONTHS[day.month - 1]}"


_UNITS = (
    *(_minutes(count) for count in (1, 5, 15, 60, 180, 360, 720)),
    *(_days(count) for count in (1, 2, 7)),
    *(_months(count) for count in (1, 3, 12, 24, 60, 240, 1200, 12000)),
)


def axis_text(band: Band, cells: int, zone: Zone = LOCAL) -> str:
    """Return the axis below a band: local dates, each after a ``|`` at its cell, and the zone."""
    name = zone.short_name(band.end)
    room = cells - len(name) - 1
    text = ""
    for cell, label in _ticks(band, cells, zone):
        if len(text) <= cell and cell + 1 + len(label) <= room:
            text = f"{text.ljust(cell)}|{label} "
    return f"{text.ljust(room + 1)}{name}"


def _ticks(band: Band, cells: int, zone: Zone) -> Iterator[tuple[int, str]]:
    """Yield the index of each cell in which a unit of local time begins, and the unit's label."""
    begin, end = zone.at(shifted(band.begin, -_MICROSECOND)), zone.at(band.end)
    unit = next(each for each in _UNITS if _fits(each.number(end) - each.number(begin), cells))
    last = unit.number(begin)
    for cell, edge in enumerate(band.edges(cells)[1:]):
        number = unit.number(zone.at(edge - _MICROSECOND))
        if number > last:  # an hour repeated by a clock change has one tick
            yield cell, unit.label(number)
            last = number


def _fits(count: int, cells: int) -> bool:
    return count <= max(cells // _LABEL, 1)
