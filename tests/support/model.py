"""A model of a store that forgets nothing: slow, and simple to verify.

It keeps every item for ever, questions among them. It has no totals: each answer is a sum over
all items. The package keeps totals and no items, so that the two hardly share a mistake.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import accumulate, pairwise
from typing import NamedTuple

from chanfitness import (
    ChannelInfo,
    ChannelNotFoundError,
    ClosedChannelEvent,
    OpenChannelEvent,
    OutPoint,
    PeerNotFoundError,
    PeerOfflineEvent,
    PeerOnlineEvent,
    Reading,
    Vertex,
)

Event = OpenChannelEvent | ClosedChannelEvent | PeerOnlineEvent | PeerOfflineEvent

ZERO = timedelta(0)


class _Item(NamedTuple):
    time: timedelta
    """In the clock's ``seen`` time; it may be before the previous item."""
    event: Event | None
    """None for the snapshot and for questions."""


class Model:
    """The answers of a store with the same events in the same order."""

    def __init__(self, start: Reading) -> None:
        """``start``: when the store takes its snapshot, the first item."""
        self._items: list[_Item] = [_Item(start.seen, None)]

    def put(self, event: Event | None, moment: Reading) -> None:
        """Put an event, or None for a question, at ``moment``."""
        late = ZERO
        if event is not None and event.at is not None:
            late = max(moment.utc - event.at, ZERO)
        self._items.append(_Item(moment.seen - late, event))

    def ask(self, point: OutPoint, peer: Vertex, moment: Reading) -> ChannelInfo | type[Exception]:
        """Return the answer, or the type of the error."""
        self.put(None, moment)
        opening = self._opening(point)
        if opening is not None and self._opened_with(opening)[1] == peer:
            return self._info(opening)
        return ChannelNotFoundError if self._is_known(peer) else PeerNotFoundError

    def list_all(self, moment: Reading) -> list[ChannelInfo]:
        """Return every open channel, in order of opening."""
        self.put(None, moment)
        return [self._info(opening) for opening in self._openings()]

    def _opened_with(self, index: int) -> tuple[OutPoint, Vertex]:
        event = self._items[index].event
        assert isinstance(event, OpenChannelEvent)
        return event.channel_point, event.peer

    def _openings(self) -> list[int]:
        """Return the items that opened the present channels."""
        points = {
            item.event.channel_point
            for item in self._items
            if isinstance(item.event, OpenChannelEvent)
        }
        openings = (self._opening(point) for point in points)
        return sorted(opening for opening in openings if opening is not None)

    def _opening(self, point: OutPoint) -> int | None:
        """Return the item that opened this channel, if it is open."""
        opening: int | None = None
        for index, (_, event) in enumerate(self._items):
            if isinstance(event, OpenChannelEvent):
                if event.channel_point == point and opening is None:
                    opening = index
            elif (
                isinstance(event, ClosedChannelEvent)
                and opening is not None
                and (event.channel_point, event.peer) == self._opened_with(opening)
            ):
                opening = None
        return opening

    def _online(self, peer: Vertex) -> list[bool]:
        """Return whether the peer was online, after each item."""
        after: list[bool] = []
        for _, event in self._items:
            if isinstance(event, PeerOnlineEvent) and event.peer == peer:
                after.append(True)
            elif isinstance(event, PeerOfflineEvent) and event.peer == peer:
                after.append(False)
            else:
                after.append(after[-1] if after else False)
        return after

    def _is_known(self, peer: Vertex) -> bool:
        has_channel = any(self._opened_with(opening)[1] == peer for opening in self._openings())
        return has_channel or self._online(peer)[-1]

    def _info(self, opening: int) -> ChannelInfo:
        point, peer = self._opened_with(opening)
        times = list(accumulate((item.time for item in self._items), max))  # never decreasing
        gaps = [later - earlier for earlier, later in pairwise(times)]
        up = self._online(peer)
        return ChannelInfo(
            point,
            peer,
            lifetime=sum(gaps[opening:], ZERO),
            uptime=sum((gaps[index] for index in range(opening, len(gaps)) if up[index]), ZERO),
        )
