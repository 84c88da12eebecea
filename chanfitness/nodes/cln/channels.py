"""Which channels of a lightningd are open and active, and what its words mean as events.

A channel is open from ``CHANNELD_NORMAL`` until its close is confirmed. lightningd
names it by a ``channel_id``, which stays, where a splice gives it a new channel
point. No notification has the channel point, so for some a listing is needed.

A channel is active while both ends have reestablished it, until its close begins. Of
that no notification tells: a listing does, and a ``disconnect`` ends it. Pure.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence

from ...checks import quoted
from ...events import (
    ActiveChannelEvent,
    ChannelMovedEvent,
    ClosedChannelEvent,
    InactiveChannelEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    SnapshotEvent,
)
from ...logs import Log
from ...wire import OutPoint, Vertex
from .messages import (
    CLOSED,
    CLOSING,
    NORMAL,
    NOT_YET_OPEN,
    OPEN,
    Listed,
    Listing,
    StateChange,
    first_generation_id,
)
from .names import Names

logger = Log(__name__)

Event = (
    ActiveChannelEvent
    | ChannelMovedEvent
    | ClosedChannelEvent
    | InactiveChannelEvent
    | MonitoringResumedEvent
    | OpenChannelEvent
    | SnapshotEvent
)
_KNOWN_STATES = NOT_YET_OPEN | OPEN | CLOSING | CLOSED


class Channels:
    """The channels of one lightningd. Not thread-safe.

    ``ids``: which channel point each channel had when it was last seen.
    """

    def __init__(self, ids: Mapping[str, OutPoint]) -> None:
        self._ids = dict(ids)
        self._names = Names(ids)
        self._open: dict[str, OpenChannel] = {}
        self._unnamed: set[str] = set()  # open, and without a short channel id so far
        self._strange: set[str] = set()  # states that were wondered at

    def __len__(self) -> int:
        return len(self._open)

    @property
    def ids(self) -> dict[str, OutPoint]:
        """Which channel point each channel has."""
        return dict(self._ids)

    @property
    def names(self) -> dict[str, OutPoint]:
        """The channel point that each name of a channel leads to, also of a closed one."""
        return self._names.points()

    @property
    def peers(self) -> list[Vertex]:
        """The peers that have an open channel, each once."""
        return list(dict.fromkeys(channel.peer for channel in self._open.values()))

    def point(self, channel_id: str) -> OutPoint | None:
        """The channel point of an open channel."""
        channel = self._open.get(channel_id)
        return None if channel is None else channel.channel_point

    def lacks_short_id(self, peer: Vertex) -> bool:
        """Whether an open channel with this peer has no short channel id so far."""
        return any(self._open[channel_id].peer == peer for channel_id in self._unnamed)

    def connected(self, peer: Vertex) -> None:
        """Take it that nothing is known of whether the channels of a peer are active.

        So the listing after it is told, also where it says what was told before.
        """
        for channel_id in self._of(peer):
            self._open[channel_id] = OpenChannel(*self._open[channel_id])

    def disconnected(self, peer: Vertex, at: datetime.datetime) -> list[Event]:
        """What becomes of the active channels of a peer that goes."""
        active = [channel_id for channel_id in self._of(peer) if self._open[channel_id].active]
        return [event for channel_id in active for event in self._became(False, channel_id, at)]

    def relisted(self, listed: Iterable[Listed], at: datetime.datetime) -> list[Event]:
        """Note names of open channels that are listed, and tell which became active or inactive.

        ``at``: when the listing came. What opens, moves or closes is left to notifications.
        """
        events: list[Event] = []
        for each in listed:
            if self._open.get(each.channel_id) == each.channel:
                self._note_names(each)
                events += self._became(each.channel.active, each.channel_id, at)
        return events

    def snapshot(
        self,
        kind: type[MonitoringResumedEvent | SnapshotEvent],
        listing: Listing,
        asked: datetime.datetime,
        remembered: Iterable[OpenChannel],
    ) -> list[Event]:
        """A snapshot event of a listing, and what else it tells.

        ``asked``: when it was asked for. ``remembered``: what was open when it was last
        seen. First come the moves that nobody saw, last the closes that were confirmed
        meanwhile.
        """
        points = {channel.channel_point for channel in remembered}
        known = self._names_of(points)
        moved: list[Event] = []
        closed: list[Event] = []
        channels = []
        for each in listing.channels:
            self._names.note(each)
            (point, peer), before = each.channel, known.get(each.channel_id)
            if before is not None and before != point and point not in points:
                moved.append(ChannelMovedEvent(before, point, peer))
            was_open = point in points or before in points
            if self._is_open(each, was_open):
                channels.append(each.channel)
                self._add(each)
                self._became(each.channel.active, each.channel_id, asked)
            elif each.state in CLOSED:
                self._forget(each.channel_id)  # though it may be listed twice
                if was_open:
                    channels.append(each.channel)
                    closed.append(ClosedChannelEvent(point, peer))
        return [*moved, kind(channels, listing.online, asked), *closed]

    def needs_listing(self, change: StateChange) -> bool:
        """Whether it takes a listing to tell what a change means."""
        is_open = change.state in OPEN or change.state in CLOSING
        return is_open and (change.state == NORMAL or change.channel_id not in self._open)

    def take(
        self, change: StateChange, at: datetime.datetime, listed: Sequence[Listed] = ()
    ) -> list[Event]:
        """What a change of state means; ``listed``: the channels of its peer, if needed."""
        known = self._open.get(change.channel_id)
        if known is not None and change.short_id is not None:
            self._names.note_short_id(change.channel_id, change.short_id)
            self._unnamed.discard(change.channel_id)
        if change.state in CLOSED:
            if known is None:
                return []
            self._forget(change.channel_id)
            return [ClosedChannelEvent(*known, at)]
        self._wonder_at(change.state)
        if not self.needs_listing(change):
            is_closing = known is not None and change.state in CLOSING
            return self._became(False, change.channel_id, at) if is_closing else []
        for each in listed:
            if each.channel_id == change.channel_id:
                return self._found(change, each, at)
        logger.warning("lightningd tells of a channel that it does not list: %s", change.channel_id)
        return []

    def _found(self, change: StateChange, listed: Listed, at: datetime.datetime) -> list[Event]:
        known = self._open.get(change.channel_id)
        if known is None and change.state != NORMAL and not listed.was_open:
            return []  # it closes without ever having opened
        self._add(listed._replace(short_id=change.short_id or listed.short_id))
        (point, peer) = listed.channel
        events: list[Event] = []
        if known is None:
            events = [OpenChannelEvent(point, peer, at)]
        elif known.channel_point != point:
            events = [ChannelMovedEvent(known.channel_point, point, peer, at)]
        active = False if change.state in CLOSING else listed.channel.active
        return events + self._became(active, change.channel_id, at)

    def _became(self, active: bool | None, channel_id: str, at: datetime.datetime) -> list[Event]:
        """Note whether a channel is active, which None leaves, and tell it if it is news."""
        point, peer = channel = self._open[channel_id]
        if active is None or active is channel.active:
            return []
        self._open[channel_id] = OpenChannel(point, peer, active)
        return [(ActiveChannelEvent if active else InactiveChannelEvent)(point, at)]

    def _of(self, peer: Vertex) -> list[str]:
        """The channel ids of the open channels with one peer."""
        return [name for name, channel in self._open.items() if channel.peer == peer]

    def _names_of(self, points: set[OutPoint]) -> dict[str, OutPoint]:
        """The channel points by channel id; where that is not known, by what it would be."""
        unnamed = points.difference(self._ids.values())
        names = {name: point for point in unnamed if (name := first_generation_id(point))}
        return names | self._ids

    def _is_open(self, listed: Listed, was_open: bool) -> bool:
        self._wonder_at(listed.state)
        if listed.state in CLOSING or listed.state not in _KNOWN_STATES:
            return was_open or listed.was_open
        return listed.state in OPEN

    def _wonder_at(self, state: str) -> None:
        if state not in _KNOWN_STATES and state not in self._strange and len(self._strange) < 100:
            self._strange.add(state)
            logger.warning("a channel is in a state that is not known: %s", quoted(state))

    def _add(self, listed: Listed) -> None:
        known = self._open.get(listed.channel_id)
        active = None if known is None else known.active  # a splice keeps it
        self._open[listed.channel_id] = OpenChannel(*listed.channel, active)
        self._ids[listed.channel_id] = listed.channel.channel_point
        self._note_names(listed)

    def _note_names(self, listed: Listed) -> None:
        self._names.note(listed)
        self._unnamed.discard(listed.channel_id)
        if listed.short_id is None:
            self._unnamed.add(listed.channel_id)

    def _forget(self, channel_id: str) -> None:
        self._open.pop(channel_id, None)
        self._ids.pop(channel_id, None)
        self._unnamed.discard(channel_id)
