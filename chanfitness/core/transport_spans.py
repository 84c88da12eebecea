"""Spans of time in which a transport was lost.

They are kept as long as history is, even if transport outages are not detected now. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .blind_spans import TRANSPORT_OUTAGE, BlindSpan
from .saved_state import MICROSECOND, OutageRow, microseconds
from .timeline import Instant, Timeline


class TransportSpan:
    """One outage of a transport, from its ``first`` offline event; it lasts while ``end`` is None.

    ``peers``: the number of peers that went offline.
    """

    def __init__(self, transport: str, peers: int, first: Instant, end: Instant | None) -> None:
        self.transport, self.peers, self.first, self.end = transport, peers, first, end

    def blind(self, timeline: Timeline, now: Instant) -> BlindSpan:
        """Return the blind span; its duration excludes blind time of the whole store."""
        duration = (self.end or now)[0] - self.first[0]
        end = None if self.end is None else timeline.date(self.end)
        start, of = timeline.date(self.first), self.transport
        return BlindSpan(start, end, duration, of, TRANSPORT_OUTAGE, self.peers)

    def row(self) -> OutageRow:
        """Return the database row."""
        end, segment = self.end or (None, None)
        return OutageRow(
            self.transport,
            self.peers,
            microseconds(self.first[0]),
            self.first[1],
            None if end is None else microseconds(end),
            segment,
        )

    @classmethod
    def of_row(cls, row: OutageRow) -> TransportSpan:
        """Return the span of a database row."""
        first, *ends = [(position * MICROSECOND, segment) for position, segment in row.instants()]
        return cls(row.transport, row.peers, first, ends[0] if ends else None)


class TransportSpans:
    """The spans of all transports, in order of beginning. Not thread-safe: the loop owns it."""

    def __init__(self) -> None:
        self._all: list[TransportSpan] = []
        self._are_saved = True

    def restore(self, rows: Iterable[OutageRow]) -> None:
        """Load saved spans."""
        self._all = [TransportSpan.of_row(row) for row in rows]

    def begin(self, span: TransportSpan) -> None:
        """Add a span."""
        self._all.append(span)
        self._are_saved = False

    def end(self, span: TransportSpan, at: Instant) -> None:
        """End a span; remove it if it did not begin earlier."""
        span.end, self._are_saved = at, False
        if span.first[0] >= at[0]:
            self._all.remove(span)

    def end_all(self, at: Instant) -> None:
        """End all spans, at the beginning of blind time."""
        for span in [*self._all]:
            if span.end is None or span.end[0] > at[0]:
                self.end(span, at)

    def forget(self, is_old: Callable[[Instant], bool]) -> None:
        """Forget the spans that ended too long ago."""
        kept = [span for span in self._all if span.end is None or not is_old(span.end)]
        if len(kept) < len(self._all):
            self._all, self._are_saved = kept, False

    def segments(self) -> set[int]:
        """Return the segments of all beginnings and ends."""
        instants = (instant for span in self._all for instant in (span.first, span.end))
        return {instant[1] for instant in instants if instant is not None}

    def blind(self, timeline: Timeline, now: Instant) -> list[BlindSpan]:
        """Return the blind spans."""
        return [span.blind(timeline, now) for span in self._all]

    def flush(self, at: Instant, everything: bool) -> list[OutageRow] | None:
        """Return all database rows as of an instant; None if nothing changed."""
        if self._are_saved and not everything:
            return None
        rows = [span.row() for span in self._all if span.first[0] < at[0] or span.end is not None]
        self._are_saved = len(rows) == len(self._all)
        return rows
