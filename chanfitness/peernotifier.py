"""Publishes peers that come online and go offline, as lnd's ``peernotifier``."""

from __future__ import annotations

from .events import PeerOfflineEvent, PeerOnlineEvent
from .subscribe import Client, Server
from .wire import Vertex


class PeerNotifier(Server[object]):
    """For daemons that know when their peers come and go.

    Safe from any thread. Each ``notify_*`` raises ``ShuttingDownError`` after
    ``stop()``; ``send_update(event)`` takes an event with a time of its own.
    """

    def notify_peer_online(self, peer: Vertex) -> None:
        """``peer`` is online now."""
        self.send_update(PeerOnlineEvent(peer))

    def notify_peer_offline(self, peer: Vertex) -> None:
        """``peer`` is offline now."""
        self.send_update(PeerOfflineEvent(peer))

    def subscribe_peer_events(self) -> Client[object]:
        """A subscription, as ``Config(subscribe_peer_events=...)`` wants it."""
        return self.subscribe()
