"""The events of the model of outages, and its knowledge of each peer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chanfitness import ActiveChannelEvent, InactiveChannelEvent, OpenChannel, OutPoint, Vertex
from chanfitness.events import activity


@dataclass(eq=False)
class Told:
    """An event. Each equals itself alone."""

    time: datetime
    item: Any
    number: int = 0  # of the event, from one on


@dataclass
class Peer:
    seen_offline: bool = False  # when last seen
    changes_seen: int = 0  # in a row
    since: tuple[datetime, int] | None = None  # with the number of the seen segment
    had_channel: bool = False
    met: Told | None = None  # the opening with which the peer became known, offline
    transport: str | None = None


class ToldOfChannels:
    """All events, and the open channels with their activity.

    ``goes_on``: a closed channel that comes back continues.
    """

    def __init__(self, *, goes_on: bool) -> None:
        self.told: list[Told] = []
        self.open: dict[OutPoint, Vertex] = {}
        self._active: dict[OutPoint, bool] = {}
        self._goes_on = goes_on

    def _open_all(self, channels: list[OpenChannel]) -> None:
        """Set the open channels."""
        for channel in channels:
            if channel.channel_point not in self.open:
                self._begins(channel.channel_point)
            if channel.active is not None:
                self._active[channel.channel_point] = channel.active
        self.open = dict(channels)

    def _begins(self, point: OutPoint) -> None:
        if not self._goes_on:
            self._active.pop(point, None)

    def _said(self, time: datetime, point: OutPoint, *, active: bool) -> None:
        kind = ActiveChannelEvent if active else InactiveChannelEvent
        self.told.append(Told(time, kind(point)))
        if point in self.open:
            self._active[point] = active

    def _forget_last_activity(self, point: OutPoint) -> None:
        """Set a channel's activity to what the events say that are left."""
        self._active.pop(point, None)
        for told in self.told:
            if told.item in (ActiveChannelEvent(point), InactiveChannelEvent(point)):
                self._active[point] = told.item == ActiveChannelEvent(point)
            for each in getattr(told.item, "open_channels", ()):
                if each[0] == point and activity(each) is not None:
                    self._active[point] = each.active

    def _closing(self, channels: list[OpenChannel]) -> list[OpenChannel]:
        """Return the channels that are missing in a list, but whose close has begun."""
        return [
            OpenChannel(point, peer)
            for point, peer in self.open.items()
            if self._active.get(point) is False and point not in dict(channels)
        ]

    def _news(self, channels: list[OpenChannel]) -> dict[OutPoint, bool]:
        """Return the activity in a list that differs from the known one."""
        return {
            each.channel_point: each.active
            for each in channels
            if each.active is not None and self._active.get(each.channel_point) is not each.active
        }
