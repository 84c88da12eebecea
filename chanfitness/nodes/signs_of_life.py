"""Detection of a silent node: when its last sign of life came, and whether one is overdue.

A node that is frozen, or behind a line that is dead, sends nothing, as one does where
nothing happens. So an adapter asks for a sign twice a minute. A gap of more than
``LONGEST`` between two signs is blind time, whoever was frozen: the node, or this process.
"""

from __future__ import annotations

import datetime
import threading
from typing import Any

from ..clock import Clock, Moment, before, nearest_utc, reader

ASK_SECONDS = 30.0
"""How long to wait between an answer and the next question."""

ANSWER_SECONDS = 15.0
"""How long an answer may take."""

LONGEST = datetime.timedelta(seconds=ASK_SECONDS + ANSWER_SECONDS)
"""The longest time between two signs of a node that is alive."""

LISTS_PERIOD = datetime.timedelta(hours=1)
"""How often the lists are asked for, to set right what was not told."""


def elapsed(start: Any, end: Any) -> datetime.timedelta:
    """The time between two moments of one clock."""
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
        """Note that a sign was asked for: until one comes it is owed."""
        with self._lock:
            self._is_owed = True

    def note(self) -> bool:
        """Take a sign that came now. If it came too late it does not count: then false."""
        with self._lock:
            moment = self._read()
            if self._last is not None and elapsed(self._last, moment) > LONGEST:
                return False
            self._last, self._is_owed = moment, False
            return True

    def silent_since(self) -> datetime.datetime | None:
        """The time (UTC) of the last sign, if one is owed or overdue; else None."""
        with self._lock:
            if self._last is None:
                return None
            silence = elapsed(self._last, self._read())
            if not self._is_owed and silence <= LONGEST:
                return None
            return before(nearest_utc(self._now()), silence)
