"""The accounting: who is online, what is open, and for how long each was so.

*Lifetime* of a channel: the time since the store learned that it is open.
*Uptime* of a channel: the part of its lifetime in which its peer was online.

As in lnd's ``chanfitness`` at the commit that first stored channels by peer,
but with totals in place of logs: a peer has one running uptime, a channel the
value it had when the channel opened, and an answer is a difference of two. So
a question costs O(1) and an event leaves nothing behind.

Pure: no thread, no lock, no clock. ``at`` is always a position on the store's
time axis (:mod:`chanfitness.axis`), and never before the last one given.
"""

from __future__ import annotations

import datetime
import logging
from typing import NamedTuple

from .errors import ChannelNotFoundError, PeerNotFoundError, require
from .wire import OutPoint, Vertex

logger = logging.getLogger(__name__)

_ZERO = datetime.timedelta(0)


class ChannelInfo(NamedTuple):
    """What the store knows of one open channel, as of one moment.

    ``lifetime`` and ``uptime`` are exact to the microsecond, and
    ``0 <= uptime <= lifetime`` always.
    """

    channel_point: OutPoint
    peer: Vertex
    lifetime: datetime.timedelta
    uptime: datetime.timedelta

    @property
    def uptime_ratio(self) -> float | None:
        """``uptime / lifetime``, 0.0 to 1.0; ``None`` while lifetime is zero."""
        return self.uptime / self.lifetime if self.lifetime else None


class PeerLog:
    """One peer: whether it is online, for how long in all, and its channels."""

    __slots__ = ("_online_since", "_uptime", "channels")

    def __init__(self) -> None:
        self._uptime = _ZERO
        self._online_since: datetime.timedelta | None = None
        self.channels: dict[OutPoint, _Channel] = {}

    @property
    def is_known(self) -> bool:
        """A peer is forgotten while it is offline and has no channel."""
        return self._online_since is not None or bool(self.channels)

    def online(self, at: datetime.timedelta) -> None:
        """The peer is online; nothing changes if it was."""
        if self._online_since is None:
            self._online_since = at

    def offline(self, at: datetime.timedelta) -> None:
        """The peer is offline; nothing changes if it was."""
        if self._online_since is not None:
            self._uptime += at - self._online_since
            self._online_since = None

    def uptime(self, at: datetime.timedelta) -> datetime.timedelta:
        """The peer's time online, in all."""
        if self._online_since is None:
            return self._uptime
        return self._uptime + (at - self._online_since)


class _Channel:
    __slots__ = ("_opened_at", "_peer_uptime_before", "log", "peer", "point")

    def __init__(self, point: OutPoint, peer: Vertex, log: PeerLog, at: datetime.timedelta) -> None:
        self.point = point
        self.peer = peer
        self.log = log
        self._opened_at = at
        self._peer_uptime_before = log.uptime(at)

    def info(self, at: datetime.timedelta) -> ChannelInfo:
        return ChannelInfo(
            self.point,
            self.peer,
            at - self._opened_at,
            self.log.uptime(at) - self._peer_uptime_before,
        )


class PeerLogs:
    """All peers that are online or have a channel, and all open channels."""

    def __init__(self) -> None:
        self._peers: dict[Vertex, PeerLog] = {}
        self._channels: dict[OutPoint, _Channel] = {}  # in order of opening

    def peer_online(self, peer: Vertex, at: datetime.timedelta) -> None:
        log = self._peers.get(peer)
        if log is None:
            log = self._new_log(peer)
        log.online(at)

    def peer_offline(self, peer: Vertex, at: datetime.timedelta) -> None:
        log = self._peers.get(peer)
        if log is None:
            require(peer, Vertex)  # a stranger: nothing to remember
        else:
            log.offline(at)
            self._forget_if_unknown(peer, log)

    def open_channel(self, point: OutPoint, peer: Vertex, at: datetime.timedelta) -> None:
        """A channel opens, up from its first moment if its peer is online."""
        known = self._channels.get(point)
        if known is not None:
            logger.error("channel %s with %s is open already, with %s", point, peer, known.peer)
            return
        require(point, OutPoint)
        log = self._peers.get(peer)
        if log is None:
            log = self._new_log(peer)
        self._channels[point] = log.channels[point] = _Channel(point, peer, log, at)

    def close_channel(self, point: OutPoint, peer: Vertex) -> None:
        """A channel closes and is forgotten.

        One restored from a static backup closes without ever having opened.
        """
        known = self._channels.get(point)
        if known is None or known.peer != peer:
            require(point, OutPoint)
            require(peer, Vertex)
            logger.warning("channel %s with %s closed, which was not open", point, peer)
            return
        del self._channels[point], known.log.channels[point]
        self._forget_if_unknown(peer, known.log)

    def channel_info(self, at: datetime.timedelta, point: OutPoint, peer: Vertex) -> ChannelInfo:
        """What is known of one channel with ``peer``."""
        channel = self._channels.get(point)
        if channel is None or channel.peer != peer:
            require(point, OutPoint)
            require(peer, Vertex)
            if peer not in self._peers:
                raise PeerNotFoundError(f"peer {peer} is not known")
            raise ChannelNotFoundError(f"no channel {point} with {peer} is open")
        return channel.info(at)

    def list_channels(self, at: datetime.timedelta) -> list[ChannelInfo]:
        """What is known of every channel, in order of opening."""
        return [channel.info(at) for channel in self._channels.values()]

    def _new_log(self, peer: Vertex) -> PeerLog:
        require(peer, Vertex)
        log = self._peers[peer] = PeerLog()
        return log

    def _forget_if_unknown(self, peer: Vertex, log: PeerLog) -> None:
        if not log.is_known:
            del self._peers[peer]
