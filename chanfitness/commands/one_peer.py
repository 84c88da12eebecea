"""Loader of the screens of one peer or channel, for the command ``show``."""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Callable, Sequence

from ..core.overview import Overview
from ..core.windows import Window
from ..errors import ChanFitnessError
from ..reports.by_hour import table_of, week_of
from ..reports.formats import Report
from ..reports.loading import load_windows
from ..reports.naming import Named, find, restricted
from ..reports.one_peer import Look, one_peer
from ..reports.peer_ranges import ranges, windows
from ..reports.week_grid import week_grid
from .printing import Screen, zone_of

MakeScreen = Callable[[argparse.Namespace, datetime.datetime, int | None], Screen]
"""Loads a screen; takes the options, the present, and the terminal's columns."""


def screen_of(options: argparse.Namespace, now: datetime.datetime, columns: int | None) -> Screen:
    """Load the screen of a peer or channel; raise ``ValueError`` for an ambiguous name."""
    asked = windows(options.window)
    named, loaded = _load(options, [*asked.values()])
    overviews = dict(zip(asked, loaded, strict=True))
    look = Look(now, columns, full=options.full, limit=options.limit, zone=zone_of(options))
    return lambda plain: one_peer(overviews, named, look._replace(plain=plain))


def hours_of(options: argparse.Namespace, now: datetime.datetime, columns: int | None) -> Screen:
    """Load the screen of its hours of the week; raise as :func:`screen_of`."""
    named, (overview,) = _load(options, [options.window])
    history = ranges({"": overview})[0].history if overview.channels else None
    if history is None:
        why = "its history was not kept" if overview.channels else "it has no open channel"
        raise ChanFitnessError(f"the outages of {named} are not known: {why}")
    zone = zone_of(options)
    week = week_of(history, overview.peers[0], overview.blind_spans, zone)
    if options.format == "text":
        look = Look(now, columns, zone=zone)
        return lambda plain: week_grid(week, overview, named, look._replace(plain=plain))
    table = table_of(week.hours)
    return lambda plain: Report(table, overview, table.rows(overview), now).render(
        options.format, columns
    )


def _load(options: argparse.Namespace, asked: Sequence[Window]) -> tuple[Named, list[Overview]]:
    """Return the peer or channel with the name, and its snapshots over the windows."""
    found: list[Named] = []

    def only(overview: Overview) -> Overview:
        found.append(find(options.name, overview))
        return restricted(overview, found[0])

    loaded = load_windows(options.path, asked, only=only)
    return found[0], loaded
