"""A clock and a store that log their calls, to find the order of puts by many threads.

The clock notes each reader and its time; ``on_event`` and the questions note when the loop
handles them.
"""

from __future__ import annotations

import itertools
import os
import threading
from datetime import datetime, timedelta
from typing import Any, TypeVar

from chanfitness import ChannelEventStore, Config, Reading

from .values import START

T = TypeVar("T")

ZERO = timedelta(0)
NEVER = 10**12
LONG = timedelta(seconds=3)


class Operation:
    """An event that is put, or a question."""

    def __init__(self, what: Any, source: int | None = None) -> None:
        self.what = what
        self.source = source  # of an event: the index of its queue
        self.moment: Any = None  # the clock's reading at the put
        self.read = NEVER  # when that was; all times differ
        self.ended = NEVER  # when the call returned
        self.answer: Any = None  # or the type of the error; None: it was stopped
        self.timeout = 0.0  # of a question

    def __repr__(self) -> str:
        return f"{self.read}: {self.what} at {self.moment}, until {self.ended}: {self.answer}"


class LoggedClock:
    """A clock that can be moved either way, and notes its readers and their times."""

    def __init__(self, tick: timedelta) -> None:
        self._lock = threading.Lock()
        self._tick = tick
        self._now = START
        self._times = itertools.count()
        self._reader = threading.local()

    def time(self) -> int:
        """Return the real time, which only grows."""
        return next(self._times)

    def reads_for(self, operation: Operation) -> None:
        """Assign this thread's next readings to an operation."""
        self._reader.operation = operation

    def peek(self) -> datetime:
        """Return the clock's time, without a note."""
        return self._now

    def move(self, by: timedelta) -> None:
        with self._lock:
            self._now += by

    def now(self) -> datetime:
        with self._lock:
            self._now += self._tick
            moment = self._noted(self._now)
        self._let_others_run()
        return moment

    def _noted(self, moment: T) -> T:
        operation: Operation | None = getattr(self._reader, "operation", None)
        if operation is not None:
            operation.moment, operation.read = moment, self.time()
        return moment

    def _let_others_run(self) -> None:
        """Yield now and then, so that puts overlap: any system call does."""
        if self.time() % 4 == 0:
            os.stat(os.curdir)


class LoggedSteadyClock(LoggedClock):
    """A clock with ``read()``, moved by steps of the date, by time, or by suspends."""

    def __init__(self, tick: timedelta, sleeps: bool) -> None:
        super().__init__(tick)
        self.sleeps = sleeps
        self._seen = self._asleep = ZERO

    def move(self, by: timedelta) -> None:
        with self._lock:
            self._now += by
            if by > LONG and self.sleeps:
                self._asleep += by
            elif by > ZERO:
                self._seen += by / 2

    def read(self) -> Reading:
        with self._lock:
            self._now += self._tick
            self._seen += self._tick
            moment = self._noted(Reading(self._now, self._seen, self._asleep))
        self._let_others_run()
        return moment


class LoggedStore(ChannelEventStore):
    """A store that notes its questions in ``order`` when its loop handles them."""

    def __init__(self, config: Config, order: list[tuple[Any, Any]]) -> None:
        super().__init__(config)
        self._order = order
        self._asking = threading.local()

    def asks(self, operation: Operation) -> None:
        """Assign this thread's next question to an operation."""
        self._asking.operation = operation

    def _ask(self, timeout: float | None, answer: Any, *arguments: Any, **_: Any) -> Any:
        operation = self._asking.operation

        def answer_and_note(*given: Any) -> Any:
            self._order.append((operation, None))
            return answer(*given)

        return super()._ask(timeout, answer_and_note, *arguments)
