"""Notifiers: a daemon publishes its channels and peers, as lnd's ``channelnotifier``
and ``peernotifier`` do.
"""

from __future__ import annotations

from collections.abc import Callable

from .checks import require
from .events import (
    ActiveChannelEvent,
    ClosedChannelEvent,
    InactiveChannelEvent,
    OpenChannelEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
)
from .subscribe import Client, Server
from .wire import OutPoint, Vertex

_MANY = 4096  # peers whose events are kept


class _Events(dict[Vertex, object]):
    """The event of each peer, without a time of its own: made once, since it never changes."""

    def __init__(self, make: Callable[[Vertex], object]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, peer: Vertex) -> object:
        if len(self) >= _MANY:
            self.clear()
        event = self[peer] = self._make(peer)
        return event


class ChannelNotifier(Server[object]):
    """For daemons that know when their channels open, close, and can be used.

    Safe from any thread. Each ``notify_*`` raises ``ShuttingDownError`` after
    ``stop()``; ``send_update(event)`` takes an event with a time of its own.
    """

    def notify_open_channel(self, channel_point: OutPoint, peer: Vertex) -> None:
        """A channel with ``peer`` is open now."""
        _check(channel_point, peer)
        self.send_update(OpenChannelEvent(channel_point, peer))

    def notify_closed_channel(self, channel_point: OutPoint, peer: Vertex) -> None:
        """The channel with ``peer`` is closed now."""
        _check(channel_point, peer)
        self.send_update(ClosedChannelEvent(channel_point, peer))

    def notify_active_channel(self, channel_point: OutPoint) -> None:
        """The channel can be used now."""
        require(channel_point, OutPoint)
        self.send_update(ActiveChannelEvent(channel_point))

    def notify_inactive_channel(self, channel_point: OutPoint) -> None:
        """The channel cannot be used now, whether its peer is online or not."""
        require(channel_point, OutPoint)
        self.send_update(InactiveChannelEvent(channel_point))

    def subscribe_channel_events(self) -> Client[object]:
        """A subscription, as ``Config(subscribe_channel_events=...)`` wants it."""
        return self.subscribe()


class PeerNotifier(Server[object]):
    """For daemons that know when their peers come and go.

    Safe from any thread. Each ``notify_*`` raises ``ShuttingDownError`` after
    ``stop()``; ``send_update(event)`` takes an event with a time of its own.
    """

    def __init__(self) -> None:
        super().__init__()
        self._online = _Events(PeerOnlineEvent)
        self._offline = _Events(PeerOfflineEvent)

    def notify_peer_online(self, peer: Vertex) -> None:
        """``peer`` is online now."""
        if type(peer) is not Vertex:
            require(peer, Vertex)
        self.send_update(self._online[peer])

    def notify_peer_offline(self, peer: Vertex) -> None:
        """``peer`` is offline now."""
        if type(peer) is not Vertex:
            require(peer, Vertex)
        self.send_update(self._offline[peer])

    def subscribe_peer_events(self) -> Client[object]:
        """A subscription, as ``Config(subscribe_peer_events=...)`` wants it."""
        return self.subscribe()


def _check(channel_point: OutPoint, peer: Vertex) -> None:
    require(channel_point, OutPoint)
    require(peer, Vertex)
