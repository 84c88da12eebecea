"""All peers and all channels: what happens goes in, figures come out.

A peer is known while it is online or has a channel, a channel while it is open.
Pure: the time axis is given, and each method's ``at`` is a position on it.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Iterable
from typing import NamedTuple

from .axis import Anchor, Axis, Instant
from .clock import Moment
from .errors import (
    ChannelNotFoundError,
    HistoryDisabledError,
    PeerNotFoundError,
    require,
)
from .events import OpenChannel
from .flaps import Cooldown
from .history import ChannelHistory, History
from .journal import Journal
from .peerlog import Channel, ChannelInfo, PeerInfo, PeerLog
from .rows import MICROSECOND, Saved, Unsaved, check, int_to_date
from .windows import channel_history, drop_old, outage_count
from .wire import OutPoint, Vertex

logger = logging.getLogger(__name__)


class Keeping(NamedTuple):
    """What a ledger keeps: changes for how long and how many a peer; how flaps cool.

    ``stored``: it outlives the process. Then peers that ever had a channel are
    remembered, and so are channels that are closed by absence.
    """

    history: datetime.timedelta | None = None
    history_limit: int = 10_000
    cooldown: Cooldown = Cooldown()
    stored: bool = False


class Overview(NamedTuple):
    """What the store knows of all channels and peers, as of one moment.

    ``as_of``: that moment (UTC). ``sees``: False in blind time. ``blind``: how
    much blind time there was since the store first began, the present included.
    ``channels``: in order of opening. ``outages``: of each channel, how many of
    its peer's outages are kept; None if the store keeps no history. ``peers``:
    all that are online or have a channel.
    """

    as_of: datetime.datetime
    sees: bool
    blind: datetime.timedelta
    channels: tuple[ChannelInfo, ...]
    outages: tuple[int, ...] | None
    peers: tuple[PeerInfo, ...]


_NOTHING = Keeping()
_ZERO = datetime.timedelta(0)


class Ledger:
    """The accounts of all that is known. Not thread-safe: the loop owns it."""

    def __init__(self, axis: Axis, keeping: Keeping = _NOTHING) -> None:
        self._axis = axis
        self._keeping = keeping
        self._flap_period = keeping.cooldown.period
        self._peers: dict[Vertex, PeerLog] = {}
        self._channels: dict[OutPoint, Channel] = {}  # in order of opening
        self._absent: dict[OutPoint, Channel] = {}  # closed by absence, where that is stored
        self._journal = Journal(axis) if keeping.stored else None

    # What happens.

    def peer_online(self, peer: Vertex, at: datetime.timedelta) -> None:
        """A peer is online."""
        log = self._peers.get(peer)
        if log is None:
            log = self._new_log(peer, at)
        if log.online(at):
            self._changed(log, at)

    def peer_offline(self, peer: Vertex, at: datetime.timedelta) -> None:
        """A peer is offline."""
        log = self._peers.get(peer)
        if log is None:
            require(peer, Vertex)  # a stranger: nothing to remember
        elif log.offline(at):
            self._changed(log, at)
            if not log.channels:
                self._settle(log)

    def open_channel(self, point: OutPoint, peer: Vertex, at: datetime.timedelta) -> None:
        """A channel opens, up from its first moment if its peer is online."""
        known = self._channels.get(point)
        if known is not None:
            logger.error("channel %s with %s is open already, with %s", point, peer, known.peer)
            return
        require(point, OutPoint)
        log = self._peers.get(peer)
        if log is None:
            log = self._new_log(peer, at)
        # What opens unseen begins with the next stretch, which begins where the axis stands.
        opened = at, self._axis.stretch + self._axis.paused
        channel = self._absent.pop(point, None) if self._absent else None
        if channel is not None and channel.peer == peer:
            channel.come_back(at)
        else:
            channel = Channel(point, peer, log, opened)
        self._channels[point] = log.channels[point] = channel
        log.had_channel = True
        if log.history is None and self._keeping.history is not None:
            log.history = History(opened, log.is_online)
        if self._journal is not None:
            self._journal.touch(log, channel)

    def close_channel(self, point: OutPoint, peer: Vertex) -> None:
        """A channel closes and is forgotten.

        One restored from a static backup closes without ever having opened.
        """
        channel = self._channels.get(point)
        if channel is not None and channel.peer == peer:
            self._remove(channel)
            self._close(channel)
            self._settle(channel.log)
            return
        require(point, OutPoint)
        require(peer, Vertex)
        absent = self._absent.get(point)
        if absent is not None and absent.peer == peer:
            logger.debug("channel %s with %s closed, which was gone already", point, peer)
            del self._absent[point]
            self._close(absent)
            self._settle(absent.log)
        else:
            logger.warning("channel %s with %s closed, which was not open", point, peer)

    def move_channel(self, point: OutPoint, new_point: OutPoint, peer: Vertex) -> None:
        """A channel has a new channel point, in its old place, and goes on."""
        require(point, OutPoint)
        require(new_point, OutPoint)
        require(peer, Vertex)
        known = self._channels if point in self._channels else self._absent
        channel = known.get(point)
        if channel is None or channel.peer != peer:
            logger.warning("channel %s with %s moved, which was not open", point, peer)
        elif new_point in self._channels or new_point in self._absent:
            logger.error("channel %s cannot move to %s, which is open already", point, new_point)
        else:
            channel.point = new_point
            _rename(known, point, new_point)
            if known is self._channels:
                _rename(channel.log.channels, point, new_point)
            if self._journal is not None:
                self._journal.move(point, new_point)

    def pause(self) -> None:
        """From here on nothing is seen."""
        if self._axis.paused:
            logger.warning("monitoring was paused while it was paused")
        else:
            self._axis.pause()

    def resume(self, open_channels: Iterable[OpenChannel], online_peers: Iterable[Vertex]) -> None:
        """From here on all is seen, and this is what is open and who is online.

        Nothing that changed meanwhile is a flap. If nothing was paused, this is a
        snapshot to reconcile with.
        """
        channels = list(open_channels)
        online = dict.fromkeys(online_peers)
        for point, peer in channels:
            require(point, OutPoint)
            require(peer, Vertex)
        for peer in online:
            require(peer, Vertex)
        if self._axis.paused:
            self._axis.resume()
        at, _ = self._axis.instant()
        self._set_online(online, at)
        self._set_open(channels, at)
        for log in list(self._peers.values()):
            self._settle(log)

    # Questions.

    def channel_info(
        self, at: datetime.timedelta, point: OutPoint, peer: Vertex | None
    ) -> ChannelInfo:
        """What is known of one channel, with ``peer`` or with anyone."""
        return self._channel(point, peer).info(at)

    def list_channels(self, at: datetime.timedelta) -> list[ChannelInfo]:
        """What is known of every channel, in order of opening."""
        return [channel.info(at) for channel in self._channels.values()]

    def peer_info(self, at: datetime.timedelta, peer: Vertex) -> PeerInfo:
        """What is known of one peer."""
        log = self._peers.get(peer)
        if log is None:
            require(peer, Vertex)
            raise PeerNotFoundError(f"peer {peer} is not known")
        return self._info(peer, log, at)

    def list_peers(self, at: datetime.timedelta) -> list[PeerInfo]:
        """What is known of every peer."""
        return [self._info(peer, log, at) for peer, log in self._peers.items()]

    def overview(self, at: datetime.timedelta) -> Overview:
        """What is known of all."""
        outages = None
        if self._keeping.history is not None:
            outages = tuple(outage_count(channel) for channel in self._channels.values())
        return Overview(
            self._axis.now(),
            not self._axis.paused,
            self._axis.blind(),
            tuple(self.list_channels(at)),
            outages,
            tuple(self.list_peers(at)),
        )

    def channel_history(
        self, at: datetime.timedelta, point: OutPoint, window: datetime.timedelta | None
    ) -> ChannelHistory:
        """Outages and sums of one channel, over its life or the window before now."""
        if self._keeping.history is None:
            raise HistoryDisabledError("no history is kept: see Config(history=...)")
        channel = self._channel(point, None)
        assert channel.log.history is not None
        self._drop_old(channel.log.history)
        return channel_history(self._axis, channel, at, window)

    # Channels and peers.

    def _channel(self, point: OutPoint, peer: Vertex | None) -> Channel:
        channel = self._channels.get(point)
        if channel is not None and (peer is None or channel.peer == peer):
            return channel
        require(point, OutPoint)
        if peer is None:
            raise ChannelNotFoundError(f"no channel {point} is open")
        require(peer, Vertex)
        if peer not in self._peers:
            raise PeerNotFoundError(f"peer {peer} is not known")
        raise ChannelNotFoundError(f"no channel {point} with {peer} is open")

    def _new_log(self, peer: Vertex, at: datetime.timedelta) -> PeerLog:
        require(peer, Vertex)
        log = self._peers[peer] = PeerLog(peer, (at, self._axis.stretch))
        return log

    def _remove(self, channel: Channel) -> None:
        del self._channels[channel.point], channel.log.channels[channel.point]
        self._touch(channel.log, channel)

    def _close(self, channel: Channel) -> None:
        if self._journal is not None:
            self._journal.close(channel)

    def _settle(self, log: PeerLog) -> None:
        """Forget what is not needed any more of a peer, if not the peer itself."""
        if log.channels:
            return
        if log.history is not None and not self._has_absent_channel(log):
            log.history = None
        if not log.is_online and not (self._keeping.stored and log.had_channel):
            del self._peers[log.peer]

    def _has_absent_channel(self, log: PeerLog) -> bool:
        return any(channel.log is log for channel in self._absent.values())

    def _touch(self, log: PeerLog, channel: Channel | None = None) -> None:
        if self._journal is not None:
            self._journal.touch(log, channel)

    # Changes of state.

    def _changed(self, log: PeerLog, at: datetime.timedelta) -> None:
        """A change that an event told of: a flap, unless nothing is to be seen."""
        axis, last = self._axis, log.last_flap
        log.since = instant = at, axis.stretch
        if self._journal is not None:
            self._journal.touch(log)
        if axis.paused:
            return
        # The common case, a flap soon after another, has nothing to cool.
        if last is None or last[1] != axis.stretch or at - last[0] >= self._flap_period:
            log.flap_count = self._flaps(log, at)
        log.flap_count += 1
        log.last_flap = instant
        if log.history is not None:
            self._align(log, instant)

    def _flaps(self, log: PeerLog, at: datetime.timedelta) -> int:
        """The flap count as of ``at``, which is now."""
        if log.last_flap is None:
            return 0
        flapped, stretch = log.last_flap
        if stretch == self._axis.stretch and not self._axis.paused:
            elapsed = at - flapped
        else:
            elapsed = self._axis.now() - self._axis.date(log.last_flap)
        return self._keeping.cooldown.cooled(log.flap_count, elapsed)

    def _info(self, peer: Vertex, log: PeerLog, at: datetime.timedelta) -> PeerInfo:
        return PeerInfo(
            peer,
            log.is_online,
            self._axis.date(log.since),
            self._flaps(log, at),
            None if log.last_flap is None else self._axis.date(log.last_flap),
            tuple(log.channels),
        )

    # Snapshots.

    def _set_online(self, online: dict[Vertex, None], at: datetime.timedelta) -> None:
        instant = at, self._axis.stretch
        for peer in online:
            if peer not in self._peers:
                self._new_log(peer, at)
        for peer, log in self._peers.items():
            if log.online(at) if peer in online else log.offline(at):
                log.since = instant
                self._touch(log)
            self._align(log, instant)

    def _set_open(self, open_channels: list[OpenChannel], at: datetime.timedelta) -> None:
        wanted = dict(open_channels)
        for channel in list(self._channels.values()):
            if wanted.get(channel.point) != channel.peer:
                channel.leave(at)
                self._remove(channel)
                if self._keeping.stored:
                    self._absent[channel.point] = channel
        known = set(self._channels)
        for point, peer in open_channels:
            if point in known:
                known.remove(point)  # a second time would be one too many
            else:
                self.open_channel(point, peer, at)

    # History.

    def _align(self, log: PeerLog, instant: Instant) -> None:
        """Let the history end in the present state."""
        history = log.history
        if history is not None and history.online != log.is_online:
            history.change(instant)
            self._drop_old(history)
            self._touch(log)

    def _drop_old(self, history: History) -> None:
        assert self._keeping.history is not None
        drop_old(self._axis, history, self._keeping.history, self._keeping.history_limit)

    # Saving.

    def unsaved(self, at: datetime.timedelta, everything: bool = False) -> Unsaved:
        """What is to be saved since the last time; it then counts as saved."""
        assert self._journal is not None
        logs = [log for log in self._peers.values() if log.had_channel] if everything else None
        return self._journal.unsaved(at, {**self._absent, **self._channels}, logs)

    def restore(self, saved: Saved) -> None:
        """Take in what was saved; nothing is known yet."""
        for peer_row in saved.peers:
            log = PeerLog.of_row(peer_row)
            self._peers[log.peer] = log
        if self._keeping.history is not None:
            for rows in saved.histories:
                self._peers[Vertex(rows.key)].history = History.of_rows(rows)
        for row in saved.channels:
            log = self._peers[Vertex(row.key)]
            channel = Channel.of_row(row, log)
            if channel.is_absent:
                self._absent[channel.point] = channel
            else:
                self._channels[channel.point] = log.channels[channel.point] = channel
            if log.history is None and self._keeping.history is not None:
                log.history = History(self._axis.instant(), log.is_online)
                log.history.dropped = True
            _, _, lifetime, uptime = channel.final_info(saved.position * MICROSECOND)
            if not _ZERO <= uptime <= lifetime:
                raise ValueError(f"channel {channel.point} with {uptime} of {lifetime} online")


def _rename(channels: dict[OutPoint, Channel], point: OutPoint, new_point: OutPoint) -> None:
    """Give one entry a new key, and leave the order as it was."""
    entries = [(new_point if key == point else key, each) for key, each in channels.items()]
    channels.clear()
    channels.update(entries)


def restore(saved: Saved, start: Moment, keeping: Keeping) -> tuple[Axis, Ledger]:
    """The accounts that were saved, going on at ``start``: the time between is blind."""
    check(saved)
    axis = Axis(start, _anchors(saved), saved.position * MICROSECOND)
    ledger = Ledger(axis, keeping)
    ledger.restore(saved)
    return axis, ledger


def _anchors(saved: Saved) -> list[Anchor]:
    return [Anchor(at * MICROSECOND, int_to_date(utc)) for at, utc in saved.anchors]


def as_of_the_heartbeat(saved: Saved, keeping: Keeping) -> Ledger:
    """The accounts that were saved, as they were then."""
    check(saved)
    position, date = saved.anchors[-1]
    axis = Axis(int_to_date(date), _anchors(saved)[:-1], position * MICROSECOND)
    seen_until = int_to_date(date) + (saved.position - position) * MICROSECOND
    axis.position(seen_until)
    if seen_until < int_to_date(saved.heartbeat):
        axis.pause()
        axis.position(int_to_date(saved.heartbeat))
    ledger = Ledger(axis, keeping)
    ledger.restore(saved)
    return ledger
