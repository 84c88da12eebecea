"""Clocks that date events and questions.

A store reads its clock in the thread that puts an event or a question, at the moment of
the put, while the queue's mutex is held. A clock must therefore be safe to call from any
thread, must not block, and must not call the store.
"""

from __future__ import annotations

import datetime
import functools
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from typing_extensions import Self

from .checks import require_aware, require_callable, require_timedelta

_UTC = datetime.timezone.utc
_ZERO = datetime.timedelta(0)
FIRST_DATE = datetime.datetime.min.replace(tzinfo=_UTC)
LAST_DATE = datetime.datetime.max.replace(tzinfo=_UTC)


class Clock(Protocol):
    """The interface of ``Config(clock=...)``.

    A clock that can be *corrected* while it runs, as any wall clock, may also have a method
    ``read()`` that returns a :class:`Reading`. Lifetimes and uptimes are then measured by
    ``Reading.seen``, and UTC only dates them. Without ``read()``, ``now()`` serves for both.
    """

    def now(self) -> datetime.datetime:
        """Return the time now, an aware datetime of any zone."""


class _ReadingFields(NamedTuple):
    utc: datetime.datetime
    seen: datetime.timedelta


class Reading(_ReadingFields):
    """One reading of a clock that can be corrected.

    Args:
        utc: The date, an aware datetime; it may step either way.
        seen: The time since some fixed moment, suspends excluded. It never steps.
        asleep: The suspended time since that moment, no part of the tuple. Without it, a
            suspend counts as a correction of the date.
    """

    asleep = datetime.timedelta(0)

    def __new__(
        cls,
        utc: datetime.datetime,
        seen: datetime.timedelta,
        asleep: datetime.timedelta | None = None,
    ) -> Self:
        self = super().__new__(cls, utc, seen)
        if asleep is not None:
            self.asleep = asleep
        return self

    def _replace(self, **fields: Any) -> Self:
        return type(self)(**{"utc": self.utc, "seen": self.seen, "asleep": self.asleep, **fields})

    __replace__ = _replace  # for copy.replace() of Python 3.13

    def __repr__(self) -> str:
        asleep = f", asleep={self.asleep!r}" if self.asleep else ""
        return f"Reading(utc={self.utc!r}, seen={self.seen!r}{asleep})"

    def __sub__(self, other: Reading) -> datetime.timedelta:
        """Return the seen time between two readings."""
        return self.seen - other.seen


class SystemClock:
    """The machine's wall clock, with every step of it. Safe from any thread.

    ``datetime.datetime.now`` is looked up at each call, so freezegun moves
    this clock, in every thread.
    """

    def now(self) -> datetime.datetime:
        """Return the machine's time in UTC."""
        return datetime.datetime.now(_UTC)

    def __repr__(self) -> str:
        return "SystemClock()"


_utc_now = SystemClock().now


