"""The live table: how each channel stands, and what happened last, on a terminal."""

from __future__ import annotations

import datetime
import os
import textwrap
from collections import deque
from collections.abc import Callable, Sequence
from typing import IO, NamedTuple, cast

from ..checks import extra, printable
from ..core.overview import Overview
from ..events import ChannelDescribedEvent, PeerDescribedEvent
from ..terminal.formatting import cut, cut_point, duration
from ..terminal.nonblocking_output import NonblockingOutput
from .event_lines import FINISH_TIMEOUT, counted, parts_of
from .formats import Report, report
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
_COLOURS = {"online": "green", "offline": "red", "inactive": "yellow"}


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
        """Have what happened ``at`` (UTC) in the next picture; descriptions are in its table."""
        if isinstance(event, (PeerDescribedEvent, ChannelDescribedEvent)):
            return
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
        summary = textwrap.wrap(_summary(overview), max(columns, 1), break_long_words=False)
        room, newest = _shares(lines - 1 - len(summary), len(self._newest))
        picture = [
            self._heading(overview),
            *map(Text, summary),
            *_table(report(LIVE, overview), columns, room, sees=overview.sees),
        ]
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


def _shares(room: int, newest: int) -> tuple[int, int]:
    """Of so many lines, how many are for channels, and how many for the newest entries."""
    room = max(room, 0)
    newest = min(newest, max(room - 5, 0))
    return room - (newest + 1 if newest else 0), newest


def _summary(overview: Overview) -> str:
    channels = counted(len(overview.channels), "channel")
    blind = f"blind for {duration(overview.blind)} in all"
    if not overview.sees:
        return f"{channels}; {blind}"
    online = {info.peer for info in overview.peers if info.online}
    up = [info for info in overview.channels if info.peer in online]
    inactive = sum(info.active is False for info in up)
    but = f" but {inactive} of these inactive" if inactive else ""
    return f"{channels}, {len(up)} of them online{but}; {blind}"


def _table(live: Report, columns: int, room: int, *, sees: bool) -> list[Text]:
    """The heads and the first channels, as many as so many lines have room for."""
    candidates = live.limited(room)
    lines = candidates.text_table(columns)
    height = len(lines) // (1 + len(candidates.rows))
    fitting = max(room // height - 1, 0)
    if fitting < len(live.rows):
        fitting = max((room - 1) // height - 1, 0)
    shown = [Text(line, "bold") for line in lines[:height]]
    for number, row in enumerate(candidates.rows[:fitting], 1):
        of_row = [Text(line, "" if sees else "dim") for line in lines[number * height :][:height]]
        _colour(of_row, row.state)
        shown += of_row
    more = len(live.rows) - fitting
    return [*shown, Text(f"... and {more} more", style="dim")] if more > 0 else shown


def _colour(lines: Sequence[Text], state: str) -> None:
    """Colour the state, which stands behind the names, that may say the same."""
    line = next(line for line in reversed(lines) if state in line.plain)
    begin = line.plain.rindex(state)
    line.stylize(_COLOURS[state], begin, begin + len(state))


def _fit(name: str, room: int) -> str:
    return cut_point(name, room) if ":" in name else cut(name, room)


def _date(time: datetime.datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}"
