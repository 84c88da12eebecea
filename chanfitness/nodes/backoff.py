"""When to try again: later each time, never at the same moment as everyone else."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable


class Backoff:
    """Delays that double from ``first`` to ``maximum`` seconds, less a random part of up to half.

    They begin anew after what lasted for longer than ``maximum``. ``random`` gives
    numbers from 0 to 1, ``clock`` seconds that never step back, and ``wait(event,
    seconds)`` returns early, and true, if the event is set: all three are for
    tests to replace. For one thread.
    """

    def __init__(
        self,
        first: float = 0.25,
        maximum: float = 10.0,
        *,
        random: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self._first, self._maximum = first, maximum
        self._random, self._clock, self._wait = random, clock, wait
        self._delay = first
        self._began: float | None = None

    def succeeded(self) -> None:
        """What was tried works, as of now."""
        self._began = self._clock()

    def wait(self, event: threading.Event) -> bool:
        """Wait for the next try; true, and at once, if ``event`` is set."""
        if self._began is not None and self._clock() - self._began > self._maximum:
            self._delay = self._first
        self._began = None
        delay = self._delay
        self._delay = min(2 * delay, self._maximum)
        return self._wait(event, delay * (1 - self._random() / 2))
