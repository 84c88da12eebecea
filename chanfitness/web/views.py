"""View models: the figures of a range as rows with bands, ready for the template.

A page with many outages has one shape per band instead of one per outage: it would be too large
to send and draw otherwise. Pure functions.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import NamedTuple

from ..core.blind_spans import BlindSpan
from ..core.history_window import ChannelHistory
from ..reports.seen_parts import concerning, seen_parts
from .bands import (
    HALF,
    WIDTH,
    Axis,
    Shape,
    Times,
    area,
    coverage,
    number,
    one_shape,
    shapes,
    thinned,
)
from .figures import ChannelFigures, PageFigures, PeerFigures, RangeFigures
from .local_time import LocalTime, Tick

WORST = 25
"""Number of peers that are not folded."""
_DETAILED = 1500  # the most outages on a page that each have a shape of their own
_LISTED = 3000  # the most spans of time on a page that are listed as text
_LISTED_EACH = 10, 100  # the least and the most of one peer
_ZERO = datetime.timedelta(0)
_UNITS = [(unit[:-1], datetime.timedelta(**{unit: 1})) for unit in ("days", "hours", "minutes")]


class Band(NamedTuple):
    """The shapes of one row in one range.

    Attributes:
        left: Start of the band, in pixels.
        offline: Offline time.
        unusable: Unusable time.
        blind: Blind time, except that of all rows.
    """

    left: float
    offline: Sequence[Shape] = ()
    unusable: Sequence[Shape] = ()
    blind: Sequence[Shape] = ()

    @property
    def width(self) -> str:
        """The band's width, as text."""
        return number(WIDTH - self.left)

    @property
    def begin(self) -> str:
        """The start of the band, as text."""
        return number(self.left)


class ChannelRow(NamedTuple):
    """A channel under its peer."""

    figures: ChannelFigures
    band: Band


class PeerRow(NamedTuple):
    """A peer.

    Attributes:
        figures: The peer's figures.
        band: The peer's band; None if its history was not kept.
        channels: The channels whose figures differ from the peer's.
    """

    figures: PeerFigures
    band: Band | None
    channels: Sequence[ChannelRow]


class Strip(NamedTuple):
    """The number of peers offline, averaged over each pixel; ``most``: its maximum."""

    path: str
    most: float


class RangeView(NamedTuple):
    """The view of one range.

    Attributes:
        figures: The range's figures.
        axis: The axis of all bands.
        ticks: The ticks, with their positions.
        node: The band of this node.
        blind: The blind time of all rows.
        rows: The peers, worst first.
        strip: The number of peers offline; None if all peers are shown or none was offline.
        is_detailed: Whether each outage may have a shape of its own.
    """

    figures: RangeFigures
    axis: Axis
    ticks: Sequence[tuple[str, Tick]]
    node: Band
    blind: Sequence[Shape]
    rows: Sequence[PeerRow]
    strip: Strip | None
    is_detailed: bool

    @property
    def period(self) -> str:
        """The range in words."""
        window = self.figures.window
        return "all time" if window is None else f"the last {_whole_units(window)}"


def _whole_units(window: datetime.timedelta) -> str:
    for unit, size in _UNITS:
        count, rest = divmod(window, size)
        if count > 1 and not rest:
            return f"{count} {unit}s"
    return str(window)


class Entry(NamedTuple):
    """A line of a list.

    Attributes:
        what: "" if the peer was offline, else the channel that was unusable.
        start: Start of the span.
        end: End of the span; None: it lasts.
        seen: How much of it was seen.
        is_cut: Whether it began earlier.
    """

    what: str
    start: datetime.datetime
    end: datetime.datetime | None
    seen: datetime.timedelta
    is_cut: bool = False


class PeerEntries(NamedTuple):
    """A peer's latest entries, newest first; ``more``: the number of those left out."""

    figures: PeerFigures
    entries: Sequence[Entry]
    more: int


def range_views(page: PageFigures, time: LocalTime) -> list[RangeView]:
    """Return the views of all ranges."""
    histories = [peer.history for peer in page.ranges[-1].peers]
    count = sum(len(each.outages) for each in histories if each is not None)
    return [_range_view(page, each, time, count <= _DETAILED) for each in page.ranges]


