"""Event handlers of the accounts.

A peer is *known* while it is online or has a channel, a channel while it is open. A repeat
(see :mod:`.loop`) changes nothing. Pure: the timeline is given. Each handler takes the instant
of its event, ``now``, at which the timeline is.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from operator import itemgetter

from ..checks import require, require_each
from ..events import OpenChannel, activity
from ..logs import Log
from ..wire import OutPoint, Vertex
from .blind_spans import OWN_OUTAGE, SOURCE
from .channel import Channel
from .history import History
from .peerlog import PeerLog
from .queries import RetentionSettings
from .rollback import Opened, Said, unseen
from .saving import Saving
from .timeline import Instant, Timeline

logger = Log(__name__)

_NOTHING = RetentionSettings()
_point, _peer = itemgetter(0), itemgetter(1)


class Ledger(Saving):
    """The accounts, changed by events. Not thread-safe: the loop owns it."""

    def __init__(self, timeline: Timeline, retention: RetentionSettings = _NOTHING) -> None:
        super().__init__(timeline, retention)
        self._flap_period = retention.cooldown.period

    # Events.

    def peer_online(self, now: Instant, peer: Vertex) -> None:
        """Set a peer online."""
        if self._detector is not None:
            self._detector.clear()
            if self._network_is_lost and self._is_back(now, peer):
                return
        log = self._peers.get(peer)
        if log is None:
            log = self._meet(peer, now)
        transports = self._transports
        if not log.online(now):
            logger.debug("peer %s is online already", peer)
            if transports is not None:
                transports.seen(log)
            return
        is_return = False
        if (self._grace is not None or transports is not None) and self._graces:
            self._hold_ends([log], now)
            is_return = self._returns(log, now)
        self._online += 1
        if not is_return:
            self._changed(log, now, is_online=True)
        if transports is not None and log.transport is not None:
            self._came_over(transports, log, now)

    def peer_offline(self, now: Instant, peer: Vertex) -> None:
        """Set a peer offline."""
        log = self._peers.get(peer)
        if log is None or not log.is_online:
            require(peer, Vertex)
            logger.debug("peer %s is offline already", peer)
            return
        detector, transports = self._detector, self._transports
        if transports is not None and detector is not None:
            transports.left(log)
            if not self._timeline.paused:
                transports.went(detector.went(now, log))
        log.offline(now)
        self._online -= 1
        self._changed(log, now, is_online=False)
        if not log.channels:
            self._forget_unneeded(log)
        if detector is None or transports is None:
            return
        if detector.is_certain(self._online):
            self._lose_network(detector)
        elif (lost := transports.lost(log.transport)) is not None:
            self._lose_transport(transports, lost)

    def open_channel(self, now: Instant, point: OutPoint, peer: Vertex) -> None:
        """Open a channel; its uptime begins at once if its peer is online."""
        if point not in self._channels:
            require(point, OutPoint)
            require(peer, Vertex)
        self._open(point, peer, now, self._opening(now))

    def _opening(self, now: Instant) -> Instant:
        """Return the instant from which an event counts; while paused, the next segment's start."""
        return unseen(now) if self._timeline.paused else now

    def _open(self, point: OutPoint, peer: Vertex, now: Instant, opened: Instant) -> None:
        known = self._channels.get(point)
        if known is not None:
            if known.peer == peer:
                logger.debug("channel %s with %s is open already", point, peer)
            else:
                logger.error("channel %s with %s is open already, with %s", point, peer, known.peer)
            return
        channel, state = self._returning(point, peer) if self._closed else None, None
        log, was_offline = self._peers.get(peer), None
        if log is None:
            log = self._meet(peer, now)
            was_offline = log.seen_offline
            log.seen_offline = was_offline or not self._timeline.paused
        if channel is None:
            channel = Channel(point, peer, log, opened)
        else:
            state = channel.state()
            channel.come_back(now[0])
        self._add(channel)
        is_awaited, begun = self._grace_of(log) is not None, None
        if is_awaited:
            channel.leave(now[0])
        if log.history is None and self._retention.history is not None:
            begun = log.is_online or is_awaited
            log.history = History(opened, begun)
        self._touch(log, channel)
        if self._detector is not None:
            self._note(Opened(now, channel, state, begun, was_offline))

    def close_channel(self, now: Instant, point: OutPoint, peer: Vertex) -> None:
        """Close a channel, and forget it or keep it in case it comes back.

        A channel restored from a static backup closes without an open event.
        """
        channel = self._channels.get(point) or self._closed.get(point)
        if channel is None or channel.peer != peer:
            require(point, OutPoint)
            require(peer, Vertex)
        if channel is None or (channel.closing is not None and not channel.closing.unseen):
            logger.debug("channel %s with %s is closed already", point, peer)
        elif channel.peer != peer:
            logger.warning(
                "channel %s closed with %s, but is with %s: ignored", point, peer, channel.peer
            )
        elif channel.closing is not None:
            logger.debug("channel %s with %s closed: it was found missing already", point, peer)
            self._close(channel, now)
        else:
            self._close(channel, now)
            self._wait_for_channels_alone(now)
            self._forget_unneeded(channel.log)

    def move_channel(
        self, now: Instant, point: OutPoint, new_point: OutPoint, peer: Vertex
    ) -> None:
        """Give a channel a new channel point; its figures and its place in order stay."""
        require(point, OutPoint)
        require(new_point, OutPoint)
        require(peer, Vertex)
        known = self._channels if point in self._channels else self._closed
        channel = known.get(point)
        there = self._channels.get(new_point) or self._closed.get(new_point)
        if channel is None and there is not None and there.peer == peer:
            logger.debug("channel %s with %s has moved to %s already", point, peer, new_point)
        elif channel is None or channel.peer != peer:
            logger.warning("channel %s with %s moved, but is not open: ignored", point, peer)
        elif there is not None and there.closing is None:
            logger.error("channel %s cannot move to %s, which is open already", point, new_point)
        else:
            if there is not None:
                self._settle(there)
            channel.point = new_point
            del known[point]
            known[new_point] = channel
            if self._unsaved_changes is not None:
                self._unsaved_changes.move(point, new_point)

    def set_active(self, now: Instant, point: OutPoint, active: bool) -> None:
        """Set whether a channel is active."""
        channel = self._channels.get(point)
        if channel is None:
            require(point, OutPoint)
            logger.debug("channel %s is not open: its activity is ignored", point)
        elif channel.active is active:
            logger.debug("channel %s is %s already", point, "active" if active else "inactive")
        else:
            self._set_active(channel, active, now)

    def _set_active(self, channel: Channel, active: bool, now: Instant) -> None:
        if self._detector is not None:
            self._note(Said(now, channel, channel.state(), active))
        if channel.set_active(active, self._opening(now)) and channel.activity is not None:
            self._trim(channel.activity, now)
        self._touch_in_place(channel)

    def describe_peer(
        self, _: Instant, peer: Vertex, alias: str | None, transport: str | None
    ) -> None:
        """Update a peer's description."""
        log = self._peers.get(peer)
        if log is None:
            require(peer, Vertex)
            logger.debug("peer %s is not known: its description is dropped", peer)
            return
        if alias is not None and alias != log.alias:
            log.alias = alias
            self._touch(log)
        if transport is not None and transport != (log.transport or "unknown"):
            self._set_transport(log, None if transport == "unknown" else transport)
            self._touch(log)

    def describe_channel(
        self,
        _: Instant,
        point: OutPoint,
        short_channel_id: str | None,
        capacity: int | None,
        private: bool | None,
    ) -> None:
        """Update a channel's description."""
        channel = self._channels.get(point)
        if channel is None:
            require(point, OutPoint)
            logger.debug("channel %s is not open: its description is dropped", point)
        elif channel.describe(short_channel_id, capacity, private):
            self._touch_in_place(channel)

    def pause(self, now: Instant, cause: str = SOURCE) -> None:
        """Begin blind time, at the timeline's present instant or before it."""
        if self._cut:
            logger.debug("monitoring is paused already")
            return
        self._cut = True
        self._decide(now)
        self._nothing_is_undecided()
        if not self._timeline.paused:
            self._stop_seeing(now)
        self._timeline.blame(cause)

    def resume(
        self,
        now: Instant,
        open_channels: Iterable[OpenChannel],
        online_peers: Iterable[Vertex],
    ) -> None:
        """End blind time, with the lists of open channels and online peers.

        A change of state is no flap, even without a pause before. An own outage ends only if
        a peer is online.
        """
        channels, online = _checked(open_channels, online_peers)
        self._cut = False
        if self._network_is_lost and online:
            self._network_is_back(len(online))
        if self._network_is_lost:
            self._timeline.blame(OWN_OUTAGE)
        else:
            now = self._see_again(now, online, [peer for _, peer in channels])
        self._set_open(channels, now)
        self._forget_all_unneeded()
        if len(self._timeline.anchors()) >= self._many_segments:
            self._forget_segments(now)

    def snapshot(
        self,
        now: Instant,
        open_channels: Iterable[OpenChannel],
        online_peers: Iterable[Vertex],
    ) -> None:
        """Correct the accounts by lists of open channels and online peers, without a flap."""
        channels, online = _checked(open_channels, online_peers)
        if self._network_is_lost:
            if not online:
                return
            if not self._cut:
                self.resume(now, channels, online)
                return
            self._network_is_back(len(online))
        listed = {point for point, _ in channels}
        for channel in self._in_order:
            if channel.active is False and channel.point not in listed:  # its close has begun
                channels.append(OpenChannel(channel.point, channel.peer))
        if not self._timeline.paused:
            differences = self._differences(channels, online)
            for difference in differences:
                logger.warning("%s in the snapshot, without an event: corrected", difference)
            if differences:
                self._nothing_is_undecided()
        self._set_online(online, now)
        self._set_open(channels, now)
        self._forget_all_unneeded()

    def corrected(
        self,
        open_channels: Iterable[OpenChannel],
        online_peers: Iterable[Vertex],
        told: Container[Vertex | OutPoint],
    ) -> tuple[list[OpenChannel], list[Vertex]]:
        """Return the lists, with the peers and channels of newer events as they are known."""
        channels = [channel for channel in open_channels if channel[0] not in told]
        online = [peer for peer in online_peers if peer not in told]
        for channel in self._in_order:
            if channel.point in told:
                channels.append(OpenChannel(channel.point, channel.peer))
        online += [log.peer for log in self._peers.values() if log.is_online and log.peer in told]
        return channels, online

    # Changes of state.

    def _changed(self, log: PeerLog, now: Instant, *, is_online: bool) -> None:
        """Count a peer's change of state as a flap, unless in blind time."""
        last = log.last_flap
        if self._unsaved_changes is not None:
            self._unsaved_changes.touch(log)
        if self._timeline.paused:
            log.changes_seen = 0
            return
        log.seen_offline = not is_online
        log.changes_seen += 1
        # Skip the cooldown in the common case, a flap soon after another.
        if last is None or last[1] != now[1] or now[0] - last[0] >= self._flap_period:
            log.flap_count = self._flaps(log, now)
        log.flap_count += 1
        log.last_flap = now
        history = log.history
        if history is not None and history.online is not is_online and history.change(now):
            self._trim(history, now)

    # Snapshots.

    def _differences(self, channels: list[OpenChannel], online: dict[Vertex, None]) -> list[str]:
        """Return the differences of a snapshot from the accounts, as text."""
        wanted = dict(channels)
        known_online = {peer for peer, log in self._peers.items() if log.is_online}
        return [
            *(f"peer {peer} is online" for peer in online if peer not in known_online),
            *(f"peer {peer} is offline" for peer in known_online if peer not in online),
            *(
                f"channel {point} with {peer} is open"
                for point, peer in wanted.items()
                if point not in self._channels or self._channels[point].peer != peer
            ),
            *(
                f"channel {channel.point} with {channel.peer} is not open"
                for channel in self._in_order
                if wanted.get(channel.point) != channel.peer
            ),
            *(
                f"channel {listed[0]} is {'active' if activity(listed) else 'inactive'}"
                for listed in channels
                if self._is_other(listed)
            ),
        ]

    def _is_other(self, listed: OpenChannel) -> bool:
        """Return whether a listed channel's activity differs from the known one."""
        channel, active = self._channels.get(listed[0]), activity(listed)
        return (
            channel is not None
            and None not in (active, channel.active)
            and (active is not channel.active)
        )

    def _set_online(self, online: dict[Vertex, None], now: Instant) -> None:
        for peer in online:
            if peer not in self._peers:
                self._meet(peer, now)
        changed = [log for log in self._peers.values() if log.is_online is not (log.peer in online)]
        if online:
            self._hold_ends([log for log in changed if not log.is_online], now)
        for log in changed:
            self._set_right(log, now)

    def _set_right(self, log: PeerLog, now: Instant) -> None:
        """Invert a peer's state, without an event."""
        is_online, transports = log.online(now), self._transports
        if not is_online:
            log.offline(now)
        self._touch(log)
        self._online += 1 if is_online else -1
        log.changes_seen = 0
        if not self._timeline.paused and not (is_online and self._returns(log, now)):
            log.seen_offline = not is_online
            self._align(log, now)
        if transports is not None:
            if is_online:
                self._came_over(transports, log, now)
            else:
                transports.left(log)

    def _set_open(self, open_channels: list[OpenChannel], now: Instant) -> None:
        if self._in_order:
            self._leave_all_but(dict(open_channels), now)
        known, opened = set(self._channels), self._opening(now)  # all share one instant
        for listed in open_channels:
            point, peer = listed
            if point in known:
                known.remove(point)  # listed again, it is a repeat
            else:
                self._open(point, peer, now, opened)
            active = activity(listed)
            if active is not None:
                channel = self._channels[point]
                if channel.peer == peer and channel.active is not active:
                    self._set_active(channel, active, now)
        self._wait_for_channels_alone(now)

    def _leave_all_but(self, wanted: dict[OutPoint, Vertex], now: Instant) -> None:
        for channel in list(self._in_order):
            if wanted.get(channel.point) != channel.peer:
                self._close(channel, now, unseen=True)


def _checked(
    open_channels: Iterable[OpenChannel], online_peers: Iterable[Vertex]
) -> tuple[list[OpenChannel], dict[Vertex, None]]:
    channels, online = list(open_channels), dict.fromkeys(online_peers)
    require_each(map(_point, channels), OutPoint)
    require_each(map(_peer, channels), Vertex)
    require_each(online, Vertex)
    return channels, online
