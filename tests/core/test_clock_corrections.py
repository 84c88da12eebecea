"""Clocks that are corrected, through a store: dates follow them, durations do not."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanfitness import (
    ChannelHistory,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    Outage,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SteadyClock,
)

from ..support.driven_store import DrivenStore
from ..support.lengths import length
from ..support.stores import WAIT
from ..support.values import ALICE, CHANNEL_1, SECOND, START

ZERO, HOUR, DECADES = timedelta(0), 3600 * SECOND, timedelta(days=50 * 365)
OPEN_ALREADY = [OpenChannel(CHANNEL_1, ALICE)]
STEPS = [3 * SECOND, -3 * SECOND, DECADES, -DECADES]


pytestmark = pytest.mark.usefixtures("quiet")


class Machine:
    """A machine that runs, sleeps and has its wall clock set, as a ``SteadyClock`` reads it."""

    def __init__(self) -> None:
        self.utc, self.awake, self.asleep = START, ZERO, ZERO
        self.clock = SteadyClock(
            utc=lambda: self.utc,
            monotonic=lambda: self.awake / SECOND,
            boottime=lambda: (self.awake + self.asleep) / SECOND,
        )
        self.driven = DrivenStore(
            open_channels=OPEN_ALREADY, clock=self.clock, history=timedelta.max
        )

    def run(self, by: timedelta) -> None:
        self.utc, self.awake = self.utc + by, self.awake + by

    def suspend(self, by: timedelta) -> None:
        self.utc, self.asleep = self.utc + by, self.asleep + by

    def set(self, by: timedelta) -> None:
        self.utc += by

    def history(self, window: timedelta | None = None) -> ChannelHistory:
        return self.driven.store.get_history(CHANNEL_1, window=window, timeout=WAIT)


def test_a_suspend_of_a_night_is_blind() -> None:
    machine = Machine()
    with machine.driven as driven:
        machine.run(HOUR)
        machine.suspend(8 * HOUR)
        driven.put(PeerOnlineEvent(ALICE))
        machine.run(2 * HOUR)

        history, info = machine.history(), driven.store.get_chan_info(CHANNEL_1, timeout=WAIT)
        morning = machine.history(window=3 * HOUR)

    assert (history.start, history.end) == (START, START + 11 * HOUR)
    assert (history.lifetime, history.uptime, history.blind) == (3 * HOUR, 2 * HOUR, 8 * HOUR)
    assert history.outages == ((START, START + 9 * HOUR, HOUR),)
    assert (info.lifetime, info.uptime) == (3 * HOUR, 2 * HOUR)
    assert (morning.lifetime, morning.blind, morning.outages) == (2 * HOUR, HOUR, ())


@pytest.mark.parametrize("jitter", [timedelta(milliseconds=-10), timedelta(microseconds=1)])
def test_the_jitter_of_a_reading_is_not_blind(jitter: timedelta) -> None:
    machine = Machine()
    with machine.driven as driven:
        machine.run(HOUR)
        machine.asleep = jitter

        history, info = machine.history(), driven.store.get_peer_info(ALICE, timeout=WAIT)

    outage = Outage(START, None, HOUR)
    assert history == ChannelHistory(START, START + HOUR, HOUR, ZERO, ZERO, (outage,))
    assert info.since == START


@pytest.mark.parametrize("step", STEPS)
def test_a_correction_changes_dates_and_no_duration(step: timedelta) -> None:
    machine = Machine()
    with machine.driven as driven:
        machine.run(HOUR)
        driven.put(PeerOnlineEvent(ALICE))
        machine.run(HOUR)
        machine.set(step)

        history, window = machine.history(), machine.history(window=1.5 * HOUR)

    outage = Outage(START + step, START + step + HOUR, HOUR)
    assert history == ChannelHistory(
        outage.start, START + step + 2 * HOUR, 2 * HOUR, HOUR, ZERO, (outage,)
    )
    assert (window.lifetime, window.uptime, window.blind) == (1.5 * HOUR, HOUR, ZERO)


@pytest.mark.parametrize("step", STEPS)
def test_a_correction_while_paused_changes_no_duration(step: timedelta) -> None:
    machine = Machine()
    with machine.driven as driven:
        machine.run(HOUR)
        driven.put(MonitoringPausedEvent())
        machine.run(HOUR)
        machine.set(step)
        driven.put(MonitoringResumedEvent(OPEN_ALREADY, [ALICE]))
        machine.run(HOUR)

        history = machine.history()

    outage = Outage(START + step, START + step + 2 * HOUR, HOUR)
    assert history == ChannelHistory(
        outage.start, START + step + 3 * HOUR, 2 * HOUR, HOUR, HOUR, (outage,)
    )


# Any sequence

Event = PeerOnlineEvent | PeerOfflineEvent | MonitoringPausedEvent | MonitoringResumedEvent
Deed = Event | tuple[str, timedelta] | timedelta | None
"""An event, a step of the machine, or a question about a window."""

AMOUNTS = st.sampled_from([0, 1, 2, 60, 3600, 86400]).map(lambda number: number * SECOND)
DEEDS: st.SearchStrategy[Deed] = st.one_of(
    st.tuples(st.sampled_from(["run", "run", "suspend"]), AMOUNTS),
    st.tuples(st.just("set"), st.sampled_from([*STEPS, HOUR, -HOUR])),
    st.sampled_from(
        [
            PeerOnlineEvent(ALICE),
            PeerOfflineEvent(ALICE),
            MonitoringPausedEvent(),
            MonitoringResumedEvent(OPEN_ALREADY, []),
            MonitoringResumedEvent(OPEN_ALREADY, [ALICE]),
        ]
    ),
    AMOUNTS,
    st.none(),
)


class Sums:
    """The seen time, and how much of it the peer was online."""

    def __init__(self) -> None:
        self.online = self.paused = False
        self.lifetime = self.uptime = ZERO

    def ran(self, by: timedelta) -> None:
        self.lifetime += ZERO if self.paused else by
        self.uptime += by if self.online and not self.paused else ZERO

    def put(self, event: Event) -> None:
        if isinstance(event, (PeerOnlineEvent, PeerOfflineEvent)):
            self.online = isinstance(event, PeerOnlineEvent)
        elif isinstance(event, MonitoringPausedEvent):
            self.paused = True
        else:
            self.paused, self.online = False, bool(event.online_peers)


def check(history: ChannelHistory) -> None:
    """Check the invariants of a history, which hold for any clock."""
    assert ZERO <= history.uptime <= history.lifetime
    assert history.blind >= ZERO
    assert history.lifetime + history.blind == history.end - history.start
    durations = [outage.duration for outage in history.outages]
    assert sum(durations, ZERO) == history.lifetime - history.uptime
    assert all(duration > ZERO for duration in durations)
    dates = [history.start]
    for outage in history.outages:
        dates += [outage.start, outage.end or history.end]
        assert outage.duration <= dates[-1] - dates[-2]
    assert all(earlier <= later for earlier, later in pairwise([*dates, history.end]))


@settings(max_examples=length(200, 10_000))
@given(deeds=st.integers(1, 40).flatmap(lambda size: st.lists(DEEDS, min_size=size, max_size=size)))
def test_no_step_and_no_suspend_moves_a_duration(deeds: list[Deed]) -> None:
    machine, sums = Machine(), Sums()
    with machine.driven as driven:
        for deed in [*deeds, None]:
            if deed is None:
                history, info = machine.history(), driven.store.list_channels(timeout=WAIT)[0]
                check(history)
                assert (info.lifetime, info.uptime) == (sums.lifetime, sums.uptime)
                assert (history.lifetime, history.uptime) == (sums.lifetime, sums.uptime)
            elif isinstance(deed, timedelta):
                part = machine.history(window=deed)
                check(part)
                assert part.end - part.start <= deed
            elif isinstance(deed, Event):
                driven.put(deed)
                sums.put(deed)
            else:
                what, by = deed
                {"run": machine.run, "suspend": machine.suspend, "set": machine.set}[what](by)
                sums.ran(by if what == "run" else ZERO)
