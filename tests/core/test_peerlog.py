"""The accounting alone: no thread, no clock, positions in seconds."""

from __future__ import annotations

import gc
import logging
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanfitness import ChannelInfo, ChannelNotFoundError, PeerNotFoundError
from chanfitness.core.ledger import Ledger
from chanfitness.core.peerlog import PeerLog
from chanfitness.core.timeline import Timeline

from ..support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2, CHANNEL_3, START, vertex


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def lifetime_and_uptime(logs: Ledger, at: float) -> tuple[float, float]:
    """Of CHANNEL_1 with ALICE, in seconds."""
    info = logs.channel_info(seconds(at), CHANNEL_1, ALICE)
    return info.lifetime.total_seconds(), info.uptime.total_seconds()


def count_of_peer_logs() -> int:
    return sum(isinstance(each, PeerLog) for each in gc.get_objects())


@pytest.fixture
def logs() -> Ledger:
    return Ledger(Timeline(START))


# Lifetime and uptime


def test_a_lifetime_starts_when_the_channel_is_learnt_of_and_ends_when_asked(
    logs: Ledger,
) -> None:
    logs.open_channel(CHANNEL_1, ALICE, seconds(10))

    assert lifetime_and_uptime(logs, 10) == (0, 0)
    assert lifetime_and_uptime(logs, 15) == (5, 0)
    assert lifetime_and_uptime(logs, 25) == (15, 0)


def test_a_channel_opened_while_its_peer_is_online_is_up_from_its_first_moment(
    logs: Ledger,
) -> None:
    logs.peer_online(ALICE, seconds(0))
    logs.open_channel(CHANNEL_1, ALICE, seconds(10))

    assert lifetime_and_uptime(logs, 15) == (5, 5)


def test_a_peer_that_nothing_was_heard_of_is_offline(logs: Ledger) -> None:
    logs.peer_online(BOB, seconds(0))
    logs.open_channel(CHANNEL_1, ALICE, seconds(0))

    assert lifetime_and_uptime(logs, 15) == (15, 0)


def test_uptime_is_the_time_online_in_the_lifetime(logs: Ledger) -> None:
    logs.open_channel(CHANNEL_1, ALICE, seconds(0))
    logs.peer_online(ALICE, seconds(1))
    logs.peer_offline(ALICE, seconds(3))
    assert lifetime_and_uptime(logs, 5) == (5, 2)

    logs.peer_online(ALICE, seconds(10))
    assert lifetime_and_uptime(logs, 14) == (14, 6)


def test_time_online_before_the_opening_is_no_uptime(logs: Ledger) -> None:
    logs.peer_online(ALICE, seconds(0))
    logs.open_channel(CHANNEL_2, ALICE, seconds(0))
    logs.peer_offline(ALICE, seconds(7))
    logs.open_channel(CHANNEL_1, ALICE, seconds(8))
    logs.peer_online(ALICE, seconds(9))

    assert lifetime_and_uptime(logs, 10) == (2, 1)
    assert logs.channel_info(seconds(10), CHANNEL_2, ALICE).uptime == seconds(8)


def test_a_second_online_while_online_changes_nothing(logs: Ledger) -> None:
    logs.open_channel(CHANNEL_1, ALICE, seconds(0))
    logs.peer_online(ALICE, seconds(1))
    logs.peer_online(ALICE, seconds(5))

    assert lifetime_and_uptime(logs, 9) == (9, 8)


def test_a_second_offline_while_offline_changes_nothing(logs: Ledger) -> None:
    logs.open_channel(CHANNEL_1, ALICE, seconds(0))
    logs.peer_offline(ALICE, seconds(1))
    logs.peer_online(ALICE, seconds(2))
    logs.peer_offline(ALICE, seconds(5))
    logs.peer_offline(ALICE, seconds(8))

    assert lifetime_and_uptime(logs, 9) == (9, 3)


# Closing and opening


