"""Notes below tables: which of their figures are not known, or not of all the time."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator

from ..core.history_window import ChannelHistory
from ..core.overview import Overview
from ..wire import Vertex

_UNKNOWN_USABLE = (
    "- in USABLE: an older version watched, which did not see whether a channel can be used"
)


def not_seen(overview: Overview, date: Callable[[datetime.datetime], str]) -> str:
    """Behind the date of a snapshot: that its node was not seen then; "" if it was."""
    if overview.sees:
        return ""
    if overview.seen_until is None:
        return "; its node was never seen"
    return f"; its node was not seen then, but until {date(overview.seen_until)}"


def partial_rows(overview: Overview, *further: Overview) -> list[str]:
    """That figures are not of all the time that was asked for, where that is so.

    ``further``: snapshots over other windows, of which figures are shown as well.
    """
    histories = overview.histories or ()
    of_windows = [each.histories or () for each in further if each.window is not None]
    notes = []
    if not all(
        history is None or history.complete for each in (histories, *of_windows) for history in each
    ):
        notes.append(
            "* not of just that time: older changes are known by the day (--json says from when"
            " until when)"
            if overview.until is not None
            else "* not of all that time: what was before is not known (--json says since when)"
        )
    if overview.is_of_window and None in histories:
        notes.append("* of all time where OUTAGES has no figure: that history was not kept")
    return notes


def unknown_usable(overview: Overview) -> list[str]:
    """That of some open channels it is not known for how long they could be used."""
    return [] if all(info.knows_unusable for info in overview.channels) else [_UNKNOWN_USABLE]


def unknown_usable_of_closed(overview: Overview) -> list[str]:
    """The same of closed channels."""
    is_known = (channel.unusable is not None for channel in overview.closed)
    return [] if all(is_known) else [_UNKNOWN_USABLE]


def unlisted_outages(overview: Overview) -> list[str]:
    """How many outages of peers are not listed, as far as that is known."""
    thinned: dict[Vertex, int] = {}
    is_complete = is_kept = True
    for peer, history in _histories(overview):
        if history is None:
            is_kept = False
        else:
            thinned[peer] = max(thinned.get(peer, 0), history.thinned_outages)
            is_complete = is_complete and history.complete
    count = sum(thinned.values())
    notes = [f"... and {count} before them, each of which is not kept"] if count else []
    if not is_complete:
        notes.append("... and those from before a history begins, which are not known")
    if not is_kept:
        notes.append("... and those of channels whose history was not kept")
    return notes


def _histories(overview: Overview) -> Iterator[tuple[Vertex, ChannelHistory | None]]:
    """Those of all channels that lived in the window, if they were loaded, by their peers."""
    for info, history in zip(overview.channels, overview.histories or (), strict=False):
        yield info.peer, history
    since, until = overview.since, overview.until
    for closed, history in zip(overview.closed, overview.closed_histories, strict=False):
        if (since is None or closed.closed > since) and (until is None or closed.opened < until):
            yield closed.peer, history
