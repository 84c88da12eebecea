"""Transport spans: when this node's way to a transport was lost.

They are kept as long as history is, whether outages of transports are looked for or not. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .blind_spans import TRANSPORT_OUTAGE, BlindSpan
from .saved_state import MICROSECOND, OutageRow, microseconds
from .timeline import Instant, Timeline


class TransportSpan:
    """When a transport was lost: from ``first`` on, until ``end``, or None while it lasts.

    ``peers``: how many went.
    """

    def __init__(self, transport: str, peers: int, first: Instant, end: Instant | None) -> None:
        self.transport, self.peers, self.first, self.end = transport, peers, first, end

    def blind(self, timeline: Timeline, now: Instant) -> BlindSpan:
        """The blind span; blind time of all within it is no part of its duration."""
        duration = (self.end or now)[0] - self.first[0]
        end = None if self.end is None else timeline.date(self.end)
        start, of = timeline.date(self.first), self.transport
        return BlindSpan(start, end, duration, of, TRANSPORT_OUTAGE, self.peers)

    def row(self) -> OutageRow:
        """What is saved of it."""
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
        """The span that was saved."""
        first, *ends = [(position * MICROSECOND, segment) for position, segment in row.instants()]
        return cls(row.transport, row.peers, first, ends[0] if ends else None)


class TransportSpans:
    """The spans of all transports, in order of their beginning. The loop owns it."""

    def __init__(self) -> None:
        self._all: list[TransportSpan] = []
        self._are_saved = True  # as they are now

    def restore(self, rows: Iterable[OutageRow]) -> None:
        """Take in what was saved."""
        self._all = [TransportSpan.of_row(row) for row in rows]

    def begin(self, span: TransportSpan) -> None:
        """One begins."""
        self._all.append(span)
        self._are_saved = False

    def end(self, span: TransportSpan, at: Instant) -> None:
        """One ends; if it is to have begun there or later, there was none."""
        span.end, self._are_saved = at, False
        if span.first[0] >= at[0]:
            self._all.remove(span)

    def end_all(self, at: Instant) -> None:
        """All is blind from here on."""
        for span in [*self._all]:
            if span.end is None or span.end[0] > at[0]:
                self.end(span, at)

    def forget(self, is_old: Callable[[Instant], bool]) -> None:
        """Forget those that ended too long ago."""
        kept = [span for span in self._all if span.end is None or not is_old(span.end)]
        if len(kept) < len(self._all):
            self._all, self._are_saved = kept, False

    def segments(self) -> set[int]:
        """In which segments of the timeline they begin and end."""
        instants = (instant for span in self._all for instant in (span.first, span.end))
        return {instant[1] for instant in instants if instant is not None}

    def blind(self, timeline: Timeline, now: Instant) -> list[BlindSpan]:
        """Their blind spans."""
        return [span.blind(timeline, now) for span in self._all]

    def flush(self, at: Instant, everything: bool) -> list[OutageRow] | None:
        """All that is saved of them as of an instant; None if that is as it was."""
        if self._are_saved and not everything:
            return None
        rows = [span.row() for span in self._all if span.first[0] < at[0] or span.end is not None]
        self._are_saved = len(rows) == len(self._all)
        return rows
