"""Description events of lnd's peers and channels, for changes only."""

from __future__ import annotations

from collections.abc import Sequence

from ...events import (
    ChannelDescribedEvent,
    OpenChannelEvent,
    PeerDescribedEvent,
    PeerOnlineEvent,
)
from ...wire import OutPoint, Vertex
from .messages import ListedChannel, ListedPeer


class Descriptions:
    """Makes descriptions of listed channels and peers, and remembers those told."""

    def __init__(self) -> None:
        self._peers: dict[Vertex, PeerDescribedEvent] = {}
        self._channels: dict[OutPoint, ChannelDescribedEvent] = {}

    def note(self, event: object) -> None:
        """Note that ``event`` is put.

        After an online or open event the peer is described again: a store forgets offline
        peers without a channel, and drops descriptions of unknown peers.
        """
        match event:
            case PeerOnlineEvent(peer=peer) | OpenChannelEvent(peer=peer):
                self._peers.pop(peer, None)
            case ChannelDescribedEvent(channel_point=point):
                self._channels[point] = event

    def of_lists(
        self, channels: Sequence[ListedChannel], peers: Sequence[ListedPeer]
    ) -> list[object]:
        """Return new descriptions of listed channels and peers, and forget all others."""
        told = self._channels
        self._channels = {each.channel.channel_point: each.description for each in channels}
        new_of_channels = [
            each for point, each in self._channels.items() if told.get(point) != each
        ]
        new_of_peers = self.of_peers(channels, peers)
        listed = {*(each.channel.peer for each in channels), *(each.peer for each in peers)}
        self._peers = {peer: event for peer, event in self._peers.items() if peer in listed}
        return [*new_of_peers, *new_of_channels]

    def of_peers(
        self, channels: Sequence[ListedChannel], peers: Sequence[ListedPeer]
    ) -> list[PeerDescribedEvent]:
        """Return new descriptions of the peers in both lists."""
        aliases = {each.channel.peer: each.alias for each in channels}
        transports = dict(peers)
        new = []
        for peer in {**aliases, **transports}:
            told = self._peers.get(peer, PeerDescribedEvent(peer))
            event = PeerDescribedEvent(
                peer, aliases.get(peer) or told.alias, transports.get(peer) or told.transport
            )
            if event != told:
                self._peers[peer] = event
                new.append(event)
        return new
