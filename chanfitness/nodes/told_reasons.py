"""Rate limit for the reasons why a node cannot be seen."""

from __future__ import annotations

import time
from collections.abc import Callable

PERIOD = 3600.0
"""In seconds: how long a reason that was told is not told again."""

MAXIMUM = 100
"""How many reasons are told in a period; a node may make up a new one each time."""


class ToldReasons:
    """Remembers which reasons were told lately. ``clock``: seconds. For one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[str, float] = {}  # the oldest first

    def is_due(self, reason: str) -> bool:
        """Whether to tell ``reason`` now; it then counts as told."""
        now = self._clock()
        self._told = {each: at for each, at in self._told.items() if now - at < PERIOD}
        if reason in self._told or len(self._told) >= MAXIMUM:
            return False
        self._told[reason] = now
        return True

    def clear(self) -> None:
        """Let all be told again: the node was seen since."""
        self._told.clear()
