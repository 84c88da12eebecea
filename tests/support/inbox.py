"""An inbox whose waits move a clock instead of taking time."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from chanfitness import ManualClock

from .stores import WAIT


class Until:
    """Lets time pass in an :class:`Inbox` until ``time``."""

    def __init__(self, time: datetime) -> None:
        self.time = time
        self.done = threading.Event()


class Gate:
    """Blocks the reader of an :class:`Inbox` at its next item."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()


class Inbox:
    """An inbox whose waits move a clock instead of taking time.

    With ``former``, it takes over the time that is still to pass there.
    """

    def __init__(self, clock: ManualClock, former: Inbox | None = None) -> None:
        self.clock = clock
        self._items: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._until: deque[Until] = deque() if former is None else former._until

    def put(self, item: Any) -> None:
        self._items.put(item)

    def qsize(self) -> int:
        return self._items.qsize()

    def get(self, *, timeout: float | None) -> Any:
        ends = None if timeout is None else self.clock.now() + timedelta(seconds=timeout)
        while True:
            item = self._next()
            if isinstance(item, Gate):
                item.reached.set()
                assert item.opened.wait(timeout=WAIT)
                continue
            if not isinstance(item, Until):
                return item
            if ends is not None and ends <= item.time:
                self.clock.set(ends)
                self._until.append(item)
                raise queue.Empty
            self.clock.set(item.time)
            item.done.set()

    def _next(self) -> Any:
        """Return the next item; time passes only if there is no other."""
        if self._until:
            with contextlib.suppress(queue.Empty):
                return self._items.get_nowait()
            return self._until.popleft()
        return self._items.get()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Block the reader."""
        gate = Gate()
        self.put(gate)
        assert gate.reached.wait(timeout=WAIT)
        try:
            yield
        finally:
            gate.opened.set()

    def let_pass(self, time: timedelta) -> None:
        """As :meth:`pass_until`, for this time from now."""
        self.pass_until(self.clock.now() + time)

    def pass_until(self, time: datetime) -> None:
        """Let time pass until ``time``; return when all timers due by then are done."""
        until = Until(time)
        self.put(until)
        assert until.done.wait(timeout=WAIT), "time does not pass"