def _range_view(
    page: PageFigures, figures: RangeFigures, time: LocalTime, is_detailed: bool
) -> RangeView:
    axis = Axis(figures.begin, page.as_of)
    totals = [0.0] * WIDTH
    rows = [_peer_row(page, peer, axis, totals, is_detailed) for peer in figures.peers]
    most = max(totals)
    return RangeView(
        figures,
        axis,
        [(number(axis.x(tick.at)), tick) for tick in time.ticks(axis)],
        Band(axis.x(page.known_from)),
        _blind(page.blind_spans, axis, "all"),
        rows,
        Strip(area(totals, most), most) if len(rows) > WORST and most else None,
        is_detailed,
    )


def _peer_row(
    page: PageFigures, peer: PeerFigures, axis: Axis, totals: list[float], is_detailed: bool
) -> PeerRow:
    first, *others = peer.channels
    band = None
    if first.history is not None:
        blind = concerning(page.blind_spans, peer.info.transport)
        band = Band(
            axis.x(first.history.start),
            _offline(first.history, blind, axis, totals, is_detailed),
            [] if others else _unusable(first, axis),
            _blind([each for each in blind if each.of != "all"], axis),
        )
    return PeerRow(peer, band, _channel_rows(peer, axis))


def _channel_rows(peer: PeerFigures, axis: Axis) -> list[ChannelRow]:
    """Return the rows of channels whose figures differ from their peer's."""
    if len(peer.channels) == 1 or peer.history is None:
        return []
    return [
        ChannelRow(each, Band(axis.x(each.history.start), unusable=_unusable(each, axis)))
        for each in peer.channels
        if each.history is not None and (each.unusable or each.history.start != peer.history.start)
    ]


def _offline(
    history: ChannelHistory,
    blind: Sequence[BlindSpan],
    axis: Axis,
    totals: list[float],
    is_detailed: bool,
) -> list[Shape]:
    """Return the shapes of a peer's outages without the blind time in them.

    Their seconds add up to the history's offline time. Their share of each pixel is added to
    ``totals``.
    """
    spans = axis.spans(Times.before(axis.end, seen_parts(history.outages, blind, axis.end)))
    shares = coverage(spans)
    for pixel, share in enumerate(shares):
        if share:
            totals[pixel] += share
    offline = history.lifetime - history.uptime
    listed = sum((outage.duration for outage in history.outages), _ZERO)
    drawn = []
    if offline != listed:
        until = history.outages[0].start if history.outages else None
        drawn.append(thinned(axis, (history.start, until, offline - listed)))
    if is_detailed:
        return drawn + shapes(spans, shares)
    return [*drawn, one_shape(spans, shares, listed)] if history.outages else drawn


def _unusable(channel: ChannelFigures, axis: Axis) -> list[Shape]:
    spans = axis.spans(Times.before(axis.end, channel.unusable))
    return shapes(spans, coverage(spans), HALF)


def _blind(times: Sequence[BlindSpan], axis: Axis, of: str | None = None) -> list[Shape]:
    """Return the shapes of the blind spans of one kind, or of all kinds."""
    spans = axis.spans(
        Times.before(
            axis.end,
            [
                (each.start, each.end, (each.end or axis.end) - each.start)
                for each in times
                if of in (None, each.of) and (each.end is None or each.end > axis.begin)
            ],
        )
    )
    return shapes(spans, coverage(spans))


def peer_entries(page: PageFigures) -> list[PeerEntries]:
    """Return the entries to list as text, over all time, the worst peer first."""
    figures = page.ranges[-1]
    least, most = _LISTED_EACH
    count = min(max(_LISTED // max(len(figures.peers), 1), least), most)
    return [
        _newest(peer, peer.history, count) if peer.history else PeerEntries(peer, [], 0)
        for peer in figures.peers
    ]


def _newest(peer: PeerFigures, history: ChannelHistory, count: int) -> PeerEntries:
    entries = [Entry("", *outage) for outage in history.outages[-count:]]
    if history.first_outage_began is not None and len(history.outages) <= count:
        entries[0] = entries[0]._replace(is_cut=True)
    of_all = history.outage_count
    for channel in peer.channels:
        entries += [Entry(f"{channel.name} unusable", *span) for span in channel.unusable[-count:]]
        of_all += len(channel.unusable)
    entries.sort(key=lambda entry: entry.start, reverse=True)
    return PeerEntries(peer, entries[:count], of_all - len(entries[:count]))
