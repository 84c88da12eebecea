"""Notes below tables: which of their figures are not known, or not of all the time."""

from __future__ import annotations

from ..core.overview import Overview

_UNKNOWN_USABLE = (
    "- in USABLE: an older version watched, which did not see whether a channel can be used"
)


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
            "* not of all that time: what was before is not known (--json says since when)"
        )
    if overview.window is not None and None in histories:
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
    """How many outages are not listed, as far as that is known."""
    histories = [each for each in overview.histories or () if each is not None]
    count = sum(history.thinned_outages for history in histories)
    notes = [f"... and {count} before them, each of which is not kept"] if count else []
    if not all(history.complete for history in histories):
        notes.append("... and those from before a history begins, which are not known")
    if None in (overview.histories or ()):
        notes.append("... and those of channels whose history was not kept")
    return notes
