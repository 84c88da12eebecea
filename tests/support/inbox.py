"""An inbox whose waiting moves a clock, in place of taking time."""

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
    """Lets an :class:`Inbox` see time pass until ``time``."""

    def __init__(self, time: datetime) -> None:
        self.time = time
        self.done = threading.Event()


class Gate:
    """Holds up who takes the next item of an :class:`Inbox`."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()


class Inbox:
    """An inbox whose waiting moves a clock, in place of taking time.

    One that takes the place of ``former`` takes over what is to pass there.
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
        """The next item; time passes only once there is no other."""
        if self._until:
            with contextlib.suppress(queue.Empty):
                return self._items.get_nowait()
            return self._until.popleft()
        return self._items.get()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Meanwhile nothing is taken out."""
        gate = Gate()
        self.put(gate)
        assert gate.reached.wait(timeout=WAIT)
        try:
            yield
        finally:
            gate.opened.set()

    def let_pass(self, time: timedelta) -> None:
        """As :meth:`pass_until`, for so long from now."""
        self.pass_until(self.clock.now() + time)

    def pass_until(self, time: datetime) -> None:
        """Return when the clock has come to ``time``, and what was due by then is done."""
        until = Until(time)
        self.put(until)
        assert until.done.wait(timeout=WAIT), "time does not pass"
