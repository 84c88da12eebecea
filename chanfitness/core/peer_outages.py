"""Outages of a peer, each listed once for all its channels.

A *part* of an outage lies in the life of one channel, open or closed. Pure: the timeline is
given.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ..clock import LAST_DATE
from ..wire import Vertex
from .channel import Channel
from .known_part import KnownPart, known_part
from .timeline import Instant, Timeline

_ZERO = datetime.timedelta(0)


class OutagePart(NamedTuple):
    """The part of an outage that lies in one channel's life and in the requested window.

    Args:
        channel_point: The channel point, as text.
        name: The short channel id, or else the channel point.
        start: First date (UTC).
        end: Last date (UTC); None while the outage lasts.
        goes_on: Whether the peer was still offline at ``end``.
        seen: The seen time, as pairs of positions, in order.
    """

    channel_point: str
    name: str
    start: datetime.datetime
    end: datetime.datetime | None
    goes_on: bool
    seen: tuple[tuple[datetime.timedelta, datetime.timedelta], ...]


class PeerOutage(NamedTuple):
    """An outage of a peer.

    Args:
        peer: The peer.
        alias: The peer's alias; None: unknown.
        began: When the outage began (UTC), which may be before all its parts.
        parts: The part in each channel's life, in order of opening.
    """

    peer: Vertex
    alias: str | None
    began: datetime.datetime
    parts: tuple[OutagePart, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the affected channels, in order of opening."""
        return tuple(part.name for part in self.parts)

    @property
    def start(self) -> datetime.datetime:
        """The first date of its parts (UTC)."""
        return min(part.start for part in self.parts)

    @property
    def end(self) -> datetime.datetime | None:
        """The last date of its parts (UTC); None while the outage lasts."""
        return self._last.end

    @property
    def duration(self) -> datetime.timedelta:
        """The offline time that was seen; time of several channels counts once."""
        duration = over = _ZERO
        for begin, until in sorted(span for part in self.parts for span in part.seen):
            duration += max(until - max(begin, over), _ZERO)
            over = max(over, until)
        return duration

    @property
    def cut(self) -> bool:
        """Whether the outage began before :attr:`start`."""
        return self.began < self.start

    @property
    def cut_end(self) -> bool:
        """Whether the peer was still offline at :attr:`end`."""
        return self._last.end is not None and self._last.goes_on

    @property
    def _last(self) -> OutagePart:
        return max(self.parts, key=lambda part: (part.end or LAST_DATE, part.goes_on))

    def of(self, channel_point: str) -> PeerOutage | None:
        """Return the outage with one channel's part alone.

        Args:
            channel_point: The channel point, as text.

        Returns:
            The outage; None if it has no part of the channel.
        """
        parts = tuple(part for part in self.parts if part.channel_point == channel_point)
        return self._replace(parts=parts) if parts else None


def peer_outages(
    timeline: Timeline,
    now: Instant,
    channels: Sequence[Channel],
    window: datetime.timedelta | None,
    until: datetime.datetime | None = None,
) -> list[PeerOutage]:
    """Return the kept outages of a peer in the lives of its channels, in order of time.

    Args:
        timeline: The timeline.
        now: The timeline's present instant.
        channels: Channels of one peer, at least one, in order of opening.
        window: As of :func:`.known_part.known_part`.
        until: As of :func:`.known_part.known_part`.
    """
    found: dict[Instant, list[OutagePart]] = {}
    date, log = timeline.dates(), channels[0].log
    for channel in channels:
        part = known_part(timeline, now, channel, window, until)
        is_past = until is not None or channel.closing is not None
        for gone, of_channel in _parts(channel, part, date, is_past=is_past):
            found.setdefault(gone, []).append(of_channel)
    return [
        PeerOutage(log.peer, log.alias, date(gone), tuple(parts))
        for gone, parts in sorted(found.items())
    ]


def _parts(
    channel: Channel,
    of: KnownPart,
    date: Callable[[Instant], datetime.datetime],
    *,
    is_past: bool,
) -> Iterator[tuple[Instant, OutagePart]]:
    """Yield the beginning of each outage in a part of a channel's life, and the outage's part.

    ``is_past``: whether the part of the channel's life ends before now.
    """
    history, point = channel.log.history, str(channel.point)
    assert history is not None
    name = channel.description.short_channel_id or point
    for gone, back in history.outages(of.begin, of.over):
        seen = _seen(channel, max(gone[0], of.begin), of.over if back is None else back[0])
        if seen:
            end = None if back is None else date(back)
            goes_on = end is None or end > of.end
            if goes_on:
                end = of.end if is_past else None
            yield gone, OutagePart(point, name, max(date(gone), of.start), end, goes_on, seen)


def _seen(
    channel: Channel, begin: datetime.timedelta, end: datetime.timedelta
) -> tuple[tuple[datetime.timedelta, datetime.timedelta], ...]:
    """Return the time between two positions that lies in no gap of a channel, as pairs."""
    if begin >= end:
        return ()
    gaps = channel.absent_within(begin, end)
    if not gaps:
        return ((begin, end),)  # a shortcut for the common case
    edges = [begin, *(edge for gap in gaps for edge in gap), end]
    spans = zip(edges[::2], edges[1::2], strict=True)
    return tuple((left, right) for left, right in spans if left < right)
