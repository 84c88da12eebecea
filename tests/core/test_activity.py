"""Unusable time: the peer is online, and the source calls the channel inactive."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest

from chanfitness import (
    ActiveChannelEvent,
    ChannelHistory,
    ClosedChannelEvent,
    InactiveChannelEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    Outage,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SnapshotEvent,
)

from ..support.driven_store import DrivenStore
from ..support.stores import WAIT
from ..support.values import ALICE, BOB, CAROL, CHANNEL_1, CHANNEL_2, SECOND, START

pytestmark = pytest.mark.usefixtures("quiet")

ONE = OpenChannel(CHANNEL_1, ALICE)
DAYS_90, MILLISECOND, ZERO = timedelta(days=90), timedelta(milliseconds=1), timedelta(0)
INACTIVE, ACTIVE = InactiveChannelEvent(CHANNEL_1), ActiveChannelEvent(CHANNEL_1)
GOES, COMES = PeerOfflineEvent(ALICE), PeerOnlineEvent(ALICE)


def driven_store(**changed: Any) -> DrivenStore:
    """Return a store with one channel, whose peer is online."""
    settings: dict[str, Any] = {"open_channels": [ONE], "online": [ALICE], "history": DAYS_90}
    return DrivenStore(**settings | changed)


def play(driven: DrivenStore, *course: object) -> None:
    """Put the events, and advance the clock by the seconds between them."""
    for each in course:
        if isinstance(each, (int, float)):
            driven.clock.advance(each * SECOND)
        else:
            driven.put(each)


def unusable(driven: DrivenStore) -> float:
    """Return the unusable time in seconds, after a check against the history of the whole life."""
    info = driven.store.get_chan_info(CHANNEL_1, timeout=WAIT)
    history = history_of(driven)
    spans = sum((span.duration for span in history.unusable_spans), ZERO)
    assert (history.lifetime, history.uptime, history.unusable) == info[2:5]
    assert spans == history.unusable
    return info.unusable / SECOND


def history_of(driven: DrivenStore, window: timedelta | None = None) -> ChannelHistory:
    return driven.store.get_history(CHANNEL_1, window=window, timeout=WAIT)


def spans_of(driven: DrivenStore) -> list[tuple[float, float | None, float]]:
    """Return the unusable spans of the whole life, in seconds since the start."""
    return [
        ((begun - START) / SECOND, None if end is None else (end - START) / SECOND, seen / SECOND)
        for begun, end, seen in history_of(driven).unusable_spans
    ]


# Counted time


def test_only_time_in_which_the_peer_is_online_is_unusable() -> None:
    with driven_store() as driven:
        play(driven, 1, INACTIVE, 10, GOES, 100, COMES, 3, ACTIVE, 5)

        assert unusable(driven) == 13
        assert spans_of(driven) == [(1, 11, 10), (111, 114, 3)]
        info = driven.store.get_chan_info(CHANNEL_1, timeout=WAIT)
        assert (info.usable, info.active) == (6 * SECOND, True)
        assert info.usable_ratio == 6 / 119


@pytest.mark.parametrize(
    ("course", "expected"),
    [
        ((INACTIVE, 0.002, GOES, 60, COMES, 0.015, ACTIVE), 0.017),
        ((GOES, 0.001, INACTIVE, 60, COMES, 0.015, ACTIVE), 0.015),
        ((GOES, 0.001, INACTIVE, 60, ACTIVE, 1, COMES, 9), 0),
        ((INACTIVE, 5, INACTIVE, 5, ACTIVE, 5, ACTIVE, 5), 10),
        ((ACTIVE, 5), 0),
        ((INACTIVE, 5), 5),
        ((INACTIVE, ACTIVE, INACTIVE, ACTIVE, 5), 0),
    ],
    ids=["lnd's order", "the other", "unseen by anyone", "repeats", "never", "still", "at once"],
)
def test_the_order_of_events_at_one_moment_does_not_matter(
    course: tuple[object, ...], expected: float
) -> None:
    with driven_store() as driven:
        play(driven, 1, *course)
        assert unusable(driven) == expected


def test_without_activity_events_active_is_none() -> None:
    with driven_store() as driven:
        play(driven, 5)
        info = driven.store.get_chan_info(CHANNEL_1, timeout=WAIT)
        assert (info.active, info.unusable, info.usable_ratio) == (None, ZERO, 1.0)


def test_a_window_counts_its_own_unusable_time() -> None:
    with driven_store() as driven:
        play(driven, INACTIVE, 10, ACTIVE, 10, INACTIVE, 10)
        found = history_of(driven, 25 * SECOND)

    begun = START + 5 * SECOND
    assert (found.unusable, found.usable) == (15 * SECOND, 10 * SECOND)
    assert found.unusable_spans == (
        Outage(begun, begun + 5 * SECOND, 5 * SECOND),
        Outage(begun + 15 * SECOND, None, 10 * SECOND),
    )


def test_without_history_the_sum_alone_is_kept() -> None:
    with driven_store(history=None) as driven:
        play(driven, INACTIVE, 10, ACTIVE, 10)
        info = driven.store.get_chan_info(CHANNEL_1, timeout=WAIT)
        assert info.unusable == 10 * SECOND


def test_activity_of_a_channel_that_is_not_open_is_dropped() -> None:
    with driven_store(open_channels=[]) as driven:
        play(driven, INACTIVE, OpenChannelEvent(*ONE), 10)
        assert (unusable(driven), driven.store.get_chan_info(*ONE, timeout=WAIT).active) == (
            0,
            None,
        )


# Lists


def test_lists_set_the_activity_or_leave_it() -> None:
    inactive, plain = OpenChannel(*ONE, active=False), cast(OpenChannel, tuple(ONE))
    with driven_store(open_channels=[inactive]) as driven:
        play(driven, 10, SnapshotEvent([ONE], [ALICE]), 10, SnapshotEvent([plain], [ALICE]))
        play(driven, 10, SnapshotEvent([OpenChannel(*ONE, active=True)], [ALICE]), 10)
        assert unusable(driven) == 30


def test_a_listed_channel_with_another_peer_leaves_the_activity() -> None:
    other = OpenChannel(CHANNEL_1, BOB, active=False)
    with driven_store() as driven:
        play(driven, SnapshotEvent([other, ONE], [ALICE]), 10)
        assert driven.store.get_chan_info(*ONE, timeout=WAIT).active is None


def test_a_closing_channel_may_be_missing_from_a_snapshot() -> None:
    with driven_store() as driven:
        play(driven, INACTIVE, 5, SnapshotEvent([], [ALICE]), 5)
        assert unusable(driven) == 10
        play(driven, ClosedChannelEvent(*ONE))
        assert driven.store.list_channels(timeout=WAIT) == []


# Blind time


def test_activity_in_blind_time_holds_from_the_resume() -> None:
    with driven_store() as driven:
        play(driven, 10, MonitoringPausedEvent(), 10, INACTIVE, 10)
        play(driven, MonitoringResumedEvent([ONE], [ALICE]), 5)
        assert spans_of(driven) == [(30, None, 5)]
        assert unusable(driven) == 5


def test_the_last_activity_in_blind_time_counts() -> None:
    with driven_store() as driven:
        play(driven, INACTIVE, 10, MonitoringPausedEvent(), 10, ACTIVE, 5, INACTIVE, 5)
        play(driven, MonitoringResumedEvent([ONE], [ALICE]), 5)
        assert spans_of(driven) == [(0, None, 15)]
        assert unusable(driven) == 15


def test_activity_that_is_reverted_in_blind_time_leaves_no_trace() -> None:
    with driven_store() as driven:
        for _ in range(2):
            play(driven, MonitoringPausedEvent(), INACTIVE, ACTIVE, 10)
            play(driven, MonitoringResumedEvent([ONE], [ALICE]))
        play(driven, INACTIVE, 5)
        assert spans_of(driven) == [(20, None, 5)]


def test_a_span_that_begins_in_blind_time_begins_at_the_resume() -> None:
    """The late pause goes back to the last event."""
    with driven_store() as driven:
        play(driven, GOES, 0.002, INACTIVE, 20, MonitoringPausedEvent(START), 10)
        play(driven, MonitoringResumedEvent([ONE], [ALICE]), 5)
        assert spans_of(driven) == [(30.002, None, 5)]
        assert unusable(driven) == 5


def test_blind_time_does_not_prolong_a_span_that_ended_with_its_peer() -> None:
    with driven_store() as driven:
        play(driven, INACTIVE, 10, GOES, MonitoringPausedEvent(), 10)
        play(driven, MonitoringResumedEvent([OpenChannel(*ONE, active=True)], []), 5)
        assert spans_of(driven) == [(0, 10, 10)]


# Outages of this node

OTHERS = [OpenChannel(CHANNEL_2, BOB)]
OURS: dict[str, Any] = {
    "open_channels": [ONE, *OTHERS],
    "online": [ALICE, BOB],
    "own_outage": 90 * SECOND,
}
ALL_GO = (PeerOfflineEvent(BOB), GOES, PeerOfflineEvent(CAROL))


def test_an_own_outage_undoes_activity_changes_but_not_the_state() -> None:
    with driven_store(**OURS) as driven:
        play(driven, PeerOnlineEvent(CAROL), 10, ALL_GO[0], 5, INACTIVE, 5, *ALL_GO[1:], 100)
        assert unusable(driven) == 0
        play(driven, COMES, 3)
        assert spans_of(driven) == [(120, None, 3)]
        assert unusable(driven) == 3


def test_an_own_outage_keeps_the_unusable_span_around_it() -> None:
    with driven_store(**OURS) as driven:
        play(driven, PeerOnlineEvent(CAROL), INACTIVE, 10, ALL_GO[0], 5, ACTIVE, 2, INACTIVE, 5)
        play(driven, *ALL_GO[1:], 100, COMES, 3, ACTIVE, 5)
        assert unusable(driven) == 13
        assert spans_of(driven) == [(0, 125, 13)]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ((INACTIVE, ALL_GO[0], ACTIVE, 5, INACTIVE), 2 + 3),
        ((ACTIVE, INACTIVE, ALL_GO[0], ACTIVE, 5, INACTIVE), 2 + 3),
        ((INACTIVE, 4, ACTIVE, ALL_GO[0], INACTIVE, 5, ACTIVE), 2 + 4),
    ],
)
def test_activity_in_the_first_moment_of_an_own_outage_is_undone(
    said: tuple[object, ...], expected: float
) -> None:
    """The history keeps nothing of a span without a length."""
    with driven_store(**OURS) as driven:
        play(driven, PeerOnlineEvent(CAROL), INACTIVE, 2, ACTIVE, 10)
        play(driven, *said, 5, *ALL_GO[1:], 10, COMES, 3)
        assert unusable(driven) == expected


def test_an_own_outage_undoes_more_than_history_keeps() -> None:
    with driven_store(**OURS, history_limit=2) as driven:
        play(driven, PeerOnlineEvent(CAROL), INACTIVE, 2, ACTIVE, 10, ALL_GO[0])
        play(driven, *[0.1, INACTIVE, 0.1, ACTIVE] * 100)
        history_of(driven)
        play(driven, 1, INACTIVE, 1, *ALL_GO[1:], 10, COMES, 3)
        assert history_of(driven).unusable == 5 * SECOND
        assert spans_of(driven)[-1] == (44, None, 3)


# Thinned history


def test_spans_are_listed_where_the_changes_of_channel_and_peer_are_kept() -> None:
    with driven_store(history_limit=2) as driven:
        play(driven, INACTIVE, 1, GOES, 10, COMES, 2, GOES, 10, COMES, 4, ACTIVE, 5)
        assert history_of(driven).unusable == 7 * SECOND
        assert spans_of(driven) == [(23, 27, 4)]


def test_a_span_with_a_thinned_start_begins_at_the_first_kept_change() -> None:
    with driven_store(history_limit=2) as driven:
        play(driven, INACTIVE, GOES, 1, COMES, 1, GOES, 1)
        assert spans_of(driven) == [(1, 2, 1)]


def test_a_history_begins_where_channel_and_peer_are_known() -> None:
    with driven_store(history_limit=2) as driven:
        play(driven, 5, INACTIVE, 1, ACTIVE, 1, INACTIVE, 1, ACTIVE, 1)
        assert not (history := history_of(driven)).complete
        assert history.start == START + 5 * SECOND
        assert (history.lifetime, history.unusable) == (4 * SECOND, 2 * SECOND)
        assert history_of(driven, 1 * SECOND).complete
