"""Event queue of a simulation: acts in order of time, on a manual clock.

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
    """Acts, each planned for a time, exact or random."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.clock = ManualClock(START)
        self.now = 0
        self._acts: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._planned = 0  # the number of acts so far

    def run(self, until: int) -> None:
        """Do all acts until then."""
        while self._acts[0][0] <= until:
            self.run_next()

    def run_next(self) -> None:
        """Do the next act."""
        self.now, _, act, arguments = heapq.heappop(self._acts)
        self.clock.set(START + self.now * MICROSECOND)
        act(*arguments)

    def _plan(self, mean: float, act: Callable[..., None], *arguments: Any) -> None:
        """Plan an act after a random time with this mean."""
        self._plan_in(self.rng.expovariate(1 / mean) if mean else 0, act, *arguments)

    def _plan_in(self, time: float, act: Callable[..., None], *arguments: Any) -> None:
        self._planned += 1
        heapq.heappush(self._acts, (self.now + int(time), self._planned, act, arguments))
