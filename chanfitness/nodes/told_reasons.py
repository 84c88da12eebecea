"""Rate limit for log lines that say why a node cannot be seen."""

from __future__ import annotations

import time
from collections.abc import Callable

PERIOD = 3600.0
"""Seconds until the same reason is logged again."""

MAXIMUM = 100
"""Number of reasons logged in a period; a hostile node may send a new one each time."""


class ToldReasons:
    """The reasons logged lately. ``clock``: monotonic seconds. For one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[str, float] = {}  # the oldest first

    def is_due(self, reason: str) -> bool:
        """Return whether to log ``reason`` now; if so, it counts as logged."""
        now = self._clock()
        self._told = {each: at for each, at in self._told.items() if now - at < PERIOD}
        if reason in self._told or len(self._told) >= MAXIMUM:
            return False
        self._told[reason] = now
        return True

    def clear(self) -> None:
        """Let every reason be logged again, since the node was seen."""
        self._told.clear()
