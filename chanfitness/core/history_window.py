"""What a peer's history says of one channel, over its life or the window before now.

Pure: the timeline is given.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from ..clock import before
from .history import ChannelHistory, History, Outage
from .peerlog import Channel
from .timeline import Instant, Timeline

_ZERO = datetime.timedelta(0)


def channel_history(
    timeline: Timeline, now: Instant, channel: Channel, window: datetime.timedelta | None
) -> ChannelHistory:
    """Outages and sums of one channel as of ``now``, which is where the timeline is."""
    history = channel.log.history
    assert history is not None
    at, _ = now
    end = timeline.latest_date()
    start, position = _start(timeline, channel, history, window, end)
    lifetime = at - position
    uptime = history.uptime(position, at)
    for left, back in channel.absent_within(position, at):
        lifetime -= back - left
        uptime -= history.uptime(left, back)
    outages = tuple(
        Outage(max(timeline.date(gone), start), None if back is None else timeline.date(back), seen)
        for gone, back, seen in _seen_outages(channel, history, position, at)
    )
    blind = max(end - start - lifetime, _ZERO)  # less where a date is beyond all dates
    return ChannelHistory(start, end, lifetime, uptime, blind, outages)


def outage_count(channel: Channel) -> int:
    """How many outages of its peer are kept that lie in the channel's life."""
    history = channel.log.history
    assert history is not None
    return history.outage_count(max(channel.opened[0], history.instant(0)[0]))


def _start(
    timeline: Timeline,
    channel: Channel,
    history: History,
    window: datetime.timedelta | None,
    end: datetime.datetime,
) -> tuple[datetime.datetime, datetime.timedelta]:
    """The date and the position at which a channel's history starts."""
    instants = [channel.opened, history.instant(0)] if history.dropped else [channel.opened]
    start, position = max((timeline.date(instant), instant[0]) for instant in instants)
    if window is not None:
        begun = before(end, window)
        if begun >= start:
            return begun, max(position, timeline.locate(begun))
    return start, position


def _seen_outages(
    channel: Channel, history: History, start: datetime.timedelta, end: datetime.timedelta
) -> Iterator[tuple[Instant, Instant | None, datetime.timedelta]]:
    """Each outage between two positions, with the offline time that was seen of it."""
    for gone, back in history.outages(start):
        begin, until = max(gone[0], start), end if back is None else back[0]
        seen = until - begin
        for left, returned in channel.absent_within(begin, until):
            seen -= returned - left
        if seen:
            yield gone, back, seen
