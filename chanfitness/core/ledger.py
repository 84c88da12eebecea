"""All peers and all channels: what happens goes in here, and what is to be saved comes out.

A peer is known while it is online or has a channel, a channel while it is open.
Pure: the timeline is given. Each handler takes the instant of its event, ``now``,
which is where the timeline is. A repeat, which tells what is so already, changes nothing.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable

from ..checks import require
from ..events import OpenChannel
from ..logs import Log, logged_time
from ..wire import OutPoint, Vertex
from .accounts import Accounts
from .history import History
from .own_outage import OutageDetector
from .peerlog import Channel, PeerLog
from .queries import RetentionSettings
from .rollback import Closed, Opened, Went, roll_back, unseen
from .saved_state import Flush
from .timeline import Instant, Timeline

logger = Log(__name__)

_NOTHING = RetentionSettings()


class Ledger(Accounts):
    """What happens goes into the accounts here. Not thread-safe: the loop owns it."""

    def __init__(self, timeline: Timeline, retention: RetentionSettings = _NOTHING) -> None:
        super().__init__(timeline, retention)
        self._flap_period = retention.cooldown.period
        self._cut = False  # the source says that it sees nothing
        self._network_is_lost = False  # an own outage

    # What happens.

    def peer_online(self, now: Instant, peer: Vertex) -> None:
        """A peer is online."""
        if self._detector is not None:
            self._detector.clear()
            if self._network_is_lost and self._is_back(now, peer):
                return
        log = self._peers.get(peer)
        if log is None:
            log = self._new_log(peer, now)
        if log.online(now):
            self._changed(log, now)
        else:
            logger.debug("peer %s is online already", peer)

    def peer_offline(self, now: Instant, peer: Vertex) -> None:
        """A peer is offline."""
        log = self._peers.get(peer)
        if log is None or not log.is_online:
            require(peer, Vertex)  # a stranger: nothing to remember
            logger.debug("peer %s is offline already", peer)
            return
        if self._detector is not None and not self._timeline.paused:
            self._detector.note(Went(now, log, log.state()))
        log.offline(now)
        self._changed(log, now)
        if not log.channels:
            self._forget_unneeded(log)
        if self._detector is not None and self._detector.is_certain:
            self._lose_network(self._detector)

    def open_channel(self, now: Instant, point: OutPoint, peer: Vertex) -> None:
        """A channel opens, up from its first moment if its peer is online."""
        if point not in self._channels:
            require(point, OutPoint)
            require(peer, Vertex)
        self._open(point, peer, now, self._opening(now))

    def _opening(self, now: Instant) -> Instant:
        """The instant from which a channel that opens counts; while paused, the next segment's."""
        return unseen(now) if self._timeline.paused else now

    def _open(self, point: OutPoint, peer: Vertex, now: Instant, opened: Instant) -> None:
        known = self._channels.get(point)
        if known is not None:
            if known.peer == peer:
                logger.debug("channel %s with %s is open already", point, peer)
            else:
                logger.error("channel %s with %s is open already, with %s", point, peer, known.peer)
            return
        log = self._peers.get(peer)
        if log is None:
            log = self._new_log(peer, now)
        channel, absence = self._returning(point, peer, now), None
        if channel is None:
            channel = Channel(point, peer, log, opened)
        else:
            absence = channel.absence
            channel.come_back(now[0])
        self._add(channel)
        log.had_channel = True
        begun = None
        if log.history is None and self._retention.history is not None:
            begun = log.is_online
            log.history = History(opened, begun)
        self._touch(log, channel)
        if self._detector is not None:
            self._detector.note(Opened(now, channel, absence, begun))

    def _returning(self, point: OutPoint, peer: Vertex, now: Instant) -> Channel | None:
        """The absent channel that this is. One with another peer has closed, then."""
        channel = self._take_absent(point)
        if channel is None or channel.peer == peer:
            return channel
        self._close(channel, now)
        logger.warning("channel %s is with %s now, not with %s", point, peer, channel.peer)
        return None

    def _close(self, channel: Channel, now: Instant) -> None:
        """A channel that was removed closed for good."""
        if self._unsaved_changes is not None:
            self._unsaved_changes.close(channel, now)
        if self._detector is not None:
            self._detector.note(Closed(now, channel))
        self._forget_unneeded(channel.log)

    def close_channel(self, now: Instant, point: OutPoint, peer: Vertex) -> None:
        """A channel closes and is forgotten.

        One restored from a static backup closes without ever having opened.
        """
        channel = self._channels.get(point) or self._absent.get(point)
        if channel is not None and channel.peer == peer:
            if channel.is_absent:
                logger.debug("channel %s with %s closed, which was gone already", point, peer)
                self._take_absent(point)
            else:
                self._remove(channel)
            self._close(channel, now)
            return
        require(point, OutPoint)
        require(peer, Vertex)
        if channel is None:
            logger.debug("channel %s with %s is closed already", point, peer)
        else:
            logger.warning("channel %s closed with %s, but is with %s", point, peer, channel.peer)

    def move_channel(
        self, now: Instant, point: OutPoint, new_point: OutPoint, peer: Vertex
    ) -> None:
        """A channel has a new channel point, in its old place, and goes on."""
        require(point, OutPoint)
        require(new_point, OutPoint)
        require(peer, Vertex)
        known = self._channels if point in self._channels else self._absent
        channel = known.get(point)
        there = self._channels.get(new_point) or self._absent.get(new_point)
        if channel is None and there is not None and there.peer == peer:
            logger.debug("channel %s with %s has moved to %s already", point, peer, new_point)
        elif channel is None or channel.peer != peer:
            logger.warning("channel %s with %s moved, which was not open", point, peer)
        elif there is not None:
            logger.error("channel %s cannot move to %s, which is open already", point, new_point)
        else:
            channel.point = new_point
            del known[point]
            known[new_point] = channel
            if self._unsaved_changes is not None:
                self._unsaved_changes.move(point, new_point)

    def pause(self, now: Instant) -> None:
        """From here on nothing is seen."""
        if self._cut:
            logger.debug("monitoring is paused already")
            return
        self._cut = True
        if self._detector is not None:
            self._detector.clear()
        if not self._timeline.paused:
            self._timeline.pause(now)

    def resume(
        self,
        now: Instant,
        open_channels: Iterable[OpenChannel],
        online_peers: Iterable[Vertex],
    ) -> None:
        """From here on all is seen, and this is what is open and who is online.

        Nothing that changed meanwhile is a flap. If nothing was paused, this is a
        snapshot to reconcile with. In an own outage a snapshot without a peer online
        does not end it.
        """
        channels = list(open_channels)
        online = dict.fromkeys(online_peers)
        for point, peer in channels:
            require(point, OutPoint)
            require(peer, Vertex)
        for peer in online:
            require(peer, Vertex)
        self._cut = False
        self._network_is_lost = self._network_is_lost and not online
        if not self._network_is_lost:
            now = self._see_again(now, online)
        self._set_open(channels, now)
        self._forget_all_unneeded()
        if len(self._timeline.anchors()) >= self._many_segments:
            self._forget_segments(now)

    # Changes of state.

    def _changed(self, log: PeerLog, now: Instant) -> None:
        """A change that an event told of: a flap, unless nothing is to be seen."""
        last = log.last_flap
        if self._detector is not None:
            self._detector.online += 1 if log.is_online else -1
        if self._unsaved_changes is not None:
            self._unsaved_changes.touch(log)
        if self._timeline.paused:
            return
        # The common case, a flap soon after another, has nothing to cool.
        if last is None or last[1] != now[1] or now[0] - last[0] >= self._flap_period:
            log.flap_count = self._flaps(log, now)
        log.flap_count += 1
        log.last_flap = now
        if log.history is not None:
            self._align(log, now)

    # This node's own outage.

    def _lose_network(self, detector: OutageDetector) -> None:
        """All peers went: it was nobody's outage but ours."""
        went = len(detector.went)
        first = self._undo(detector)
        self._network_is_lost = True
        logger.warning(
            "all %d peers went offline: this node's own network is lost, as of %s",
            went,
            logged_time(self._timeline.date(first)),
        )

    def _undo(self, detector: OutageDetector) -> Instant:
        """Go back to when the first peer went: from there on nothing was seen."""
        first, records = detector.take()
        roll_back(first, records, self._timeline, self._unsaved_changes)
        return first

    def _is_back(self, now: Instant, peer: Vertex) -> bool:
        """A peer is online again: that ends an own outage, and counts as a resume."""
        require(peer, Vertex)
        self._network_is_lost = False
        if self._cut:
            return False
        self._see_again(now, {peer: None})
        self._forget_all_unneeded()
        return True

    # Snapshots.

    def _see_again(self, now: Instant, online: dict[Vertex, None]) -> Instant:
        """From here on all is seen, and these peers are online. Returns where that begins."""
        if self._timeline.paused:
            now = self._timeline.resume()
        if self._detector is not None:
            self._detector.clear()
            self._detector.online = len(online)
        for peer in online:
            if peer not in self._peers:
                self._new_log(peer, now)
        for peer, log in self._peers.items():
            changed = log.online(now) if peer in online else log.offline(now)
            if self._align(log, now) or changed:
                self._touch(log)
        return now

    def _set_open(self, open_channels: list[OpenChannel], now: Instant) -> None:
        self._leave_all_but(dict(open_channels), now)
        known, opened = set(self._channels), self._opening(now)  # one, however many they are
        for point, peer in open_channels:
            if point in known:
                known.remove(point)  # a second time would be a repeat
            else:
                self._open(point, peer, now, opened)

    def _leave_all_but(self, wanted: dict[OutPoint, Vertex], now: Instant) -> None:
        for channel in list(self._in_order):
            if wanted.get(channel.point) != channel.peer:
                channel.leave(now[0])
                self._remove(channel)
                self._touch(channel.log, channel)
                if self._retention.stored:
                    self._absent[channel.point] = channel
                    channel.log.absent += 1

    # Saving.

    def flush(self, now: Instant, everything: bool) -> Flush | None:
        """What is to be saved since the last time, or everything; it then counts as saved.

        Nothing newer than what is undecided of an own outage; None if that cannot
        be told from what is older.
        """
        unsaved_changes = self._unsaved_changes
        assert unsaved_changes is not None
        undecided = {}
        if self._detector is not None and self._detector.is_open(now):
            if self._detector.of_channels:
                return None
            now = self._detector.first
            undecided = {log: state for _, log, state in self._detector.went}
        if everything:
            unsaved_changes.touch_everything(
                self._peers.values(), [*self._absent.values(), *self._in_order]
            )
        for log in unsaved_changes.logs:
            if log.history is not None:
                self._trim(log.history, now)
        return unsaved_changes.flush(now, ChainMap(self._channels, self._absent), undecided)

    def last_flush(self, now: Instant, everything: bool) -> Flush:
        """The same at the end: what is undecided is undone."""
        if self._detector is not None and self._detector.is_open(now):
            now = self._undo(self._detector)
        flush = self.flush(now, everything)
        assert flush is not None
        return flush
