"""Detector of transport outages: this node cannot reach peers over one transport, such as Tor.

A transport is lost if three or more peers of it were online, all went offline within the
period, none of them came online between, and a peer of another transport is online. The
channels of the lost peers are then absent, from the first offline event until each peer is
online again.

The outage is *held* until the first peer of the transport returns. From then on the others
are awaited, as after a resume, with a return grace of their own (see :mod:`.return_grace`).

Pure: the instants are arguments.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from ..events import TRANSPORTS
from .channel import Channel
from .own_outage import OutageDetector
from .peerlog import PeerLog
from .return_grace import ReturnGrace
from .rollback import Went
from .timeline import Instant
from .transport_spans import TransportSpan, TransportSpans

_ZERO = datetime.timedelta(0)
_KINDS = [transport for transport in TRANSPORTS if transport != "unknown"]


class TransportOutage(ReturnGrace):
    """The outage of one transport; a return grace that is held until the first return."""

    def __init__(
        self, span: TransportSpan, gone: Iterable[PeerLog], quiet: datetime.timedelta | None
    ) -> None:
        super().__init__(_ZERO if quiet is None else quiet)
        self.begin(span.first, gone)
        self.span = span
        self.is_lost = True  # until the first return

    def is_of(self, log: PeerLog) -> bool:
        """Return whether the outage is of a peer's transport."""
        return log.transport == self.span.transport

    def first_returned(self, now: Instant, awaited: Iterable[PeerLog]) -> None:
        """Begin the grace with the first return; ``awaited``: the other peers."""
        self.begin(now, awaited)
        self.is_lost = False

    def leaves(self, channel: Channel, now: Instant) -> None:
        """Note that a channel closes; before the first return its figures need no change."""
        if not self.is_lost:
            super().leaves(channel, now)

    def is_held(self, online: int) -> bool:
        """Return whether the outage is held; ``online``: the number of its peers online."""
        return self.is_lost or super().is_held(online)


class Transports:
    """The online peers, undecided events and outages of each transport.

    Not thread-safe: the loop owns it. ``online``: the number of peers online.
    ``outages``: the last outage of each transport since the last resume.
    """

    def __init__(self, period: datetime.timedelta, spans: TransportSpans) -> None:
        self._detectors = {kind: OutageDetector(period) for kind in _KINDS}
        self.online = dict.fromkeys(_KINDS, 0)
        self.outages: dict[str, TransportOutage] = {}
        self._spans = spans

    @property
    def detectors(self) -> Iterable[OutageDetector]:
        """The detector of each transport."""
        return self._detectors.values()

    def came(self, log: PeerLog) -> None:
        """Count a peer that came online."""
        if log.transport is not None:
            self.online[log.transport] += 1
            self.seen(log)

    def seen(self, log: PeerLog) -> None:
        """Let the undecided events of a peer's transport stand: the peer is online."""
        if log.transport is not None:
            self._detectors[log.transport].clear()

    def left(self, log: PeerLog) -> None:
        """Stop counting a peer that is offline now."""
        if log.transport is not None:
            self.online[log.transport] -= 1

    def went(self, record: Went) -> None:
        """Add a peer's offline event."""
        if record.log.transport is not None:
            self._detectors[record.log.transport].add(record)

    def described(self, log: PeerLog, transport: str | None) -> None:
        """Change a peer's transport; an online peer counts as having come over the new one."""
        if log.transport is not None:
            self._detectors[log.transport].forget(log)
        if log.is_online:
            self.left(log)
        log.transport = transport
        if log.is_online:
            self.came(log)

    def recount(self, logs: Iterable[PeerLog]) -> None:
        """Forget undecided events, and count the online peers anew."""
        self.clear()
        self.online = dict.fromkeys(_KINDS, 0)
        for log in logs:
            if log.is_online:
                self.came(log)

    def clear(self) -> None:
        """Let all undecided events stand as they are."""
        for detector in self.detectors:
            detector.clear()

    def lost(self, transport: str | None) -> OutageDetector | None:
        """Return the detector of a transport if the transport is lost, or None."""
        if transport is None or not self._detectors[transport].is_certain(self.online[transport]):
            return None
        others = any(count for kind, count in self.online.items() if kind != transport)
        return self._detectors[transport] if others else None

    def undecided(self, now: Instant) -> list[OutageDetector]:
        """Return the detectors with undecided events."""
        return [
            detector
            for kind, detector in self._detectors.items()
            if detector.is_open(now, self.online[kind])
        ]

    def open_until(self, transport: str, now: Instant) -> datetime.timedelta:
        """Return :meth:`.OutageDetector.open_until` of a transport."""
        return self._detectors[transport].open_until(now, self.online[transport])

    def begin(
        self, span: TransportSpan, gone: Iterable[PeerLog], quiet: datetime.timedelta | None
    ) -> None:
        """Begin an outage; peers still awaited since the last one become part of it."""
        last = self.outages.get(span.transport)
        if last is not None and last.span.end is None:
            gone = [*last.awaited, *gone]
            self.end(last, span.first)
        self.outages[span.transport] = TransportOutage(span, gone, quiet)
        self._spans.begin(span)

    def end(self, outage: TransportOutage, at: Instant) -> None:
        """End an outage."""
        self._spans.end(outage.span, at)

    def end_all(self, at: Instant) -> list[TransportOutage]:
        """End all outages, at the beginning of blind time. Return those that had not ended."""
        last = [each for each in self.outages.values() if each.span.end is None]
        self._spans.end_all(at)
        self.outages.clear()
        return last

    def is_lost(self, transport: str) -> bool:
        """Return whether a transport is lost now."""
        return transport in self.outages and self.outages[transport].is_lost
