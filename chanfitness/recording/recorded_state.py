"""Channels, peers and descriptions after the lines of a recording."""

from __future__ import annotations

import datetime
from typing import Any, TypeVar

from ..events import (
    ActiveChannelEvent,
    ChannelDescribedEvent,
    ChannelMovedEvent,
    ClosedChannelEvent,
    InactiveChannelEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerDescribedEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SnapshotEvent,
    activity,
)
from ..wire import OutPoint, Vertex


class RecordedState:
    """The open channels and online peers after the lines so far, by the rules of a store.

    ``last``: the last line's time; None before the first snapshot. ``sees``: whether
    monitoring is on.
    """

    def __init__(self) -> None:
        self.last: datetime.datetime | None = None
        self.sees = False
        self._channels: dict[OutPoint, Vertex] = {}
        self._active: dict[OutPoint, bool] = {}  # of open channels, where known
        self._online: dict[Vertex, None] = {}
        self._peers: dict[Vertex, PeerDescribedEvent] = {}
        self._descriptions: dict[OutPoint, ChannelDescribedEvent] = {}

    def apply(self, event: object, at: datetime.datetime) -> None:
        """Apply one more line."""
        if isinstance(event, MonitoringResumedEvent):
            self.sees = True
        elif self.last is None:
            return
        self.last = at
        match event:
            case MonitoringResumedEvent() | SnapshotEvent():
                self._set_lists(event)
            case MonitoringPausedEvent():
                self.sees = False
            case PeerOnlineEvent(peer=peer):
                self._online[peer] = None
            case PeerOfflineEvent(peer=peer):
                self._online.pop(peer, None)
                self._forget_unknown_peer(peer)
            case _:
                self._apply_channel_event(event)

    def _apply_channel_event(self, event: object) -> None:
        match event:
            case OpenChannelEvent(channel_point=point, peer=peer):
                self._channels.setdefault(point, peer)
            case ClosedChannelEvent(channel_point=point, peer=peer):
                if self._channels.get(point) == peer:
                    self._close(point)
                    self._forget_unknown_peer(peer)
            case ChannelMovedEvent(channel_point=point, new_channel_point=new, peer=peer):
                if self._channels.get(point) == peer and new not in self._channels:
                    self._move(point, new)
            case _:
                self._apply_description(event)

    def _apply_description(self, event: object) -> None:
        match event:
            case PeerDescribedEvent(peer=peer) if self._is_known(peer):
                self._peers[peer] = _merged(self._peers.get(peer), event)
            case ChannelDescribedEvent(channel_point=point) if point in self._channels:
                self._descriptions[point] = _merged(self._descriptions.get(point), event)
            case (
                ActiveChannelEvent(channel_point=point) | InactiveChannelEvent(channel_point=point)
            ) if point in self._channels:
                self._active[point] = isinstance(event, ActiveChannelEvent)

    def beginning(self) -> list[tuple[object, datetime.datetime]]:
        """Return the first events, with their times, of a recording that continues from here."""
        if self.last is None:
            return []
        events: list[object] = self.snapshot()
        if not self.sees:
            events.append(MonitoringPausedEvent())
        return [(event, self.last) for event in events]

    def snapshot(self) -> list[object]:
        """Return the state as events: the lists, then the descriptions."""
        self._forget_unknown()
        channels = [
            OpenChannel(point, peer, self._active.get(point))
            for point, peer in self._channels.items()
        ]
        return [
            MonitoringResumedEvent(channels, self._online),
            *self._peers.values(),
            *self._descriptions.values(),
        ]

    def _set_lists(self, event: MonitoringResumedEvent | SnapshotEvent) -> None:
        channels = dict(event.open_channels)
        if isinstance(event, SnapshotEvent):  # a missing inactive channel may still be closing
            closing = [point for point, active in self._active.items() if not active]
            channels |= {each: self._channels[each] for each in closing if each not in channels}
        for channel in event.open_channels:
            if self._channels.get(channel[0]) != channel[1]:
                self._close(channel[0])
            active = activity(channel)
            if active is not None:
                self._active[channel[0]] = active
        self._channels = channels
        self._online = dict.fromkeys(event.online_peers)
        self._forget_unknown()

    def _forget_unknown(self) -> None:
        """Drop the descriptions of unknown peers and channels."""
        peers = {*self._online, *self._channels.values()}
        self._peers = {peer: told for peer, told in self._peers.items() if peer in peers}
        for told in (self._active, self._descriptions):
            for point in [point for point in told if point not in self._channels]:
                del told[point]

    def _is_known(self, peer: Vertex) -> bool:
        return peer in self._online or peer in self._channels.values()

    def _forget_unknown_peer(self, peer: Vertex) -> None:
        if peer in self._peers and not self._is_known(peer):
            del self._peers[peer]

    def _close(self, point: OutPoint) -> None:
        self._channels.pop(point, None)
        self._active.pop(point, None)
        self._descriptions.pop(point, None)

    def _move(self, point: OutPoint, new: OutPoint) -> None:
        """Give a channel a new channel point, at its place in the order."""
        self._channels = {
            new if each == point else each: peer for each, peer in self._channels.items()
        }
        if point in self._active:
            self._active[new] = self._active.pop(point)
        if point in self._descriptions:
            told = self._descriptions.pop(point)
            self._descriptions[new] = told._replace(channel_point=new)


_Description = TypeVar("_Description", PeerDescribedEvent, ChannelDescribedEvent)


def _merged(before: _Description | None, event: _Description) -> _Description:
    """Merge two descriptions; a later value replaces an earlier one."""
    if before is None:
        return event
    both: Any = before
    merged: _Description = both._replace(
        **{name: told for name, told in event._asdict().items() if told is not None}
    )
    return merged
