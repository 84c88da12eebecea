"""Clocks: where the time of an event or a question comes from.

The store reads its clock in the thread that puts an event or a question, at
the moment of the put and with the queue's mutex held. So a clock must be safe
to call from any thread, must not block and must not touch the store.
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
    """What ``Config(clock=...)`` takes.

    A clock that can be *corrected* while it runs (any wall clock of a machine
    can) may also have ``read()``, which returns a :class:`Reading`; lifetimes
    and uptimes then run on ``Reading.seen`` and UTC only dates them. Without
    ``read()``, what ``now()`` says is both.
    """

    def now(self) -> datetime.datetime:
        """The time now, as an aware datetime of any zone."""


class _ReadingFields(NamedTuple):
    utc: datetime.datetime
    seen: datetime.timedelta


class Reading(_ReadingFields):
    """One look at a clock that can be corrected.

    ``utc``: the date, as an aware datetime; it may step either way.
    ``seen``: the time since some fixed moment, counting only time in which this
    machine could see; it is never stepped.

    ``asleep``: the time since that moment in which the machine could not see,
    because it was suspended. A clock that leaves it out has its suspends taken
    for corrections of the date. (It is no part of the tuple.)
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

    def __sub__(self, other: Reading) -> datetime.timedelta:
        """The time between two readings, as two datetimes are subtracted."""
        return self.seen - other.seen


class SystemClock:
    """The machine's wall clock, in UTC. It follows every step of it.

    ``datetime.datetime.now`` is looked up at each call, so freezegun moves
    this clock, in every thread.
    """

    def now(self) -> datetime.datetime:
        """The machine's time now, in UTC."""
        return datetime.datetime.now(_UTC)


_utc_now = SystemClock().now


def _boottime() -> float:
    """Seconds since boot, suspends included, where the system can tell."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class SteadyClock:
    """For daemons: the wall clock gives the date, a steady one the durations.

    What it promises, where ``time.monotonic`` stands still while the machine
    is suspended (as on Linux and macOS):

    - *An NTP step, or an operator who sets the clock*: dates follow the step;
      no lifetime or uptime changes, not by a microsecond.
    - *A machine without a real-time clock* (a Raspberry Pi boots in the past
      and is set right later, by seconds or by decades): the same.
    - *A suspend*: the machine saw nothing, so the time is neither lifetime nor
      uptime.

    ``utc`` returns an aware datetime, ``monotonic`` and ``boottime`` return
    seconds (``boottime`` counts those of a suspend, ``monotonic`` does not);
    they are arguments so that tests can drive them. Not for use under
    freezegun, which freezes ``time.monotonic`` as well.
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
        """The date now, as ``utc`` says."""
        return self._utc()

    def read(self) -> Reading:
        """The date, and the steady time that durations run on."""
        # Boottime first: a thread that is held up between the two then takes a
        # suspend for shorter than it was, never sees one that was not there.
        boottime, monotonic = self._boottime(), self._monotonic()
        return Reading(
            self._utc(),
            datetime.timedelta(seconds=monotonic),
            datetime.timedelta(seconds=boottime - monotonic),
        )


class ManualClock:
    """A clock for tests: it stands still until it is moved, either way.

    Naive times are refused with ``ValueError``. Safe from any thread.
    """

    def __init__(
        self, start: datetime.datetime = datetime.datetime(2020, 1, 1, tzinfo=_UTC)
    ) -> None:
        self._lock = threading.Lock()  # makes advance()'s read and write one step
        self._now = to_utc(start)

    def now(self) -> datetime.datetime:
        """Where the clock was moved to, in UTC."""
        return self._now

    def advance(self, by: datetime.timedelta) -> None:
        """Move by ``by``; a negative timedelta moves back."""
        require_timedelta("by", by, "seconds")
        with self._lock:
            self._now += by

    def set(self, now: datetime.datetime) -> None:
        """Move to ``now``, before or after the present time."""
        now = to_utc(now)
        with self._lock:
            self._now = now


def to_utc(time: datetime.datetime) -> datetime.datetime:
    """``time`` in UTC; ``ValueError`` for a naive one, ``TypeError`` for no datetime.

    Times are converted on entry, because Python subtracts two times of one
    zone by their faces: across a change of summer time an hour would be lost.
    ``OverflowError`` for what UTC has no date for, at the ends of the calendar.
    """
    if getattr(time, "tzinfo", None) is _UTC:
        return time
    require_aware(time)
    return time.astimezone(_UTC)


def nearest_utc(time: datetime.datetime) -> datetime.datetime:
    """:func:`to_utc`, or the first or the last date that there is."""
    if getattr(time, "tzinfo", None) is _UTC:
        return time  # most often so, and one call less
    try:
        return to_utc(time)
    except OverflowError:
        return FIRST_DATE if time.year == datetime.MINYEAR else LAST_DATE


def shifted(date: datetime.datetime, by: datetime.timedelta) -> datetime.datetime:
    """``date + by`` of a date in UTC, or the first or the last date that there is."""
    try:
        return date + by
    except OverflowError:
        return LAST_DATE if by > _ZERO else FIRST_DATE


def before(date: datetime.datetime, by: datetime.timedelta) -> datetime.datetime:
    """``date - by`` of a date in UTC and a period, or the first date that there is."""
    try:
        return date - by
    except OverflowError:  # also for periods that have no negative, so not shifted()
        return FIRST_DATE


Moment = datetime.datetime | Reading
"""When something was put, with its date in UTC."""


def reader(clock: Clock) -> Callable[[], Moment]:
    """A function that reads ``clock`` and returns the :data:`Moment`."""
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
