"""The accounts that were saved, as they go on at a start, or as they were."""

from __future__ import annotations

from ..clock import Moment
from .ledger import Ledger
from .queries import RetentionSettings
from .saved_state import MICROSECOND, Saved, check, int_to_date
from .timeline import Anchor, Timeline


def restore(saved: Saved, start: Moment, retention: RetentionSettings) -> tuple[Timeline, Ledger]:
    """The accounts that were saved, going on at ``start``: the time between is blind."""
    check(saved)
    anchors, numbers = _anchors(saved)
    timeline = Timeline(start, anchors, saved.position * MICROSECOND, numbers)
    ledger = Ledger(timeline, retention)
    ledger.restore(saved)
    return timeline, ledger


def _anchors(saved: Saved) -> tuple[list[Anchor], list[int]]:
    anchors = [Anchor(at * MICROSECOND, int_to_date(utc)) for _, at, utc in saved.anchors]
    return anchors, [number for number, _, _ in saved.anchors]


def as_of_the_heartbeat(saved: Saved, retention: RetentionSettings) -> Ledger:
    """The accounts that were saved, as they were then."""
    check(saved)
    _, position, date = saved.anchors[-1]
    anchors, numbers = _anchors(saved)
    timeline = Timeline(int_to_date(date), anchors[:-1], position * MICROSECOND, numbers[:-1])
    seen_until = int_to_date(date) + (saved.position - position) * MICROSECOND
    timeline.position(seen_until)
    if seen_until < int_to_date(saved.heartbeat):
        timeline.pause()
        timeline.position(int_to_date(saved.heartbeat))
    ledger = Ledger(timeline, retention)
    ledger.restore(saved)
    return ledger
