"""What is to happen in a simulation, in order of time, on a manual clock.

Times are whole microseconds since the start.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from chanfitness import ManualClock

from .values import START

MICROSECOND = timedelta(microseconds=1)
SECOND = 10**6
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86400 * SECOND


class Agenda:
    """Acts, each planned for a time, or for about a time."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.clock = ManualClock(START)
        self.now = 0
        self._acts: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._planned = 0  # how many there ever were

    def run(self, until: int) -> None:
        """Let everything happen until then."""
        while self._acts[0][0] <= until:
            self.run_next()

    def run_next(self) -> None:
        """Let one thing happen."""
        self.now, _, act, arguments = heapq.heappop(self._acts)
        self.clock.set(START + self.now * MICROSECOND)
        act(*arguments)

    def _plan(self, mean: float, act: Callable[..., None], *arguments: Any) -> None:
        """It happens after so long, on the average."""
        self._plan_in(self.rng.expovariate(1 / mean) if mean else 0, act, *arguments)

    def _plan_in(self, time: float, act: Callable[..., None], *arguments: Any) -> None:
        self._planned += 1
        heapq.heappush(self._acts, (self.now + int(time), self._planned, act, arguments))
