"""Footnotes of tables, about unknown and partial figures."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator

from ..core.history_window import ChannelHistory
from ..core.overview import Overview
from ..wire import Vertex

_UNKNOWN_USABLE = (
    "- in USABLE: recorded by an older version, which did not track whether channels are usable"
)


def not_seen(overview: Overview, date: Callable[[datetime.datetime], str]) -> str:
    """Return a suffix of a snapshot's date if its node was not seen then; else ""."""
    if overview.sees:
        return ""
    if overview.seen_until is None:
        return "; its node was never seen"
    return f"; its node was last seen at {date(overview.seen_until)}"


def partial_rows(overview: Overview, *further: Overview) -> list[str]:
    """Return notes on figures that do not cover all of the requested time.

    ``further``: snapshots over other windows, whose figures are shown as well.
    """
    histories = overview.histories or ()
    of_windows = [each.histories or () for each in further if each.window is not None]
    notes = []
    if not all(
        history is None or history.complete for each in (histories, *of_windows) for history in each
    ):
        notes.append(
            "* not exactly that time: older changes are kept by the day (--json has the exact"
            " dates)"
            if overview.until is not None
            else "* not all of that time: earlier history is not known (--json has its start)"
        )
    if overview.is_of_window and None in histories:
        notes.append("* over all time where OUTAGES has no figure: no history was kept")
    return notes


def unknown_usable(overview: Overview) -> list[str]:
    """Return a note if the usable time of an open channel is unknown."""
    return [] if all(info.knows_unusable for info in overview.channels) else [_UNKNOWN_USABLE]


def unknown_usable_of_closed(overview: Overview) -> list[str]:
    """Return a note if the usable time of a closed channel is unknown."""
    is_known = (channel.unusable is not None for channel in overview.closed)
    return [] if all(is_known) else [_UNKNOWN_USABLE]


def unlisted_outages(overview: Overview) -> list[str]:
    """Return notes on the outages that are not listed."""
    thinned: dict[Vertex, int] = {}
    is_complete = is_kept = True
    for peer, history in _histories(overview):
        if history is None:
            is_kept = False
        else:
            thinned[peer] = max(thinned.get(peer, 0), history.thinned_outages)
            is_complete = is_complete and history.complete
    count = sum(thinned.values())
    notes = [f"... and {count} older ones, not kept one by one"] if count else []
    if not is_complete:
        notes.append("... and unknown ones from before a history begins")
    if not is_kept:
        notes.append("... and those of channels whose history was not kept")
    return notes


def _histories(overview: Overview) -> Iterator[tuple[Vertex, ChannelHistory | None]]:
    """Yield the loaded histories of channels that existed in the window, with their peers."""
    for info, history in zip(overview.channels, overview.histories or (), strict=False):
        yield info.peer, history
    since, until = overview.since, overview.until
    for closed, history in zip(overview.closed, overview.closed_histories, strict=False):
        if (since is None or closed.closed > since) and (until is None or closed.opened < until):
            yield closed.peer, history
