"""What the store is fed: channels that open and close, peers that come and go.

Events are immutable values. Each may carry ``at``, the time of the event as an
aware datetime, for sources that know it better than the clock at the moment of
the put; a naive one is refused with ``ValueError``, what is no datetime with
``TypeError``. Other fields are not checked here, for speed: the loop logs what it
cannot handle.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from typing_extensions import Self, final

from .checks import require_aware
from .wire import OutPoint, Vertex

_new_tuple = tuple.__new__
_AT = "an event's `at`"


class OpenChannel(NamedTuple):
    """A channel that is open already, as ``get_open_channels`` returns it."""

    channel_point: OutPoint
    peer: Vertex


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


EVENTS = (
    OpenChannelEvent,
    ClosedChannelEvent,
    ChannelMovedEvent,
    PeerOnlineEvent,
    PeerOfflineEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    SnapshotEvent,
)


OnEvent = Callable[[object, datetime.datetime], object]
"""Is told of an event, and of its time in UTC."""
