"""The live table: how each channel stands, and what happened last, on a terminal."""

from __future__ import annotations

import datetime
import os
from collections import deque
from collections.abc import Callable, Sequence
from typing import IO, NamedTuple, cast

from ..checks import extra, printable
from ..core.queries import Overview
from ..terminal.formatting import cut, cut_point, duration
from ..terminal.nonblocking_output import NonblockingOutput
from .event_lines import FINISH_TIMEOUT, counted, parts_of
from .formats import report
from .tables import LIVE

with extra("cli"):
    from rich.console import Console, ConsoleDimensions
    from rich.control import Control
    from rich.screen import Screen
    from rich.text import Text

_NEWEST = 5  # so many of what happened last are shown
_MESSAGES = 20  # so many are printed again when the table is gone
_SMALLEST = 12  # a name has so many characters, however narrow the terminal is
_GAP = 2
_WORDS = 3  # so many columns come first that are words and not figures: two names, a state


class LiveTable:
    """Fills the terminal behind ``output`` with the table, until it is closed.

    ``size`` tells how large that terminal is; it may change at any time.
    """

    interval: float | None = 1.0  # uptimes grow

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
        self._is_shown = False
        self._newest: deque[_Entry] = deque(maxlen=_NEWEST)
        self._messages: deque[str] = deque(maxlen=_MESSAGES)
        self._blind_before: datetime.timedelta | None = None

    def event(self, event: object, at: datetime.datetime) -> None:
        """Have what happened ``at`` (UTC) in the next picture."""
        self._newest.append(_Entry(f"{at:%H:%M:%S}", parts_of(event)))

    def message(self, text: str) -> None:
        """Have what was logged in the next picture, and on the terminal afterwards."""
        lines = [printable(line) for line in text.splitlines()]
        self._messages += lines
        self._newest.append(_Entry("", lines[:1]))

    def show(self, overview: Overview) -> None:
        """Draw a picture, unless the last one is not on the terminal yet."""
        if self._output.pending:
            return
        columns, lines = self._size()
        self._console.size = ConsoleDimensions(columns, lines)
        if not self._is_shown:
            self._is_shown = True
            self._console.set_alt_screen(True)
            self._console.show_cursor(False)
        self._console.control(Control.home())
        self._console.print(Screen(*self._picture(overview, columns, lines)), end="")

    def close(self) -> None:
        """Leave the terminal as it was, but for what was logged."""
        if self._is_shown:
            self._console.show_cursor(True)
            self._console.set_alt_screen(False)
        self._output.finish(FINISH_TIMEOUT)
        self._errors.write("".join(f"{message}\n" for message in self._messages))
        self._errors.finish(FINISH_TIMEOUT)

    def _picture(self, overview: Overview, columns: int, lines: int) -> list[Text]:
        rows, newest = _shares(lines, len(overview.channels), len(self._newest))
        picture = [
            self._heading(overview),
            Text(_summary(overview)),
            *_table(report(LIVE, overview).limited(rows).text_rows(), columns, sees=overview.sees),
        ]
        more = len(overview.channels) - rows
        if more:
            picture.append(Text(f"... and {more} more", style="dim"))
        if newest:
            entries = list(self._newest)[-newest:]
            picture += [Text(), *(Text(entry.line(columns), style="dim") for entry in entries)]
        for line in picture:
            line.no_wrap, line.overflow = True, "crop"
        return picture

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
    """Something that happened: when, what, and names that may be cut."""

    time: str
    parts: list[str]

    def line(self, columns: int) -> str:
        what, *names = self.parts
        if not names:
            return f"{self.time}  {what}".lstrip()
        begin = f"{self.time}  {what:<18}  "
        room = (columns - len(begin) - _GAP * (len(names) - 1)) // len(names)
        return begin + "  ".join(_fit(name, max(room, _SMALLEST)) for name in names)


def _shares(lines: int, channels: int, newest: int) -> tuple[int, int]:
    """How many channels, and how many of the newest entries, so many lines can show."""
    room = max(lines - 3, 0)  # below two lines of heading, and the heads
    newest = min(newest, max(room - 4, 0))
    room -= newest + 1 if newest else 0
    return channels if channels <= room else max(room - 1, 0), newest


def _summary(overview: Overview) -> str:
    channels = counted(len(overview.channels), "channel")
    blind = f"blind for {duration(overview.blind)} in all"
    if not overview.sees:
        return f"{channels}; {blind}"
    online = {info.peer for info in overview.peers if info.online}
    up = sum(info.peer in online for info in overview.channels)
    return f"{channels}, {up} of them online; {blind}"


def _table(rows: Sequence[Sequence[str]], columns: int, *, sees: bool) -> list[Text]:
    """The heads and a line for each row, as wide as they have to be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths[:2] = _rooms(columns - sum(widths[2:]) - _GAP * (len(widths) - 1), *widths[:2])
    heads = [head[:width] for head, width in zip(rows[0], widths, strict=True)]
    lines = [Text(_aligned(heads, widths), "bold")]
    for row in rows[1:]:
        line = Text(_aligned(row, widths), "" if sees else "dim")
        line.highlight_words([" online "], "green")
        line.highlight_words([" offline "], "red")
        lines.append(line)
    return lines


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    return (" " * _GAP).join(
        _fit(cell, width).ljust(width) if number < _WORDS else cell.rjust(width)
        for number, (cell, width) in enumerate(zip(row, widths, strict=True))
    )


def _rooms(room: int, *widths: int) -> tuple[int, int]:
    """How many characters the two names get, of so many."""
    point, peer = widths
    if point + peer > room:
        point = max(room // 2, _SMALLEST)
        peer = max(room - point, _SMALLEST)
    return point, peer


def _fit(name: str, room: int) -> str:
    return cut_point(name, room) if ":" in name else cut(name, room)


def _date(time: datetime.datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}"
