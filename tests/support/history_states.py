"""The states of a model of a store with a memory, what it may be told, and what lies between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from chanfitness import OpenChannel, OutPoint, Vertex


class Resumed(NamedTuple):
    """A resume, from which on the channels of peers ``awaited`` are not seen until these come."""

    open_channels: Sequence[OpenChannel]
    online_peers: Sequence[Vertex]
    awaited: frozenset[Vertex]
    at: datetime | None = None


class WayLost(NamedTuple):
    """From here on these peers are offline, and their channels are not seen until they come."""

    peers: frozenset[Vertex]
    at: datetime | None = None


class WayBack(NamedTuple):
    """From here on these peers, which did not come in time, are seen to be offline."""

    given_up: frozenset[Vertex]
    at: datetime | None = None


class SetRight(NamedTuple):
    """In truth this is open and these are online, which no event told of."""

    open_channels: Sequence[OpenChannel]
    online_peers: Sequence[Vertex]
    at: datetime | None = None


ZERO = timedelta(0)
FIRST = datetime.min.replace(tzinfo=timezone.utc)


class Left(NamedTuple):
    """From here on the channel is not there, though it closes later."""

    channel: OpenChannel
    at: datetime | None = None


class Opening(NamedTuple):
    point: OutPoint
    peer: Vertex
    item: int
    """Which item opened it."""
    gaps: tuple[tuple[int, int], ...] = ()
    """Which items closed it, and opened it again."""
    left: int | None = None
    """From which item on it is not there, though it closes later."""

    def is_there(self, item: int) -> bool:
        """Whether it is, after that item."""
        return not any(left <= item < back for left, back in self.gaps)


class Closing(NamedTuple):
    opening: Opening
    item: int
    time: datetime
    unseen: bool
    """Whether no event told of it."""

    def is_of(self, channel: OpenChannel) -> bool:
        return self.opening[:2] == channel


class State(NamedTuple):
    """What holds from ``time`` on."""

    time: datetime
    paused: datetime | None
    """When it was."""
    peers: tuple[Vertex, ...]
    """Those that are known, in order of becoming so."""
    online: frozenset[Vertex]
    openings: tuple[Opening, ...]
    closings: tuple[Closing, ...] = ()
    """Of the channels that may come back."""
    awaited: frozenset[Vertex] = frozenset()
    going: frozenset[Vertex] = frozenset()
    """Those that are offline with hindsight, and go later."""
    activity: Mapping[int, bool] = {}
    """By the items that opened channels: whether these can be used, if that was said."""
    flapped: Vertex | None = None
    is_partial: bool = False
    """Whether more of the same snapshot is to come."""

    @property
    def shown(self) -> datetime:
        """Its date, as the store dates it."""
        return self.paused or self.time

    def keeps_channel_of(self, peer: Vertex) -> bool:
        """Whether a channel of the peer is open, or may come back."""
        return any(each.peer == peer for each in self.openings) or any(
            each.opening.peer == peer for each in self.closings
        )

    def remembers(self, peer: Vertex) -> bool:
        """Whether the peer is known, or is kept because a channel of it may come back."""
        return peer in self.peers or self.keeps_channel_of(peer)

    def sees(self, peer: Vertex) -> bool:
        return self.paused is None and peer not in self.awaited


class Segment(NamedTuple):
    start: datetime
    end: datetime
    seen: bool
    up: bool
    there: bool = True
    """Whether the channel is."""
    inactive: bool = False
    """Whether it is said to be."""

    @property
    def is_unusable(self) -> bool:
        return self.up and self.inactive

    def within(self, start: datetime, end: datetime) -> timedelta:
        """How much of it lies in a segment."""
        return max(min(self.end, end) - max(self.start, start), ZERO)
