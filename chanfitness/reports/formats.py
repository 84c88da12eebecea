"""Formats of a table: text, JSON and CSV.

Each format has one function through which every cell goes (:func:`text_cell`,
:func:`json_cell`, :func:`csv_cell`). Some cells are text that a stranger chose, or that a
damaged database holds: what these functions return can neither command a terminal nor
be a formula of a spreadsheet.
"""

from __future__ import annotations

import csv
import datetime
import io
import json
import textwrap
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from ..checks import printable
from ..core.overview import Overview
from ..recording.format import format_time
from ..terminal.cells import one_width
from ..terminal.formatting import duration, percentage, table
from ..terminal.zones import LOCAL, Zone
from ..wire import OutPoint, Vertex
from .columns import ALIAS, SHORT_ID, first_and_more
from .notes import not_seen
from .rows import Column, Row, Table

_SHORTER = {"channel_point": SHORT_ID, "peer": ALIAS}
Date = Callable[[datetime.datetime], str]
"""How a person reads a date."""

_FORMULAS = ("=", "+", "-", "@")  # a tab or a carriage return may begin one, but is escaped


def text_cell(column: Column, row: Row, now: datetime.datetime, date: Date | None = None) -> str:
    """What a person reads: periods in two units, shares in percent, dates as time since.

    ``date``: how dates are read instead.
    """
    value = column.get(row)
    if value is None:
        return column.unknown
    return column.frame(row).format(_text(column, value, now, date))


def _text(column: Column, value: object, now: datetime.datetime, date: Date | None) -> str:
    if column.text is not None:
        return one_width(column.text(value))
    if isinstance(value, datetime.timedelta):
        return duration(value)
    if isinstance(value, datetime.datetime):
        if date is not None:
            return date(value)
        return "now" if value >= now else f"{duration(now - value)} ago"
    if isinstance(value, float):
        return percentage(value)
    return one_width(first_and_more(value) if isinstance(value, list) else str(value))


def json_cell(column: Column, row: Row) -> object:
    """What a program reads: periods in seconds, dates as in recordings, names as text."""
    value = column.get(row)
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, datetime.datetime):
        return format_time(value)
    return str(value) if isinstance(value, (OutPoint, Vertex)) else value


def csv_cell(column: Column, row: Row) -> object:
    """As in JSON; text is escaped as for a person, and what a spreadsheet computes is quoted."""
    value = json_cell(column, row)
    if isinstance(value, list):
        value = " ".join(value)
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(_FORMULAS) else text


def json_object(columns: Iterable[Column], row: Row) -> dict[str, object]:
    """The object that JSON makes of a row."""
    return {column.name: json_cell(column, row) for column in columns}


