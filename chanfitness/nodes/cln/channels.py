"""Channel states of a lightningd, and the events of their changes. Pure.

A channel is open from ``CHANNELD_NORMAL`` until its close is confirmed. lightningd names it
by a ``channel_id``, which a splice keeps, though it gives the channel a new channel point.
Notifications lack the channel point, so some need a listing.

A channel is active once both ends have reestablished it, until its close begins or its peer
disconnects. Only a listing tells that it was reestablished.
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

    ``ids``: the last seen channel points by channel id.
    """

    def __init__(self, ids: Mapping[str, OutPoint]) -> None:
        self._ids = dict(ids)
        self._names = Names(ids)
        self._open: dict[str, OpenChannel] = {}
        self._unnamed: set[str] = set()  # open channels without a short channel id so far
        self._strange: set[str] = set()  # unknown states that were logged

    def __len__(self) -> int:
        return len(self._open)

    @property
    def ids(self) -> dict[str, OutPoint]:
        """The channel points by channel id."""
        return dict(self._ids)

    @property
    def names(self) -> dict[str, OutPoint]:
        """The channel points by every name of their channels, closed ones too."""
        return self._names.points()

    @property
    def peers(self) -> list[Vertex]:
        """The peers with an open channel, each once."""
        return list(dict.fromkeys(channel.peer for channel in self._open.values()))

    def point(self, channel_id: str) -> OutPoint | None:
        """Return the channel point of an open channel, or None."""
        channel = self._open.get(channel_id)
        return None if channel is None else channel.channel_point

    def lacks_short_id(self, peer: Vertex) -> bool:
        """Return whether an open channel with this peer has no short channel id so far."""
        return any(self._open[channel_id].peer == peer for channel_id in self._unnamed)

    def connected(self, peer: Vertex) -> None:
        """Forget whether a peer's channels are active, so that the next listing is always told."""
        for channel_id in self._of(peer):
            self._open[channel_id] = OpenChannel(*self._open[channel_id])

    def disconnected(self, peer: Vertex, at: datetime.datetime) -> list[Event]:
        """Return the events of a disconnect: the peer's active channels become inactive."""
        active = [channel_id for channel_id in self._of(peer) if self._open[channel_id].active]
        return [event for channel_id in active for event in self._became(False, channel_id, at)]

    def relisted(self, listed: Iterable[Listed], at: datetime.datetime) -> list[Event]:
        """Note names of listed open channels, and return the changes of their activity.

        ``at``: when the listing came. Opens, moves and closes are left to notifications.
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
        """Return the snapshot event of a listing, between unseen moves and confirmed closes.

        ``asked``: when it was asked for. ``remembered``: the channels that were open when
        the store saw last.
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
                self._forget(each.channel_id)
                if was_open:
                    channels.append(each.channel)
                    closed.append(ClosedChannelEvent(point, peer))
        return [*moved, kind(channels, listing.online, asked), *closed]

    def needs_listing(self, change: StateChange) -> bool:
        """Return whether a change of state needs a listing to become an event."""
        is_open = change.state in OPEN or change.state in CLOSING
        return is_open and (change.state == NORMAL or change.channel_id not in self._open)

    def take(
        self, change: StateChange, at: datetime.datetime, listed: Sequence[Listed] = ()
    ) -> list[Event]:
        """Return the events of a change of state; ``listed``: its peer's channels, if needed."""
        known = self._open.get(change.channel_id)
        if known is not None and change.short_id is not None:
            self._names.note_short_id(change.channel_id, change.short_id)
            self._unnamed.discard(change.channel_id)
        if change.state in CLOSED:
            if known is None:
                return []
            self._forget(change.channel_id)
            return [ClosedChannelEvent(*known, at)]
        self._check_state(change.state)
        if not self.needs_listing(change):
            is_closing = known is not None and change.state in CLOSING
            return self._became(False, change.channel_id, at) if is_closing else []
        for each in listed:
            if each.channel_id == change.channel_id:
                return self._found(change, each, at)
        logger.warning(
            "lightningd does not list channel %s: its change is ignored", change.channel_id
        )
        return []

    def _found(self, change: StateChange, listed: Listed, at: datetime.datetime) -> list[Event]:
        known = self._open.get(change.channel_id)
        if known is None and change.state != NORMAL and not listed.was_open:
            return []  # it closes, but never opened
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
        """Note a channel's activity, unless None, and return the event of a change."""
        point, peer = channel = self._open[channel_id]
        if active is None or active is channel.active:
            return []
        self._open[channel_id] = OpenChannel(point, peer, active)
        return [(ActiveChannelEvent if active else InactiveChannelEvent)(point, at)]

    def _of(self, peer: Vertex) -> list[str]:
        """Return the channel ids of the open channels with one peer."""
        return [name for name, channel in self._open.items() if channel.peer == peer]

    def _names_of(self, points: set[OutPoint]) -> dict[str, OutPoint]:
        """Return the channel points by channel id, or by the id derived from the funding."""
        unnamed = points.difference(self._ids.values())
        names = {name: point for point in unnamed if (name := first_generation_id(point))}
        return names | self._ids

    def _is_open(self, listed: Listed, was_open: bool) -> bool:
        self._check_state(listed.state)
        if listed.state in CLOSING or listed.state not in _KNOWN_STATES:
            return was_open or listed.was_open
        return listed.state in OPEN

    def _check_state(self, state: str) -> None:
        if state not in _KNOWN_STATES and state not in self._strange and len(self._strange) < 100:
            self._strange.add(state)
            logger.warning("a channel has an unknown state: %s: it stays as it was", quoted(state))

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
