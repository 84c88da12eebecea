"""A fake node for tests of programs that use chanfitness.

::

    def test_uptime():
        with FakeNode() as node:
            channel = node.open_channel(node.new_peer(online=True))
            node.advance(hours=3)
            node.peer_offline(channel.peer)
            node.advance(hours=1)
            assert node.store.get_chan_info(*channel).uptime_ratio == 0.75

Tests need no barrier and no sleep: an answer depends only on the events put before it and
on the clock.
"""

from __future__ import annotations

import datetime

from typing_extensions import Self

from .clock import ManualClock
from .config import Config
from .events import ChannelDescribedEvent, ChannelMovedEvent, OpenChannel, PeerDescribedEvent
from .notifiers import ChannelNotifier, PeerNotifier
from .storage.sqlite import SqliteStorage
from .store import ChannelEventStore
from .wire import OutPoint, Vertex


class FakeNode:
    """A scripted node, and a store that watches it.

    As a context manager it starts and stops ``store``. Channels and peers of before the start
    are in the store's first snapshot. Not thread-safe (``store`` is).

    ``clock``: the store's clock. ``channel_notifier``, ``peer_notifier``: publish to ``store``.
    ``config``: the store's, to make more stores of the same node.

    Args:
        clock: The clock; None: a new one.
        history: As in :class:`~chanfitness.Config`.
        storage: As in :class:`~chanfitness.Config`.
    """

    def __init__(
        self,
        clock: ManualClock | None = None,
        *,
        history: datetime.timedelta | None = None,
        storage: SqliteStorage | None = None,
    ) -> None:
        self.clock = ManualClock() if clock is None else clock
        self.channel_notifier = ChannelNotifier()
        self.peer_notifier = PeerNotifier()
        self._open_channels: dict[OutPoint, OpenChannel] = {}
        self._online: set[Vertex] = set()
        self._peers = self._channels = 0
        self.config = Config(
            subscribe_channel_events=self.channel_notifier.subscribe_channel_events,
            subscribe_peer_events=self.peer_notifier.subscribe_peer_events,
            get_open_channels=lambda: list(self._open_channels.values()),
            is_peer_online=lambda peer: peer in self._online,
            clock=self.clock,
            history=history,
            storage=storage,
        )
        self.store = ChannelEventStore(self.config)

    def __repr__(self) -> str:
        channels, peers = len(self._open_channels), len(self._online)
        return f"<FakeNode, open channels: {channels}, peers online: {peers}>"

    def __enter__(self) -> Self:
        self.store.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.store.stop()

    def advance(self, **by: float) -> None:
        """Advance the clock, by arguments of ``timedelta``: ``advance(hours=1)``."""
        self.clock.advance(datetime.timedelta(**by))

    def new_peer(self, *, online: bool = False) -> Vertex:
        """Return the key of a new peer.

        Args:
            online: Whether it connects at once.
        """
        self._peers += 1
        peer = Vertex(b"\x02" + self._peers.to_bytes(32, "big"))
        if online:
            self.peer_online(peer)
        return peer

    def open_channel(self, peer: Vertex, channel_point: OutPoint | None = None) -> OpenChannel:
        """Open a channel and return it.

        Args:
            peer: The node at the other end.
            channel_point: The channel's funding output; None: a new one.
        """
        channel = OpenChannel(channel_point or self._new_point(), peer)
        self._open_channels[channel.channel_point] = channel
        self.channel_notifier.notify_open_channel(*channel)
        return channel

    def move_channel(
        self, channel: OpenChannel, channel_point: OutPoint | None = None
    ) -> OpenChannel:
        """Move a channel to another channel point, as a splice does, and return it.

        Args:
            channel: An open channel of this node.
            channel_point: Its next channel point; None: a new one.

        Raises:
            KeyError: The channel is not open.
        """
        before = self._open_channels.pop(channel.channel_point)
        moved = OpenChannel(channel_point or self._new_point(), channel.peer, before.active)
        self._open_channels[moved.channel_point] = moved
        self.channel_notifier.send_update(ChannelMovedEvent(channel.channel_point, *moved))
        return moved

    def close_channel(self, channel: OpenChannel) -> None:
        """Close a channel.

        Raises:
            KeyError: The channel is not open.
        """
        del self._open_channels[channel.channel_point]
        self.channel_notifier.notify_closed_channel(*channel)

    def channel_active(self, channel: OpenChannel) -> None:
        """Make a channel usable."""
        self._set_active(channel, True)
        self.channel_notifier.notify_active_channel(channel.channel_point)

    def channel_inactive(self, channel: OpenChannel) -> None:
        """Make a channel unusable, whether its peer is online or not."""
        self._set_active(channel, False)
        self.channel_notifier.notify_inactive_channel(channel.channel_point)

    def _set_active(self, channel: OpenChannel, active: bool) -> None:
        self._open_channels[channel.channel_point] = OpenChannel(*channel, active)

    def describe_peer(
        self, peer: Vertex, *, alias: str | None = None, transport: str | None = None
    ) -> None:
        """Publish a :class:`~chanfitness.PeerDescribedEvent`, with its arguments and errors."""
        self.peer_notifier.send_update(PeerDescribedEvent(peer, alias, transport))

    def describe_channel(
        self,
        channel: OpenChannel,
        *,
        short_channel_id: str | None = None,
        capacity: int | None = None,
        private: bool | None = None,
    ) -> None:
        """Publish a :class:`~chanfitness.ChannelDescribedEvent`, with its arguments and errors."""
        self.channel_notifier.send_update(
            ChannelDescribedEvent(channel.channel_point, short_channel_id, capacity, private)
        )

    def _new_point(self) -> OutPoint:
        self._channels += 1
        return OutPoint(f"{self._channels:064x}", 0)

    def peer_online(self, peer: Vertex) -> None:
        """Connect ``peer``."""
        self._online.add(peer)
        self.peer_notifier.notify_peer_online(peer)

    def peer_offline(self, peer: Vertex) -> None:
        """Disconnect ``peer``."""
        self._online.discard(peer)
        self.peer_notifier.notify_peer_offline(peer)
