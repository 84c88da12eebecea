"""All peers and all channels: what happens goes in here, and what is to be saved comes out.

A peer is known while it is online or has a channel, a channel while it is open.
Pure: the timeline is given, and each method's ``at`` is a position on it.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from ..checks import require
from ..events import OpenChannel
from ..logs import Log
from ..wire import OutPoint, Vertex
from .history import History
from .history_window import before
from .own_outage import Closed, Opened, OutageDetector, Went
from .peerlog import Channel, PeerLog
from .queries import Queries, RetentionSettings
from .saved_state import MICROSECOND, Flush, Saved
from .timeline import Instant, Timeline
from .unsaved import UnsavedChanges

logger = Log(__name__)

_NOTHING = RetentionSettings()
_ZERO = datetime.timedelta(0)
_MANY_SEGMENTS = 128


class Ledger(Queries):
    """What happens goes into the accounts here. Not thread-safe: the loop owns it."""

    def __init__(self, timeline: Timeline, retention: RetentionSettings = _NOTHING) -> None:
        super().__init__(timeline, retention)
        self._flap_period = retention.cooldown.period
        self._absent: dict[OutPoint, Channel] = {}  # closed by absence, where that is stored
        self._unsaved_changes = UnsavedChanges(timeline) if retention.stored else None
        self._many_segments = _MANY_SEGMENTS  # so many, and some may be forgotten
        self._cut = False  # the source says that it sees nothing
        self._network_is_lost = False  # an own outage

    # What happens.

    def peer_online(self, peer: Vertex, at: datetime.timedelta) -> None:
        """A peer is online."""
        if self._detector is not None:
            self._detector.clear()
            if self._network_is_lost and self._is_back(peer):
                return
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
        elif log.is_online:
            if self._detector is not None and not self._timeline.paused:
                self._detector.note(Went(self._timeline.instant(), log, log.state()))
            log.offline(at)
            self._changed(log, at)
            if not log.channels:
                self._forget_unneeded(log)
            if self._detector is not None and self._detector.is_certain:
                self._lose_network(self._detector)

    def open_channel(self, point: OutPoint, peer: Vertex, at: datetime.timedelta) -> None:
        """A channel opens, up from its first moment if its peer is online."""
        self._open(point, peer, self._opening(at))

    def _opening(self, at: datetime.timedelta) -> Instant:
        """When what opens at ``at`` begins: unseen, with the next segment.

        That begins where the timeline stands.
        """
        return at, self._timeline.segment + self._timeline.paused

    def _open(self, point: OutPoint, peer: Vertex, opened: Instant) -> None:
        at, _ = opened
        known = self._channels.get(point)
        if known is not None:
            logger.error("channel %s with %s is open already, with %s", point, peer, known.peer)
            return
        require(point, OutPoint)
        require(peer, Vertex)
        log = self._peers.get(peer)
        if log is None:
            log = self._new_log(peer, at)
        channel, absence = self._returning(point, peer) if self._absent else None, None
        if channel is None:
            channel = Channel(point, peer, log, opened)
        else:
            absence = channel.absence
            channel.come_back(at)
        self._channels[point] = log.channels[point] = channel
        log.had_channel = True
        begun = None
        if log.history is None and self._retention.history is not None:
            begun = log.is_online
            log.history = History(opened, begun)
        if self._unsaved_changes is not None:
            self._unsaved_changes.touch(log, channel)
        if self._detector is not None:
            self._detector.note(Opened(self._timeline.instant(), channel, absence, begun))

    def _returning(self, point: OutPoint, peer: Vertex) -> Channel | None:
        """The absent channel that this is. One with another peer has closed, then."""
        channel = self._absent.pop(point, None)
        if channel is None or channel.peer == peer:
            return channel
        logger.warning("channel %s is with %s now, not with %s", point, peer, channel.peer)
        self._close(channel)
        self._forget_unneeded(channel.log)
        return None

    def close_channel(self, point: OutPoint, peer: Vertex) -> None:
        """A channel closes and is forgotten.

        One restored from a static backup closes without ever having opened.
        """
        channel = self._channels.get(point)
        if channel is not None and channel.peer == peer:
            self._remove(channel)
            self._close(channel)
            self._forget_unneeded(channel.log)
            return
        require(point, OutPoint)
        require(peer, Vertex)
        absent = self._absent.get(point)
        if absent is not None and absent.peer == peer:
            logger.debug("channel %s with %s closed, which was gone already", point, peer)
            del self._absent[point]
            self._close(absent)
            self._forget_unneeded(absent.log)
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
            if self._unsaved_changes is not None:
                self._unsaved_changes.move(point, new_point)

    def pause(self) -> None:
        """From here on nothing is seen."""
        if self._cut:
            logger.warning("monitoring was paused while it was paused")
            return
        self._cut = True
        if self._detector is not None:
            self._detector.clear()
        if not self._timeline.paused:
            self._timeline.pause()

    def resume(self, open_channels: Iterable[OpenChannel], online_peers: Iterable[Vertex]) -> None:
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
            self._see_again(online)
        at, _ = self._timeline.instant()
        self._set_open(channels, at)
        self._forget_all_unneeded()
        if len(self._timeline.anchors()) >= self._many_segments:
            self._forget_segments()

    # Channels and peers.

    def _new_log(self, peer: Vertex, at: datetime.timedelta) -> PeerLog:
        require(peer, Vertex)
        log = self._peers[peer] = PeerLog(peer, (at, self._timeline.segment))
        return log

    def _remove(self, channel: Channel) -> None:
        del self._channels[channel.point], channel.log.channels[channel.point]
        self._touch(channel.log, channel)

    def _close(self, channel: Channel) -> None:
        if self._unsaved_changes is not None:
            self._unsaved_changes.close(channel)
        if self._detector is not None:
            self._detector.note(Closed(self._timeline.instant(), channel))

    def _forget_unneeded(self, log: PeerLog) -> None:
        """Forget what is not needed any more of a peer, if not the peer itself."""
        if log.channels:
            return
        if log.history is not None and not self._has_absent_channel(log):
            log.history = None
        if not log.is_online and not (self._retention.stored and log.had_channel):
            del self._peers[log.peer]

    def _forget_segments(self) -> None:
        """Forget the segments of the timeline that date nothing any more."""
        channels = [*self._channels.values(), *self._absent.values()]
        needed = {channel.opened[1] for channel in channels}
        for log in self._peers.values():
            needed.add(log.since[1])
            if log.last_flap is not None:
                needed.add(log.last_flap[1])
            if log.history is not None:
                self._drop_old(log.history)
                needed |= log.history.segments()
                self._touch(log)  # what was dropped is not dated any more, nor on the disk
        self._timeline.forget(
            before(self._timeline.now(), self._retention.history or _ZERO), needed
        )
        self._many_segments = max(2 * len(self._timeline.anchors()), _MANY_SEGMENTS)
        if self._unsaved_changes is not None:
            self._unsaved_changes.forget_segments()

    def _forget_all_unneeded(self) -> None:
        for log in list(self._peers.values()):
            self._forget_unneeded(log)

    def _has_absent_channel(self, log: PeerLog) -> bool:
        return any(channel.log is log for channel in self._absent.values())

    def _touch(self, log: PeerLog, channel: Channel | None = None) -> None:
        if self._unsaved_changes is not None:
            self._unsaved_changes.touch(log, channel)

    # Changes of state.

    def _changed(self, log: PeerLog, at: datetime.timedelta) -> None:
        """A change that an event told of: a flap, unless nothing is to be seen."""
        timeline, last = self._timeline, log.last_flap
        if self._detector is not None:
            self._detector.online += 1 if log.is_online else -1
        log.since = instant = at, timeline.segment
        if self._unsaved_changes is not None:
            self._unsaved_changes.touch(log)
        if timeline.paused:
            return
        # The common case, a flap soon after another, has nothing to cool.
        if last is None or last[1] != timeline.segment or at - last[0] >= self._flap_period:
            log.flap_count = self._flaps(log)
        log.flap_count += 1
        log.last_flap = instant
        if log.history is not None:
            self._align(log, instant)

    # This node's own outage.

    def _lose_network(self, detector: OutageDetector) -> None:
        """All peers went: it was nobody's outage but ours."""
        went, since = len(detector.went), self._timeline.date(detector.first)
        self._network_is_lost = True
        detector.undo(self._unsaved_changes)
        logger.warning(
            "all %d peers went offline: this node's own network is lost, as of %s", went, since
        )

    def _is_back(self, peer: Vertex) -> bool:
        """A peer is online again: that ends an own outage, and counts as a resume."""
        require(peer, Vertex)
        self._network_is_lost = False
        if self._cut:
            return False
        self._see_again({peer: None})
        self._forget_all_unneeded()
        return True

    # Snapshots.

    def _see_again(self, online: dict[Vertex, None]) -> None:
        if self._timeline.paused:
            self._timeline.resume()
        at, _ = instant = self._timeline.instant()
        if self._detector is not None:
            self._detector.clear()
            self._detector.online = len(online)
        for peer in online:
            if peer not in self._peers:
                self._new_log(peer, at)
        for peer, log in self._peers.items():
            if log.online(at) if peer in online else log.offline(at):
                log.since = instant
                self._touch(log)
            self._align(log, instant)

    def _set_open(self, open_channels: list[OpenChannel], at: datetime.timedelta) -> None:
        if self._channels:
            self._leave_all_but(dict(open_channels), at)
        known, opened = set(self._channels), self._opening(at)  # one, however many they are
        for point, peer in open_channels:
            if point in known:
                known.remove(point)  # a second time would be one too many
            else:
                self._open(point, peer, opened)

    def _leave_all_but(self, wanted: dict[OutPoint, Vertex], at: datetime.timedelta) -> None:
        for channel in list(self._channels.values()):
            if wanted.get(channel.point) != channel.peer:
                channel.leave(at)
                self._remove(channel)
                if self._retention.stored:
                    self._absent[channel.point] = channel

    # History.

    def _align(self, log: PeerLog, instant: Instant) -> None:
        """Let the history end in the present state."""
        history = log.history
        if history is not None and history.online != log.is_online:
            history.change(instant)
            self._drop_old(history)
            self._touch(log)

    # Saving.

    def unsaved(self, at: datetime.timedelta, everything: bool = False) -> Flush | None:
        """What is to be saved since the last time; it then counts as saved.

        Nothing newer than what is undecided of an own outage; None if that cannot
        be told from what is older.
        """
        assert self._unsaved_changes is not None
        instant, undecided = (at, self._timeline.segment), {}
        if self._detector is not None and self._detector.is_open:
            if self._detector.of_channels:
                return None
            instant = self._detector.first
            undecided = {log: state for _, log, state in self._detector.went}
        logs = [log for log in self._peers.values() if log.had_channel] if everything else None
        present = {**self._absent, **self._channels}
        return self._unsaved_changes.unsaved(instant, present, logs, undecided)

    def last_flush(self, at: datetime.timedelta, everything: bool) -> Flush:
        """The same at the end: what is undecided is undone."""
        if self._detector is not None and self._detector.is_open:
            self._detector.undo(self._unsaved_changes)
            at, _ = self._timeline.instant()
        unsaved = self.unsaved(at, everything)
        assert unsaved is not None
        return unsaved

    def restore(self, saved: Saved) -> None:
        """Take in what was saved; nothing is known yet."""
        for peer_row in saved.peers:
            log = PeerLog.of_row(peer_row)
            self._peers[log.peer] = log
        if self._retention.history is not None:
            for rows in saved.histories:
                self._peers[Vertex(rows.key)].history = History.of_rows(rows)
        for row in saved.channels:
            log = self._peers[Vertex(row.key)]
            channel = Channel.of_row(row, log)
            if channel.is_absent:
                self._absent[channel.point] = channel
            else:
                self._channels[channel.point] = log.channels[channel.point] = channel
            if log.history is None and self._retention.history is not None:
                log.history = History(self._timeline.instant(), log.is_online)
                log.history.dropped = True
            _, _, lifetime, uptime = channel.final_info(saved.position * MICROSECOND)
            if not _ZERO <= uptime <= lifetime:
                raise ValueError(f"channel {channel.point} with {uptime} of {lifetime} online")


def _rename(channels: dict[OutPoint, Channel], point: OutPoint, new_point: OutPoint) -> None:
    """Give one entry a new key, and leave the order as it was."""
    entries = [(new_point if key == point else key, each) for key, each in channels.items()]
    channels.clear()
    channels.update(entries)
