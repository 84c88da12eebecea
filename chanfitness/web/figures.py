"""Figures of the page by time range and peer, computed from snapshots.

Peers' figures follow :mod:`chanfitness.reports.peers`. A peer's band is that of its oldest
channel: it begins when that channel opened (or with the range, if that is later) and shows the
offline time of that channel's history. Pure functions.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ..checks import printable
from ..clock import before
from ..core.blind_spans import BlindSpan
from ..core.channel import ChannelInfo
from ..core.history_window import ChannelHistory, Outage
from ..core.overview import Overview
from ..core.peerlog import PeerInfo
from ..reports.peers import (
    RECENT,
    Channels,
    badness,
    channels_by_peer,
    online_ratio,
    opening_dates,
    trends,
    usable_ratio,
)
from ..reports.rows import SHORTEST_UNUSABLE
from ..terminal.formatting import cut, cut_point
from ..wire import Vertex

WINDOWS = dict(zip(("24h", "7d", "30d"), RECENT, strict=True))
ALL = "all"
_RECENT = "7d"  # the range that the trend compares with the time before
_LEAST_AXIS = datetime.timedelta(minutes=1)


class ChannelFigures(NamedTuple):
    """One channel in one range; ``history``: None if not kept, then sums cover all time."""

    name: str
    info: ChannelInfo
    history: ChannelHistory | None

    @property
    def unusable(self) -> list[Outage]:
        """The spans of unusable time of a second or more."""
        spans = () if self.history is None else self.history.unusable_spans
        return [span for span in spans if span.duration >= SHORTEST_UNUSABLE]


class PeerFigures(NamedTuple):
    """One peer in one range. All names are safe to show.

    Attributes:
        number: Number of the peer, the same in each range.
        info: The peer's state.
        name: The alias, or the cut key.
        key: The whole key.
        short_key: The key, cut but recognisable.
        channels: The peer's channels, oldest first, never empty.
        trend: See :func:`chanfitness.reports.peers.trend`.
    """

    number: int
    info: PeerInfo
    name: str
    key: str
    short_key: str
    channels: Sequence[ChannelFigures]
    trend: float | None

    @property
    def history(self) -> ChannelHistory | None:
        """The peer's history; None if it was not kept."""
        return self.channels[0].history

    @property
    def online_ratio(self) -> float | None:
        """The peer's share online."""
        return online_ratio(self._infos)

    @property
    def usable_ratio(self) -> float | None:
        """The lowest share usable of the peer's channels."""
        return usable_ratio(self._infos)

    @property
    def badness(self) -> tuple[object, ...]:
        """The sort key of peers, worst first."""
        return *badness(self._infos), self.number

    @property
    def _infos(self) -> list[ChannelInfo]:
        return [each.info for each in self.channels]


class RangeFigures(NamedTuple):
    """The peers in one range, worst first; ``window``: None for all time."""

    name: str
    window: datetime.timedelta | None
    begin: datetime.datetime
    peers: Sequence[PeerFigures]


class PageFigures(NamedTuple):
    """All figures of the page, as of one instant.

    Attributes:
        as_of: Date of the snapshot.
        sees: Whether the node is seen.
        seen_until: When the node was last seen; None: never.
        known_from: Earliest known date of any channel.
        blind: Total blind time.
        blind_spans: The blind spans.
        ranges: The ranges, the shortest first and all time last.
    """

    as_of: datetime.datetime
    sees: bool
    seen_until: datetime.datetime | None
    known_from: datetime.datetime
    blind: datetime.timedelta
    blind_spans: Sequence[BlindSpan]
    ranges: Sequence[RangeFigures]


def windows(since: datetime.timedelta | None = None) -> dict[str, datetime.timedelta | None]:
    """Return the window of each range by name; ``since``: length of the longest, if limited."""
    shorter = {name: each for name, each in WINDOWS.items() if since is None or each < since}
    return {**shorter, ALL: since}


def page_figures(
    overviews: Mapping[str, Overview], blind: Sequence[BlindSpan] = (), *, redact: bool = False
) -> PageFigures:
    """Return the figures of snapshots of one instant, one over each of :func:`windows`.

    ``redact``: replace aliases, keys and short ids with letters.
    """
    whole = overviews[ALL]
    opened = opening_dates(whole)
    known_from = min(opened.values(), default=whole.as_of)
    naming = _Redacted(whole) if redact else _Naming()
    channels = {name: channels_by_peer(each, opened) for name, each in overviews.items()}
    changes = trends(channels[ALL], channels.get(_RECENT, {}))
    return PageFigures(
        whole.as_of,
        whole.sees,
        whole.seen_until,
        known_from,
        whole.blind,
        blind,
        [
            RangeFigures(
                name,
                each.window,
                min(known_from, before(each.as_of, _LEAST_AXIS))
                if each.window is None
                else before(each.as_of, max(each.window, _LEAST_AXIS)),
                sorted(
                    _peers(each, channels[name], naming, changes), key=lambda peer: peer.badness
                ),
            )
            for name, each in overviews.items()
        ],
    )


def _peers(
    overview: Overview, channels: Channels, naming: _Naming, changes: Mapping[Vertex, float]
) -> Iterator[PeerFigures]:
    """Yield the figures of peers that have a channel."""
    with_channels = (info for info in overview.peers if info.peer in channels)
    for number, info in enumerate(with_channels, 1):
        name, key = naming.peer(info)
        yield PeerFigures(
            number,
            info,
            name,
            key,
            cut(key, 16),
            [
                ChannelFigures(naming.channel(key, place, channel), channel, history)
                for place, (channel, history) in enumerate(channels[info.peer], 1)
            ],
            changes.get(info.peer),
        )


class _Naming:
    """Names as described by the node, escaped."""

    def peer(self, info: PeerInfo) -> tuple[str, str]:
        """Return the peer's name and key."""
        key = str(info.peer)
        return printable(info.alias or "") or cut(key, 16), key

    def channel(self, _: str, place: int, info: ChannelInfo) -> str:
        """Return the channel's short id, or its channel point, cut."""
        point = cut_point(str(info.channel_point), 20)
        return printable(info.short_channel_id or point)


class _Redacted(_Naming):
    """Letters in place of names, in the order of the snapshot."""

    def __init__(self, overview: Overview) -> None:
        known = dict.fromkeys(info.peer for info in overview.channels)
        self._letters = {peer: letters(number) for number, peer in enumerate(known)}

    def peer(self, info: PeerInfo) -> tuple[str, str]:
        key = self._letters[info.peer]
        return f"peer {key}", key

    def channel(self, key: str, place: int, info: ChannelInfo) -> str:
        return f"{key}{place}"


def letters(number: int) -> str:
    """Return ``A`` to ``Z``, ``AA``, ``AB``, ... for 0, 1, 2, ..."""
    text = ""
    while number >= 0:
        number, digit = divmod(number, 26)
        text, number = chr(ord("A") + digit) + text, number - 1
    return text
