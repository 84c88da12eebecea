"""Blind time of the accounts: pauses, own outages, transport outages and awaited peers.

No peer is blamed for time that was not seen. Pure: the timeline is given.
"""

from __future__ import annotations

import datetime
from collections.abc import Container, Iterable, Sequence

from ..checks import require
from ..clock import Moment
from ..events import TransportBackEvent, TransportLostEvent
from ..logs import Log, logged_time
from ..wire import Vertex
from .accounts import Accounts
from .blind_spans import OWN_OUTAGE
from .channel import Channel
from .own_outage import OutageDetector
from .peerlog import PeerLog
from .queries import RetentionSettings
from .return_grace import ReturnGrace
from .rollback import GaveUp, Record, Went, roll_back, take_out
from .timeline import Instant, Timeline
from .transport_outage import TransportOutage, Transports
from .transport_spans import TransportSpan

logger = Log(__name__)

_SURE = 5  # peers: more than go offline together by chance


class Sight(Accounts):
    """The accounts' seen and blind time. Not thread-safe: the loop owns it."""

    def __init__(self, timeline: Timeline, retention: RetentionSettings) -> None:
        super().__init__(timeline, retention)
        self._online = 0  # the number of online peers; not valid in blind time
        self._cut = False  # whether the source has paused
        self._network_is_lost = False  # whether an own outage lasts
        self.told: list[object] | None = None  # transport events, if there is an on_event
        self.advance = timeline.advance if self._grace is None else self._advance

    def _advance(self, moment: Moment, at: datetime.datetime | None = None) -> Instant:
        """Advance to an item, and decide graces that are over by then."""
        now, grace, transports = self._timeline.advance(moment, at), self._grace, self._transports
        if (grace is not None and grace.awaited) or (transports is not None and transports.outages):
            self._decide(now)
        return now

    def _online_of(self, grace: ReturnGrace) -> int:
        """Return the number of online peers whose return counts for a grace."""
        if isinstance(grace, TransportOutage) and self._transports is not None:
            return self._transports.online[grace.span.transport]
        return self._online

    def _hold_ends(self, came: Iterable[PeerLog], now: Instant) -> None:
        """Tell the graces that peers are online; ``came`` were offline before."""
        for grace in self._graces:
            if not isinstance(grace, TransportOutage) or any(map(grace.is_of, came)):
                grace.seen_online(self._online_of(grace), now)

    # Blind time.

    def _stop_seeing(self, at: Instant, records: Sequence[Record] = ()) -> None:
        """Begin blind time at ``at``, and roll back the ``records`` of events since."""
        outages = [] if self._transports is None else [*self._transports.outages.values()]
        graces = [*([] if self._grace is None else [self._grace]), *outages]
        gave_up = [grace.gave_up for grace in graces if grace.gave_up is not None]
        undone = [*records, *(each for each in gave_up if each.at[0] > at[0])]
        roll_back(at, undone, self._timeline, self._unsaved_changes)
        self._went_unseen |= dict.fromkeys(each.log for each in records if isinstance(each, Went))
        self._stop_waiting(at)

    def _see_again(
        self, now: Instant, online: dict[Vertex, None], with_channel: Iterable[Vertex]
    ) -> Instant:
        """End blind time with the list of online peers. Return the instant at which it ends."""
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
            changed |= log.seen_offline is log.is_online  # a saved field, too
            log.seen_offline = not log.is_online
            if self._align(log, now) or changed:
                self._touch(log)
        self._went_unseen.clear()
        if self._transports is not None:
            self._transports.recount(self._peers.values())
        return now

    # Awaited peers.

    def _begin_to_wait(
        self, now: Instant, peers: Iterable[Vertex], online: Container[Vertex]
    ) -> dict[PeerLog, None]:
        """Await the peers that are not online and were not seen offline. Return the awaited."""
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
                log.history.online = True  # also for a history that begins now
            for channel in log.channels:
                channel.leave(now[0])
        return grace.awaited

    def _returns(self, log: PeerLog, now: Instant) -> bool:
        """Note that a peer is online. Return whether it was awaited: then that is no change."""
        grace = self._grace_of(log)
        if grace is None:
            return False
        grace.returned(log, now)
        for channel in log.channels:
            channel.come_back(now[0])
            self._touch_in_place(channel)
        self._end_if_over(grace, now)
        return True

    def _wait_for_channels_alone(self, now: Instant) -> None:
        """Stop awaiting peers whose channels are all closed."""
        for grace in self._graces:
            if not (isinstance(grace, TransportOutage) and grace.is_lost):
                self._wait_for_some(grace, now)

    def _wait_for_some(self, grace: ReturnGrace, now: Instant) -> None:
        alone = [log for log in grace.awaited if not log.channels]
        if not alone:
            return
        was_held = grace.is_held(self._online_of(grace))
        for log in alone:
            del grace.awaited[log]
            self._was_offline(log, grace.begun)
        self._end_if_over(grace, now)
        if was_held and not grace.is_held(self._online_of(grace)):
            grace.hold_ended(now)

    def _stop_waiting(self, at: Instant) -> None:
        """Stop awaiting all peers: blind time begins at ``at``, so no return would be seen."""
        for grace in self._graces:
            for channel in [channel for log in grace.awaited for channel in log.channels]:
                self._there_again(channel, at)
        if self._grace is not None:
            self._grace.stop()
        if self._transports is not None:
            for outage in self._transports.end_all(at):
                self._tell(TransportBackEvent(outage.span.transport, self._timeline.date(at)))

    def _there_again(self, channel: Channel, at: Instant) -> None:
        """End a channel's absence; one that began after ``at`` never was."""
        channel.go_back_to(at[0])
        if channel.is_absent:
            channel.come_back(at[0])
        self._touch_in_place(channel)

    def _decide(self, now: Instant) -> None:
        """End each grace that is over by now."""
        for grace in self._graces:
            if now[0] < grace.end or grace.is_held(self._online_of(grace)):
                continue
            end = grace.end
            if self._detector is not None:  # wait for the decision on another own outage
                end = max(end, self._detector.open_until(now, self._online))
            if isinstance(grace, TransportOutage) and self._transports is not None:
                end = max(end, self._transports.open_until(grace.span.transport, now))
            if now[0] >= end:
                self._give_up(grace, (end, now[1]))

    def _give_up(self, grace: ReturnGrace, at: Instant) -> None:
        """End a return grace ``at``: peers still awaited were offline since it began."""
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
        if isinstance(grace, TransportOutage) and self._transports is not None:
            self._transports.end(grace, at)
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
        """Begin an own outage: all peers went offline within the period."""
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
        """Note the end of an own outage: a peer is online again."""
        self._network_is_lost = False
        logger.warning(
            "this node's own network is back, as of %s: peers online: %d",
            logged_time(self._timeline.latest_date()),
            online,
        )

    def _is_back(self, now: Instant, peer: Vertex) -> bool:
        """End an own outage by an online event, as a resume. Return whether that was one."""
        require(peer, Vertex)
        self._network_is_back(1)
        if self._cut:
            return False
        self._see_again(now, {peer: None}, [log.peer for log in self._with_channels()])
        self._forget_all_unneeded()
        return True

    # Transport outages.

    def _lose_transport(self, transports: Transports, detector: OutageDetector) -> None:
        """Begin a transport outage: all peers of one transport went, and others stayed."""
        first, records = detector.take()
        gone = [record.log for record in records if isinstance(record, Went)]
        changed = take_out(first, records)
        assert self._detector is not None  # both detectors are set, or none
        self._detector.replace(changed)
        known = [
            log
            for log in gone
            if log in (self._peers.get(log.peer), self._remembered.get(log.peer))
        ]
        for log in known:
            self._touch(log)
            for channel in log.channels:
                self._touch_in_place(channel)
            if log.peer in self._remembered:
                self._went_unseen[log] = None
        for record in changed.values():
            assert not isinstance(record, Went)
            self._touch_in_place(record.channel)
            if self._unsaved_changes is not None:
                self._unsaved_changes.settle_again(record.channel)
        transport = gone[0].transport
        assert transport is not None
        span = TransportSpan(transport, len(gone), first, None)
        transports.begin(span, known, self._retention.return_grace)
        since = self._timeline.date(first)
        logger.warning(
            "all %d peers of transport %s went offline: this node's way there is lost, as of %s",
            len(gone),
            transport,
            logged_time(since),
        )
        self._tell(TransportLostEvent(transport, len(gone), since))

    def _came_over(self, transports: Transports, log: PeerLog, now: Instant) -> None:
        """Count a peer online for its transport; the first one ends a transport outage."""
        transports.came(log)
        outage = transports.outages.get(log.transport or "")
        if outage is None or not outage.is_lost:
            return
        transport, away = outage.span.transport, list(outage.awaited)
        channels = [channel for each in away for channel in each.channels]
        for channel in channels:
            self._there_again(channel, now)
        waits = self._grace is not None
        outage.first_returned(now, [each for each in away if each.channels and waits])
        for each in away:
            if each not in outage.awaited:
                self._was_offline(each, now)
        for channel in channels if waits else ():
            channel.leave(now[0])
        logger.warning(
            "this node's way to transport %s is back, as of %s: peers still offline: %d",
            transport,
            logged_time(self._timeline.date(now)),
            len(away),
        )
        self._tell(TransportBackEvent(transport, self._timeline.date(now)))
        self._end_if_over(outage, now)

    def _end_if_over(self, grace: ReturnGrace, now: Instant) -> None:
        """End a transport outage if no peer is awaited any more."""
        if not isinstance(grace, TransportOutage) or self._transports is None:
            return
        if not grace.is_lost and not grace.awaited:
            self._transports.end(grace, now)

    def _set_transport(self, log: PeerLog, transport: str | None) -> None:
        """Set how a peer is reached."""
        if self._transports is None:
            log.transport = transport
        else:
            self._transports.described(log, transport)

    def _tell(self, event: object) -> None:
        if self.told is not None:
            self.told.append(event)