def test_closing_forgets_the_channel(logs: Ledger) -> None:
    logs.open_channel(CHANNEL_1, ALICE, seconds(0))
    logs.open_channel(CHANNEL_2, ALICE, seconds(0))
    logs.close_channel(CHANNEL_1, ALICE)

    with pytest.raises(ChannelNotFoundError, match=f"no channel {CHANNEL_1} with {ALICE} is open"):
        logs.channel_info(seconds(1), CHANNEL_1, ALICE)


def test_opening_again_starts_anew(logs: Ledger) -> None:
    logs.peer_online(ALICE, seconds(0))
    logs.open_channel(CHANNEL_1, ALICE, seconds(0))
    logs.close_channel(CHANNEL_1, ALICE)
    logs.open_channel(CHANNEL_1, ALICE, seconds(10))

    assert lifetime_and_uptime(logs, 11) == (1, 1)


def test_a_channel_point_may_open_again_with_another_peer(logs: Ledger) -> None:
    logs.open_channel(CHANNEL_1, ALICE, seconds(0))
    logs.close_channel(CHANNEL_1, ALICE)
    logs.open_channel(CHANNEL_1, BOB, seconds(2))

    assert logs.channel_info(seconds(5), CHANNEL_1, BOB).lifetime == seconds(3)


@pytest.mark.parametrize("point", [CHANNEL_1, CHANNEL_2])
def test_closing_what_is_not_open_with_that_peer_is_a_warning_and_changes_nothing(
    logs: Ledger, caplog: pytest.LogCaptureFixture, point: Any
) -> None:
    logs.open_channel(CHANNEL_1, ALICE, seconds(0))

    logs.close_channel(point, BOB)

    assert caplog.record_tuples == [
        (
            "chanfitness.core.ledger",
            logging.WARNING,
            f"channel {point} with {BOB} closed, which was not open",
        )
    ]
    assert lifetime_and_uptime(logs, 5) == (5, 0)


@pytest.mark.parametrize("peer", [ALICE, BOB])
def test_opening_what_is_open_is_an_error_in_the_log_and_changes_nothing(
    logs: Ledger, caplog: pytest.LogCaptureFixture, peer: Any
) -> None:
    logs.open_channel(CHANNEL_1, ALICE, seconds(0))

    logs.open_channel(CHANNEL_1, peer, seconds(3))

    assert caplog.record_tuples == [
        (
            "chanfitness.core.ledger",
            logging.ERROR,
            f"channel {CHANNEL_1} with {peer} is open already, with {ALICE}",
        )
    ]
    assert lifetime_and_uptime(logs, 5) == (5, 0)
    assert len(logs.list_channels(seconds(5))) == 1


def test_what_goes_well_is_not_logged(logs: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "chanfitness")

    logs.peer_online(ALICE, seconds(0))
    logs.open_channel(CHANNEL_1, ALICE, seconds(0))
    logs.close_channel(CHANNEL_1, ALICE)
    logs.peer_offline(ALICE, seconds(0))
    logs.peer_offline(BOB, seconds(0))

    assert caplog.records == []


# Who is known


def test_a_peer_whose_last_channel_closes_is_still_known_while_it_is_online(
    logs: Ledger,
) -> None:
    logs.peer_online(ALICE, seconds(0))
    logs.open_channel(CHANNEL_1, ALICE, seconds(0))
    logs.close_channel(CHANNEL_1, ALICE)

    with pytest.raises(ChannelNotFoundError):
        logs.channel_info(seconds(0), CHANNEL_1, ALICE)

    logs.peer_offline(ALICE, seconds(0))
    with pytest.raises(PeerNotFoundError, match=f"peer {ALICE} is not known"):
        logs.channel_info(seconds(0), CHANNEL_1, ALICE)


def test_promise_7_an_offline_peer_is_kept_until_its_last_channel_closes(logs: Ledger) -> None:
    logs.open_channel(CHANNEL_1, ALICE, seconds(0))
    logs.open_channel(CHANNEL_2, ALICE, seconds(0))
    logs.peer_online(ALICE, seconds(0))
    logs.peer_offline(ALICE, seconds(1))

    logs.close_channel(CHANNEL_2, ALICE)
    assert lifetime_and_uptime(logs, 2) == (2, 1)

    logs.close_channel(CHANNEL_1, ALICE)
    with pytest.raises(PeerNotFoundError):
        logs.channel_info(seconds(2), CHANNEL_1, ALICE)


