"""What the store is fed: channels that open and close, peers that come and go.

Events are immutable values. Each may carry ``at``, the time of the event as an
aware datetime, for sources that know it better than the clock at the moment of
the put; a naive one is refused with ``ValueError``, what is no datetime with
``TypeError``. Other fields are not checked here, for speed: the loop logs what it
cannot handle.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from typing_extensions import Self, final

from .checks import quoted, require_aware
from .wire import OutPoint, Vertex

_new_tuple = tuple.__new__
_AT = "an event's `at`"

TRANSPORTS = ("clearnet", "tor", "i2p", "local", "unknown")
"""How a node reaches a peer; "unknown": that cannot be told."""

_ALIAS_BYTES = 32  # as many as BOLT 7 gives it
_SHORT_CHANNEL_ID = re.compile(r"\d+x\d+x\d+", re.ASCII)


class _OpenChannelFields(NamedTuple):
    channel_point: OutPoint
    peer: Vertex


class OpenChannel(_OpenChannelFields):
    """A channel that is open already, as ``get_open_channels`` returns it.

    A pair of its channel point and its peer: a plain one does as well. ``active``: True
    if it can be used, False if it cannot, None if the source does not say; it is no part of
    the pair, and does not count when two are compared. Raises ``TypeError`` for another
    ``active``.
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
    """Whether a channel of a list can be used; None: the list does not say."""
    return channel.active if isinstance(channel, OpenChannel) else None


class _Event:
    """Events of different types differ, whatever they hold."""

    __slots__ = ()

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
    """A channel with ``peer`` opened, as lnd's ``channelnotifier.OpenChannelEvent``."""

    __slots__ = ()


@final
class ClosedChannelEvent(_ChannelEvent):
    """A channel with ``peer`` closed, as lnd's ``channelnotifier.ClosedChannelEvent``."""

    __slots__ = ()


@final
class PeerOnlineEvent(_PeerEvent):
    """``peer`` connected, as lnd's ``peernotifier.PeerOnlineEvent``."""

    __slots__ = ()


@final
class PeerOfflineEvent(_PeerEvent):
    """``peer`` disconnected, as lnd's ``peernotifier.PeerOfflineEvent``."""

    __slots__ = ()


class _MovedFields(NamedTuple):
    channel_point: OutPoint
    new_channel_point: OutPoint
    peer: Vertex
    at: datetime.datetime | None = None


@final
class ChannelMovedEvent(_Event, _MovedFields):
    """A channel with ``peer`` has a new channel point: a splice spent the old one.

    Its figures go on under the new one. lnd has no such event.
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
    """A channel can be used, as lnd's ``channelnotifier.ActiveChannelEvent``."""

    __slots__ = ()


@final
class InactiveChannelEvent(_ActivityEvent):
    """A channel cannot be used, as lnd's ``channelnotifier.InactiveChannelEvent``.

    Its peer may be online all the same: that is *unusable* time.
    """

    __slots__ = ()


class _PeerDescribedFields(NamedTuple):
    peer: Vertex
    alias: str | None = None
    transport: str | None = None
    at: datetime.datetime | None = None


@final
class PeerDescribedEvent(_Event, _PeerDescribedFields):
    """What a source knows of a peer; None leaves what was known.

    ``alias``: the name that the peer gives itself. It is never refused: what cannot be
    encoded becomes U+FFFD, and what is over 32 bytes of UTF-8 is cut at a character.
    ``transport``: how this node reaches the peer, one of ``events.TRANSPORTS``; "unknown"
    clears what was known. ``ValueError`` for another one.
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
    """What a source knows of an open channel; None leaves what was known.

    ``short_channel_id``: block, transaction and output, as "700000x1x0". ``capacity``: in
    satoshi. ``private``: whether it is not announced. ``TypeError`` or ``ValueError`` for
    what cannot be one of these; a capacity is less than 2**62.
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
    """From here on the source sees nothing: blind time begins.

    It is neither lifetime nor uptime of any channel. What is put meanwhile
    changes the state, but is no flap and no history.

    ``at``: when the source saw last. That may be a while ago: what was counted since is
    taken back, as far as the event before this one.
    """

    __slots__ = ()

    def __new__(cls, at: datetime.datetime | None = None) -> Self:
        if at is not None:
            require_aware(at, _AT)
        return _new_tuple(cls, (at,))


@final
class MonitoringResumedEvent(_ListsEvent):
    """From here on the source sees everything: this is open, and these are online.

    A channel that is missing closed meanwhile; a new one begins here.

    ``at``: when the lists were asked for. A source puts the events that come while it
    waits for the lists first, as they come, and then this one. What an event told
    of a peer or of a channel later than ``at`` wins over the lists. Without ``at`` the
    lists are taken to be newer than all that was put before them.
    """

    __slots__ = ()


@final
class SnapshotEvent(_ListsEvent):
    """How things are, while the source sees: this is open, and these are online.

    A difference is set right as of now; it is no flap, and logged as a warning. While
    monitoring is paused this is no resume: it sets the shown state. In an own outage one
    with a peer online ends it; one without changes nothing.

    ``at`` and the order of puts: as for :class:`MonitoringResumedEvent`.
    """

    __slots__ = ()


class TransportLostEvent(NamedTuple):
    """This node's way to a transport was lost at ``at``, when the first of ``peers`` went.

    ``on_event`` is told of it. The store finds it out itself: it is never put or recorded.
    """

    transport: str
    peers: int
    at: datetime.datetime


class TransportBackEvent(NamedTuple):
    """This node's way to a transport is back: at ``at`` a peer of it was online again.

    Told as :class:`TransportLostEvent` is. If all is blind before that, it is told of the
    instant from which on all is.
    """

    transport: str
    at: datetime.datetime


FOUND = (TransportLostEvent, TransportBackEvent)
"""Of what ``on_event`` is told that is no event of a source."""


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
"""Is told of an event, and of its time in UTC."""
