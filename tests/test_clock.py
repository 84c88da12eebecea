"""Clocks, alone and as the clock of a store."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from freezegun import freeze_time

from chanfitness import (
    ChannelEventStore,
    Config,
    ManualClock,
    OpenChannel,
    PeerOfflineEvent,
    PeerOnlineEvent,
    Reading,
    SteadyClock,
    SystemClock,
)

from .support.stores import WAIT, Call, QueueSubscription, call_together, make_store, running
from .support.values import ALICE, CHANNEL_1, SECOND, START

HOUR = 3600 * SECOND
BERLIN = ZoneInfo("Europe/Berlin")
OPEN_ALREADY = [OpenChannel(CHANNEL_1, ALICE)]
NAIVE = datetime(2026, 1, 1)


@dataclass
class Machine:
    """The three time sources of a ``SteadyClock``, each moved on its own."""

    utc: datetime = START
    monotonic: float = 1000.0
    boottime: float = 1000.0

    def run(self, by: timedelta) -> None:
        self.utc += by
        self.monotonic += by.total_seconds()
        self.boottime += by.total_seconds()

    def suspend(self, by: timedelta) -> None:
        self.utc += by
        self.boottime += by.total_seconds()

    def step(self, by: timedelta) -> None:
        self.utc += by

    def clock(self) -> SteadyClock:
        return SteadyClock(
            utc=lambda: self.utc,
            monotonic=lambda: self.monotonic,
            boottime=lambda: self.boottime,
        )


def lifetime_and_uptime(store: ChannelEventStore) -> tuple[timedelta, timedelta]:
    info = store.get_chan_info(CHANNEL_1, ALICE, timeout=WAIT)
    return info.lifetime, info.uptime


# SystemClock


def test_the_system_clock_returns_utc() -> None:
    before = datetime.now(timezone.utc)
    now = SystemClock().now()

    assert before <= now <= datetime.now(timezone.utc)
    assert now.tzinfo is timezone.utc


def test_the_system_clock_is_the_default() -> None:
    source = QueueSubscription()
    config = Config(
        subscribe_channel_events=lambda: source,
        subscribe_peer_events=lambda: source,
        get_open_channels=list,
    )

    assert isinstance(config.clock, SystemClock)


def test_freezegun_moves_the_system_clock_in_every_thread() -> None:
    clock = SystemClock()

    with freeze_time(START) as frozen:
        assert [clock.now(), *call_together(clock.now, clock.now)] == [START] * 3
        frozen.tick(SECOND)
        assert [clock.now(), *call_together(clock.now, clock.now)] == [START + SECOND] * 3


def test_promise_2_a_store_on_the_system_clock_is_exact_under_freezegun() -> None:
    source = QueueSubscription()

    with (
        freeze_time(START) as frozen,
        running(make_store(source, open_channels=OPEN_ALREADY, clock=SystemClock())) as store,
    ):
        frozen.tick(SECOND)
        Call(source.updates.put, PeerOnlineEvent(ALICE)).result()
        frozen.tick(2 * SECOND)
        assert lifetime_and_uptime(store) == (3 * SECOND, 2 * SECOND)


# SteadyClock


def test_a_steady_clock_dates_with_utc_and_measures_with_the_monotonic_clock() -> None:
    clock = Machine(utc=START, monotonic=12.5).clock()

    assert clock.now() == START
    assert clock.read() == Reading(utc=START, seen=timedelta(seconds=12.5))


def test_a_steady_clock_with_the_default_sources_never_runs_backwards() -> None:
    clock = SteadyClock()

    first, second = clock.read(), clock.read()

    assert first.utc.utcoffset() == clock.now().utcoffset() == timedelta(0)
    assert second - first == second.seen - first.seen >= timedelta(0)


@pytest.mark.parametrize("step", [SECOND, -SECOND, HOUR, -HOUR, timedelta(days=20_000)])
def test_a_step_of_the_wall_clock_moves_no_lifetime_or_uptime(step: timedelta) -> None:
    machine, source = Machine(), QueueSubscription()

    with running(make_store(source, open_channels=OPEN_ALREADY, clock=machine.clock())) as store:
        machine.run(2 * SECOND)
        source.updates.put(PeerOnlineEvent(ALICE))
        machine.run(3 * SECOND)
        machine.step(step)
        assert lifetime_and_uptime(store) == (5 * SECOND, 3 * SECOND)

        machine.run(4 * SECOND)
        source.updates.put(PeerOfflineEvent(ALICE))
        machine.step(-2 * step)
        machine.run(SECOND)
        assert lifetime_and_uptime(store) == (10 * SECOND, 7 * SECOND)


def test_a_machine_that_boots_in_the_past_and_is_corrected_loses_nothing() -> None:
    machine = Machine(utc=datetime(1970, 1, 1, tzinfo=timezone.utc), monotonic=3.0)
    source = QueueSubscription()

    with running(make_store(source, open_channels=OPEN_ALREADY, clock=machine.clock())) as store:
        source.updates.put(PeerOnlineEvent(ALICE))
        machine.run(40 * SECOND)
        machine.step(START - machine.utc)
        machine.run(2 * SECOND)
        assert lifetime_and_uptime(store) == (42 * SECOND, 42 * SECOND)


def test_a_suspend_is_neither_lifetime_nor_uptime() -> None:
    machine, source = Machine(), QueueSubscription()

    with running(make_store(source, open_channels=OPEN_ALREADY, clock=machine.clock())) as store:
        source.updates.put(PeerOnlineEvent(ALICE))
        machine.run(SECOND)
        machine.suspend(8 * HOUR)
        machine.run(SECOND)
        assert lifetime_and_uptime(store) == (2 * SECOND, 2 * SECOND)


def test_the_time_of_an_event_is_converted_to_the_steady_clock() -> None:
    machine, source = Machine(), QueueSubscription()

    with running(make_store(source, open_channels=OPEN_ALREADY, clock=machine.clock())) as store:
        machine.step(HOUR)
        machine.run(10 * SECOND)
        source.updates.put(PeerOnlineEvent(ALICE, at=machine.utc - 4 * SECOND))
        machine.run(SECOND)
        assert lifetime_and_uptime(store) == (11 * SECOND, 5 * SECOND)


# Reading


SLEPT = Reading(START, HOUR, 8 * HOUR)


@pytest.mark.parametrize(
    "make",
    [
        copy.copy,
        copy.deepcopy,
        lambda reading: pickle.loads(pickle.dumps(reading)),
        lambda reading: reading._replace(),
        lambda reading: reading.__replace__(),
    ],
)
def test_a_copy_of_a_reading_keeps_asleep(make: Callable[[Reading], Reading]) -> None:
    twin = make(SLEPT)
    assert (type(twin), twin, twin.asleep) == (Reading, SLEPT, 8 * HOUR)


def test_each_field_of_a_reading_can_be_replaced_alone() -> None:
    for name, value in {"utc": START + HOUR, "seen": SECOND, "asleep": SECOND}.items():
        parts = {"utc": START, "seen": HOUR, "asleep": 8 * HOUR, name: value}
        replaced = SLEPT._replace(**{name: value})
        assert (*replaced, replaced.asleep) == tuple(parts.values())
    with pytest.raises(TypeError):
        SLEPT._replace(awake=SECOND)


# ManualClock


def test_a_manual_clock_stands_still_until_it_is_moved() -> None:
    clock = ManualClock(START)

    assert clock.now() == clock.now() == START
    clock.advance(2 * SECOND)
    assert clock.now() == START + 2 * SECOND
    clock.set(START + HOUR)
    assert clock.now() == START + HOUR


def test_a_manual_clock_moves_backwards_too() -> None:
    clock = ManualClock(START)

    clock.advance(-HOUR)
    assert clock.now() == START - HOUR
    clock.set(START - 2 * HOUR)
    assert clock.now() == START - 2 * HOUR


def test_a_manual_clock_starts_at_an_aware_time_by_default() -> None:
    assert ManualClock().now().utcoffset() == timedelta(0)


def test_a_manual_clock_refuses_naive_times_and_does_not_move() -> None:
    clock = ManualClock(START)

    with pytest.raises(ValueError, match="naive time"):
        ManualClock(NAIVE)
    with pytest.raises(ValueError, match="naive time"):
        clock.set(NAIVE)

    assert clock.now() == START


def test_a_manual_clock_is_advanced_by_many_threads_without_loss() -> None:
    clock = ManualClock(START)

    def advance() -> None:
        for _ in range(100):
            clock.advance(SECOND)

    call_together(*[advance] * 4)

    assert clock.now() == START + 400 * SECOND


def test_promise_3_time_in_a_store_stands_still_while_its_clock_runs_backwards() -> None:
    clock, source = ManualClock(START), QueueSubscription()

    with running(make_store(source, open_channels=OPEN_ALREADY, clock=clock)) as store:
        clock.advance(10 * SECOND)
        source.updates.put(PeerOnlineEvent(ALICE))
        clock.advance(-5 * SECOND)
        assert lifetime_and_uptime(store) == (10 * SECOND, timedelta(0))
        clock.advance(6 * SECOND)
        assert lifetime_and_uptime(store) == (11 * SECOND, SECOND)


def test_a_steady_clock_works_without_boottime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("time.CLOCK_BOOTTIME", raising=False)

    assert SteadyClock().read().asleep < timedelta(seconds=1)