def test_promise_7_strangers_who_connect_and_vanish_leave_nothing_behind(logs: Ledger) -> None:
    gc.collect()
    before = count_of_peer_logs()

    for number in range(10, 110):
        logs.peer_online(vertex(number), seconds(number))
        logs.peer_offline(vertex(number), seconds(number))

    assert count_of_peer_logs() == before


# Many channels, wrong types, values


def test_all_channels_are_listed_in_order_of_opening(logs: Ledger) -> None:
    logs.open_channel(CHANNEL_2, BOB, seconds(0))
    logs.open_channel(CHANNEL_1, ALICE, seconds(1))
    logs.open_channel(CHANNEL_3, BOB, seconds(2))
    logs.close_channel(CHANNEL_2, BOB)
    logs.open_channel(CHANNEL_2, BOB, seconds(3))
    logs.peer_online(BOB, seconds(3))

    assert logs.list_channels(seconds(4)) == [
        ChannelInfo(CHANNEL_1, ALICE, lifetime=seconds(3), uptime=seconds(0)),
        ChannelInfo(CHANNEL_3, BOB, lifetime=seconds(2), uptime=seconds(1)),
        ChannelInfo(CHANNEL_2, BOB, lifetime=seconds(1), uptime=seconds(1)),
    ]


@pytest.mark.parametrize("wrong", [(), 7, "x" * 1_000_000, b"\x02" * 33, [], {}])
def test_values_of_the_wrong_type_are_type_errors_and_change_nothing(
    logs: Ledger, wrong: Any
) -> None:
    logs.open_channel(CHANNEL_1, ALICE, seconds(0))
    calls: list[tuple[Any, ...]] = [
        (logs.peer_online, wrong, seconds(0)),
        (logs.peer_offline, wrong, seconds(0)),
        (logs.open_channel, wrong, ALICE, seconds(0)),
        (logs.open_channel, CHANNEL_2, wrong, seconds(0)),
        (logs.close_channel, wrong, ALICE),
        (logs.close_channel, CHANNEL_1, wrong),
        (logs.channel_info, seconds(0), wrong, ALICE),
        (logs.channel_info, seconds(0), CHANNEL_1, wrong),
    ]

    for function, *arguments in calls:
        with pytest.raises(TypeError) as caught:
            function(*arguments)
        assert len(str(caught.value)) < 200

    assert logs.list_channels(seconds(1)) == [
        ChannelInfo(CHANNEL_1, ALICE, lifetime=seconds(1), uptime=seconds(0))
    ]


def test_the_ratio_is_none_while_the_lifetime_is_zero() -> None:
    assert ChannelInfo(CHANNEL_1, ALICE, seconds(0), seconds(0)).uptime_ratio is None
    assert ChannelInfo(CHANNEL_1, ALICE, seconds(4), seconds(0)).uptime_ratio == 0.0
    assert ChannelInfo(CHANNEL_1, ALICE, seconds(4), seconds(3)).uptime_ratio == 0.75
    assert ChannelInfo(CHANNEL_1, ALICE, seconds(4), seconds(4)).uptime_ratio == 1.0


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10**9)), max_size=30), st.integers(0, 99))
def test_promise_3_uptime_is_the_sum_of_the_times_online_and_within_the_lifetime(
    flaps: list[tuple[bool, int]], last_wait: int
) -> None:
    logs, now, expected, online = Ledger(Timeline(START)), 0, 0, False
    logs.open_channel(CHANNEL_1, ALICE, timedelta(0))

    for goes_online, wait in [*flaps, (True, last_wait)]:
        now += wait
        expected += wait if online else 0
        (logs.peer_online if goes_online else logs.peer_offline)(ALICE, timedelta(microseconds=now))
        online = goes_online

    info = logs.channel_info(timedelta(microseconds=now), CHANNEL_1, ALICE)
    assert info.lifetime == timedelta(microseconds=now)
    assert info.uptime == timedelta(microseconds=expected) <= info.lifetime
