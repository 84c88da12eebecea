"""A fake node, for the tests of programs that use chanfitness.

::

    def test_uptime():
        with FakeNode() as node:
            channel = node.open_channel(node.new_peer(online=True))
            node.advance(hours=3)
            node.peer_offline(channel.peer)
            node.advance(hours=1)
            assert node.store.get_chan_info(*channel).uptime_ratio == 0.75

No barrier and no sleep is needed anywhere: an answer depends on what was put
before it and on the clock alone.
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
    """A node that does what a test says, and a store that watches it.

    ``clock`` is a :class:`~chanfitness.clock.ManualClock`, ``channel_notifier`` and
    ``peer_notifier`` publish to ``store``, and ``config`` makes more stores of
    the same node. As a context manager it starts and stops ``store``; what
    happens before the start is in the store's first snapshot. ``history`` and
    ``storage`` as in :class:`~chanfitness.Config`.

    For one thread (the store it has is for any).
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

    def __enter__(self) -> Self:
        self.store.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.store.stop()

    def advance(self, **by: float) -> None:
        """Move the clock on, by what ``timedelta`` takes: ``advance(hours=1)``."""
        self.clock.advance(datetime.timedelta(**by))

    def new_peer(self, *, online: bool = False) -> Vertex:
        """A peer that was not there before: the first, second, ... of this node."""
        self._peers += 1
        peer = Vertex(b"\x02" + self._peers.to_bytes(32, "big"))
        if online:
            self.peer_online(peer)
        return peer

    def open_channel(self, peer: Vertex, channel_point: OutPoint | None = None) -> OpenChannel:
        """Open a channel with ``peer``: a new one, or a given one."""
        channel = OpenChannel(channel_point or self._new_point(), peer)
        self._open_channels[channel.channel_point] = channel
        self.channel_notifier.notify_open_channel(*channel)
        return channel

    def move_channel(
        self, channel: OpenChannel, channel_point: OutPoint | None = None
    ) -> OpenChannel:
        """Move a channel to a new channel point, as a splice does."""
        before = self._open_channels.pop(channel.channel_point)
        moved = OpenChannel(channel_point or self._new_point(), channel.peer, before.active)
        self._open_channels[moved.channel_point] = moved
        self.channel_notifier.send_update(ChannelMovedEvent(channel.channel_point, *moved))
        return moved

    def close_channel(self, channel: OpenChannel) -> None:
        """Close a channel that :meth:`open_channel` opened."""
        del self._open_channels[channel.channel_point]
        self.channel_notifier.notify_closed_channel(*channel)

    def channel_active(self, channel: OpenChannel) -> None:
        """A channel can be used."""
        self._set_active(channel, True)
        self.channel_notifier.notify_active_channel(channel.channel_point)

    def channel_inactive(self, channel: OpenChannel) -> None:
        """A channel cannot be used, whether its peer is online or not."""
        self._set_active(channel, False)
        self.channel_notifier.notify_inactive_channel(channel.channel_point)

    def _set_active(self, channel: OpenChannel, active: bool) -> None:
        self._open_channels[channel.channel_point] = OpenChannel(*channel, active)

    def describe_peer(
        self, peer: Vertex, *, alias: str | None = None, transport: str | None = None
    ) -> None:
        """Tell of a peer, as :class:`~chanfitness.PeerDescribedEvent` does."""
        self.peer_notifier.send_update(PeerDescribedEvent(peer, alias, transport))

    def describe_channel(
        self,
        channel: OpenChannel,
        *,
        short_channel_id: str | None = None,
        capacity: int | None = None,
        private: bool | None = None,
    ) -> None:
        """Tell of a channel, as :class:`~chanfitness.ChannelDescribedEvent` does."""
        self.channel_notifier.send_update(
            ChannelDescribedEvent(channel.channel_point, short_channel_id, capacity, private)
        )

    def _new_point(self) -> OutPoint:
        self._channels += 1
        return OutPoint(f"{self._channels:064x}", 0)

    def peer_online(self, peer: Vertex) -> None:
        """``peer`` connects."""
        self._online.add(peer)
        self.peer_notifier.notify_peer_online(peer)

    def peer_offline(self, peer: Vertex) -> None:
        """``peer`` disconnects."""
        self._online.discard(peer)
        self.peer_notifier.notify_peer_offline(peer)
