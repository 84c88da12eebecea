"""Table formatters: text, JSON and CSV.

Every cell passes through one function of its format (:func:`text_cell`, :func:`json_cell`,
:func:`csv_cell`). Some cells hold untrusted text: an alias that a stranger chose, or the content
of a damaged database. Text and CSV are escaped, so that no cell can control a terminal or be a
spreadsheet formula.
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
"""Formats a date for a person."""

_FORMULAS = ("=", "+", "-", "@")  # tabs and carriage returns, which begin one too, are escaped


def text_cell(column: Column, row: Row, now: datetime.datetime, date: Date | None = None) -> str:
    """Return a cell for a person: periods in two units, shares in percent, dates as an age.

    ``date`` formats dates instead.
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
    """Return a cell for JSON: periods in seconds, dates as in recordings, names as text."""
    value = column.get(row)
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, datetime.datetime):
        return format_time(value)
    return str(value) if isinstance(value, (OutPoint, Vertex)) else value


def csv_cell(column: Column, row: Row) -> object:
    """Return a cell for CSV: as in JSON, but text is escaped, and formulas are quoted."""
    value = json_cell(column, row)
    if isinstance(value, list):
        value = " ".join(value)
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(_FORMULAS) else text


def json_object(columns: Iterable[Column], row: Row) -> dict[str, object]:
    """Return a row as a JSON object."""
    return {column.name: json_cell(column, row) for column in columns}


class Report(NamedTuple):
    """A table filled from a snapshot, ready to be rendered.

    Attributes:
        table: The table.
        overview: The snapshot.
        rows: The rows to show.
        now: The present, if the snapshot is of the past.
        more: The number of rows left out at the end.
        full: Whether text has whole names.
        further: The snapshots over the table's ``windows``.
        colour: Whether text is coloured.
        zone: Time zone of dates in text.
        is_local: Whether the heading has dates of that zone too, instead of ISO dates in UTC.
        since: The requested start, if any.
        until: The requested end, if any.
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
        """Return the report with its first ``count`` rows; None: all."""
        rows = self.rows[:count]
        return self._replace(rows=rows, more=len(self.rows) - len(rows))

    def render(self, form: str, width: int | None) -> str:
        """Return it as "json", "csv" or "text"; ``width``: columns of the terminal, if any."""
        if form == "json":
            return json.dumps(self.as_object(), indent=2)
        return self._csv() if form == "csv" else self._text(width)

    def as_object(self) -> dict[str, object]:
        """Return the report as a JSON object."""
        objects = [json_object(self.table.columns, row) for row in self.rows]
        return {**self._circumstances(), "more": self.more, self.table.kind: objects}

    def _circumstances(self) -> dict[str, object]:
        """Return the snapshot's date; if it is of the past, also its age and whether it sees."""
        as_of: dict[str, object] = {"as_of": format_time(self.overview.as_of)}
        if self.now is None:
            return as_of
        return {
            **as_of,
            "age_seconds": self._age().total_seconds(),
            "sees": self.overview.sees,
        }

    def text_table(self, width: int | None) -> list[str]:
        """Return heads and rows as lines; ``width``: columns of the terminal, if any."""
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
        """Return the colour of each cell; heads have none."""
        if not self.colour:
            return None
        rows = ([column.colour(row, column.get(row)) for column in columns] for row in self.rows)
        return [[""] * len(columns), *rows]

    def _names(self) -> list[Column]:
        """Return the name columns, without those empty in every row; the last one never is."""
        names = self.table.text_columns[: self.table.names]
        given = [name for name in names[:-1] if any(name.get(row) for row in self.rows)]
        return [name.whole() if self.full else name for name in [*given, names[-1]]]

    def _is_spare(self, name: Column) -> bool:
        """Whether a shorter name distinguishes the rows as well."""
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
        """Return the age of the snapshot."""
        now = self.now or self.overview.as_of
        return max(now - self.overview.as_of, datetime.timedelta(0))

    def _warning(self) -> str:
        """Return the age of a snapshot of the past, and whether its node was seen."""
        if self.now is None:
            return ""
        return f", {duration(self._age())} ago{not_seen(self.overview, self._date)}"

    def _window(self) -> str:
        """Return the requested start and end, if any, as text."""
        begin = "" if self.since is None else f", from {self._date(self.since)}"
        return begin if self.until is None else f"{begin}, until {self._date(self.until)}"

    # Dates.

    def _date(self, moment: datetime.datetime) -> str:
        """Return a date of the heading, with its zone unless the snapshot's date names it."""
        if not self.is_local:
            return format_time(moment)
        as_of = self.overview.as_of
        is_named = moment != as_of and self.zone.is_one([moment, as_of])
        date = self.zone.text(moment, seconds=True)
        return date if is_named else f"{date} {self.zone.name(moment)}"

    def _dates(self) -> list[datetime.datetime]:
        """Return the dates in the cells, and the snapshot's date."""
        cells = (column.get(row) for row in self.rows for column in self.table.text_columns)
        dates = [cell for cell in cells if isinstance(cell, datetime.datetime)]
        return [*dates, self.overview.as_of]

    def _cell_date(self) -> Date | None:
        """Return the formatter of dates in cells; None: dates are shown as ages."""
        if not self.table.is_dated:
            return None
        if self.zone.is_one(self._dates()):
            return partial(self.zone.text, seconds=True)
        return lambda moment: f"{self.zone.text(moment, seconds=True)}{self.zone.offset(moment)}"

    def _zone_of_cells(self) -> str:
        """Return the part of the heading that names the zone of dates in cells."""
        if not (self.table.is_dated and self.rows):
            return ""
        if not self.zone.is_one(self._dates()):
            return "; times are local, with their offset from UTC"
        name = self.zone.name(self.overview.as_of)
        if name == "UTC":
            return "; times are UTC"
        return "; times are local" if self.is_local else f"; times are local, {name}"


def _wrapped(text: str, width: int | None) -> list[str]:
    """Wrap a sentence to ``width`` columns, between words."""
    return [text] if width is None else textwrap.wrap(text, width, break_long_words=False)


def report(
    table: Table,
    overview: Overview,
    now: datetime.datetime | None = None,
    further: Sequence[Overview] = (),
) -> Report:
    """Return a report of a table.

    Args:
        table: The table.
        overview: The snapshot, of a running store, a database or a recording.
        now: The present, from which ages count; None: the snapshot's date.
        further: The snapshots over the table's ``windows``; figures over missing ones are
            unknown.
    """
    return Report(table, overview, table.rows(overview, *further), now, further=further)
