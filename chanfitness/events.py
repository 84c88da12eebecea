"""Channel, peer and monitoring events: the input of a store.

Events are immutable values. ``at`` is the time of the event, an aware datetime; without
it, the store's clock dates the event when it is put. A naive ``at`` raises ``ValueError``,
any other type ``TypeError``. For speed, channel points and peers are not checked here:
the loop logs an event that it cannot handle.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from typing_extensions import Self, final

from .checks import quoted, require_aware
from .wire import OutPoint, Vertex

_new_tuple = tuple.__new__
_AT = "an event's `at`"

TRANSPORTS = ("clearnet", "tor", "i2p", "local", "unknown")
"""The ways in which a node reaches a peer. "unknown": the source cannot tell."""

_ALIAS_BYTES = 32  # the length of BOLT 7
_SHORT_CHANNEL_ID = re.compile(r"\d+x\d+x\d+", re.ASCII)


class _OpenChannelFields(NamedTuple):
    channel_point: OutPoint
    peer: Vertex


class OpenChannel(_OpenChannelFields):
    """An open channel in a snapshot, as ``get_open_channels`` returns it.

    A pair ``(channel_point, peer)``; a plain tuple is accepted in its place. ``active`` is
    no part of the pair: equality and hash ignore it.

    Args:
        channel_point: The channel's funding output.
        peer: The node at the other end.
        active: Whether the channel can be used; None: the source does not say.

    Raises:
        TypeError: ``active`` is not True, False or None.
    """

    active: bool | None = None

    def __new__(cls, channel_point: OutPoint, peer: Vertex, active: bool | None = None) -> Self:
        self = _new_tuple(cls, (channel_point, peer))
        if active is not None:
            if type(active) is not bool:
                raise TypeError(f"bad active {quoted(active)}: expected True, False or None")
            self.__dict__["active"] = active
        return self

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"cannot set {name}: an OpenChannel does not change")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"cannot delete {name}: an OpenChannel does not change")

    def __repr__(self) -> str:
        active = "" if self.active is None else f", active={self.active}"
        return f"OpenChannel(channel_point={self[0]!r}, peer={self[1]!r}{active})"


def activity(channel: tuple[OutPoint, Vertex]) -> bool | None:
    """Return whether a listed channel can be used, or None if the list does not say."""
    return channel.active if isinstance(channel, OpenChannel) else None


class _Event:
    """A named tuple that equals only an event of the same type with the same fields."""

    __slots__ = ()

    def __repr__(self: Any) -> str:
        named = self._asdict().items()
        fields = (f"{name}={value!r}" for name, value in named if value is not None)
        return f"{type(self).__name__}({', '.join(fields)})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((type(self), super().__hash__()))


class _ChannelFields(NamedTuple):
    channel_point: OutPoint
    peer: Vertex
    at: datetime.datetime | None = None


class _PeerFields(NamedTuple):
    peer: Vertex
    at: datetime.datetime | None = None


class _ChannelEvent(_Event, _ChannelFields):
    __slots__ = ()

    def __new__(
        cls, channel_point: OutPoint, peer: Vertex, at: datetime.datetime | None = None
    ) -> Self:
        if at is not None:
            require_aware(at, _AT)
        return _new_tuple(cls, (channel_point, peer, at))


class _PeerEvent(_Event, _PeerFields):
    __slots__ = ()

    def __new__(cls, peer: Vertex, at: datetime.datetime | None = None) -> Self:
        if at is not None:
            require_aware(at, _AT)
        return _new_tuple(cls, (peer, at))


@final
class OpenChannelEvent(_ChannelEvent):
    """A channel opened, as lnd's ``channelnotifier.OpenChannelEvent``.

    Args:
        channel_point: The channel's funding output.
        peer: The node at the other end.
        at: The time of the event.
    """

    __slots__ = ()


@final
class ClosedChannelEvent(_ChannelEvent):
    """A channel closed, as lnd's ``channelnotifier.ClosedChannelEvent``.

    Args:
        channel_point: The channel's funding output.
        peer: The node at the other end.
        at: The time of the event.
    """

    __slots__ = ()


@final
class PeerOnlineEvent(_PeerEvent):
    """A peer connected, as lnd's ``peernotifier.PeerOnlineEvent``.

    Args:
        peer: The peer.
        at: The time of the event.
    """

    __slots__ = ()


@final
class PeerOfflineEvent(_PeerEvent):
    """A peer disconnected, as lnd's ``peernotifier.PeerOfflineEvent``.

    Args:
        peer: The peer.
        at: The time of the event.
    """

    __slots__ = ()


class _MovedFields(NamedTuple):
    channel_point: OutPoint
    new_channel_point: OutPoint
    peer: Vertex
    at: datetime.datetime | None = None


@final
class ChannelMovedEvent(_Event, _MovedFields):
    """A channel has a new channel point, because a splice spent the old one.

    The channel keeps its figures. lnd has no event for it.

    Args:
        channel_point: The old funding output.
        new_channel_point: The new one.
        peer: The node at the other end.
        at: The time of the event.
    """

    __slots__ = ()

    def __new__(
        cls,
        channel_point: OutPoint,
        new_channel_point: OutPoint,
        peer: Vertex,
        at: datetime.datetime | None = None,
    ) -> Self:
        if at is not None:
            require_aware(at, _AT)
        return _new_tuple(cls, (channel_point, new_channel_point, peer, at))


class _ActivityFields(NamedTuple):
    channel_point: OutPoint
    at: datetime.datetime | None = None


class _ActivityEvent(_Event, _ActivityFields):
    __slots__ = ()

    def __new__(cls, channel_point: OutPoint, at: datetime.datetime | None = None) -> Self:
        if at is not None:
            require_aware(at, _AT)
        return _new_tuple(cls, (channel_point, at))


@final
class ActiveChannelEvent(_ActivityEvent):
    """A channel became usable, as lnd's ``channelnotifier.ActiveChannelEvent``.

    Args:
        channel_point: The channel.
        at: The time of the event.
    """

    __slots__ = ()


@final
class InactiveChannelEvent(_ActivityEvent):
    """A channel became unusable, as lnd's ``channelnotifier.InactiveChannelEvent``.

    Time in which its peer is online and the channel inactive is *unusable* time.

    Args:
        channel_point: The channel.
        at: The time of the event.
    """

    __slots__ = ()


class _PeerDescribedFields(NamedTuple):
    peer: Vertex
    alias: str | None = None
    transport: str | None = None
    at: datetime.datetime | None = None


@final
class PeerDescribedEvent(_Event, _PeerDescribedFields):
    """A description of a peer. A field that is None leaves the known value as it is.

    Args:
        peer: The peer.
        alias: The name that the peer gives itself. Never refused: characters that cannot be
            encoded become U+FFFD, and more than 32 bytes of UTF-8 are cut at a character.
        transport: How this node reaches the peer, one of ``events.TRANSPORTS``; "unknown"
            clears the known value.
        at: The time of the event.

    Raises:
        TypeError: ``alias`` is no str, or ``at`` no datetime.
        ValueError: ``transport`` is none of ``events.TRANSPORTS``, or ``at`` is naive.
    """

    __slots__ = ()

    def __new__(
        cls,
        peer: Vertex,
        alias: str | None = None,
        transport: str | None = None,
        at: datetime.datetime | None = None,
    ) -> Self:
        if at is not None:
            require_aware(at, _AT)
        if transport is not None and transport not in TRANSPORTS:
            expected = ", ".join(TRANSPORTS)
            raise ValueError(f"bad transport {quoted(transport)}: expected one of {expected}")
        if alias is not None:
            alias = _storable_alias(alias)
        return _new_tuple(cls, (peer, alias, transport, at))


def _storable_alias(alias: str) -> str:
    if not isinstance(alias, str):
        raise TypeError(f"an alias is a str, not {quoted(alias)}")
    encoded = alias.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
    return encoded[:_ALIAS_BYTES].decode("utf-8", "ignore")


class _ChannelDescribedFields(NamedTuple):
    channel_point: OutPoint
    short_channel_id: str | None = None
    capacity: int | None = None
    private: bool | None = None
    at: datetime.datetime | None = None


@final
class ChannelDescribedEvent(_Event, _ChannelDescribedFields):
    """A description of an open channel. A field that is None leaves the known value as it is.

    Args:
        channel_point: The channel.
        short_channel_id: Block, transaction and output, as "700000x1x0".
        capacity: In satoshi, 0 to 2**62 - 1.
        private: Whether the channel is unannounced.
        at: The time of the event.

    Raises:
        TypeError: ``private`` is no bool, or ``at`` no datetime.
        ValueError: ``short_channel_id`` or ``capacity`` is malformed, or ``at`` is naive.
    """

    __slots__ = ()

    def __new__(
        cls,
        channel_point: OutPoint,
        short_channel_id: str | None = None,
        capacity: int | None = None,
        private: bool | None = None,
        at: datetime.datetime | None = None,
    ) -> Self:
        if at is not None:
            require_aware(at, _AT)
        if short_channel_id is not None:
            _require_short_channel_id(short_channel_id)
        if capacity is not None and (type(capacity) is not int or not 0 <= capacity < 2**62):
            raise ValueError(f"bad capacity {quoted(capacity)}: expected satoshi, 0 or more")
        if private is not None and type(private) is not bool:
            raise TypeError(f"bad private {quoted(private)}: expected True, False or None")
        return _new_tuple(cls, (channel_point, short_channel_id, capacity, private, at))


def _require_short_channel_id(text: object) -> None:
    if not isinstance(text, str) or not _SHORT_CHANNEL_ID.fullmatch(text):
        raise ValueError(f"bad short channel id {quoted(text)}: expected one like 700000x1x0")


class _PausedFields(NamedTuple):
    at: datetime.datetime | None = None


class _ListsFields(NamedTuple):
    open_channels: Sequence[OpenChannel]
    online_peers: Sequence[Vertex]
    at: datetime.datetime | None = None


class _ListsEvent(_Event, _ListsFields):
    __slots__ = ()

    def __new__(
        cls,
        open_channels: Iterable[OpenChannel],
        online_peers: Iterable[Vertex],
        at: datetime.datetime | None = None,
    ) -> Self:
        if at is not None:
            require_aware(at, _AT)
        return _new_tuple(cls, (tuple(open_channels), tuple(online_peers), at))


@final
class MonitoringPausedEvent(_Event, _PausedFields):
    """The source sees nothing from now on: blind time begins.

    Blind time is neither lifetime nor uptime of any channel. Events that are put in it
    change the state, but count as no flap and leave no history.

    Args:
        at: When the source saw last. This may lie in the past: the time counted since then
            is taken back, at most to the previous event.
    """

    __slots__ = ()

    def __new__(cls, at: datetime.datetime | None = None) -> Self:
        if at is not None:
            require_aware(at, _AT)
        return _new_tuple(cls, (at,))


@final
class MonitoringResumedEvent(_ListsEvent):
    """The source sees its node from now on; the lists give the present state.

    A known channel that is not listed has closed. An unknown one that is listed begins now.

    While a source waits for the lists, it puts each event as it arrives. It puts this event
    after them.

    Args:
        open_channels: The open channels.
        online_peers: The peers that are online.
        at: When the lists were asked for, by the store's clock. If an event that was put
            before this one is later than ``at``, its peer or channel is as that event says,
            and not as listed. Without ``at`` the lists win over all earlier events.
    """

    __slots__ = ()


@final
class SnapshotEvent(_ListsEvent):
    """The present state, put while the source sees its node.

    A difference between the lists and the store's state is corrected as of now, counts as
    no flap, and is logged as a warning. While monitoring is paused, the lists set the shown
    state, and monitoring stays paused. In an outage of this node, lists with a peer online
    end the outage; lists with none change nothing.

    Args:
        open_channels: The open channels.
        online_peers: The peers that are online.
        at: As for :class:`MonitoringResumedEvent`. As there, put the events that arrived
            meanwhile before this one.
    """

    __slots__ = ()


@final
class BackfillEvent(NamedTuple):
    """Events of a time in which the source was away, from a record that its node kept.

    A source puts it while monitoring is paused. The events are handled as one item, so no
    question comes between them. ``on_event`` gets each of them, and not this event.

    Args:
        since: The time (UTC) from which the record is complete. Time before it stays blind.
        events: A :class:`MonitoringResumedEvent` as of ``since``, the recorded events with their
            own times, in order, and a :class:`MonitoringResumedEvent` of the present.
    """

    since: datetime.datetime
    events: Sequence[object]


class TransportLostEvent(NamedTuple):
    """This node lost its connection to a transport, a finding of the store.

    ``on_event`` gets it. It is never put, and not recorded.

    Args:
        transport: One of ``events.TRANSPORTS``.
        peers: The number of peers that went offline.
        at: When the first of them did.
    """

    transport: str
    peers: int
    at: datetime.datetime


class TransportBackEvent(NamedTuple):
    """This node reached a transport again, a finding of the store.

    ``on_event`` gets it, as :class:`TransportLostEvent`.

    Args:
        transport: One of ``events.TRANSPORTS``.
        at: When a peer of it was online again, or when all channels became blind, if that
            came first.
    """

    transport: str
    at: datetime.datetime


FOUND = (TransportLostEvent, TransportBackEvent)
"""The findings of the store that ``on_event`` gets among the events of the source."""


EVENTS = (
    OpenChannelEvent,
    ClosedChannelEvent,
    ChannelMovedEvent,
    ActiveChannelEvent,
    InactiveChannelEvent,
    PeerOnlineEvent,
    PeerOfflineEvent,
    PeerDescribedEvent,
    ChannelDescribedEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    SnapshotEvent,
)


OnEvent = Callable[[object, datetime.datetime], object]
"""A callback that takes an event and its time in UTC."""
