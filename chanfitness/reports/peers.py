"""Figures of peers, made of those of their channels.

Pure. All channels of a peer share its outages, each clipped to its life. So a peer's share
online, its outages and its trend are those of its channel that opened first; its share usable
is the lowest of its channels.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

from ..clock import before
from ..core.channel import ChannelInfo
from ..core.history_window import ChannelHistory
from ..core.overview import Overview
from ..wire import OutPoint, Vertex

DAY = datetime.timedelta(days=1)
WEEK = 7 * DAY
"""The trend is this time against the time before."""
RECENT = (DAY, WEEK, 30 * DAY)
"""The windows whose shares online stand side by side."""

Pair = tuple[ChannelInfo, ChannelHistory | None]
"""A channel and its history; None: it was not kept, or not loaded."""
Channels = Mapping[Vertex, Sequence[Pair]]
"""Each peer's channels, the first to open first."""


class PeerFigures(NamedTuple):
    """One peer's figures.

    ``channels``: the first to open first. ``recent``: the first one's history over each of
    ``RECENT``; None: it was not kept, or not loaded. ``trend``: see :func:`trend`.
    """

    channels: Sequence[Pair] = ()
    recent: Sequence[ChannelHistory | None] = (None,) * len(RECENT)
    trend: float | None = None


def peer_figures(overview: Overview, further: Sequence[Overview]) -> dict[Vertex, PeerFigures]:
    """The figures of each peer that has a channel.

    Args:
        overview: Over the window that was asked for.
        further: The snapshots over each of ``RECENT``, and that of all time; those that are
            not there leave their figures unknown.
    """
    by_window = {each.window: each for each in further}
    opened = opening_dates(by_window.get(None, overview))
    channels = {window: channels_by_peer(each, opened) for window, each in by_window.items()}
    recent = [channels.get(window, {}) for window in RECENT]
    changed = trends(channels.get(None, {}), channels.get(WEEK, {}))
    return {
        peer: PeerFigures(
            of_peer,
            [each[peer][0][1] if peer in each else None for each in recent],
            changed.get(peer),
        )
        for peer, of_peer in channels_by_peer(overview, opened).items()
    }


def opening_dates(whole: Overview) -> dict[OutPoint, datetime.datetime]:
    """When each channel was known first, as far as is known, of a snapshot of all time."""
    return {
        info.channel_point: before(whole.as_of, info.lifetime) if history is None else history.start
        for info, history in _pairs(whole)
    }


def channels_by_peer(overview: Overview, opened: Mapping[OutPoint, datetime.datetime]) -> Channels:
    """Each peer's channels; ``opened``: those of :func:`opening_dates`."""
    channels: dict[Vertex, list[Pair]] = defaultdict(list)
    for pair in sorted(_pairs(overview), key=lambda pair: opened[pair[0].channel_point]):
        channels[pair[0].peer].append(pair)
    return channels


def _pairs(overview: Overview) -> Iterator[Pair]:
    histories = overview.histories or (None,) * len(overview.channels)
    return zip(overview.channels, histories, strict=True)


def online_ratio(channels: Sequence[ChannelInfo]) -> float | None:
    """The share of its time in which the peer of these was online; the first opened first."""
    return channels[0].uptime_ratio if channels else None


def usable_ratio(channels: Sequence[ChannelInfo]) -> float | None:
    """The lowest share usable of these; None: none is known."""
    ratios = (each.usable_ratio for each in channels)
    return min((each for each in ratios if each is not None), default=None)


def badness(channels: Sequence[ChannelInfo]) -> tuple[object, ...]:
    """The place of the peer of these in the order of peers, the worst first."""
    online, usable = online_ratio(channels), usable_ratio(channels)
    return online is None, online, usable is None, usable


def trends(whole: Channels, recent: Channels) -> dict[Vertex, float]:
    """The trend of each peer, as far as it is known."""
    found = {peer: trend(whole[peer][0][0], of_peer[0][0]) for peer, of_peer in recent.items()}
    return {peer: change for peer, change in found.items() if change is not None}


def trend(
    whole: ChannelInfo,
    recent: ChannelInfo,
    good_time: Callable[[ChannelInfo], datetime.timedelta] = attrgetter("uptime"),
) -> float | None:
    """A channel's share online in recent time, less that of the time before.

    None if one of these times was not seen, or is not known.

    Args:
        whole: The channel, with its sums of all time.
        recent: The same, with those of recent time.
        good_time: The time whose share it is, if that is not the uptime.
    """
    lifetime = whole.lifetime - recent.lifetime
    if not recent.lifetime or not lifetime:
        return None
    of_recent = good_time(recent)
    return of_recent / recent.lifetime - (good_time(whole) - of_recent) / lifetime


def change_count(history: ChannelHistory) -> int:
    """How often the peer's state changed after the history's start.

    Each outage has two ends. Two of these need no change in it: that of an outage which began
    before, or with which the channel began, and that of one which lasts.
    """
    count = 2 * history.outage_count
    if history.outages and not history.thinned_outages:
        count -= history.outages[0].start == history.start
    if history.outages:
        count -= history.outages[-1].end is None
    return count