def _boottime() -> float:
    """Return the seconds since boot, suspends included where the system counts them."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class SteadyClock:
    """A clock for daemons: dates from the wall clock, durations from a monotonic one.

    Guarantees, where ``time.monotonic`` stands still while the machine is suspended (as on
    Linux and macOS):

    - *An NTP step, or an operator who sets the clock*: dates follow the step;
      no lifetime or uptime changes, not by a microsecond.
    - *A machine without a real-time clock* (a Raspberry Pi boots in the past
      and is corrected later, by seconds or by decades): the same.
    - *A suspend*: the time is neither lifetime nor uptime, since the machine saw nothing.

    Safe from any thread. Not for use under freezegun, which freezes ``time.monotonic`` too.

    Args:
        utc: Returns the date, an aware datetime.
        monotonic: Returns seconds, suspends excluded.
        boottime: Returns seconds, suspends included.

    Raises:
        TypeError: An argument is no function.
    """

    def __init__(
        self,
        *,
        utc: Callable[[], datetime.datetime] = _utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        boottime: Callable[[], float] = _boottime,
    ) -> None:
        require_callable("utc", utc, "datetime.now(timezone.utc)")
        require_callable("monotonic", monotonic, "time.monotonic()")
        require_callable("boottime", boottime, "time.clock_gettime(time.CLOCK_BOOTTIME)")
        self._utc = utc
        self._monotonic = monotonic
        self._boottime = boottime

    def now(self) -> datetime.datetime:
        """Return the date."""
        return self._utc()

    def __repr__(self) -> str:
        return "SteadyClock()"

    def read(self) -> Reading:
        """Return the date, the monotonic time and the suspended time."""
        # Boottime first: if the thread is delayed between the two reads, a suspend seems
        # shorter than it was, and none seems to happen that did not.
        boottime, monotonic = self._boottime(), self._monotonic()
        return Reading(
            self._utc(),
            datetime.timedelta(seconds=monotonic),
            datetime.timedelta(seconds=boottime - monotonic),
        )


class ManualClock:
    """A clock for tests that stands still until it is moved, either way. Safe from any thread.

    Args:
        start: The first time, an aware datetime.

    Raises:
        ValueError: The time is naive.
        TypeError: The time is no datetime.
    """

    def __init__(
        self, start: datetime.datetime = datetime.datetime(2020, 1, 1, tzinfo=_UTC)
    ) -> None:
        self._lock = threading.Lock()  # makes advance()'s read and write one step
        self._now = to_utc(start)

    def now(self) -> datetime.datetime:
        """Return the time to which the clock was moved, in UTC."""
        return self._now

    def __repr__(self) -> str:
        return f"<ManualClock at {self._now.replace(tzinfo=None).isoformat()}Z>"

    def advance(self, by: datetime.timedelta) -> None:
        """Move the clock.

        Args:
            by: How far; a negative timedelta moves it back.

        Raises:
            TypeError: ``by`` is no timedelta.
            OverflowError: No date is so far away.
        """
        require_timedelta("by", by, "seconds")
        with self._lock:
            self._now += by

    def set(self, now: datetime.datetime) -> None:
        """Set the clock, to an earlier or a later time.

        Args:
            now: An aware datetime.

        Raises:
            ValueError: The time is naive.
            TypeError: The time is no datetime.
        """
        now = to_utc(now)
        with self._lock:
            self._now = now


def to_utc(time: datetime.datetime) -> datetime.datetime:
    """Return ``time`` in UTC.

    Times are converted on entry, because Python subtracts two times of one zone as local
    times, which is wrong by an hour across a change of summer time.

    Raises:
        ValueError: ``time`` is naive.
        TypeError: ``time`` is no datetime.
        OverflowError: The time in UTC is before year 1 or after year 9999.
    """
    if getattr(time, "tzinfo", None) is _UTC:
        return time
    require_aware(time)
    return time.astimezone(_UTC)


def nearest_utc(time: datetime.datetime) -> datetime.datetime:
    """Return ``time`` in UTC, limited to the calendar."""
    if getattr(time, "tzinfo", None) is _UTC:
        return time  # saves a call in the common case
    try:
        return to_utc(time)
    except OverflowError:
        return FIRST_DATE if time.year == datetime.MINYEAR else LAST_DATE


def shifted(date: datetime.datetime, by: datetime.timedelta) -> datetime.datetime:
    """Return ``date + by``, limited to the calendar; ``date`` is in UTC."""
    try:
        return date + by
    except OverflowError:
        return LAST_DATE if by > _ZERO else FIRST_DATE


def before(date: datetime.datetime, by: datetime.timedelta) -> datetime.datetime:
    """Return ``date - by``, limited to the calendar; ``date`` is in UTC, ``by`` a period."""
    try:
        return date - by
    except OverflowError:  # not shifted(date, -by): timedelta.max has no negative
        return FIRST_DATE


Moment = datetime.datetime | Reading
"""The time of a put, with its date in UTC."""


def date_of(moment: Moment) -> datetime.datetime:
    """Return the date of a moment, in UTC."""
    return moment.utc if isinstance(moment, Reading) else moment


def reader(clock: Clock) -> Callable[[], Moment]:
    """Return a function that reads ``clock`` as a :data:`Moment`."""
    now = clock.now
    read: Callable[[], Reading] | None = getattr(clock, "read", None)

    def read_utc() -> datetime.datetime:
        utc = now()
        return utc if getattr(utc, "tzinfo", None) is _UTC else nearest_utc(utc)

    def read_both(read: Callable[[], Reading]) -> Reading:
        reading = read()
        return Reading(nearest_utc(reading.utc), reading.seen, reading.asleep)

    if type(clock) in (SystemClock, ManualClock):
        return now  # in UTC already
    return read_utc if read is None else functools.partial(read_both, read)
