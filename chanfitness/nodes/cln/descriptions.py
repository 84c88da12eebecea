"""Description events of a lightningd's peers and channels, for changes only. Pure.

A ``connect`` has the peer's address and direction. For peers connected earlier,
``listpeers`` has the address alone.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeVar

from ...events import ChannelDescribedEvent, PeerDescribedEvent
from ...wire import OutPoint, Vertex
from ..transports import transport_of
from .messages import Connection, Listed

K = TypeVar("K")
T = TypeVar("T")

Event = ChannelDescribedEvent | PeerDescribedEvent


class _Peer(NamedTuple):
    alias: str | None = None
    transport: str | None = None


class _Channel(NamedTuple):
    short_id: str | None = None
    capacity: int | None = None
    private: bool | None = None


class Descriptions:
    """The descriptions told so far. Events get the time ``at``. Not thread-safe."""

    def __init__(self) -> None:
        self._peers: dict[Vertex, _Peer] = {}
        self._channels: dict[OutPoint, _Channel] = {}
        self._connected: set[Vertex] = set()  # peers whose connect told the transport

    def connected(self, connection: Connection, at: datetime.datetime) -> list[Event]:
        """Return the description of a connected peer."""
        peer, address, inbound = connection
        if address is None:
            self._connected.discard(peer)
            return []
        self._connected.add(peer)
        return self._peer(peer, at, transport=transport_of(address, inbound))

    def disconnected(self, peer: Vertex) -> None:
        """Forget how a peer was connected."""
        self._connected.discard(peer)

    def disconnected_all(self) -> None:
        """Forget how all peers were connected: they may have reconnected unseen."""
        self._connected.clear()

    def forget(self, peer: Vertex) -> None:
        """Forget the description told of a peer."""
        self._peers.pop(peer, None)

    def keep(self, channels: Iterable[OutPoint], peers: Iterable[Vertex]) -> None:
        """Forget the descriptions of all other channels and peers."""
        self._channels = _only(self._channels, channels)
        self._peers = _only(self._peers, peers)

    def listed_peers(self, addresses: Mapping[Vertex, str], at: datetime.datetime) -> list[Event]:
        """Return descriptions of listed peers, except those described by a ``connect``."""
        return [
            event
            for peer, address in addresses.items()
            if peer not in self._connected
            for event in self._peer(peer, at, transport=transport_of(address, None))
        ]

    def alias(self, peer: Vertex, alias: str, at: datetime.datetime) -> list[Event]:
        """Return the description of a peer's alias."""
        return self._peer(peer, at, alias=alias)

    def listed_channel(self, listed: Listed, at: datetime.datetime) -> list[Event]:
        """Return the description of a listed open channel."""
        point = listed.channel.channel_point
        return self._channel(point, at, _Channel(listed.short_id, listed.capacity, listed.private))

    def short_id(self, point: OutPoint, short_id: str | None, at: datetime.datetime) -> list[Event]:
        """Return the description of an open channel's short channel id."""
        return self._channel(point, at, _Channel(short_id))

    def _peer(
        self,
        peer: Vertex,
        at: datetime.datetime,
        alias: str | None = None,
        transport: str | None = None,
    ) -> list[Event]:
        told = self._peers.get(peer, _Peer())
        news = _Peer(_news(alias, told.alias), _news(transport, told.transport))
        if news == _Peer():
            return []
        self._peers[peer] = _Peer(_known(alias, told.alias), _known(transport, told.transport))
        return [PeerDescribedEvent(peer, *news, at=at)]

    def _channel(self, point: OutPoint, at: datetime.datetime, new: _Channel) -> list[Event]:
        told = self._channels.get(point, _Channel())
        news = _Channel(
            _news(new.short_id, told.short_id),
            _news(new.capacity, told.capacity),
            _news(new.private, told.private),
        )
        if news == _Channel():
            return []
        self._channels[point] = _Channel(
            _known(new.short_id, told.short_id),
            _known(new.capacity, told.capacity),
            _known(new.private, told.private),
        )
        return [ChannelDescribedEvent(point, *news, at=at)]


def _news(new: T | None, told: T | None) -> T | None:
    return None if new == told else new


def _known(new: T | None, told: T | None) -> T | None:
    return told if new is None else new


def _only(told: dict[K, T], keys: Iterable[K]) -> dict[K, T]:
    return {key: told[key] for key in keys if key in told}
