"""Unusable time: a channel's peer is online, and its source calls the channel inactive."""

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
    """A store of one channel, whose peer is online."""
    settings: dict[str, Any] = {"open_channels": [ONE], "online": [ALICE], "history": DAYS_90}
    return DrivenStore(**settings | changed)


def play(driven: DrivenStore, *course: object) -> None:
    """Events, and between them the seconds that pass."""
    for each in course:
        if isinstance(each, (int, float)):
            driven.clock.advance(each * SECOND)
        else:
            driven.put(each)


def unusable(driven: DrivenStore) -> float:
    """In seconds; the history of the whole life says the same, and lists it."""
    info = driven.store.get_chan_info(CHANNEL_1, timeout=WAIT)
    history = history_of(driven)
    spans = sum((span.duration for span in history.unusable_spans), ZERO)
    assert (history.lifetime, history.uptime, history.unusable) == info[2:5]
    assert spans == history.unusable
    return info.unusable / SECOND


def history_of(driven: DrivenStore, window: timedelta | None = None) -> ChannelHistory:
    return driven.store.get_history(CHANNEL_1, window=window, timeout=WAIT)


def spans_of(driven: DrivenStore) -> list[tuple[float, float | None, float]]:
    """Of the whole life, in seconds since the start."""
    return [
        ((begun - START) / SECOND, None if end is None else (end - START) / SECOND, seen / SECOND)
        for begun, end, seen in history_of(driven).unusable_spans
    ]


# What counts


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
def test_the_order_of_what_is_told_does_not_matter(
    course: tuple[object, ...], expected: float
) -> None:
    with driven_store() as driven:
        play(driven, 1, *course)
        assert unusable(driven) == expected


def test_a_source_that_never_says_leaves_it_unknown() -> None:
    with driven_store() as driven:
        play(driven, 5)
        info = driven.store.get_chan_info(CHANNEL_1, timeout=WAIT)
        assert (info.active, info.unusable, info.usable_ratio) == (None, ZERO, 1.0)


def test_a_window_counts_what_lies_in_it() -> None:
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


def test_what_is_said_of_a_channel_that_is_not_open_is_nothing() -> None:
    with driven_store(open_channels=[]) as driven:
        play(driven, INACTIVE, OpenChannelEvent(*ONE), 10)
        assert (unusable(driven), driven.store.get_chan_info(*ONE, timeout=WAIT).active) == (
            0,
            None,
        )


# Lists


def test_lists_say_it_or_leave_it() -> None:
    inactive, plain = OpenChannel(*ONE, active=False), cast(OpenChannel, tuple(ONE))
    with driven_store(open_channels=[inactive]) as driven:
        play(driven, 10, SnapshotEvent([ONE], [ALICE]), 10, SnapshotEvent([plain], [ALICE]))
        play(driven, 10, SnapshotEvent([OpenChannel(*ONE, active=True)], [ALICE]), 10)
        assert unusable(driven) == 30


def test_a_list_of_a_channel_with_another_peer_says_nothing_of_it() -> None:
    other = OpenChannel(CHANNEL_1, BOB, active=False)
    with driven_store() as driven:
        play(driven, SnapshotEvent([other, ONE], [ALICE]), 10)
        assert driven.store.get_chan_info(*ONE, timeout=WAIT).active is None


def test_a_channel_whose_close_has_begun_is_missed_by_nobody() -> None:
    with driven_store() as driven:
        play(driven, INACTIVE, 5, SnapshotEvent([], [ALICE]), 5)
        assert unusable(driven) == 10
        play(driven, ClosedChannelEvent(*ONE))
        assert driven.store.list_channels(timeout=WAIT) == []


# Blind time


def test_what_is_said_in_blind_time_holds_from_the_resume() -> None:
    with driven_store() as driven:
        play(driven, 10, MonitoringPausedEvent(), 10, INACTIVE, 10)
        play(driven, MonitoringResumedEvent([ONE], [ALICE]), 5)
        assert spans_of(driven) == [(30, None, 5)]
        assert unusable(driven) == 5


