"""Printing of tables and screens to standard output, fitted to the terminal."""

from __future__ import annotations

import argparse
import datetime
import shutil
import sys
from collections.abc import Callable

from ..reports.formats import Report
from ..terminal.colours import has_colours
from ..terminal.zones import LOCAL, Zone

Screen = Callable[[bool], str]
"""Returns the text of a screen; its argument: whether to use ASCII only."""


def terminal_columns() -> int | None:
    """Return the width of the terminal; None if standard output is not a terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def zone_of(options: argparse.Namespace) -> Zone:
    """Return the time zone of dates in text."""
    return Zone(datetime.timezone.utc) if options.utc else LOCAL


def print_report(printed: Report, options: argparse.Namespace) -> None:
    """Print a table according to the options."""
    columns = terminal_columns()
    zone = zone_of(options)
    is_local = columns is not None and not options.utc
    text = printed._replace(
        full=options.full, zone=zone, is_local=is_local, colour=has_colours(sys.stdout)
    ).render(options.format, columns)
    encoding = sys.stdout.encoding or "utf-8"  # it may lack characters of aliases
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def print_screen(screen: Screen) -> None:
    """Print a screen, in ASCII only if standard output cannot encode its characters."""
    text, encoding = screen(False), sys.stdout.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = screen(True).encode(encoding, "backslashreplace").decode(encoding)
    print(text, flush=True)
