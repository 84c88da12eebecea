"""The requested part of a channel's life, adjusted to the times at which sums are known.

Sums are known at each checkpoint, and at each position from the oldest kept change on. An
edge in thinned time moves to the next checkpoint, so that consecutive parts add up. Pure: the
timeline is given.
"""

from __future__ import annotations

import datetime
from typing import NamedTuple

from ..clock import before
from .channel import Channel
from .history import History
from .timeline import Instant, Timeline

_Edge = tuple[datetime.datetime, datetime.timedelta]
"""A date and a position."""


class KnownPart(NamedTuple):
    """A part of a channel's life, as dates (UTC) and as positions ``begin`` and ``over``.

    ``complete``: whether this is exactly the requested part.
    """

    start: datetime.datetime
    end: datetime.datetime
    begin: datetime.timedelta
    over: datetime.timedelta
    complete: bool


def known_part(
    timeline: Timeline,
    now: Instant,
    channel: Channel,
    window: datetime.timedelta | None,
    until: datetime.datetime | None = None,
) -> KnownPart:
    """Return the known part of a channel's life, from its opening or a window before now.

    A part that would end before it begins has no length.

    Args:
        timeline: The timeline.
        now: The timeline's present instant.
        channel: The channel, open or closed.
        window: How long before now the part begins; None: at the opening.
        until: The date at which the part ends; None: now. It ends with the channel at the latest.
    """
    history = channel.log.history
    assert history is not None
    end, over = timeline.latest_date(), now[0]
    start, begin = _asked_from(timeline, channel, window, end)
    known_end = None
    if until is not None or channel.closing is not None:
        asked_end, asked_over = _asked_until(timeline, channel, until, (end, over))
        end, over = max(asked_end, start), max(asked_over, begin)
        known_end = all_known_from(channel, history, over)
        if known_end is not None:
            end, over = timeline.date(known_end), known_end[0]
    known = all_known_from(channel, history, begin)
    if known is not None:
        start, begin = timeline.date(known), known[0]
        end = max(end, start)  # blind time may lie between the two dates of one position
    return KnownPart(start, end, begin, over, known is None and known_end is None)


def _asked_from(
    timeline: Timeline,
    channel: Channel,
    window: datetime.timedelta | None,
    end: datetime.datetime,
) -> _Edge:
    start, position = timeline.date(channel.opened), channel.opened[0]
    if window is not None:
        begun = before(end, window)
        if begun >= start:
            return begun, max(position, timeline.locate(begun))
    return start, position


def _asked_until(
    timeline: Timeline, channel: Channel, until: datetime.datetime | None, now: _Edge
) -> _Edge:
    end, position = now
    if channel.closing is not None and channel.left is not None:
        end, position = min(end, channel.closing.date), min(position, channel.left)
    if until is not None and until < end:
        end, position = until, min(position, timeline.locate(until))
    return end, position


def all_known_from(
    channel: Channel, history: History, position: datetime.timedelta
) -> Instant | None:
    """Return the first instant at which all sums are known; None if at ``position`` itself."""
    known = outages_known_from(channel, history, position)
    while channel.activity is not None:
        later = channel.activity.unknown_until(known[0] if known else position)
        if later is None:
            break
        known = outages_known_from(channel, history, later[0]) or later
    return known


def outages_known_from(
    channel: Channel, history: History, position: datetime.timedelta
) -> Instant | None:
    """Return the first instant at which the peer's sums are known; None if at ``position``.

    A checkpoint before a gap of the channel is skipped: its sums do not show the gap's share.
    """
    kept, _ = history.instant(0)
    if position >= kept:
        return None
    gaps = channel.absent_within(position, kept)
    known = history.known_from(gaps[-1][1] if gaps else position)
    return None if known[0] == position else known