def test_in_blind_time_what_is_said_last_counts() -> None:
    with driven_store() as driven:
        play(driven, INACTIVE, 10, MonitoringPausedEvent(), 10, ACTIVE, 5, INACTIVE, 5)
        play(driven, MonitoringResumedEvent([ONE], [ALICE]), 5)
        assert spans_of(driven) == [(0, None, 15)]
        assert unusable(driven) == 15


def test_what_is_taken_back_in_blind_time_was_never_said() -> None:
    with driven_store() as driven:
        for _ in range(2):
            play(driven, MonitoringPausedEvent(), INACTIVE, ACTIVE, 10)
            play(driven, MonitoringResumedEvent([ONE], [ALICE]))
        play(driven, INACTIVE, 5)
        assert spans_of(driven) == [(20, None, 5)]


def test_a_span_that_begins_with_a_return_unseen_begins_at_the_resume() -> None:
    """The pause, told late, goes back to the last event."""
    with driven_store() as driven:
        play(driven, GOES, 0.002, INACTIVE, 20, MonitoringPausedEvent(START), 10)
        play(driven, MonitoringResumedEvent([ONE], [ALICE]), 5)
        assert spans_of(driven) == [(30.002, None, 5)]
        assert unusable(driven) == 5


def test_a_span_that_ends_with_a_going_ends_there_also_if_it_was_active_after_the_blind_time() -> (
    None
):
    with driven_store() as driven:
        play(driven, INACTIVE, 10, GOES, MonitoringPausedEvent(), 10)
        play(driven, MonitoringResumedEvent([OpenChannel(*ONE, active=True)], []), 5)
        assert spans_of(driven) == [(0, 10, 10)]


# This node's own outage

OTHERS = [OpenChannel(CHANNEL_2, BOB)]
OURS: dict[str, Any] = {
    "open_channels": [ONE, *OTHERS],
    "online": [ALICE, BOB],
    "own_outage": 90 * SECOND,
}
ALL_GO = (PeerOfflineEvent(BOB), GOES, PeerOfflineEvent(CAROL))


def test_an_own_outage_undoes_what_was_said_within_but_the_state() -> None:
    with driven_store(**OURS) as driven:
        play(driven, PeerOnlineEvent(CAROL), 10, ALL_GO[0], 5, INACTIVE, 5, *ALL_GO[1:], 100)
        assert unusable(driven) == 0
        play(driven, COMES, 3)
        assert spans_of(driven) == [(120, None, 3)]
        assert unusable(driven) == 3


def test_an_own_outage_ends_what_lasted_at_its_begin() -> None:
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
def test_what_was_said_in_the_first_moment_of_an_own_outage_is_undone(
    said: tuple[object, ...], expected: float
) -> None:
    """There was a spell of no length then, of which the history keeps nothing."""
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


def test_spans_are_listed_as_far_as_the_changes_of_both_are_kept() -> None:
    with driven_store(history_limit=2) as driven:
        play(driven, INACTIVE, 1, GOES, 10, COMES, 2, GOES, 10, COMES, 4, ACTIVE, 5)
        assert history_of(driven).unusable == 7 * SECOND
        assert spans_of(driven) == [(23, 27, 4)]


def test_a_span_whose_begin_is_not_kept_begins_with_what_is() -> None:
    with driven_store(history_limit=2) as driven:
        play(driven, INACTIVE, GOES, 1, COMES, 1, GOES, 1)
        assert spans_of(driven) == [(1, 2, 1)]


def test_a_history_begins_where_the_changes_of_both_are_known() -> None:
    with driven_store(history_limit=2) as driven:
        play(driven, 5, INACTIVE, 1, ACTIVE, 1, INACTIVE, 1, ACTIVE, 1)
        assert not (history := history_of(driven)).complete
        assert history.start == START + 5 * SECOND
        assert (history.lifetime, history.unusable) == (4 * SECOND, 2 * SECOND)
        assert history_of(driven, 1 * SECOND).complete
