"""A live table on a pseudo-terminal, and overviews to show."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta

import pytest

from chanfitness import ChannelInfo, Overview, PeerInfo
from chanfitness.reports.live_table import LiveTable
from chanfitness.terminal.nonblocking_output import NonblockingOutput

from .stores import WAIT
from .terminal_screen import pictures
from .values import START, outpoint, vertex
from .watch_sessions import Pipe

ZERO = timedelta(0)


class Looking:
    """A live table on a pseudo-terminal, which may change its size."""

    def __init__(self, columns: int = 80, lines: int = 24) -> None:
        self.output, self.errors = Pipe(), Pipe()
        self.columns, self.lines = columns, lines
        self.table = LiveTable(
            NonblockingOutput(self.output.writer),
            NonblockingOutput(self.errors.writer),
            lambda: os.terminal_size((self.columns, self.lines)),
        )
        self._is_over = False

    def show(self, overview: Overview) -> None:
        """Draw a picture, and wait until the terminal has it."""
        self.table.show(overview)
        self.table.outputs[0].finish(WAIT)

    def end(self, saved: str = "saved in a.db") -> tuple[str, str]:
        """End the table, and return all output: the terminal's and the errors."""
        self.table.close(saved)
        return self.output.read_all(), self.errors.read_all()

    def picture(self, overview: Overview) -> list[str]:
        """Draw one picture and return it."""
        self.show(overview)
        (picture,) = pictures(self.end()[0])
        return picture


@pytest.fixture(autouse=True)
def coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def looking() -> Iterator[Looking]:
    looking = Looking()
    with looking.output, looking.errors:
        yield looking


def overview(count: int = 3, *, sees: bool = True, blind: timedelta = ZERO) -> Overview:
    """Return an overview, an hour after the start; each channel has more uptime than the last."""
    hour = timedelta(hours=1)
    infos = [
        ChannelInfo(outpoint(number), vertex(number), hour, hour * number / count)
        for number in range(1, count + 1)
    ]
    peers = [
        PeerInfo(info.peer, number % 2 == 0, START, 3 * number, None, (info.channel_point,))
        for number, info in enumerate(infos)
    ]
    return Overview(START + hour, sees, blind, tuple(infos), tuple(range(count)), tuple(peers))
