"""Detector of a silent node: the time of its last sign of life, and whether one is overdue.

A frozen node, or one behind a dead line, sends nothing, like a node without events. An
adapter therefore asks for a sign twice a minute. A gap of more than ``LONGEST`` between two
signs is blind time, whether the node or this process was frozen.
"""

from __future__ import annotations

import datetime
import threading
from typing import Any

from ..clock import Clock, Moment, before, nearest_utc, reader

ASK_SECONDS = 30.0
"""Seconds between an answer and the next question."""

ANSWER_SECONDS = 15.0
"""Seconds that an answer may take."""

LONGEST = datetime.timedelta(seconds=ASK_SECONDS + ANSWER_SECONDS)
"""The longest time between two signs of a live node."""

LISTS_PERIOD = datetime.timedelta(hours=1)
"""Period at which the lists correct the accounts, for events that were missed."""


def elapsed(start: Any, end: Any) -> datetime.timedelta:
    """Return the time between two moments of one clock."""
    difference: datetime.timedelta = end - start
    return difference


class SignsOfLife:
    """The last sign of life of a node, by ``clock``. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._now = clock.now
        self._read = reader(clock)
        self._lock = threading.Lock()  # guards what follows
        self._last: Moment | None = None
        self._is_owed = False

    def expect(self) -> None:
        """Note that a sign was asked for; it is owed until one comes."""
        with self._lock:
            self._is_owed = True

    def note(self) -> bool:
        """Note a sign that came now. Return False, and ignore it, if it came too late."""
        with self._lock:
            moment = self._read()
            if self._last is not None and elapsed(self._last, moment) > LONGEST:
                return False
            self._last, self._is_owed = moment, False
            return True

    def silent_since(self) -> datetime.datetime | None:
        """Return the time (UTC) of the last sign if one is owed or overdue, otherwise None."""
        with self._lock:
            if self._last is None:
                return None
            silence = elapsed(self._last, self._read())
            if not self._is_owed and silence <= LONGEST:
                return None
            return before(nearest_utc(self._now()), silence)
