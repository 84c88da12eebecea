"""Clocks in the years 1 and 9999: only dates are limited to the calendar."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import product
from pathlib import Path

import pytest

from chanfitness import (
    ChannelEventStore,
    ChannelInfo,
    Clock,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SteadyClock,
)
from chanfitness.clock import before, nearest_utc, shifted
from chanfitness.core.queries import RetentionSettings
from chanfitness.core.restore import as_of_the_heartbeat
from chanfitness.storage.sqlite import read
from chanfitness.testing import FakeNode

from ..support.driven_store import DrivenStore
from ..support.persistent_stores import DAY, HOUR, MICROSECOND, ZERO, watching
from ..support.stores import WAIT
from ..support.values import ALICE, CHANNEL_1, SECOND, START

FIRST = datetime.min.replace(tzinfo=timezone.utc)
LAST = datetime.max.replace(tzinfo=timezone.utc)
EAST, WEST = timezone(14 * HOUR), timezone(-12 * HOUR)
DATES = [FIRST, FIRST.replace(tzinfo=EAST), START, LAST, LAST.replace(tzinfo=WEST)]
WINDOWS = [None, ZERO, HOUR, 36 * HOUR, timedelta.max]


class Machine:
    """A machine whose wall clock may be set to any date; ``awake`` and ``asleep`` only grow."""

    def __init__(self) -> None:
        self.date, self.awake, self.asleep = START, ZERO, ZERO

    def now(self) -> datetime:
        return self.date

    def clock(self, *, steady: bool) -> Clock:
        if not steady:
            return self
        return SteadyClock(
            utc=self.now,
            monotonic=lambda: self.awake / SECOND,
            boottime=lambda: (self.awake + self.asleep) / SECOND,
        )


def ask_all(store: ChannelEventStore) -> list[ChannelInfo]:
    """Ask every question, and check that the answers are plausible."""
    overview = store.get_overview(timeout=WAIT)
    infos = store.list_channels(timeout=WAIT)
    assert list(overview.channels) == infos
    assert list(overview.peers) == store.list_peers(timeout=WAIT)
    assert overview.blind >= ZERO
    for info in infos:
        assert ZERO <= info.uptime <= info.lifetime
        assert store.get_chan_info(*info[:2], timeout=WAIT) == info
        assert store.get_peer_info(info.peer, timeout=WAIT) in overview.peers
        for window in WINDOWS:
            history = store.get_history(info.channel_point, window=window, timeout=WAIT)
            assert ZERO <= history.uptime <= history.lifetime <= info.lifetime
            assert FIRST <= history.start <= history.end == overview.as_of <= LAST
            assert history.blind >= ZERO
            durations = [outage.duration for outage in history.outages]
            thinned = history.lifetime - history.uptime - sum(durations, ZERO)
            assert (thinned > ZERO) == (history.thinned_outages > 0)
    return infos


def a_day(machine: Machine, node: FakeNode, store: ChannelEventStore) -> Iterator[None]:
    """Put events while the clock is set to many dates."""
    channels = list(node.config.get_open_channels())  # type: ignore[arg-type]
    node.peer_offline(channels[0].peer)
    yield
    node.peer_online(channels[0].peer)
    yield
    node.peer_notifier.send_update(PeerOfflineEvent(channels[0].peer, at=machine.date))
    node.peer_notifier.send_update(PeerOnlineEvent(channels[0].peer, at=LAST))
    node.peer_notifier.send_update(PeerOfflineEvent(channels[0].peer, at=FIRST))
    yield
    node.channel_notifier.send_update(MonitoringPausedEvent(at=FIRST.replace(tzinfo=EAST)))
    yield
    online = [channel.peer for channel in channels]
    node.channel_notifier.send_update(MonitoringResumedEvent(channels, online))
    yield
    machine.asleep += 5 * HOUR
    store.get_overview(timeout=WAIT)
    yield


@pytest.mark.parametrize("steady", [True, False])
@pytest.mark.parametrize("dates", list(product(DATES, repeat=2)))
def test_every_question_is_answered_and_the_last_state_is_saved(
    dates: tuple[datetime, datetime],
    steady: bool,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    node, machine, path = FakeNode(), Machine(), tmp_path / "db"
    for _ in range(3):
        node.open_channel(node.new_peer(online=True))
    saved = [ZERO] * 3
    for begin in (0, 1, 1):
        machine.date = dates[begin]
        clock = machine.clock(steady=steady)
        with watching(node, path, clock=clock, own_outage=90 * SECOND) as store:
            assert [info.lifetime for info in ask_all(store)] == saved
            for number, _ in enumerate(a_day(machine, node, store)):
                machine.awake += HOUR
                machine.date = dates[(begin + number) % 2]
                ask_all(store)
            saved = [info.lifetime for info in ask_all(store)]
        as_stored(path, saved)
    # One of the six hours was paused. The hour before it was taken back if the pause was dated.
    assert not steady or saved in [[hours * HOUR] * 3 for hours in range(12, 16)]
    assert caplog.records == []


def as_stored(path: Path, lifetimes: list[timedelta]) -> None:
    saved, _ = read(path)
    assert saved is not None
    ledger, now = as_of_the_heartbeat(saved, RetentionSettings(history=90 * DAY, stored=True))
    assert [info.lifetime for info in ledger.list_channels(now)] == lifetimes
    assert ledger.overview(now).blind >= ZERO


@pytest.mark.parametrize("date", [FIRST, LAST])
def test_a_window_at_an_end_is_at_most_as_long_as_requested(date: datetime) -> None:
    machine = Machine()
    channel = OpenChannel(CHANNEL_1, ALICE)
    clock = machine.clock(steady=True)
    with DrivenStore(open_channels=[channel], clock=clock, history=90 * DAY) as driven:
        machine.awake = 3 * HOUR
        machine.date = date + HOUR if date == FIRST else date
        history = driven.store.get_history(CHANNEL_1, window=HOUR, timeout=WAIT)
    assert (history.lifetime, history.end - history.start) == (HOUR, HOUR)


def test_a_date_is_limited_to_the_calendar() -> None:
    assert shifted(START, HOUR) == START + HOUR
    assert shifted(START, -timedelta(days=10**6)) == shifted(FIRST, -MICROSECOND) == FIRST
    assert shifted(START, timedelta(days=10**7)) == shifted(LAST, MICROSECOND) == LAST
    assert before(START, HOUR) == START - HOUR
    assert before(START, timedelta.max) == before(FIRST, MICROSECOND) == FIRST


def test_a_date_of_another_zone_is_limited_to_the_calendar_of_utc() -> None:
    assert nearest_utc(START.astimezone(EAST)) == START
    assert nearest_utc(FIRST.replace(tzinfo=EAST)) == FIRST
    assert nearest_utc(LAST.replace(tzinfo=WEST)) == LAST
    with pytest.raises(ValueError, match="naive time"):
        nearest_utc(datetime.min)
