"""Notifiers by which a daemon publishes events, as lnd's ``channelnotifier`` and
``peernotifier``.
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

_MANY = 4096  # peers with a cached event


class _Events(dict[Vertex, object]):
    """Cache of each peer's event, which has no time of its own and so never changes."""

    def __init__(self, make: Callable[[Vertex], object]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, peer: Vertex) -> object:
        if len(self) >= _MANY:
            self.clear()
        event = self[peer] = self._make(peer)
        return event


class ChannelNotifier(Server[object]):
    """Publishes events of channels, for daemons that manage them. Safe from any thread.

    The store dates an event by the call. ``send_update(event)`` also publishes an event with
    its own time ``at``.
    """

    def notify_open_channel(self, channel_point: OutPoint, peer: Vertex) -> None:
        """Publish that a channel is open now.

        Args:
            channel_point: The channel.
            peer: The channel's peer.

        Raises:
            TypeError: An argument has the wrong type.
            ShuttingDownError: The notifier has stopped.
        """
        _check(channel_point, peer)
        self.send_update(OpenChannelEvent(channel_point, peer))

    def notify_closed_channel(self, channel_point: OutPoint, peer: Vertex) -> None:
        """Publish that a channel is closed now.

        Args:
            channel_point: The channel.
            peer: The channel's peer.

        Raises:
            TypeError: An argument has the wrong type.
            ShuttingDownError: The notifier has stopped.
        """
        _check(channel_point, peer)
        self.send_update(ClosedChannelEvent(channel_point, peer))

    def notify_active_channel(self, channel_point: OutPoint) -> None:
        """Publish that a channel can be used now.

        Args:
            channel_point: The channel.

        Raises:
            TypeError: The argument is no ``OutPoint``.
            ShuttingDownError: The notifier has stopped.
        """
        require(channel_point, OutPoint)
        self.send_update(ActiveChannelEvent(channel_point))

    def notify_inactive_channel(self, channel_point: OutPoint) -> None:
        """Publish that a channel cannot be used now, whether its peer is online or not.

        Args:
            channel_point: The channel.

        Raises:
            TypeError: The argument is no ``OutPoint``.
            ShuttingDownError: The notifier has stopped.
        """
        require(channel_point, OutPoint)
        self.send_update(InactiveChannelEvent(channel_point))

    def subscribe_channel_events(self) -> Client[object]:
        """Subscribe; for ``Config(subscribe_channel_events=...)``.

        Returns:
            A new client.

        Raises:
            ShuttingDownError: The notifier has stopped.
        """
        return self.subscribe()


class PeerNotifier(Server[object]):
    """Publishes events of peers, for daemons that connect to them. Safe from any thread.

    The store dates an event by the call. ``send_update(event)`` also publishes an event with
    its own time ``at``.
    """

    def __init__(self) -> None:
        super().__init__()
        self._online = _Events(PeerOnlineEvent)
        self._offline = _Events(PeerOfflineEvent)

    def notify_peer_online(self, peer: Vertex) -> None:
        """Publish that a peer is online now.

        Args:
            peer: The peer.

        Raises:
            TypeError: The argument is no ``Vertex``.
            ShuttingDownError: The notifier has stopped.
        """
        if type(peer) is not Vertex:
            require(peer, Vertex)
        self.send_update(self._online[peer])

    def notify_peer_offline(self, peer: Vertex) -> None:
        """Publish that a peer is offline now.

        Args:
            peer: The peer.

        Raises:
            TypeError: The argument is no ``Vertex``.
            ShuttingDownError: The notifier has stopped.
        """
        if type(peer) is not Vertex:
            require(peer, Vertex)
        self.send_update(self._offline[peer])

    def subscribe_peer_events(self) -> Client[object]:
        """Subscribe; for ``Config(subscribe_peer_events=...)``.

        Returns:
            A new client.

        Raises:
            ShuttingDownError: The notifier has stopped.
        """
        return self.subscribe()


def _check(channel_point: OutPoint, peer: Vertex) -> None:
    require(channel_point, OutPoint)
    require(peer, Vertex)
