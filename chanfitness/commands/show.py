"""The command ``chanfitness show``: the contents of a database as a table or a screen."""

from __future__ import annotations

import argparse

from ..clock import SystemClock
from ..core.overview import Overview
from ..reports.advice import ADVICE
from ..reports.formats import Report, report
from ..reports.loading import Database
from ..reports.naming import find, restricted
from ..reports.rows import Table
from ..reports.tables import BLIND_SPANS, CHANNELS, CLOSED, OUTAGES, PEERS
from .bad_values import bad_values_named
from .collection import no_garbage_collection
from .one_peer import MakeScreen, hours_of, screen_of
from .printing import print_report, print_screen, terminal_columns

_VIEWS = {
    "advice": ADVICE,
    "blind": BLIND_SPANS,
    "channels": CHANNELS,
    "closed": CLOSED,
    "outages": OUTAGES,
    "peers": PEERS,
}


def show(options: argparse.Namespace) -> None:
    """Print the requested view."""
    make_screen = _screen_of(options)
    if make_screen is not None:
        with bad_values_named():
            screen = make_screen(options, SystemClock().now(), terminal_columns())
        print_screen(screen)
        return
    with no_garbage_collection():
        printed = _shown(options).limited(options.limit)
    print_report(printed._replace(since=options.since, until=options.until), options)


def _shown(options: argparse.Namespace) -> Report:
    table = _VIEWS[options.view]
    database = Database(
        options.path,
        closed=table in (CLOSED, OUTAGES) or options.name is not None,
    )
    overview, *further = _loaded(database, table, options)
    if options.name is not None:
        with bad_values_named():
            named = find(options.name, overview)
        if table is PEERS:  # a peer's figures need all its channels
            named = named._replace(channel_point=None)
        overview = restricted(overview, named)
    return report(table, overview, SystemClock().now(), further)


def _loaded(database: Database, table: Table, options: argparse.Namespace) -> list[Overview]:
    """Return the requested snapshot, and those over the table's windows."""
    if table.windows:
        return database.over([options.window, *table.windows])
    overview = database.between(
        options.window,
        since=options.since,
        until=options.until,
        histories=table in (CHANNELS, OUTAGES),
        outages=table is OUTAGES,
    )
    return [overview]


def _screen_of(options: argparse.Namespace) -> MakeScreen | None:
    """Return the loader of the requested screen of one peer; None for tables."""
    if options.by is not None:
        return hours_of
    is_of_one = options.name is not None and options.view == "channels"
    is_of_one &= options.since is None and options.until is None
    return screen_of if is_of_one and options.format == "text" else None
