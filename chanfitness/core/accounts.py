"""The set of known peers and channels: adding, closing, restoring and forgetting them.

With storage a closed channel *may come back* while the history period lasts: a channel that
opens again continues with its figures. Until then its peer is *remembered*, even if offline
and without open channels; questions do not see either of them. After the period the channel
is *settled*: its final figures are saved. Pure: the timeline is given.
"""

from __future__ import annotations

import datetime

from ..checks import require
from ..clock import before
from ..logs import Log
from ..wire import OutPoint, Vertex
from .activity import Activity
from .channel import Channel, Closing
from .history import History
from .peerlog import PeerLog
from .queries import Queries, RetentionSettings
from .return_grace import ReturnGrace
from .rollback import Closed, Opened, Said
from .saved_state import MICROSECOND, Saved
from .timeline import Instant, Timeline
from .unsaved import UnsavedChanges

logger = Log(__name__)

_ZERO = datetime.timedelta(0)
_MANY_SEGMENTS = 128
_MAY_COME_BACK = datetime.timedelta(days=90)  # if there is no history period


class Accounts(Queries):
    """All known peers and channels. Not thread-safe: the loop owns it."""

    def __init__(self, timeline: Timeline, retention: RetentionSettings) -> None:
        super().__init__(timeline, retention)
        self._remembered: dict[Vertex, PeerLog] = {}  # only for closed channels
        self._went_unseen: dict[PeerLog, None] = {}  # the next resume sets their state
        self._unsaved_changes: UnsavedChanges | None = None
        if retention.stored:
            awaits = retention.return_grace is not None
            self._unsaved_changes = UnsavedChanges(timeline, awaits=awaits)
        self._many_segments = _MANY_SEGMENTS  # the number from which some are forgotten

    def restore(self, saved: Saved) -> None:
        """Load saved accounts into these, which are empty."""
        for peer_row in saved.peers:
            log = PeerLog.of_row(peer_row)
            self._peers[log.peer] = log
        activities = {}
        if self._retention.history is not None:
            for rows in saved.histories:
                assert isinstance(rows.key, bytes)
                self._peers[Vertex(rows.key)].history = History.of_rows(rows)
            activities = {rows.key: rows for rows in saved.activities}
        for row in saved.channels:
            log = self._peers[Vertex(row.key)]
            channel = Channel.of_row(row, log)
            if row.channel_point in activities:
                channel.activity = Activity.of_rows(activities[row.channel_point])
            if channel.closing is None:
                self._add(channel)
            else:
                self._keep_closed(channel)
            if self._retention.history is not None:
                self._begin_history(channel)
            info = channel.info(saved.position * MICROSECOND)
            if not _ZERO <= info.usable <= info.uptime <= info.lifetime:
                raise ValueError(f"channel {channel.point} with {info.uptime} of {info.lifetime}")
        self._transport_spans.restore(saved.outages)
        self._forget_all_unneeded()

    def _begin_history(self, channel: Channel) -> None:
        """Begin the histories of a channel and its peer, where none was saved."""
        log, now = channel.log, self._timeline.instant()
        if log.history is None:
            log.history = History(now, log.is_online)
            self._touch_in_place(channel)
        if channel.activity is None and channel.begin_activity(now):
            self._touch_in_place(channel)

    # Channels and peers.

    def _meet(self, peer: Vertex, now: Instant) -> PeerLog:
        """Return the log of an unknown peer: the remembered one, or a new one."""
        require(peer, Vertex)
        self._settle_old()
        log = self._remembered.pop(peer) if peer in self._remembered else PeerLog(peer, now)
        self._peers[peer] = log
        return log

    def _add(self, channel: Channel) -> None:
        self._channels[channel.point] = channel
        self._in_order[channel] = channel.log.channels[channel] = None

    def _remove(self, channel: Channel) -> None:
        del self._channels[channel.point], self._in_order[channel], channel.log.channels[channel]

    def _forget_unneeded(self, log: PeerLog) -> None:
        """Forget a peer without channels if it is offline; remember it if one may come back."""
        if log.channels:
            return
        if not log.closed:
            log.history = None
        if log.is_online:
            return
        del self._peers[log.peer]
        if not log.closed:
            self._do_not_await(log)
        else:
            self._remembered[log.peer] = log
            if not log.seen_offline or (log.history is not None and log.history.online):
                self._went_unseen[log] = None

    def _forget_all_unneeded(self) -> None:
        for log in list(self._peers.values()):
            self._forget_unneeded(log)

    def _forget_segments(self, now: Instant) -> None:
        """Forget the segments of the timeline to which no kept instant refers."""
        needed = set()
        for log in [*self._peers.values(), *self._remembered.values()]:
            needed.add(log.since[1])
            if log.last_flap is not None:
                needed.add(log.last_flap[1])
            if log.history is not None:
                self._trim(log.history, now)
                needed |= log.history.segments()
                self._touch(log)  # the database too must drop changes that lose their segment
        for channel in [*self._closed.values(), *self._in_order]:
            needed.add(channel.opened[1])
            if channel.activity is not None:
                self._trim(channel.activity, now)
                needed |= channel.activity.segments()
            channel.forget_gaps()
            self._touch_in_place(channel)
        self._forget_transport_spans(now)
        needed |= self._transport_spans.segments()
        kept_from = before(self._timeline.latest_date(), self._retention.history or _ZERO)
        self._timeline.forget(kept_from, needed)
        self._many_segments = max(2 * len(self._timeline.anchors()), _MANY_SEGMENTS)
        if self._unsaved_changes is not None:
            self._unsaved_changes.forget_segments()

    def _touch(self, log: PeerLog, channel: Channel | None = None) -> None:
        if self._unsaved_changes is not None:
            self._unsaved_changes.touch(log, channel)

    def _touch_in_place(self, channel: Channel) -> None:
        if self._unsaved_changes is not None:
            self._unsaved_changes.touch_in_place(channel)

    # Undecided events and awaited peers.

    def _note(self, record: Opened | Closed | Said) -> None:
        """Add a change of a channel to the undecided events, if there are any."""
        assert self._detector is not None
        assert self._transports is not None
        for detector in (self._detector, *self._transports.detectors):
            if detector.has_begun:
                detector.note(record)

    def _nothing_is_undecided(self) -> None:
        """Let all undecided events stand as they are."""
        if self._detector is not None and self._transports is not None:
            self._detector.clear()
            self._transports.clear()

    @property
    def _graces(self) -> list[ReturnGrace]:
        """The graces with awaited peers: after a resume, and of each transport outage."""
        graces: list[ReturnGrace] = []
        if self._grace is not None and self._grace.awaited:
            graces.append(self._grace)
        if self._transports is not None and self._transports.outages:
            graces += [each for each in self._transports.outages.values() if each.awaited]
        return graces

    def _grace_of(self, log: PeerLog) -> ReturnGrace | None:
        """Return the grace in which a peer is awaited, if any."""
        if self._grace is None and self._transports is None:
            return None
        return next((grace for grace in self._graces if log in grace.awaited), None)

    def _do_not_await(self, log: PeerLog) -> None:
        """Stop awaiting a peer that is forgotten."""
        grace = self._grace_of(log)
        if grace is not None:
            del grace.awaited[log]

    def _forget_transport_spans(self, now: Instant) -> None:
        """Forget transport spans older than the history period."""
        period = self._retention.history or _MAY_COME_BACK
        self._transport_spans.forget(lambda instant: self._timeline.ago(instant, now) >= period)

    # Closed channels that may come back.

    def _returning(self, point: OutPoint, peer: Vertex) -> Channel | None:
        """Take out the closed channel that opens again; settle it if its peer is another now."""
        self._settle_old()
        channel = self._closed.get(point)
        if channel is None:
            return None
        if channel.peer != peer:
            logger.warning(
                "channel %s is with %s now, not with %s: its figures begin anew",
                point,
                peer,
                channel.peer,
            )
            self._settle(channel)
            return None
        self._take_closed(channel)
        channel.closing = None
        return channel

    def _close(self, channel: Channel, now: Instant, *, unseen: bool = False) -> None:
        """Close a channel; with storage, keep it in case it comes back."""
        if self._detector is not None:
            self._note(Closed(now, channel, channel.state()))
        if channel.closing is None:
            self._remove(channel)
        else:
            self._take_closed(channel)
        if self._retention.stored:
            grace = self._grace_of(channel.log)
            if grace is not None and channel.is_absent and channel.closing is None:
                grace.leaves(channel, now)
            channel.leave(now[0])
            channel.closing = Closing(self._timeline.latest_date(), unseen)
            self._keep_closed(channel)
        self._touch(channel.log, channel)

    def _keep_closed(self, channel: Channel) -> None:
        self._closed[channel.point] = channel
        channel.log.closed += 1

    def _take_closed(self, channel: Channel) -> None:
        del self._closed[channel.point]
        channel.log.closed -= 1

    def _settle_old(self) -> None:
        """Settle the channels that closed too long ago to come back."""
        if not self._closed:
            return
        period, now = self._retention.history, self._timeline.latest_date()
        if period is None:
            period = _MAY_COME_BACK
        while self._closed:
            channel = next(iter(self._closed.values()))
            assert channel.closing is not None
            if now - channel.closing.date < period:
                break
            self._settle(channel)

    def _settle(self, channel: Channel) -> None:
        """Save the final figures of a closed channel, and forget it."""
        log, unsaved_changes = channel.log, self._unsaved_changes
        assert unsaved_changes is not None
        self._take_closed(channel)
        unsaved_changes.settle(channel)
        if not log.is_saved:
            log.history = None
            unsaved_changes.forget(log)
            self._remembered.pop(log.peer, None)

    # History.

    def _align(self, log: PeerLog, now: Instant) -> bool:
        """Make the history end in the peer's present state. Return whether that is a change."""
        history = log.history
        if history is None or history.online == log.is_online:
            return False
        if history.change(now):
            self._trim(history, now)
        return True
