"""The snapshot: what is known of all channels and peers, as of one moment."""

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
    """A channel that closed, with its final figures; dates are in UTC.

    ``channel_point`` and ``alias``, its peer's, are text as it was stored: nothing checks
    them. ``closed_unseen``: whether it was found missing, at ``closed``, and no event told
    that it closed. ``unusable``: as of an open channel; None: not known.
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
        """``uptime - unusable``; None if that is not known."""
        return None if self.unusable is None else self.uptime - self.unusable

    @property
    def usable_ratio(self) -> float | None:
        """As ``ChannelInfo.usable_ratio``."""
        return self.usable / self.lifetime if self.usable is not None and self.lifetime else None


class Overview(NamedTuple):
    """A snapshot: what is known of all channels and peers, as of one moment.

    ``as_of``: that moment (UTC). ``sees``: False in blind time. ``blind``: how
    much blind time there was since the store first began, the present included.
    ``channels``: in order of opening. ``outages``: of each channel, how many
    outages its peer had, as far as is known; None if the store keeps no history. ``peers``:
    all that are online or have a channel.

    A snapshot of a database, or over a window, may have more. ``histories``: of each channel, over
    the window that was asked for (the sums in ``channels`` are of that window,
    too), None for a channel whose peer's changes were not kept; None if it was
    not loaded. ``closed``: in order of closing; empty if it was not loaded.
    ``transports``: those of peers with a channel, and whether each can be reached, which
    False says in a transport outage until the first return.
    ``blind_spans``: in order of time; empty if they were not loaded.
    ``window``: that which was asked for. ``until``: the date at which it ends, if that is before
    ``as_of``. ``closed_histories``: of each of ``closed``, as of ``channels``; None for one
    whose peer's changes are not kept. ``peer_outages``: those of each peer in the window.
    ``seen_until``: until when the store saw its
    node; None if it never did.
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

    @property
    def is_of_window(self) -> bool:
        """Whether less than all time was asked for."""
        return self.window is not None or self.until is not None

    @property
    def since(self) -> datetime.datetime | None:
        """When the window begins, or None if none was asked for."""
        return None if self.window is None else before(self.as_of, self.window)

    @property
    def state(self) -> tuple[object, ...]:
        """What changes by what happens to peers that have a channel, and not as time passes."""
        return (
            self.sees,
            self.transports,
            self.outages,
            [(info.channel_point, *info[5:9]) for info in self.channels],
            [(*info[:2], *info[6:]) for info in self.peers if info.channels],
        )
