"""The accounts that were saved, as they go on at a start, or as they were."""

from __future__ import annotations

from ..clock import Moment
from .ledger import Ledger
from .queries import Keeping
from .saved_state import MICROSECOND, Saved, check, int_to_date
from .timeline import Anchor, Axis


def restore(saved: Saved, start: Moment, keeping: Keeping) -> tuple[Axis, Ledger]:
    """The accounts that were saved, going on at ``start``: the time between is blind."""
    check(saved)
    anchors, numbers = _anchors(saved)
    axis = Axis(start, anchors, saved.position * MICROSECOND, numbers)
    ledger = Ledger(axis, keeping)
    ledger.restore(saved)
    return axis, ledger


def _anchors(saved: Saved) -> tuple[list[Anchor], list[int]]:
    anchors = [Anchor(at * MICROSECOND, int_to_date(utc)) for _, at, utc in saved.anchors]
    return anchors, [number for number, _, _ in saved.anchors]


def as_of_the_heartbeat(saved: Saved, keeping: Keeping) -> Ledger:
    """The accounts that were saved, as they were then."""
    check(saved)
    _, position, date = saved.anchors[-1]
    anchors, numbers = _anchors(saved)
    axis = Axis(int_to_date(date), anchors[:-1], position * MICROSECOND, numbers[:-1])
    seen_until = int_to_date(date) + (saved.position - position) * MICROSECOND
    axis.position(seen_until)
    if seen_until < int_to_date(saved.heartbeat):
        axis.pause()
        axis.position(int_to_date(saved.heartbeat))
    ledger = Ledger(axis, keeping)
    ledger.restore(saved)
    return ledger
