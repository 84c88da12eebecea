"""Transport outages: this node's way to one transport (Tor, say) is lost, the others are not.

Three or more peers of one transport were online, all of them went within the period, none of
that transport came between, and a peer of another transport is online. Then the channels of
those peers alone are absent, from the first to go until each peer is online again.

Until a peer of the transport is online again the outage is *held*. With that first return the
others are awaited, as after a resume, with a grace of their own (see :mod:`.return_grace`).

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
    """Who is absent in an outage that is not over; a grace that is held until the first return."""

    def __init__(
        self, span: TransportSpan, gone: Iterable[PeerLog], quiet: datetime.timedelta | None
    ) -> None:
        super().__init__(_ZERO if quiet is None else quiet)
        self.begin(span.first, gone)
        self.span = span
        self.is_lost = True  # nobody has returned

    def is_of(self, log: PeerLog) -> bool:
        """Whether it is the transport of this peer."""
        return log.transport == self.span.transport

    def first_returned(self, now: Instant, awaited: Iterable[PeerLog]) -> None:
        """A peer of the transport is online again; these others are awaited from here on."""
        self.begin(now, awaited)
        self.is_lost = False

    def leaves(self, channel: Channel, now: Instant) -> None:
        """A channel closes; before the first return its figures are those of the beginning."""
        if not self.is_lost:
            super().leaves(channel, now)

    def is_held(self, online: int) -> bool:
        """Whether the transport is not back yet; ``online``: how many of its peers are."""
        return self.is_lost or super().is_held(online)


class Transports:
    """Each transport: how many of its peers are online, who went, and what is lost of it.

    Not thread-safe: the loop owns it. ``outages``: the last of each transport since
    nothing of all was blind. ``spans``: where those of all outages are kept.
    """

    def __init__(self, period: datetime.timedelta, spans: TransportSpans) -> None:
        self._detectors = {kind: OutageDetector(period) for kind in _KINDS}
        self.online = dict.fromkeys(_KINDS, 0)
        self.outages: dict[str, TransportOutage] = {}
        self._spans = spans

    @property
    def detectors(self) -> Iterable[OutageDetector]:
        """That of each transport."""
        return self._detectors.values()

    def came(self, log: PeerLog) -> None:
        """A peer is online that was not."""
        if log.transport is not None:
            self.online[log.transport] += 1
            self.seen(log)

    def seen(self, log: PeerLog) -> None:
        """A peer is told to be online."""
        if log.transport is not None:
            self._detectors[log.transport].clear()

    def left(self, log: PeerLog) -> None:
        """A peer is offline that was not."""
        if log.transport is not None:
            self.online[log.transport] -= 1

    def went(self, record: Went) -> None:
        """A peer goes, as an event tells."""
        if record.log.transport is not None:
            self._detectors[record.log.transport].add(record)

    def described(self, log: PeerLog, transport: str | None) -> None:
        """A peer is of another transport from now on; if it is online, it came over that."""
        if log.transport is not None:
            self._detectors[log.transport].forget(log)
        if log.is_online:
            self.left(log)
        log.transport = transport
        if log.is_online:
            self.came(log)

    def recount(self, logs: Iterable[PeerLog]) -> None:
        """Count the peers that are online, of all."""
        self.clear()
        self.online = dict.fromkeys(_KINDS, 0)
        for log in logs:
            if log.is_online:
                self.came(log)

    def clear(self) -> None:
        """All that happened until now was as it seemed."""
        for detector in self.detectors:
            detector.clear()

    def lost(self, transport: str | None) -> OutageDetector | None:
        """Who went, if with the last peer of this transport our way to it is lost."""
        if transport is None or not self._detectors[transport].is_certain(self.online[transport]):
            return None
        others = any(count for kind, count in self.online.items() if kind != transport)
        return self._detectors[transport] if others else None

    def undecided(self, now: Instant) -> list[OutageDetector]:
        """Who went that may yet have to be taken for a part of an outage."""
        return [
            detector
            for kind, detector in self._detectors.items()
            if detector.is_open(now, self.online[kind])
        ]

    def open_until(self, transport: str, now: Instant) -> datetime.timedelta:
        """As of the transport's detector."""
        return self._detectors[transport].open_until(now, self.online[transport])

    def begin(
        self, span: TransportSpan, gone: Iterable[PeerLog], quiet: datetime.timedelta | None
    ) -> None:
        """An outage is certain; who is still awaited since the last one is part of it."""
        last = self.outages.get(span.transport)
        if last is not None and last.span.end is None:
            gone = [*last.awaited, *gone]
            self.end(last, span.first)
        self.outages[span.transport] = TransportOutage(span, gone, quiet)
        self._spans.begin(span)

    def end(self, outage: TransportOutage, at: Instant) -> None:
        """An outage is over."""
        self._spans.end(outage.span, at)

    def end_all(self, at: Instant) -> list[TransportOutage]:
        """All is blind from here on. Returns the outages that had not ended."""
        last = [each for each in self.outages.values() if each.span.end is None]
        self._spans.end_all(at)
        self.outages.clear()
        return last

    def is_lost(self, transport: str) -> bool:
        """Whether our way to a transport is lost now."""
        return transport in self.outages and self.outages[transport].is_lost