class Report(NamedTuple):
    """Rows of a table, as of the moment of a snapshot.

    ``now``: the present, if that is later. ``more``: how many rows are left out at the end.
    ``full``: whether names are whole in text. ``further``: the snapshots over the table's
    ``windows``. ``colour``: whether text is coloured. ``zone``: that of dates in text.
    ``is_local``: whether the heading's are of it, too, and not as programs read them.
    ``since``, ``until``: the moments that were asked for.
    """

    table: Table
    overview: Overview
    rows: Sequence[Row]
    now: datetime.datetime | None = None
    more: int = 0
    full: bool = False
    further: Sequence[Overview] = ()
    colour: bool = False
    zone: Zone = LOCAL
    is_local: bool = False
    since: datetime.datetime | None = None
    until: datetime.datetime | None = None

    def limited(self, count: int | None) -> Report:
        """The first ``count`` rows of it; None: all."""
        rows = self.rows[:count]
        return self._replace(rows=rows, more=len(self.rows) - len(rows))

    def render(self, form: str, width: int | None) -> str:
        """As "json", "csv" or "text" (for a terminal of so many columns, or None)."""
        if form == "json":
            return json.dumps(self.as_object(), indent=2)
        return self._csv() if form == "csv" else self._text(width)

    def as_object(self) -> dict[str, object]:
        """The object that JSON is made of."""
        objects = [json_object(self.table.columns, row) for row in self.rows]
        return {**self._circumstances(), "more": self.more, self.table.kind: objects}

    def _circumstances(self) -> dict[str, object]:
        """When the rows are so; of a snapshot of the past, how old that is and if all was seen."""
        as_of: dict[str, object] = {"as_of": format_time(self.overview.as_of)}
        if self.now is None:
            return as_of
        return {
            **as_of,
            "age_seconds": self._age().total_seconds(),
            "sees": self.overview.sees,
        }

    def text_table(self, width: int | None) -> list[str]:
        """The heads and the rows as lines for a terminal of so many columns, or None."""
        names = self._names()
        columns = [*names, *self.table.text_columns[self.table.names :]]
        now, date = self.now or self.overview.as_of, self._cell_date()
        rows = [[text_cell(column, row, now, date) for column in columns] for row in self.rows]
        heads = [column.head for column in columns]
        spare = [number for number, name in enumerate(names) if self._is_spare(name)]
        return table(
            [heads, *rows], width, [name.cut for name in names], spare, self._colours(columns)
        )

    def _colours(self, columns: Sequence[Column]) -> list[list[str]] | None:
        """That of each cell; the heads have none."""
        if not self.colour:
            return None
        rows = ([column.colour(row, column.get(row)) for column in columns] for row in self.rows)
        return [[""] * len(columns), *rows]

    def _names(self) -> list[Column]:
        """The columns of names, but those that no row has; the last one names each."""
        names = self.table.text_columns[: self.table.names]
        given = [name for name in names[:-1] if any(name.get(row) for row in self.rows)]
        return [name.whole() if self.full else name for name in [*given, names[-1]]]

    def _is_spare(self, name: Column) -> bool:
        """Whether a shorter name tells rows apart just as well."""
        shorter = _SHORTER.get(name.name)
        if shorter is None or not all(shorter.get(row) for row in self.rows):
            return False
        now = self.overview.as_of
        pairs = {(text_cell(shorter, row, now), name.get(row)) for row in self.rows}
        return len({first for first, _ in pairs}) == len(pairs)

    def _csv(self) -> str:
        columns, circumstances, text = self.table.columns, self._circumstances(), io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*(column.name for column in columns), *circumstances])
        for row in self.rows:
            cells = (csv_cell(column, row) for column in columns)
            writer.writerow([*cells, *circumstances.values()])
        return text.getvalue().rstrip("\n")

    def _text(self, width: int | None) -> str:
        count = len(self.rows) + self.more
        noun = self.table.noun + ("s" if count != 1 else "")
        heading = f"{count} {noun} as of {self._date(self.overview.as_of)}{self._warning()}"
        heading += self._window() + self._zone_of_cells()
        lines = self.text_table(width) if self.rows else []
        skipped = [f"... and {self.more} more"] if self.more else []
        notes = [*skipped, *self.table.notes(self.overview, *self.further)]
        below = [line for note in notes for line in _wrapped(note, width)]
        return "\n".join([*_wrapped(heading, width), *lines, *below])

    def _age(self) -> datetime.timedelta:
        """How old the snapshot is."""
        now = self.now or self.overview.as_of
        return max(now - self.overview.as_of, datetime.timedelta(0))

    def _warning(self) -> str:
        """How old a snapshot of the past is, and whether its node was seen."""
        if self.now is None:
            return ""
        return f", {duration(self._age())} ago{not_seen(self.overview, self._date)}"

    def _window(self) -> str:
        """From when until when, if moments were asked for."""
        begin = "" if self.since is None else f", from {self._date(self.since)}"
        return begin if self.until is None else f"{begin}, until {self._date(self.until)}"

    # Dates.

    def _date(self, moment: datetime.datetime) -> str:
        """A date of the heading; names the zone, if that of the snapshot's date does not."""
        if not self.is_local:
            return format_time(moment)
        as_of = self.overview.as_of
        is_named = moment != as_of and self.zone.is_one([moment, as_of])
        date = self.zone.text(moment, seconds=True)
        return date if is_named else f"{date} {self.zone.name(moment)}"

    def _dates(self) -> list[datetime.datetime]:
        """The dates in the cells, and that of the snapshot."""
        cells = (column.get(row) for row in self.rows for column in self.table.text_columns)
        dates = [cell for cell in cells if isinstance(cell, datetime.datetime)]
        return [*dates, self.overview.as_of]

    def _cell_date(self) -> Date | None:
        """How dates in cells are read; None: as the time since."""
        if not self.table.is_dated:
            return None
        if self.zone.is_one(self._dates()):
            return partial(self.zone.text, seconds=True)
        return lambda moment: f"{self.zone.text(moment, seconds=True)}{self.zone.offset(moment)}"

    def _zone_of_cells(self) -> str:
        """Which zone the dates in cells are of."""
        if not (self.table.is_dated and self.rows):
            return ""
        if not self.zone.is_one(self._dates()):
            return "; times are local, with their offset from UTC"
        name = self.zone.name(self.overview.as_of)
        if name == "UTC":
            return "; times are UTC"
        return "; times are local" if self.is_local else f"; times are local, {name}"


def _wrapped(text: str, width: int | None) -> list[str]:
    """A sentence in lines of so many columns, cut between words."""
    return [text] if width is None else textwrap.wrap(text, width, break_long_words=False)


def report(
    table: Table,
    overview: Overview,
    now: datetime.datetime | None = None,
    further: Sequence[Overview] = (),
) -> Report:
    """The rows of a table, of a snapshot, wherever that is from.

    ``now``: the present, from which the ages of what a database remembers count. ``further``:
    the snapshots over the table's ``windows``; without them, what they tell is not known.
    """
    return Report(table, overview, table.rows(overview, *further), now, further=further)
