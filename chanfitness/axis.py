"""The store's time axis: how far, in time that counts, the store has come.

Lifetimes and uptimes are differences of *positions* on this axis, which begins
at zero when the store starts and never runs backwards. Pure: the moments are
arguments.
"""

from __future__ import annotations

import datetime

from .clock import Moment, Reading, to_utc

_ZERO = datetime.timedelta(0)


class Axis:
    """Turns moments into positions. Not thread-safe: the loop owns it."""

    def __init__(self, start: Moment) -> None:
        self._start = start
        self._last = _ZERO

    def position(self, moment: Moment, at: datetime.datetime | None = None) -> datetime.timedelta:
        """Where on the axis something lies that was put at ``moment``.

        An event's own time ``at`` may only be earlier than the put: one stray
        stamp of the far future would stop time for good. And nothing is ever
        before what was asked for last.
        """
        position: datetime.timedelta = moment - self._start  # type: ignore[operator]
        if at is not None:
            utc = moment.utc if isinstance(moment, Reading) else moment
            position -= max(utc - to_utc(at), _ZERO)
        if position < self._last:
            return self._last
        self._last = position
        return position
