"""What the store sees and when: blind time, this node's own outages, and peers that are awaited.

Nobody is blamed for what was not seen. Pure: the timeline is given.
"""

from __future__ import annotations

import datetime
from collections.abc import Container, Iterable, Sequence

from ..checks import require
from ..clock import Moment
from ..logs import Log, logged_time
from ..wire import Vertex
from .accounts import Accounts
from .blind_spans import OWN_OUTAGE
from .own_outage import OutageDetector
from .peerlog import PeerLog
from .queries import RetentionSettings
from .return_grace import ReturnGrace
from .rollback import GaveUp, Record, Went, roll_back
from .timeline import Instant, Timeline

logger = Log(__name__)

_SURE = 5  # so many peers do not go at once by chance


class Sight(Accounts):
    """When the store sees, and whom it awaits. Not thread-safe: the loop owns it."""

    def __init__(self, timeline: Timeline, retention: RetentionSettings) -> None:
        super().__init__(timeline, retention)
        self._online = 0  # how many peers are; of no use while nothing is seen
        self._cut = False  # the source says that it sees nothing
        self._network_is_lost = False  # an own outage
        self.advance = timeline.advance if self._grace is None else self._advance

    def _advance(self, moment: Moment, at: datetime.datetime | None = None) -> Instant:
        """Go on to where an item lies: what is over by then is decided first."""
        now = self._timeline.advance(moment, at)
        if self._grace is not None and self._grace.awaited:
            self._decide(now)
        return now

    # Blind time.

    def _stop_seeing(self, at: Instant, records: Sequence[Record] = ()) -> None:
        """From ``at`` on nothing was seen; ``records``: what happened since."""
        undone: list[Record | GaveUp] = [*records]
        gave_up = None if self._grace is None else self._grace.gave_up
        if gave_up is not None and gave_up.at[0] > at[0]:
            undone.append(gave_up)
        roll_back(at, undone, self._timeline, self._unsaved_changes)
        self._went_unseen |= dict.fromkeys(each.log for each in records if isinstance(each, Went))
        self._stop_waiting(at)

    def _see_again(
        self, now: Instant, online: dict[Vertex, None], with_channel: Iterable[Vertex]
    ) -> Instant:
        """From here on all is seen, and these peers are online. Returns where that begins."""
        if self._timeline.paused:
            now = self._timeline.resume()
        else:
            self._stop_waiting(now)
        if self._detector is not None:
            self._detector.clear()
        self._online = len(online)
        for peer in online:
            if peer not in self._peers:
                self._meet(peer, now)
        awaited = self._begin_to_wait(now, with_channel, online)
        for log in dict.fromkeys([*self._peers.values(), *self._went_unseen]):
            changed = log.online(now) if log.peer in online else log.offline(now)
            if changed:
                log.changes_seen = 0
            if log in awaited:
                continue
            changed |= log.seen_offline is log.is_online  # which is saved, too
            log.seen_offline = not log.is_online
            if self._align(log, now) or changed:
                self._touch(log)
        self._went_unseen.clear()
        return now

    # Peers that are awaited.

    def _begin_to_wait(
        self, now: Instant, peers: Iterable[Vertex], online: Container[Vertex]
    ) -> dict[PeerLog, None]:
        """Await those of these peers that are not online nor known to have been offline."""
        grace = self._grace
        if grace is None:
            return {}
        absent = [peer for peer in dict.fromkeys(peers) if peer not in online]
        logs = [self._peers.get(peer) or self._meet(peer, now) for peer in absent]
        grace.begin(now, [log for log in logs if not log.was_offline(now)])
        for log in grace.awaited:
            if log.offline(now):
                log.changes_seen = 0
            if log.history is not None:
                log.history.online = True  # also if it begins here
            for channel in log.channels:
                channel.leave(now[0])
        return grace.awaited

    def _awaited(self) -> dict[PeerLog, None]:
        return {} if self._grace is None else self._grace.awaited

    def _returns(self, log: PeerLog, now: Instant, grace: ReturnGrace) -> bool:
        """A peer is online now. Returns whether it was awaited: then that is no change."""
        if log not in grace.awaited:
            return False
        grace.returned(log, now)
        for channel in log.channels:
            channel.come_back(now[0])
            self._touch_in_place(channel)
        return True

    def _wait_for_channels_alone(self, now: Instant) -> None:
        """Do not await peers whose channels are all closed."""
        grace = self._grace
        if grace is None or all(log.channels for log in grace.awaited):
            return
        was_held = grace.is_held(self._online)
        for log in [log for log in grace.awaited if not log.channels]:
            del grace.awaited[log]
            self._was_offline(log, grace.begun)
        if was_held and not grace.is_held(self._online):
            grace.hold_ended(now)

    def _stop_waiting(self, at: Instant) -> None:
        """Who is awaited may still come back, but is not seen to."""
        grace = self._grace
        if grace is None:
            return
        for log in grace.awaited:
            for channel in log.channels:
                if channel.is_absent:
                    channel.come_back(at[0])
                self._touch_in_place(channel)
        grace.stop()

    def _decide(self, now: Instant) -> None:
        """The return grace may be over by now."""
        grace, detector = self._grace, self._detector
        if grace is None or not grace.awaited or now[0] < grace.end:
            return
        if grace.is_held(self._online):
            return
        end = grace.end
        if detector is not None:  # perhaps this node's own network is lost again
            end = max(end, detector.open_until(now, self._online))
        if now[0] >= end:
            self._give_up(grace, (end, now[1]))

    def _give_up(self, grace: ReturnGrace, at: Instant) -> None:
        """The return grace was over ``at``: who did not come back has been offline."""
        logs = list(grace.awaited)
        closed = {
            channel: left
            for channel, left in grace.closed.items()
            if channel.log in grace.awaited and self._closed.get(channel.point) is channel
        }
        channels = [channel for log in logs for channel in log.channels] + list(closed)
        gave_up = GaveUp(at, logs, [(channel, channel.state()) for channel in channels])
        for log in logs:
            self._was_offline(log, grace.begun)
        for channel in channels:
            channel.stay(closed.get(channel))
            self._touch_in_place(channel)
        grace.stop(gave_up)
        logger.info(
            "%d peers did not come back: offline since %s",
            len(logs),
            logged_time(self._timeline.date(grace.begun)),
        )

    def _was_offline(self, log: PeerLog, since: Instant) -> None:
        log.seen_offline = True
        if log.history is not None:
            log.history.offline_from(since)
            self._trim(log.history, self._timeline.instant())
        self._touch(log)

    # This node's own outage.

    def _lose_network(self, detector: OutageDetector) -> None:
        """All peers went: it was nobody's outage but ours."""
        gone = detector.gone
        first, records = detector.take()
        self._stop_seeing(first, records)
        concerned = {*self._with_channels(), *(record.log for record in gone)}
        self._timeline.blame(OWN_OUTAGE, len(concerned))
        self._network_is_lost = True
        logger.warning(
            "all %d peers went offline: %sthis node's own network is lost, as of %s",
            len(gone),
            "" if len(gone) >= _SURE else "perhaps ",
            logged_time(self._timeline.date(first)),
        )

    def _network_is_back(self, online: int) -> None:
        """A peer is online again."""
        self._network_is_lost = False
        logger.warning(
            "this node's own network is back, as of %s: peers online: %d",
            logged_time(self._timeline.latest_date()),
            online,
        )

    def _is_back(self, now: Instant, peer: Vertex) -> bool:
        """A peer is online again: that ends an own outage, and counts as a resume."""
        require(peer, Vertex)
        self._network_is_back(1)
        if self._cut:
            return False
        self._see_again(now, {peer: None}, [log.peer for log in self._with_channels()])
        self._forget_all_unneeded()
        return True
