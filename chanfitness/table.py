"""How figures look to a person: durations, ratios, tables.

A whole channel point is 66 characters or more and so is a peer's key: both do
not fit a terminal of 80 columns. What a person needs to *copy*, to hand it to
another command, is the channel point; it always stands whole, on a line of its
own if it must. The peer needs to be recognised: it may be cut in its middle.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from .peerlog import ChannelInfo

_UNITS = (("d", 86400), ("h", 3600), ("m", 60))


def duration(time: datetime.timedelta) -> str:
    """Two units of it, cut off: ``12d 3h``, ``4m 43s``, ``0.2s``."""
    seconds = time.total_seconds()
    for (unit, size), (smaller, part) in zip(_UNITS, (*_UNITS[1:], ("s", 1)), strict=True):
        if seconds >= size:
            return f"{seconds // size:.0f}{unit} {seconds % size // part:.0f}{smaller}"
    return f"{seconds // 0.1 / 10:.1f}s" if seconds < 10 else f"{seconds // 1:.0f}s"


def percentage(ratio: float | None) -> str:
    """Cut off, so that only what was never down shows 100.00%."""
    return "-" if ratio is None else f"{ratio * 10000 // 1 / 100:.2f}%"


def channel_table(channels: Sequence[ChannelInfo], columns: int | None) -> list[str]:
    """The lines of a table that fits ``columns``; None: as wide as it has to be."""
    rows = [
        (
            str(channel.channel_point),
            str(channel.peer),
            duration(channel.lifetime),
            duration(channel.uptime),
            percentage(channel.uptime_ratio),
        )
        for channel in channels
    ]
    heads = ("CHANNEL POINT", "PEER", "LIFETIME", "UPTIME", "RATIO")
    one_line = _aligned([heads, *rows], left=2)
    if columns is None or max(map(len, one_line)) <= columns:
        return one_line
    figures = _aligned(
        [("  PEER", *heads[2:]), *[(_short(row[1]), *row[2:]) for row in rows]], left=1
    )
    lines = [heads[0], figures[0]]
    for row, line in zip(rows, figures[1:], strict=True):
        lines += [row[0], line]
    return lines


def _short(peer: str) -> str:
    return f"  {peer[:20]}...{peer[-8:]}"


def _aligned(rows: Sequence[Sequence[str]], left: int) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if index < left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
