"""Figures and band of one peer or channel over several time ranges.

Peers follow the rules of :mod:`chanfitness.reports.peers`; a single channel has figures of its
own. Pure functions.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..clock import before
from ..core.channel import ChannelInfo
from ..core.history_window import ChannelHistory
from ..core.overview import Overview
from ..core.peerlog import PeerInfo
from .character_band import Band
from .peers import RECENT, opening_dates, trend, usable_ratio
from .rows import SHORTEST_UNUSABLE
from .seen_parts import Part, concerning, merged, seen_parts

WINDOWS = {f"{window.days}d": window for window in RECENT}
ALL = "all"
_RECENT, _OF_BAND = "7d", "30d"
_LEAST_AXIS = datetime.timedelta(minutes=1)
_ZERO = datetime.timedelta(0)


def windows(window: datetime.timedelta | None) -> dict[str, datetime.timedelta | None]:
    """Return the windows of the figures by name, with the requested one last."""
    if window is None:
        return {**WINDOWS, ALL: None}
    shorter = {name: each for name, each in WINDOWS.items() if each < window}
    return {**shorter, _period(window): window}


def _period(window: datetime.timedelta) -> str:
    for unit, seconds in (("d", 86400), ("h", 3600), ("m", 60)):
        count, rest = divmod(window.total_seconds(), seconds)
        if count and not rest:
            return f"{count:.0f}{unit}"
    return f"{window.total_seconds():g}s"


class Range(NamedTuple):
    """The figures of a peer over one time range; ``channels``: oldest first."""

    name: str
    overview: Overview
    channels: Sequence[tuple[ChannelInfo, ChannelHistory | None]]

    @property
    def first(self) -> ChannelInfo:
        """The oldest channel, whose sums are the peer's."""
        return self.channels[0][0]

    @property
    def history(self) -> ChannelHistory | None:
        """The peer's history; None if it was not kept."""
        return self.channels[0][1]

    @property
    def usable_ratio(self) -> float | None:
        """The lowest share usable of the channels."""
        return usable_ratio([info for info, _ in self.channels])

    @property
    def is_partial(self) -> bool:
        """Whether the figures do not cover exactly the requested time."""
        history = self.history
        return self.overview.window is not None if history is None else not history.complete


def ranges(overviews: Mapping[str, Overview]) -> list[Range]:
    """Return the figures of one peer's or channel's snapshots over each of :func:`windows`."""
    *_, whole = overviews.values()
    opened = opening_dates(whole)
    order = sorted(
        range(len(whole.channels)), key=lambda number: opened[whole.channels[number].channel_point]
    )
    return [
        Range(name, each, [(each.channels[number], _histories(each)[number]) for number in order])
        for name, each in overviews.items()
    ]


def _histories(overview: Overview) -> Sequence[ChannelHistory | None]:
    assert overview.histories is not None
    return overview.histories


def trend_of(found: Sequence[Range]) -> float | None:
    """Return the trend of the last of these ranges; None if it is unknown."""
    recent = {each.name: each.first for each in found[:-1]}.get(_RECENT)
    return None if recent is None else trend(found[-1].first, recent)


# The band.


def range_of_band(found: Sequence[Range]) -> Range:
    """Return the requested window; without one, all time, but at most 30 days."""
    whole, history = found[-1], found[-1].history
    if whole.overview.window is None and history is not None:
        shorter = {each.name: each for each in found}[_OF_BAND]
        is_long = history.end - history.start > WINDOWS[_OF_BAND]
        return shorter if is_long else whole
    return whole


def band_of(shown: Range, history: ChannelHistory, info: PeerInfo) -> Band:
    """Return the band of a peer, which is unusable where any of its channels is."""
    overview = shown.overview
    now, window = overview.as_of, overview.window
    begin = history.start if window is None else before(now, window)
    blind = concerning(overview.blind_spans, info.transport)
    spans = [span for _, each in shown.channels if each for span in each.unusable_spans]
    return Band(
        min(begin, before(now, _LEAST_AXIS)),
        now,
        history.start,
        [*_thinned(history), *seen_parts(history.outages, blind, now)],
        merged([span for span in spans if span.duration >= SHORTEST_UNUSABLE], now),
        merged([(each.start, each.end, each.duration) for each in blind], now),
    )


def _thinned(history: ChannelHistory) -> list[Part]:
    """Return thinned offline time, whose exact dates are lost, as one part."""
    listed = sum((outage.duration for outage in history.outages), _ZERO)
    unlisted = history.lifetime - history.uptime - listed
    until = history.outages[0].start if history.outages else history.end
    return [(history.start, until, unlisted)] if unlisted and until > history.start else []
