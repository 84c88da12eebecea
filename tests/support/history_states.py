"""States of the model with history, its special events, and segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from chanfitness import OpenChannel, OutPoint, Vertex


class Resumed(NamedTuple):
    """A resume; channels of ``awaited`` peers are blind until these are online."""

    open_channels: Sequence[OpenChannel]
    online_peers: Sequence[Vertex]
    awaited: frozenset[Vertex]
    at: datetime | None = None


class WayLost(NamedTuple):
    """These peers are offline from now on, and their channels blind until they return."""

    peers: frozenset[Vertex]
    at: datetime | None = None


class WayBack(NamedTuple):
    """These peers, which did not return in time, are seen to be offline from now on."""

    given_up: frozenset[Vertex]
    at: datetime | None = None


class SetRight(NamedTuple):
    """A correction: these channels are open and these peers online, without events."""

    open_channels: Sequence[OpenChannel]
    online_peers: Sequence[Vertex]
    at: datetime | None = None


ZERO = timedelta(0)
FIRST = datetime.min.replace(tzinfo=timezone.utc)


class Left(NamedTuple):
    """The channel is absent from now on, and closes later."""

    channel: OpenChannel
    at: datetime | None = None


class Opening(NamedTuple):
    point: OutPoint
    peer: Vertex
    item: int
    """The item that opened it."""
    gaps: tuple[tuple[int, int], ...] = ()
    """The items that closed it, and opened it again."""
    left: int | None = None
    """The item from which on it is absent, although it closes later."""

    def is_there(self, item: int) -> bool:
        """Return whether the channel is present after that item."""
        return not any(left <= item < back for left, back in self.gaps)


class Closing(NamedTuple):
    opening: Opening
    item: int
    time: datetime
    unseen: bool
    """Whether it was found missing, without an event."""

    def is_of(self, channel: OpenChannel) -> bool:
        return self.opening[:2] == channel


class State(NamedTuple):
    """The state from ``time`` on."""

    time: datetime
    paused: datetime | None
    """Its date."""
    peers: tuple[Vertex, ...]
    """The known peers, in order of becoming known."""
    online: frozenset[Vertex]
    openings: tuple[Opening, ...]
    closings: tuple[Closing, ...] = ()
    """Closed channels that may come back."""
    awaited: frozenset[Vertex] = frozenset()
    going: frozenset[Vertex] = frozenset()
    """Peers that hindsight takes offline, and whose offline event comes later."""
    activity: Mapping[int, bool] = {}
    """By the items that opened channels: whether these can be used, if known."""
    flapped: Vertex | None = None
    is_partial: bool = False
    """Whether more items of the same snapshot follow."""

    @property
    def shown(self) -> datetime:
        """Return its date as the store shows it."""
        return self.paused or self.time

    def keeps_channel_of(self, peer: Vertex) -> bool:
        """Return whether a channel of the peer is open, or may come back."""
        return any(each.peer == peer for each in self.openings) or any(
            each.opening.peer == peer for each in self.closings
        )

    def remembers(self, peer: Vertex) -> bool:
        """Return whether the peer is known, or kept for a channel that may come back."""
        return peer in self.peers or self.keeps_channel_of(peer)

    def sees(self, peer: Vertex) -> bool:
        return self.paused is None and peer not in self.awaited


class Segment(NamedTuple):
    start: datetime
    end: datetime
    seen: bool
    up: bool
    there: bool = True
    """Whether the channel's peer is online."""
    inactive: bool = False
    """Whether the source calls it inactive."""

    @property
    def is_unusable(self) -> bool:
        return self.up and self.inactive

    def within(self, start: datetime, end: datetime) -> timedelta:
        """Return the length of the part within a segment."""
        return max(min(self.end, end) - max(self.start, start), ZERO)
