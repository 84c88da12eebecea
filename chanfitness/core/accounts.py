"""The accounts as a whole: peers and channels that are added, removed, restored and forgotten.

Pure: the timeline is given.
"""

from __future__ import annotations

import datetime

from ..checks import require
from ..clock import before
from ..wire import OutPoint, Vertex
from .history import History
from .peerlog import Channel, PeerLog
from .queries import Queries, RetentionSettings
from .saved_state import MICROSECOND, Saved
from .timeline import Instant, Timeline
from .unsaved import UnsavedChanges

_ZERO = datetime.timedelta(0)
_MANY_SEGMENTS = 128


class Accounts(Queries):
    """All that is known, and how it changes. Not thread-safe: the loop owns it."""

    def __init__(self, timeline: Timeline, retention: RetentionSettings) -> None:
        super().__init__(timeline, retention)
        self._absent: dict[OutPoint, Channel] = {}  # closed by absence, where that is stored
        self._unsaved_changes = UnsavedChanges(timeline) if retention.stored else None
        self._many_segments = _MANY_SEGMENTS  # so many, and some may be forgotten

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
                log.absent += 1
            else:
                self._add(channel)
            if log.history is None and self._retention.history is not None:
                log.history = History(self._timeline.instant(), log.is_online)
            _, _, lifetime, uptime = channel.final_info(saved.position * MICROSECOND)
            if not _ZERO <= uptime <= lifetime:
                raise ValueError(f"channel {channel.point} with {uptime} of {lifetime} online")

    # Channels and peers.

    def _new_log(self, peer: Vertex, now: Instant) -> PeerLog:
        require(peer, Vertex)
        log = self._peers[peer] = PeerLog(peer, now)
        return log

    def _add(self, channel: Channel) -> None:
        self._channels[channel.point] = channel
        self._in_order[channel] = channel.log.channels[channel] = None

    def _remove(self, channel: Channel) -> None:
        del self._channels[channel.point], self._in_order[channel], channel.log.channels[channel]

    def _forget_unneeded(self, log: PeerLog) -> None:
        """Forget what is not needed any more of a peer, if not the peer itself."""
        if log.channels:
            return
        if not log.absent:
            log.history = None
        if not log.is_online and not (self._retention.stored and log.had_channel):
            del self._peers[log.peer]

    def _forget_segments(self, now: Instant) -> None:
        """Forget the segments of the timeline that date nothing any more."""
        needed = {channel.opened[1] for channel in [*self._in_order, *self._absent.values()]}
        for log in self._peers.values():
            needed.add(log.since[1])
            if log.last_flap is not None:
                needed.add(log.last_flap[1])
            if log.history is not None:
                self._trim(log.history, now)
                needed |= log.history.segments()
                self._touch(log)  # what was dropped is not dated any more, nor on the disk
        kept_from = before(self._timeline.latest_date(), self._retention.history or _ZERO)
        self._timeline.forget(kept_from, needed)
        self._many_segments = max(2 * len(self._timeline.anchors()), _MANY_SEGMENTS)
        if self._unsaved_changes is not None:
            self._unsaved_changes.forget_segments()

    def _forget_all_unneeded(self) -> None:
        for log in list(self._peers.values()):
            self._forget_unneeded(log)

    def _touch(self, log: PeerLog, channel: Channel | None = None) -> None:
        if self._unsaved_changes is not None:
            self._unsaved_changes.touch(log, channel)

    def _take_absent(self, point: OutPoint) -> Channel | None:
        """Remove an absent channel."""
        channel = self._absent.pop(point, None)
        if channel is not None:
            channel.log.absent -= 1
        return channel

    # History.

    def _align(self, log: PeerLog, now: Instant) -> bool:
        """Let the history end in the present state. Returns whether that is a change."""
        history = log.history
        if history is None or history.online == log.is_online:
            return False
        if history.change(now):
            self._trim(history, now)
        return True
