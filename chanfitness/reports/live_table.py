"""Live table: a full-screen terminal view of all channels and the latest events."""

from __future__ import annotations

import datetime
import os
import textwrap
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import IO, NamedTuple, cast

from ..checks import extra, printable
from ..core.overview import Overview
from ..events import ChannelDescribedEvent, PeerDescribedEvent
from ..terminal.formatting import cut, cut_point, duration
from ..terminal.nonblocking_output import NonblockingOutput
from .columns import LIVE_STATE
from .event_lines import FINISH_TIMEOUT, counted, parts_of
from .formats import Report, report, text_cell
from .tables import LIVE, LIVE_SHORT

with extra("cli"):
    from rich.console import Console, ConsoleDimensions
    from rich.control import Control
    from rich.screen import Screen
    from rich.text import Text

_NEWEST = 5  # events shown where channels could fill the terminal
_KEPT = 200  # events kept to fill the terminal where channels do not: no terminal has more lines
_MESSAGES = 20  # log messages printed again after the table is closed
_SMALLEST = 12  # characters of a name, however narrow the terminal
_GAP = 2
_COLOURS = {"online": "green", "offline": "red", "inactive": "yellow"}


class LiveTable:
    """Draws the table on the terminal behind ``output`` until it is closed.

    ``size`` returns the terminal's size, which may change at any time.
    """

    interval: float | None = 1.0  # seconds between redraws: uptimes grow

    def __init__(
        self,
        output: NonblockingOutput,
        errors: NonblockingOutput,
        size: Callable[[], os.terminal_size] | None = None,
    ) -> None:
        self.outputs: Sequence[NonblockingOutput] = [output, errors]
        self._output, self._errors = output, errors
        self._size = size or (lambda: os.get_terminal_size(output.fileno()))
        self._console = Console(file=cast(IO[str], output), force_terminal=True)
        self._newest: deque[_Entry] = deque(maxlen=_KEPT)
        self._messages: deque[str] = deque(maxlen=_MESSAGES)
        self._blind_before: datetime.timedelta | None = None
        self._began: datetime.datetime  # date of the first picture
        self._last: Overview | None = None  # the last snapshot drawn
        self._upper: list[Text] = []  # the last picture without its events

    def event(self, event: object, at: datetime.datetime) -> None:
        """Show an event of ``at`` (UTC) in the next picture; the table shows descriptions."""
        if isinstance(event, (PeerDescribedEvent, ChannelDescribedEvent)):
            return
        self._newest.append(_Entry(at, parts_of(event)))

    def message(self, text: str, at: datetime.datetime) -> None:
        """Show a log message of ``at`` (UTC) in the next picture, and on closing."""
        lines = [printable(line) for line in text.splitlines()]
        self._messages += lines
        self._newest.append(_Entry(at, lines[:1]))

    def show(self, overview: Overview) -> None:
        """Draw a picture, unless the last one is still being written."""
        if self._output.pending:
            return
        columns, lines = self._size()
        self._console.size = ConsoleDimensions(columns, lines)
        if self._last is None:
            self._began = overview.as_of
            self._console.set_alt_screen(True)
            self._console.show_cursor(False)
        self._last, self._upper = overview, self._upper_part(overview, columns, lines)
        room = lines - len(self._upper) - 1
        newest = _newest_lines(self._newest, overview.as_of, columns, room)
        picture = [*self._upper, Text(), *newest] if newest else self._upper
        for line in picture:
            line.no_wrap, line.overflow = True, "crop"
        self._console.control(Control.home())
        self._console.print(Screen(*picture), end="")

    def close(self, saved: str) -> None:
        """Leave the last table, a summary line and the log messages on the terminal.

        ``saved``: the part of the summary that says where the figures were saved.
        """
        if self._last is not None:
            self._console.show_cursor(True)
            self._console.set_alt_screen(False)
            watched = duration(self._last.as_of - self._began)
            channels = counted(len(self._last.channels), "channel")
            lines = [line.plain.rstrip() for line in self._upper]
            lines.append(f"watched {watched}, {channels}, {printable(saved)}")
            self._output.write("".join(f"{line}\n" for line in lines))
        self._output.finish(FINISH_TIMEOUT)
        self._errors.write("".join(f"{message}\n" for message in self._messages))
        self._errors.finish(FINISH_TIMEOUT)

    def _upper_part(self, overview: Overview, columns: int, lines: int) -> list[Text]:
        live = _fitting(overview, columns, lines)
        summary = textwrap.wrap(_summary(live), max(columns, 1), break_long_words=False)
        room = max(lines - 1 - len(summary), 0)
        newest = max(min(len(self._newest), _NEWEST, room - 5), 0)
        return [
            self._heading(overview),
            *map(Text, summary),
            *_table(live, columns, room - (newest + 1 if newest else 0)),
        ]

    def _heading(self, overview: Overview) -> Text:
        heading = Text(f"{_date(overview.as_of)} UTC  ")
        since = self._blind_since(overview)
        if since is None:
            return heading.append("watching", style="bold green")
        period = duration(overview.as_of - since)
        return heading.append(f"blind since {_date(since)} UTC ({period})", style="bold red")

    def _blind_since(self, overview: Overview) -> datetime.datetime | None:
        if overview.sees or self._blind_before is None:
            self._blind_before = overview.blind
        if overview.sees:
            return None
        return overview.as_of - (overview.blind - self._blind_before)


