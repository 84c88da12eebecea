"""Questions to the accounts, and their state.

Pure: the timeline is given. Each question takes the instant of its put, ``now``, at which
the timeline is.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import partial
from operator import attrgetter
from typing import NamedTuple

from ..checks import require
from ..errors import ChannelNotFoundError, HistoryDisabledError, PeerNotFoundError
from ..wire import OutPoint, Vertex
from .activity import Activity
from .blind_spans import BlindSpan
from .channel import Channel, ChannelInfo
from .flaps import Cooldown
from .history import History
from .history_window import ChannelHistory, channel_history, outage_count
from .overview import Overview
from .own_outage import OutageDetector
from .peer_outages import PeerOutage, peer_outages
from .peerlog import PeerInfo, PeerLog
from .return_grace import ReturnGrace
from .sight_waits import SightWaits, Wait
from .timeline import Instant, Timeline
from .transport_outage import Transports
from .transport_spans import TransportSpans
from .windows import Window, over_windows

Closed = tuple[str, datetime.datetime]
"""A closed channel: the text of its channel point, and the date at which it closed."""


class RetentionSettings(NamedTuple):
    """The settings of a ledger.

    Attributes:
        history: How long changes are kept; None: not at all.
        history_limit: The most changes kept of one peer.
        cooldown: How flap counts decrease.
        stored: Whether the accounts outlive the process. If so, closed channels and their
            peers are kept in case they come back.
        own_outage: The period of :mod:`.own_outage`; None: no outages are detected.
        return_grace: The quiet period of :mod:`.return_grace`; None: no peer is awaited.
    """

    history: datetime.timedelta | None = None
    history_limit: int = 10_000
    cooldown: Cooldown = Cooldown()
    stored: bool = False
    own_outage: datetime.timedelta | None = None
    return_grace: datetime.timedelta | None = None


class Queries:
    """The accounts, which answer questions. Not thread-safe: the loop owns them."""

    def __init__(self, timeline: Timeline, retention: RetentionSettings) -> None:
        self._timeline = timeline
        self._retention = retention
        self._peers: dict[Vertex, PeerLog] = {}
        self._channels: dict[OutPoint, Channel] = {}  # the open ones
        self._in_order: dict[Channel, None] = {}  # the open ones, in order of opening
        self._closed: dict[OutPoint, Channel] = {}  # may come back; in order of closing
        self.sight = SightWaits(timeline)
        timeline.concerned = lambda: len(self._with_channels())
        self._transport_spans = TransportSpans()
        self._detector: OutageDetector | None = None
        self._transports: Transports | None = None  # set if the detector is
        if retention.own_outage is not None:
            self._detector = OutageDetector(retention.own_outage)
            self._transports = Transports(retention.own_outage, self._transport_spans)
        self._grace: ReturnGrace | None = None
        if retention.return_grace is not None:
            self._grace = ReturnGrace(retention.return_grace)
        may_undo = self._detector is not None or self._grace is not None
        self._least_history = 2 if may_undo else 1  # the last change may have to be undone

    def channel_info(self, now: Instant, point: OutPoint, peer: Vertex | None) -> ChannelInfo:
        """Return the figures of one channel, with ``peer`` or, if None, with any peer."""
        return self._channel(point, peer).info(now[0])

    def list_channels(self, now: Instant) -> list[ChannelInfo]:
        """Return the figures of every open channel, in order of opening."""
        at, _ = now
        return [channel.info(at) for channel in self._in_order]

    def peer_info(self, now: Instant, peer: Vertex) -> PeerInfo:
        """Return the figures of one peer."""
        log = self._peers.get(peer)
        if log is None:
            require(peer, Vertex)
            raise PeerNotFoundError(f"peer {peer} is not known")
        return self._info(log, now)

    def list_peers(self, now: Instant) -> list[PeerInfo]:
        """Return the figures of every known peer."""
        return [self._info(log, now) for log in self._peers.values()]

    def overview(self, now: Instant) -> Overview:
        """Return a snapshot of all channels and peers."""
        outages = None
        if self._retention.history is not None:
            for log in self._peers.values():
                if log.history is not None:
                    self._trim(log.history, now)
            outages = tuple(outage_count(channel, now) for channel in self._in_order)
        return Overview(
            self._timeline.latest_date(),
            not self._timeline.paused,
            self._timeline.blind(now),
            tuple(self.list_channels(now)),
            outages,
            tuple(self.list_peers(now)),
            seen_until=self._timeline.seen_until(),
            transports=self._reachable_transports(),
        )

    def overviews(
        self, now: Instant, windows: Sequence[Window], unless: Overview | None
    ) -> list[Overview]:
        """Return a snapshot over each window, with histories; none if as ``unless`` but later."""
        overview = self.overview(now)
        if unless is not None and overview.state == unless.state:
            return []
        overview = overview._replace(blind_spans=self.list_blind(now))
        return over_windows(windows, overview, partial(self.channel_history, now))

    def _reachable_transports(self) -> tuple[tuple[str, bool], ...]:
        transports = self._transports
        known = {log.transport for log in self._with_channels() if log.transport is not None}
        return tuple(
            (each, transports is None or not transports.is_lost(each)) for each in sorted(known)
        )

    def channel_history(
        self,
        now: Instant,
        point: OutPoint,
        window: Window,
        until: datetime.datetime | None = None,
    ) -> ChannelHistory:
        """Return outages and sums of one channel, over its life or a window.

        The window ends at ``until``; None: now.
        """
        if self._retention.history is None:
            raise HistoryDisabledError("no history is kept: see Config(history=...)")
        return self._history(now, self._channel(point, None), window, until)

    def closed_histories(
        self, now: Instant, window: Window, until: datetime.datetime | None = None
    ) -> dict[Closed, ChannelHistory]:
        """Return outages and sums of the closed channels that have a kept history."""
        return {
            (str(channel.point), channel.closing.date): self._history(now, channel, window, until)
            for channel in self._closed.values()
            if channel.closing is not None and _ends_in_kept_time(channel)
        }

    def list_outages(
        self, now: Instant, window: Window, until: datetime.datetime | None = None
    ) -> list[PeerOutage]:
        """Return the kept outages of each peer, for its open and closed channels."""
        of_peers: dict[PeerLog, list[Channel]] = {}
        for channel in sorted([*self._in_order, *self._closed.values()], key=_opened):
            self._trim_changes_of(channel, now)
            of_peers.setdefault(channel.log, []).append(channel)
        return [
            outage
            for channels in of_peers.values()
            for outage in peer_outages(self._timeline, now, channels, window, until)
        ]

    def _history(
        self, now: Instant, channel: Channel, window: Window, until: datetime.datetime | None
    ) -> ChannelHistory:
        self._trim_changes_of(channel, now)
        return channel_history(self._timeline, now, channel, window, until)

    def list_blind(self, now: Instant) -> tuple[BlindSpan, ...]:
        """Return the blind spans, in order."""
        timeline, spans = self._timeline, self._timeline.blind_spans()
        spans += self._transport_spans.blind(timeline, now)
        return tuple(sorted(spans, key=attrgetter("start")))

    def list_filled_in(self) -> tuple[BlindSpan, ...]:
        """The times that were filled in from a record of the node, in order."""
        return tuple(self._timeline.filled_in_spans())

    def wait_for_sight(self, _: Instant) -> Wait | None:
        """Begin a wait until the store sees; return None if it sees."""
        return self.sight.begin()

    def forget_wait(self, _: Instant, wait: Wait) -> None:
        """End a caller's wait for sight."""
        self.sight.forget(wait)

    def is_known(self, key: Vertex | OutPoint) -> bool:
        """Return whether a peer is known, or a channel is open."""
        return key in self._peers or key in self._channels

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

    def _with_channels(self) -> list[PeerLog]:
        return [log for log in self._peers.values() if log.channels]

    def _flaps(self, log: PeerLog, now: Instant) -> int:
        """Return the flap count as of now."""
        if log.last_flap is None:
            return 0
        ago = self._timeline.ago(log.last_flap, now)
        return self._retention.cooldown.cooled(log.flap_count, ago)

    def _info(self, log: PeerLog, now: Instant) -> PeerInfo:
        return PeerInfo(
            log.peer,
            log.is_online,
            self._timeline.date(log.since),
            self._flaps(log, now),
            None if log.last_flap is None else self._timeline.date(log.last_flap),
            tuple(channel.point for channel in log.channels),
            log.alias,
            log.transport,
        )

    def _trim_changes_of(self, channel: Channel, now: Instant) -> None:
        """Trim the histories of a channel and its peer, as of now."""
        assert channel.log.history is not None
        self._trim(channel.log.history, now)
        if channel.activity is not None:
            self._trim(channel.activity, now)

    def _trim(self, history: History, now: Instant) -> None:
        """Trim a history to the settings, as of now."""
        period = self._retention.history
        assert period is not None
        least = self._least_history
        if self._detector is not None and isinstance(history, Activity):
            least += len(self._detector.said)  # these may have to be undone
        history.trim(
            now,
            max(self._retention.history_limit, least),
            least,
            lambda instant: self._timeline.ago(instant, now) >= period,
            self._timeline.date,
        )


def _ends_in_kept_time(channel: Channel) -> bool:
    history, left = channel.log.history, channel.left
    return history is not None and left is not None and left >= history.instant(0)[0]


def _opened(channel: Channel) -> Instant:
    return channel.opened
