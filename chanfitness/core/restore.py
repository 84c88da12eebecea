"""Restoring of saved accounts, to continue at a start or as of the heartbeat.

The storage has validated the saved state.
"""

from __future__ import annotations

import datetime

from ..clock import Moment, Reading, shifted
from .blind_spans import KILLED, STOPPED, BlindCauses
from .ledger import Ledger
from .queries import RetentionSettings
from .saved_state import (
    MICROSECOND,
    ClosedRow,
    OutageRow,
    Saved,
    closed_row,
    date_to_int,
    int_to_date,
)
from .timeline import Anchor, Instant, Timeline

_ZERO = datetime.timedelta(0)


def restore(saved: Saved, start: Moment, retention: RetentionSettings) -> tuple[Timeline, Ledger]:
    """Return the saved accounts, continued at ``start``; the time between is blind."""
    anchors, numbers = _anchors(saved)
    causes = _causes(saved)
    concerned = {row.key for row in saved.channels if row.closed is None}
    cause = {None: None, 0: KILLED}.get(saved.stopped, STOPPED)
    causes.add(
        numbers[-1] + 1,
        int_to_date(saved.heartbeat),
        cause,
        None if cause is None else len(concerned),
    )
    timeline = Timeline(start, anchors, saved.position * MICROSECOND, numbers, causes)
    ledger = Ledger(timeline, retention)
    end = saved.position, numbers[-1]
    ledger.restore(saved._replace(outages=[_ended(row, *end) for row in saved.outages]))
    return timeline, ledger


def _ended(row: OutageRow, position: int, segment: int) -> OutageRow:
    """Return a transport outage, ended at the heartbeat if it lasted."""
    if len(row.instants()) > 1:
        return row
    return row._replace(end_position=position, end_stretch=segment)


def _anchors(saved: Saved) -> tuple[list[Anchor], list[int]]:
    anchors = [Anchor(at * MICROSECOND, int_to_date(utc)) for _, at, utc in saved.anchors]
    return anchors, [number for number, _, _ in saved.anchors]


def _causes(saved: Saved) -> BlindCauses:
    causes = BlindCauses()
    for row in saved.causes:
        causes.add(row.stretch, int_to_date(row.since), row.cause, row.peers)
    return causes


def closed_rows(saved: Saved) -> list[ClosedRow]:
    """Return the final figures of the closed channels that may come back."""
    anchors, numbers = _anchors(saved)
    of_segment = dict(zip(numbers, anchors, strict=True))
    aliases = {row.key: row.alias for row in saved.peers}
    rows = []
    for row in saved.channels:
        if row.closed is not None:
            begun = of_segment.get(row.opened_stretch, anchors[-1])  # opened in blind time
            opened = begun.date(row.opened_position * MICROSECOND)
            rows.append(closed_row(row, date_to_int(opened), aliases.get(row.key)))
    return rows


def as_of_the_heartbeat(saved: Saved, retention: RetentionSettings) -> tuple[Ledger, Instant]:
    """Return the saved accounts as of the heartbeat, and that instant."""
    anchors, numbers = _anchors(saved)
    begun, heartbeat = anchors[-1], int_to_date(saved.heartbeat)
    seen = saved.position * MICROSECOND - begun.position
    seen_until = shifted(begun.utc, seen)
    # Readings, because the dates may differ by another amount than the seen time.
    start = Reading(begun.utc, _ZERO)
    timeline = Timeline(start, anchors[:-1], begun.position, numbers[:-1], _causes(saved))
    now = timeline.advance(Reading(seen_until, seen))
    if seen_until < heartbeat:
        timeline.pause(now)
        timeline.advance(Reading(heartbeat, heartbeat - begun.utc))
    ledger = Ledger(timeline, retention)
    ledger.restore(saved)
    return ledger, now
