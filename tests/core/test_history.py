"""History of a peer: its windows and its size."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import accumulate, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanfitness import (
    ChannelHistory,
    ChannelNotFoundError,
    Config,
    HistoryDisabledError,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    Outage,
    PeerNotFoundError,
    PeerOfflineEvent,
    PeerOnlineEvent,
)
from chanfitness.core.history import History

from ..support.driven_store import DrivenStore
from ..support.lengths import length
from ..support.stores import WAIT, QueueSubscription
from ..support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2, SECOND, START

ZERO, MICROSECOND, HOUR = timedelta(0), timedelta(microseconds=1), 3600 * SECOND
DAYS_90 = timedelta(days=90)
OPEN_ALREADY = [OpenChannel(CHANNEL_1, ALICE)]


def seconds(number: float) -> datetime:
    return START + number * SECOND


# A history on its own


def history_of(positions: list[int], *, online: bool) -> History:
    """Return a history of changes at these microseconds; ``online``: the state after the first."""
    history = History((positions[0] * MICROSECOND, 0), online)
    for position in positions[1:]:
        history.change((position * MICROSECOND, 0))
    return history


class Naive:
    """The same changes in a list."""

    def __init__(self, positions: list[int], online: bool) -> None:
        self.changes = [(at, online ^ bool(number % 2)) for number, at in enumerate(positions)]

    def spans(self, end: int) -> list[tuple[int, int, bool]]:
        return [(at, to, up) for (at, up), (to, _) in pairwise([*self.changes, (end, False)])]

    def uptime(self, start: int, end: int) -> int:
        spans = self.spans(max(end, self.changes[-1][0]))
        return sum(max(min(to, end) - max(at, start), 0) for at, to, up in spans if up)

    def outages(self, start: int) -> list[tuple[int, int | None]]:
        *ended, (at, _, up) = self.spans(self.changes[-1][0])
        lasting: list[tuple[int, int | None]] = [] if up else [(at, None)]
        return [*((gone, back) for gone, back, up in ended if back > start and not up), *lasting]


GAPS = st.lists(st.sampled_from([1, 2, 50]), min_size=1, max_size=40)


@settings(max_examples=length(300, 20_000))
@given(gaps=GAPS, online=st.booleans(), data=st.data())
def test_uptime_and_outages_are_those_of_a_naive_sum(
    *, gaps: list[int], online: bool, data: st.DataObject
) -> None:
    positions = list(accumulate(gaps))
    history, naive = history_of(positions, online=online), Naive(positions, online)
    begin = naive.changes[0][0]
    start = data.draw(st.integers(begin, positions[-1] + 5))
    end = data.draw(st.integers(start, positions[-1] + 9))

    assert history.uptime(start * MICROSECOND, end * MICROSECOND) == (
        naive.uptime(start, end) * MICROSECOND
    )
    outages = [
        (gone[0] // MICROSECOND, None if back is None else back[0] // MICROSECOND)
        for gone, back in history.outages(start * MICROSECOND)
    ]
    assert [each for each in outages if each[1] is None or each[1] > start] == naive.outages(start)


# Derived figures


def channel_history(lifetime: float, *durations: float) -> ChannelHistory:
    outages = tuple(Outage(START, START, each * SECOND) for each in durations)
    up = lifetime - sum(durations)
    return ChannelHistory(START, START, lifetime * SECOND, up * SECOND, ZERO, outages)


def test_figures_of_a_history_with_outages() -> None:
    history = channel_history(100, 10, 30)

    assert history.uptime_ratio == 0.6
    assert history.longest_outage == 30 * SECOND
    assert history.mean_time_to_repair == 20 * SECOND
    assert history.mean_time_between_failures == 30 * SECOND


def test_figures_of_a_history_without_outage() -> None:
    history = channel_history(100)

    assert history.uptime_ratio == 1.0
    assert history.longest_outage is None
    assert history.mean_time_to_repair is None
    assert history.mean_time_between_failures is None
    assert channel_history(0).uptime_ratio is None


# Through a store


def test_a_window_cuts_outages_that_began_before_it() -> None:
    with DrivenStore(open_channels=OPEN_ALREADY, history=DAYS_90) as driven:
        driven.clock.advance(10 * SECOND)
        driven.put(PeerOnlineEvent(ALICE))
        driven.clock.advance(20 * SECOND)
        driven.put(PeerOfflineEvent(ALICE))
        driven.clock.advance(30 * SECOND)

        whole = driven.store.get_history(CHANNEL_1, timeout=WAIT)
        last_35 = driven.store.get_history(CHANNEL_1, window=35 * SECOND, timeout=WAIT)
        last_55 = driven.store.get_history(CHANNEL_1, window=55 * SECOND, timeout=WAIT)

    lasting = Outage(seconds(30), None, 30 * SECOND)
    first = Outage(START, seconds(10), 10 * SECOND)
    cut = Outage(seconds(5), seconds(10), 5 * SECOND)
    end = seconds(60)
    assert whole == ChannelHistory(START, end, 60 * SECOND, 20 * SECOND, ZERO, (first, lasting))
    assert last_35 == ChannelHistory(seconds(25), end, 35 * SECOND, 5 * SECOND, ZERO, (lasting,))
    assert last_55 == ChannelHistory(
        seconds(5), end, 55 * SECOND, 20 * SECOND, ZERO, (cut, lasting), first_outage_began=START
    )


def test_blind_time_ends_no_outage_and_lengthens_none() -> None:
    with DrivenStore(open_channels=OPEN_ALREADY, history=DAYS_90) as driven:
        driven.clock.advance(10 * SECOND)
        driven.put(MonitoringPausedEvent())
        driven.clock.advance(HOUR)
        driven.put(MonitoringResumedEvent(OPEN_ALREADY, []))
        driven.clock.advance(5 * SECOND)
        driven.put(PeerOnlineEvent(ALICE))

        history = driven.store.get_history(CHANNEL_1, timeout=WAIT)
        in_the_blind = driven.store.get_history(CHANNEL_1, window=605 * SECOND, timeout=WAIT)

    back = START + 15 * SECOND + HOUR
    outage = Outage(START, back, 15 * SECOND)
    assert history == ChannelHistory(START, back, 15 * SECOND, ZERO, HOUR, (outage,))
    cut = Outage(back - 605 * SECOND, back, 5 * SECOND)
    assert in_the_blind == ChannelHistory(
        cut.start, back, 5 * SECOND, ZERO, 600 * SECOND, (cut,), first_outage_began=START
    )


def test_dropped_old_changes_move_the_start_but_no_total() -> None:
    with DrivenStore(open_channels=OPEN_ALREADY, history=30 * SECOND) as driven:
        driven.clock.advance(10 * SECOND)
        driven.put(PeerOnlineEvent(ALICE))
        driven.clock.advance(30 * SECOND)

        history = driven.store.get_history(CHANNEL_1, timeout=WAIT)
        info = driven.store.get_chan_info(CHANNEL_1, timeout=WAIT)

    assert history == ChannelHistory(
        seconds(10), seconds(40), 30 * SECOND, 30 * SECOND, ZERO, (), complete=False
    )
    assert (info.lifetime, info.uptime) == (40 * SECOND, 30 * SECOND)


DAY = 24 * HOUR


def test_changes_over_the_limit_are_thinned_to_a_checkpoint_a_day() -> None:
    """One outage a day, of one, two and three hours. Only the last change is kept."""
    with DrivenStore(open_channels=OPEN_ALREADY, online=[ALICE], history=DAYS_90) as driven:
        for hours in (1, 2, 3):
            driven.clock.advance(6 * HOUR)
            driven.put(PeerOfflineEvent(ALICE))
            driven.clock.advance(hours * HOUR)
            driven.put(PeerOnlineEvent(ALICE))
            driven.clock.advance(DAY - (6 + hours) * HOUR)
        whole = driven.store.get_history(CHANNEL_1, timeout=WAIT)
        two_days = driven.store.get_history(CHANNEL_1, window=2 * DAY, timeout=WAIT)
    assert [outage.duration for outage in whole.outages] == [HOUR, 2 * HOUR, 3 * HOUR]

    with DrivenStore(
        open_channels=OPEN_ALREADY, online=[ALICE], history=DAYS_90, history_limit=1
    ) as driven:
        for hours in (1, 2, 3):
            driven.clock.advance(6 * HOUR)
            driven.put(PeerOfflineEvent(ALICE))
            driven.clock.advance(hours * HOUR)
            driven.put(PeerOnlineEvent(ALICE))
            driven.clock.advance(DAY - (6 + hours) * HOUR)
        thinned = driven.store.get_history(CHANNEL_1, timeout=WAIT)
        two_thinned = driven.store.get_history(CHANNEL_1, window=2 * DAY, timeout=WAIT)
        six_hours = driven.store.get_history(CHANNEL_1, window=6 * HOUR, timeout=WAIT)

    assert thinned == whole._replace(outages=(), thinned_outages=3, longest_thinned=3 * HOUR)
    assert (thinned.outage_count, thinned.longest_outage) == (3, 3 * HOUR)
    assert thinned.mean_time_to_repair == whole.mean_time_to_repair == 2 * HOUR
    assert thinned.mean_time_between_failures == whole.mean_time_between_failures == 22 * HOUR
    assert (two_days.complete, two_thinned.complete, six_hours.complete) == (True, False, True)
    assert two_thinned.start == two_days.start + 6 * HOUR
    assert two_thinned.uptime == two_days.uptime - 6 * HOUR
    assert (two_thinned.outage_count, two_thinned.longest_outage) == (2, 3 * HOUR)
    assert (six_hours.uptime, six_hours.outage_count) == (6 * HOUR, 0)


def test_without_history_the_question_is_refused() -> None:
    with (
        DrivenStore(open_channels=OPEN_ALREADY) as driven,
        pytest.raises(HistoryDisabledError, match=r"Config\(history="),
    ):
        driven.store.get_history(CHANNEL_1, timeout=WAIT)


def test_a_negative_window_is_refused() -> None:
    with (
        DrivenStore(open_channels=OPEN_ALREADY, history=DAYS_90) as driven,
        pytest.raises(ValueError, match="bad window"),
    ):
        driven.store.get_history(CHANNEL_1, window=-MICROSECOND, timeout=WAIT)


def test_a_channel_that_is_not_open_has_no_history() -> None:
    with (
        DrivenStore(open_channels=OPEN_ALREADY, history=DAYS_90) as driven,
        pytest.raises(ChannelNotFoundError),
    ):
        driven.store.get_history(CHANNEL_2, timeout=WAIT)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"history": -SECOND}, "bad history"),
        ({"history_limit": 0}, "bad history_limit 0"),
        ({"history_limit": 2.5}, "bad history_limit 2.5"),
    ],
)
def test_a_bad_setting_is_refused(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config(
            subscribe_channel_events=QueueSubscription,
            subscribe_peer_events=QueueSubscription,
            get_open_channels=list,
            **setting,
        )


def test_a_question_needs_no_peer() -> None:
    with DrivenStore(open_channels=OPEN_ALREADY, online=[ALICE]) as driven:
        driven.clock.advance(SECOND)
        store = driven.store

        named = store.get_chan_info(CHANNEL_1, ALICE, timeout=WAIT)
        assert store.get_chan_info(CHANNEL_1, timeout=WAIT) == named
        assert named[:4] == (CHANNEL_1, ALICE, SECOND, SECOND)
        with pytest.raises(ChannelNotFoundError):
            store.get_chan_info(CHANNEL_2, timeout=WAIT)
        with pytest.raises(PeerNotFoundError):
            store.get_chan_info(CHANNEL_1, BOB, timeout=WAIT)
