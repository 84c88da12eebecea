"""Aggregation of channels' figures by peer.

All channels of a peer share its outages, clipped to their lifetimes. A peer's share online,
outages and trend are therefore those of its oldest channel; its share usable is the lowest of
its channels. Pure functions.
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
"""The recent time that the trend compares with the time before."""
RECENT = (DAY, WEEK, 30 * DAY)
"""The windows whose shares online stand side by side."""

Pair = tuple[ChannelInfo, ChannelHistory | None]
"""A channel and its history; None if the history was not kept or not loaded."""
Channels = Mapping[Vertex, Sequence[Pair]]
"""Each peer's channels, oldest first."""


class PeerFigures(NamedTuple):
    """One peer's figures.

    Attributes:
        channels: The peer's channels, oldest first.
        recent: History of the oldest channel over each of ``RECENT``; None where it was not kept
            or not loaded.
        trend: See :func:`trend`.
    """

    channels: Sequence[Pair] = ()
    recent: Sequence[ChannelHistory | None] = (None,) * len(RECENT)
    trend: float | None = None


def peer_figures(overview: Overview, further: Sequence[Overview]) -> dict[Vertex, PeerFigures]:
    """Return the figures of each peer that has a channel.

    Args:
        overview: The snapshot over the requested window.
        further: Snapshots over each of ``RECENT`` and over all time; figures over missing ones
            are unknown.
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
    """Return the earliest known date of each channel, from a snapshot over all time."""
    return {
        info.channel_point: before(whole.as_of, info.lifetime) if history is None else history.start
        for info, history in _pairs(whole)
    }


def channels_by_peer(overview: Overview, opened: Mapping[OutPoint, datetime.datetime]) -> Channels:
    """Return each peer's channels, sorted by the dates of :func:`opening_dates`."""
    channels: dict[Vertex, list[Pair]] = defaultdict(list)
    for pair in sorted(_pairs(overview), key=lambda pair: opened[pair[0].channel_point]):
        channels[pair[0].peer].append(pair)
    return channels


def _pairs(overview: Overview) -> Iterator[Pair]:
    histories = overview.histories or (None,) * len(overview.channels)
    return zip(overview.channels, histories, strict=True)


def online_ratio(channels: Sequence[ChannelInfo]) -> float | None:
    """Return the share online of a peer with these channels, oldest first."""
    return channels[0].uptime_ratio if channels else None


def usable_ratio(channels: Sequence[ChannelInfo]) -> float | None:
    """Return the lowest share usable of the channels; None if all are unknown."""
    ratios = (each.usable_ratio for each in channels)
    return min((each for each in ratios if each is not None), default=None)


def badness(channels: Sequence[ChannelInfo]) -> tuple[object, ...]:
    """Return the sort key, worst first, of a peer with these channels."""
    online, usable = online_ratio(channels), usable_ratio(channels)
    return online is None, online, usable is None, usable


def trends(whole: Channels, recent: Channels) -> dict[Vertex, float]:
    """Return the trend of each peer whose trend is known."""
    found = {peer: trend(whole[peer][0][0], of_peer[0][0]) for peer, of_peer in recent.items()}
    return {peer: change for peer, change in found.items() if change is not None}


def trend(
    whole: ChannelInfo,
    recent: ChannelInfo,
    good_time: Callable[[ChannelInfo], datetime.timedelta] = attrgetter("uptime"),
) -> float | None:
    """Return a channel's share online in recent time, minus its share in the time before.

    None if one of the two times was not seen.

    Args:
        whole: The channel, with sums over all time.
        recent: The channel, with sums over recent time.
        good_time: Returns the time to compare; by default the uptime.
    """
    lifetime = whole.lifetime - recent.lifetime
    if not recent.lifetime or not lifetime:
        return None
    of_recent = good_time(recent)
    return of_recent / recent.lifetime - (good_time(whole) - of_recent) / lifetime


def change_count(history: ChannelHistory) -> int:
    """Return the number of times the peer's state changed within the history.

    Each outage is two changes, except that an outage at the history's start has no beginning
    within it, and one that lasts has no end.
    """
    count = 2 * history.outage_count
    if history.outages and not history.thinned_outages:
        count -= history.outages[0].start == history.start
    if history.outages:
        count -= history.outages[-1].end is None
    return count
