"""Conversion of lightningd's record of the past into a backfill event. Pure.

The record has connects and disconnects of peers, but nothing of channels. In filled-in time
an open channel therefore stays open, and is active while its peer is connected, unless its
close has begun by now.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from ...core.overview import Overview
from ...events import (
    ActiveChannelEvent,
    BackfillEvent,
    InactiveChannelEvent,
    MonitoringResumedEvent,
    OpenChannel,
    PeerOfflineEvent,
    PeerOnlineEvent,
)
from ...logs import logged_time
from ...wire import OutPoint, Vertex
from .messages import OPEN, Listing
from .network_events import CONNECT, BrokenRecordError, NetworkEvent


def backfill(
    known: Overview, since: datetime.datetime, recorded: Iterable[NetworkEvent], now: Listing
) -> BackfillEvent:
    """Return the events from ``since`` on; the caller adds a snapshot of the present.

    Args:
        known: The store's overview; the store saw until ``known.seen_until``.
        since: That date, or the later start of lightningd, when no peer was connected.
        recorded: The connects and disconnects from the second of ``since`` on, in order.
        now: lightningd's present lists.

    Raises:
        BrokenRecordError: A connected peer connects again: lightningd was restarted between,
            and the record does not say how long it was away.
    """
    channels = [OpenChannel(each.channel_point, each.peer) for each in known.channels]
    past = _Past(known, since, now)
    begun = MonitoringResumedEvent(channels, [*past.online], since)
    past.begin()
    for event in _without_repeats(recorded, since):
        past.add(event)
    return BackfillEvent(since, [begun, *past.events])


def _without_repeats(
    recorded: Iterable[NetworkEvent], since: datetime.datetime
) -> list[NetworkEvent]:
    """Keep only each peer's last event in the store's last seen second.

    The store may have seen the events of that second.
    """
    events = list(recorded)
    first = {event.peer: event for event in events if event.at <= since}
    return [*first.values(), *(event for event in events if event.at > since)]


class _Past:
    """State of the peers and channels at a past moment; ``events``: the changes up to it."""

    def __init__(self, known: Overview, since: datetime.datetime, now: Listing) -> None:
        ran_on = since == known.seen_until
        self._since = since
        self.online = {info.peer: None for info in known.peers if info.online and ran_on}
        self._channels = {each.channel_point: each.peer for each in known.channels}
        self._active = {each.channel_point: each.active for each in known.channels}
        listed = [each.channel for each in now.channels]
        self._usable_now = {each.channel_point for each in listed if each.active}
        self._closing = {
            each.channel.channel_point for each in now.channels if each.state not in OPEN
        }
        self.events: list[object] = []

    def begin(self) -> None:
        """Set channels active that were inactive while waiting for their reestablishment."""
        for point, peer in self._channels.items():
            if peer in self.online and point in self._usable_now:
                self._set_active(point, True, self._since)

    def add(self, event: NetworkEvent) -> None:
        """Apply an event."""
        at, peer = max(event.at, self._since), event.peer
        comes = event.kind == CONNECT
        if comes is (peer in self.online):
            if comes and event.at > self._since:
                raise BrokenRecordError(f"peer {peer} connected twice, again at {logged_time(at)}")
            return
        if comes:
            self.online[peer] = None
            self.events.append(PeerOnlineEvent(peer, at))
        else:
            del self.online[peer]
            self.events.append(PeerOfflineEvent(peer, at))
        for point in self._points_of(peer):
            if not (comes and point in self._closing):
                self._set_active(point, comes, at)

    def _points_of(self, peer: Vertex) -> list[OutPoint]:
        return [point for point, other in self._channels.items() if other == peer]

    def _set_active(self, point: OutPoint, active: bool, at: datetime.datetime) -> None:
        if self._active[point] is not active and self._active[point] is not None:
            self._active[point] = active
            self.events.append((ActiveChannelEvent if active else InactiveChannelEvent)(point, at))
