"""The state that a recording's lines add up to: what is open and who is online."""

from __future__ import annotations

import datetime

from ..events import (
    ChannelMovedEvent,
    ClosedChannelEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SnapshotEvent,
)
from ..wire import OutPoint, Vertex


class RecordedState:
    """What is open and who is online after the lines so far, as a store takes them.

    ``last``: the time of the last of them, None before the first snapshot.
    """

    def __init__(self) -> None:
        self.last: datetime.datetime | None = None
        self._started = False
        self._channels: dict[OutPoint, Vertex] = {}
        self._online: dict[Vertex, None] = {}

    def apply(self, event: object, at: datetime.datetime) -> None:
        """Take in one more line."""
        if isinstance(event, MonitoringResumedEvent):
            self._started = True
            self._channels = dict(event.open_channels)
            self._online = dict.fromkeys(event.online_peers)
        elif self.last is None:
            return
        elif isinstance(event, SnapshotEvent):
            self._channels = dict(event.open_channels)
            self._online = dict.fromkeys(event.online_peers)
        elif isinstance(event, MonitoringPausedEvent):
            self._started = False
        elif isinstance(event, PeerOnlineEvent):
            self._online[event.peer] = None
        elif isinstance(event, PeerOfflineEvent):
            self._online.pop(event.peer, None)
        else:
            self._change_channels(event)
        self.last = at

    def beginning(self) -> list[tuple[object, datetime.datetime]]:
        """The events, and their times, with which a recording begins that goes on from here."""
        if self.last is None:
            return []
        channels = [OpenChannel(point, peer) for point, peer in self._channels.items()]
        snapshot = MonitoringResumedEvent(channels, self._online)
        events: list[object] = [snapshot] if self._started else [snapshot, MonitoringPausedEvent()]
        return [(event, self.last) for event in events]

    def _change_channels(self, event: object) -> None:
        channels = self._channels
        if isinstance(event, OpenChannelEvent):
            channels.setdefault(event.channel_point, event.peer)
            return
        assert isinstance(event, (ClosedChannelEvent, ChannelMovedEvent))
        if channels.get(event.channel_point) != event.peer:
            return
        if isinstance(event, ClosedChannelEvent):
            del channels[event.channel_point]
        elif event.new_channel_point not in channels:
            new_points = {event.channel_point: event.new_channel_point}
            self._channels = {new_points.get(each, each): channels[each] for each in channels}
