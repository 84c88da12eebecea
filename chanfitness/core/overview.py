"""The snapshot of all channels and peers, as of one moment."""

from __future__ import annotations

import datetime
from typing import NamedTuple

from ..clock import before
from ..wire import Vertex
from .blind_spans import BlindSpan
from .channel import ChannelInfo
from .history_window import ChannelHistory
from .peer_outages import PeerOutage
from .peerlog import PeerInfo


class ClosedChannel(NamedTuple):
    """A closed channel, with its final figures.

    Args:
        channel_point: The channel's funding output, as stored, unchecked.
        peer: The channel's peer.
        lifetime: As of an open channel.
        uptime: As of an open channel.
        opened: When the channel opened (UTC).
        closed: When the channel closed (UTC).
        closed_unseen: Whether the channel was found missing, at ``closed``, without a close
            event.
        unusable: As of an open channel; None: unknown.
        short_channel_id: As "700000x1x0"; None: unknown.
        alias: The peer's alias, as stored, unchecked; None: unknown.
    """

    channel_point: str
    peer: Vertex
    lifetime: datetime.timedelta
    uptime: datetime.timedelta
    opened: datetime.datetime
    closed: datetime.datetime
    closed_unseen: bool = False
    unusable: datetime.timedelta | None = None
    short_channel_id: str | None = None
    alias: str | None = None

    @property
    def uptime_ratio(self) -> float | None:
        """As ``ChannelInfo.uptime_ratio``."""
        return self.uptime / self.lifetime if self.lifetime else None

    @property
    def usable(self) -> datetime.timedelta | None:
        """``uptime - unusable``; None if it is unknown."""
        return None if self.unusable is None else self.uptime - self.unusable

    @property
    def usable_ratio(self) -> float | None:
        """As ``ChannelInfo.usable_ratio``."""
        return self.usable / self.lifetime if self.usable is not None and self.lifetime else None


class Overview(NamedTuple):
    """A snapshot of all channels and peers, as of one moment.

    In a snapshot over a window, the sums in ``channels`` are those of the window. Some tuples
    are only filled in a snapshot of a database, or in one over a window. In others they are
    empty.

    Args:
        as_of: The moment of the snapshot (UTC).
        sees: False in blind time.
        blind: The blind time since the store first began, the present one included.
        channels: The open channels, in order of opening.
        outages: The number of known outages of each channel's peer, one item a channel; None
            if the store keeps no history.
        peers: The peers that are online or have a channel.
        histories: The history of each channel over the window; None for a channel whose
            peer's changes were not kept. None if not loaded.
        closed: The closed channels, in order of closing.
        window: The length of the requested window; None: all time.
        seen_until: When the store last saw its node (UTC); None: never.
        blind_spans: The blind times, in order.
        transports: Each transport of peers with a channel, and whether it can be reached;
            False in a transport outage until the first peer returns.
        until: The date at which the window ends, if before ``as_of`` (UTC).
        closed_histories: As ``histories``, of each closed channel.
        peer_outages: The outages of each peer in the window.
        filled_in: The times that would be blind if the source had not filled them in from a
            record of its node, in order.
    """

    as_of: datetime.datetime
    sees: bool
    blind: datetime.timedelta
    channels: tuple[ChannelInfo, ...]
    outages: tuple[int, ...] | None
    peers: tuple[PeerInfo, ...]
    histories: tuple[ChannelHistory | None, ...] | None = None
    closed: tuple[ClosedChannel, ...] = ()
    window: datetime.timedelta | None = None
    seen_until: datetime.datetime | None = None
    blind_spans: tuple[BlindSpan, ...] = ()
    transports: tuple[tuple[str, bool], ...] = ()
    until: datetime.datetime | None = None
    closed_histories: tuple[ChannelHistory | None, ...] = ()
    peer_outages: tuple[PeerOutage, ...] = ()
    filled_in: tuple[BlindSpan, ...] = ()

    @property
    def is_of_window(self) -> bool:
        """Whether the snapshot is of less than all time."""
        return self.window is not None or self.until is not None

    @property
    def since(self) -> datetime.datetime | None:
        """The date at which the window begins (UTC), or None."""
        return None if self.window is None else before(self.as_of, self.window)

    @property
    def state(self) -> tuple[object, ...]:
        """The values that change with events of peers with a channel, not as time passes."""
        return (
            self.sees,
            self.transports,
            self.outages,
            [(info.channel_point, *info[5:9]) for info in self.channels],
            [(*info[:2], *info[6:]) for info in self.peers if info.channels],
        )
