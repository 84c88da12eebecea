"""Exponential backoff with jitter."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable


class Backoff:
    """Delays that double from ``first`` to ``maximum`` seconds, less a random part of up to half.

    After a success that lasted longer than ``maximum`` they begin with ``first`` again. Tests
    replace ``random`` (numbers from 0 to 1), ``clock`` (monotonic seconds) and ``wait(event,
    seconds)`` (returns True early if the event is set). For one thread.
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
        """Note that the last attempt succeeded just now."""
        self._began = self._clock()

    def wait(self, event: threading.Event) -> bool:
        """Wait until the next attempt is due; return True at once if ``event`` is set."""
        if self._began is not None and self._clock() - self._began > self._maximum:
            self._delay = self._first
        self._began = None
        delay = self._delay
        self._delay = min(2 * delay, self._maximum)
        return self._wait(event, delay * (1 - self._random() / 2))
