"""The clock of a store: zones, clocks that fail, clocks that can be corrected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from chanfitness import (
    ChannelEventStore,
    ManualClock,
    OpenChannel,
    OpenChannelEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    Reading,
)

from .support.stores import WAIT, QueueSubscription, make_store, running
from .support.values import ALICE, CHANNEL_1, CHANNEL_2, SECOND, START

HOUR = 3600 * SECOND
BERLIN = ZoneInfo("Europe/Berlin")
OPEN_ALREADY = [OpenChannel(CHANNEL_1, ALICE)]
NAIVE = datetime(2026, 1, 1)


@dataclass
class FunctionClock:
    """A clock that calls a function, which may be exchanged."""

    says: Callable[[], datetime]

    def now(self) -> datetime:
        return self.says()


def lifetime_and_uptime(store: ChannelEventStore) -> tuple[timedelta, timedelta]:
    info = store.get_chan_info(CHANNEL_1, ALICE, timeout=WAIT)
    return info.lifetime, info.uptime


# Zones


@pytest.mark.parametrize(
    "change",
    [datetime(2026, 3, 29, 1, tzinfo=timezone.utc), datetime(2026, 10, 25, 1, tzinfo=timezone.utc)],
)
def test_a_change_of_summer_time_moves_no_lifetime_or_uptime(change: datetime) -> None:
    utc, source = ManualClock(change - HOUR), QueueSubscription()
    clock = FunctionClock(lambda: utc.now().astimezone(BERLIN))

    with running(make_store(source, open_channels=OPEN_ALREADY, clock=clock)) as store:
        utc.advance(HOUR / 2)
        source.updates.put(PeerOnlineEvent(ALICE))
        utc.advance(HOUR)
        at = (utc.now() - HOUR / 4).astimezone(BERLIN)
        source.updates.put(PeerOfflineEvent(ALICE, at=at))
        assert lifetime_and_uptime(store) == (1.5 * HOUR, 0.75 * HOUR)


# Clocks that fail


def fail() -> datetime:
    raise OSError("no such clock")


def say_naive() -> datetime:
    return NAIVE


@pytest.mark.parametrize(("broken", "error"), [(fail, OSError), (say_naive, ValueError)])
def test_with_a_broken_clock_puts_and_questions_raise_and_put_nothing(
    broken: Callable[[], datetime], error: type[Exception]
) -> None:
    clock, source = FunctionClock(lambda: START), QueueSubscription()

    with running(make_store(source, open_channels=OPEN_ALREADY, clock=clock)) as store:
        clock.says, working = broken, clock.says
        with pytest.raises(error, match=r"clock|naive time"):
            source.updates.put(OpenChannelEvent(CHANNEL_2, ALICE))
        with pytest.raises(error, match=r"clock|naive time"):
            store.list_channels(timeout=WAIT)
        clock.says = working

        assert source.updates.unfinished_tasks == source.updates.qsize() == 0
        assert [each.channel_point for each in store.list_channels(timeout=WAIT)] == [CHANNEL_1]


@pytest.mark.parametrize(("broken", "error"), [(fail, OSError), (say_naive, ValueError)])
def test_with_a_broken_clock_start_fails_and_may_be_repeated(
    broken: Callable[[], datetime], error: type[Exception]
) -> None:
    clock, source, other = FunctionClock(broken), QueueSubscription(), QueueSubscription()
    store = make_store(source, other, open_channels=OPEN_ALREADY, clock=clock)

    with pytest.raises(error):
        store.start()

    assert (source.cancels, other.cancels) == (1, 1)
    assert "_put" not in vars(source.updates)
    assert "_put" not in vars(other.updates)
    clock.says = lambda: START
    with running(store):
        assert lifetime_and_uptime(store) == (timedelta(0), timedelta(0))


def test_start_shows_the_naive_time_of_the_clock() -> None:
    with pytest.raises(ValueError, match=r"naive time datetime\.datetime\(2026, 1, 1, 0, 0\)"):
        make_store(clock=FunctionClock(say_naive)).start()


# Clocks with read()


@dataclass
class CorrectedClock:
    """A clock with ``read()`` whose date and seen time are set by the test."""

    utc: datetime = START
    seen: timedelta = timedelta(0)

    def now(self) -> datetime:
        return self.utc

    def read(self) -> Reading:
        return Reading(self.utc, self.seen)


def test_lifetimes_are_measured_by_seen_time() -> None:
    clock, source = CorrectedClock(seen=-HOUR), QueueSubscription()

    with running(make_store(source, open_channels=OPEN_ALREADY, clock=clock)) as store:
        clock.utc += HOUR
        source.updates.put(PeerOnlineEvent(ALICE))
        clock.seen += 3 * SECOND
        assert lifetime_and_uptime(store) == (3 * SECOND, 3 * SECOND)


@pytest.mark.parametrize("zone", [timezone.utc, BERLIN])
def test_the_time_of_an_event_is_converted_to_seen_time(zone: timezone) -> None:
    clock, source = CorrectedClock(), QueueSubscription()

    with running(make_store(source, open_channels=OPEN_ALREADY, clock=clock)) as store:
        clock.utc, clock.seen = (START + HOUR).astimezone(zone), 10 * SECOND
        source.updates.put(PeerOnlineEvent(ALICE, at=START + HOUR - 2 * SECOND))
        source.updates.put(PeerOfflineEvent(ALICE, at=START + 2 * HOUR))
        clock.seen = 20 * SECOND
        assert lifetime_and_uptime(store) == (20 * SECOND, 2 * SECOND)


def test_a_clock_that_reads_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="naive time"):
        make_store(clock=CorrectedClock(utc=NAIVE)).start()


def test_promise_4_a_question_returns_although_the_reading_is_nonsense() -> None:
    clock = CorrectedClock()

    with running(make_store(open_channels=OPEN_ALREADY, clock=clock)) as store:
        clock.seen = "a while"  # type: ignore[assignment]
        with pytest.raises(TypeError):
            store.get_chan_info(CHANNEL_1, ALICE, timeout=1)