class _Entry(NamedTuple):
    """An event or a log message: its time (UTC), its kind, and names that may be cut."""

    at: datetime.datetime
    parts: list[str]

    def time(self, now: datetime.datetime) -> str:
        """Return its time of day; on another day than ``now``, its date and minute."""
        return f"{self.at:%H:%M:%S}" if self.at.date() == now.date() else f"{self.at:%m-%d %H:%M}"

    def line(self, time: str, columns: int) -> str:
        """Return it as a line, with names cut to fit in ``columns`` if they can be."""
        what, *names = self.parts
        if not names:
            return f"{time}  {what}"
        begin = f"{time}  {what:<18}  "
        room = (columns - len(begin) - _GAP * (len(names) - 1)) // len(names)
        return begin + "  ".join(_fit(name, max(room, _SMALLEST)) for name in names)


def _newest_lines(
    entries: Iterable[_Entry], now: datetime.datetime, columns: int, room: int
) -> list[Text]:
    """Return the newest entries, at most ``room`` lines."""
    newest = deque(entries, maxlen=max(room, 0))
    times = [entry.time(now) for entry in newest]
    width = max(map(len, times), default=0)
    return [
        Text(entry.line(f"{time:<{width}}", columns), style="dim")
        for entry, time in zip(newest, times, strict=True)
    ]


def _fitting(overview: Overview, columns: int, lines: int) -> Report:
    """Return the table, with short states if a row takes fewer lines with them."""
    whole = report(LIVE, overview)
    short = whole._replace(table=LIVE_SHORT)
    of_whole, of_short = (_height(each.limited(lines), columns) for each in (whole, short))
    return short if of_short < of_whole else whole


def _height(live: Report, columns: int) -> int:
    """Return the number of lines a row takes."""
    return len(live.text_table(columns)) // (1 + len(live.rows))


def _summary(live: Report) -> str:
    overview = live.overview
    channels = counted(len(overview.channels), "channel")
    blind = f"blind for {duration(overview.blind)} in all"
    private = sum(row.is_private for row in live.rows)
    mark = " (p)" if live.table is LIVE_SHORT else ""
    also = f", {private} private{mark}" if private else ""
    if not overview.sees:
        return f"{channels}{also}; {blind}"
    online = {info.peer for info in overview.peers if info.online}
    up = [info for info in overview.channels if info.peer in online]
    inactive = sum(info.active is False for info in up)
    but = f" but {inactive} of these inactive" if inactive else ""
    return f"{channels}, {len(up)} of them online{but}{also}; {blind}"


def _table(live: Report, columns: int, room: int) -> list[Text]:
    """Return the heads and the first channels, at most ``room`` lines."""
    sees, now = live.overview.sees, live.overview.as_of
    (column,) = (each for each in live.table.text_columns if each.name == LIVE_STATE.name)
    candidates = live.limited(room)
    lines = candidates.text_table(columns)
    height = len(lines) // (1 + len(candidates.rows))
    fitting = max(room // height - 1, 0)
    if fitting < len(live.rows):
        fitting = max((room - 1) // height - 1, 0)
    shown = [Text(line, "bold") for line in lines[:height]]
    for number, row in enumerate(candidates.rows[:fitting], 1):
        of_row = [Text(line, "" if sees else "dim") for line in lines[number * height :][:height]]
        _colour(of_row, text_cell(column, row, now), _COLOURS[row.state])
        shown += of_row
    more = len(live.rows) - fitting
    return [*shown, Text(f"... and {more} more", style="dim")] if more > 0 else shown


def _colour(lines: Sequence[Text], state: str, colour: str) -> None:
    """Colour the last occurrence of the state: names before it may contain the same text."""
    line = next(line for line in reversed(lines) if state in line.plain)
    begin = line.plain.rindex(state)
    line.stylize(colour, begin, begin + len(state))


def _fit(name: str, room: int) -> str:
    return cut_point(name, room) if ":" in name else cut(name, room)


def _date(time: datetime.datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}"
