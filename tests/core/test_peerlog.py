"""The accounting of peers and channels on its own: no thread, no clock, instants in seconds."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanfitness import ChannelInfo, ChannelNotFoundError, OpenChannel, PeerNotFoundError
from chanfitness.core.ledger import Ledger
from chanfitness.core.peerlog import PeerLog
from chanfitness.core.timeline import Instant, Timeline

from ..support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2, CHANNEL_3, START, vertex


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def now(number: float) -> Instant:
    return seconds(number), 0


def lifetime_and_uptime(logs: Ledger, at: float) -> tuple[float, float]:
    """Return both of CHANNEL_1 with ALICE, in seconds."""
    info = logs.channel_info(now(at), CHANNEL_1, ALICE)
    return info.lifetime.total_seconds(), info.uptime.total_seconds()


def count_of_peer_logs() -> int:
    return sum(isinstance(each, PeerLog) for each in gc.get_objects())


@pytest.fixture
def logs() -> Ledger:
    return Ledger(Timeline(START))


# Lifetime and uptime


def test_a_lifetime_is_the_time_from_the_opening_to_the_question(
    logs: Ledger,
) -> None:
    logs.open_channel(now(10), CHANNEL_1, ALICE)

    assert lifetime_and_uptime(logs, 10) == (0, 0)
    assert lifetime_and_uptime(logs, 15) == (5, 0)
    assert lifetime_and_uptime(logs, 25) == (15, 0)


def test_a_channel_opened_while_its_peer_is_online_is_up_from_its_first_moment(
    logs: Ledger,
) -> None:
    logs.peer_online(now(0), ALICE)
    logs.open_channel(now(10), CHANNEL_1, ALICE)

    assert lifetime_and_uptime(logs, 15) == (5, 5)


def test_a_peer_without_events_is_offline(logs: Ledger) -> None:
    logs.peer_online(now(0), BOB)
    logs.open_channel(now(0), CHANNEL_1, ALICE)

    assert lifetime_and_uptime(logs, 15) == (15, 0)


def test_uptime_is_the_time_online_in_the_lifetime(logs: Ledger) -> None:
    logs.open_channel(now(0), CHANNEL_1, ALICE)
    logs.peer_online(now(1), ALICE)
    logs.peer_offline(now(3), ALICE)
    assert lifetime_and_uptime(logs, 5) == (5, 2)

    logs.peer_online(now(10), ALICE)
    assert lifetime_and_uptime(logs, 14) == (14, 6)


def test_time_online_before_the_opening_is_no_uptime(logs: Ledger) -> None:
    logs.peer_online(now(0), ALICE)
    logs.open_channel(now(0), CHANNEL_2, ALICE)
    logs.peer_offline(now(7), ALICE)
    logs.open_channel(now(8), CHANNEL_1, ALICE)
    logs.peer_online(now(9), ALICE)

    assert lifetime_and_uptime(logs, 10) == (2, 1)
    assert logs.channel_info(now(10), CHANNEL_2, ALICE).uptime == seconds(8)


def test_a_second_online_while_online_changes_nothing(logs: Ledger) -> None:
    logs.open_channel(now(0), CHANNEL_1, ALICE)
    logs.peer_online(now(1), ALICE)
    logs.peer_online(now(5), ALICE)

    assert lifetime_and_uptime(logs, 9) == (9, 8)


def test_a_second_offline_while_offline_changes_nothing(logs: Ledger) -> None:
    logs.open_channel(now(0), CHANNEL_1, ALICE)
    logs.peer_offline(now(1), ALICE)
    logs.peer_online(now(2), ALICE)
    logs.peer_offline(now(5), ALICE)
    logs.peer_offline(now(8), ALICE)

    assert lifetime_and_uptime(logs, 9) == (9, 3)


# Closing and opening


def test_closing_forgets_the_channel(logs: Ledger) -> None:
    logs.open_channel(now(0), CHANNEL_1, ALICE)
    logs.open_channel(now(0), CHANNEL_2, ALICE)
    logs.close_channel(now(0), CHANNEL_1, ALICE)

    with pytest.raises(ChannelNotFoundError, match=f"no channel {CHANNEL_1} with {ALICE} is open"):
        logs.channel_info(now(1), CHANNEL_1, ALICE)


def test_a_reopened_channel_begins_at_zero(logs: Ledger) -> None:
    logs.peer_online(now(0), ALICE)
    logs.open_channel(now(0), CHANNEL_1, ALICE)
    logs.close_channel(now(0), CHANNEL_1, ALICE)
    logs.open_channel(now(10), CHANNEL_1, ALICE)

    assert lifetime_and_uptime(logs, 11) == (1, 1)


def test_a_channel_point_may_open_again_with_another_peer(logs: Ledger) -> None:
    logs.open_channel(now(0), CHANNEL_1, ALICE)
    logs.close_channel(now(0), CHANNEL_1, ALICE)
    logs.open_channel(now(2), CHANNEL_1, BOB)

    assert logs.channel_info(now(5), CHANNEL_1, BOB).lifetime == seconds(3)


def logged_by(
    caplog: pytest.LogCaptureFixture, tell: Callable[..., None], *arguments: object
) -> list[tuple[int, str]]:
    """Return level and text of each record."""
    caplog.set_level(logging.DEBUG, "chanfitness")
    caplog.clear()
    tell(*arguments)
    assert {record.name for record in caplog.records} <= {"chanfitness.core.ledger"}
    return [(record.levelno, record.getMessage()) for record in caplog.records]


def test_a_repeat_changes_nothing_and_is_in_the_debug_log(
    logs: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    logs.open_channel(now(0), CHANNEL_1, ALICE)
    logs.peer_online(now(1), ALICE)
    logs.open_channel(now(2), CHANNEL_2, BOB)
    logs.close_channel(now(2), CHANNEL_2, BOB)
    logs.open_channel(now(2), CHANNEL_2, ALICE)
    logs.move_channel(now(2), CHANNEL_2, CHANNEL_3, ALICE)
    before = logs.overview(now(5))
    repeats: list[tuple[Any, ...]] = [
        (f"channel {CHANNEL_1} with {ALICE} is open already", logs.open_channel, CHANNEL_1, ALICE),
        (f"peer {ALICE} is online already", logs.peer_online, ALICE),
        (f"channel {CHANNEL_2} with {BOB} is closed already", logs.close_channel, CHANNEL_2, BOB),
        (f"peer {BOB} is offline already", logs.peer_offline, BOB),
        (
            f"channel {CHANNEL_2} with {ALICE} has moved to {CHANNEL_3} already",
            *(logs.move_channel, CHANNEL_2, CHANNEL_3, ALICE),
        ),
    ]

    for text, tell, *values in repeats:
        assert logged_by(caplog, tell, now(5), *values) == [(logging.DEBUG, text)]
    logs.pause(now(5))
    paused = logs.overview(now(5))
    assert logged_by(caplog, logs.pause, now(5)) == [
        (logging.DEBUG, "monitoring is paused already")
    ]

    assert before == paused._replace(sees=True, seen_until=before.seen_until)
    assert logs.overview(now(5)) == paused


def test_a_repeated_offline_of_a_known_peer_is_in_the_debug_log(
    logs: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    logs.open_channel(now(0), CHANNEL_1, ALICE)

    logged = logged_by(caplog, logs.peer_offline, now(1), ALICE)

    assert logged == [(logging.DEBUG, f"peer {ALICE} is offline already")]
    assert logs.peer_info(now(1), ALICE).flap_count == 0


def test_a_channel_listed_twice_is_open_once(
    logs: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    twice = [OpenChannel(CHANNEL_1, ALICE)] * 2

    for _ in range(2):
        logged = logged_by(caplog, logs.resume, now(0), twice, [])
        assert logged == [
            (logging.DEBUG, f"channel {CHANNEL_1} with {ALICE} is open already"),
        ]

    assert len(logs.list_channels(now(0))) == 1


def test_a_close_with_another_peer_than_the_channel_has_is_a_warning_and_changes_nothing(
    logs: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    logs.open_channel(now(0), CHANNEL_1, ALICE)

    logged = logged_by(caplog, logs.close_channel, now(0), CHANNEL_1, BOB)

    text = f"channel {CHANNEL_1} closed with {BOB}, but is with {ALICE}: ignored"
    assert logged == [(logging.WARNING, text)]
    assert lifetime_and_uptime(logs, 5) == (5, 0)


def test_opening_an_open_channel_with_another_peer_is_an_error_and_changes_nothing(
    logs: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    logs.open_channel(now(0), CHANNEL_1, ALICE)

    logged = logged_by(caplog, logs.open_channel, now(3), CHANNEL_1, BOB)

    text = f"channel {CHANNEL_1} with {BOB} is open already, with {ALICE}"
    assert logged == [(logging.ERROR, text)]
    assert lifetime_and_uptime(logs, 5) == (5, 0)
    assert len(logs.list_channels(now(5))) == 1


def test_valid_events_are_not_logged(logs: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "chanfitness")

    logs.peer_online(now(0), ALICE)
    logs.open_channel(now(0), CHANNEL_1, ALICE)
    logs.close_channel(now(0), CHANNEL_1, ALICE)
    logs.peer_offline(now(0), ALICE)

    assert caplog.records == []


# Known peers


def test_a_peer_whose_last_channel_closes_is_still_known_while_it_is_online(
    logs: Ledger,
) -> None:
    logs.peer_online(now(0), ALICE)
    logs.open_channel(now(0), CHANNEL_1, ALICE)
    logs.close_channel(now(0), CHANNEL_1, ALICE)

    with pytest.raises(ChannelNotFoundError):
        logs.channel_info(now(0), CHANNEL_1, ALICE)

    logs.peer_offline(now(0), ALICE)
    with pytest.raises(PeerNotFoundError, match=f"peer {ALICE} is not known"):
        logs.channel_info(now(0), CHANNEL_1, ALICE)


def test_promise_7_an_offline_peer_is_kept_until_its_last_channel_closes(logs: Ledger) -> None:
    logs.open_channel(now(0), CHANNEL_1, ALICE)
    logs.open_channel(now(0), CHANNEL_2, ALICE)
    logs.peer_online(now(0), ALICE)
    logs.peer_offline(now(1), ALICE)

    logs.close_channel(now(0), CHANNEL_2, ALICE)
    assert lifetime_and_uptime(logs, 2) == (2, 1)

    logs.close_channel(now(0), CHANNEL_1, ALICE)
    with pytest.raises(PeerNotFoundError):
        logs.channel_info(now(2), CHANNEL_1, ALICE)


def test_promise_7_peers_without_a_channel_leave_nothing(logs: Ledger) -> None:
    gc.collect()
    before = count_of_peer_logs()

    for number in range(10, 110):
        logs.peer_online(now(number), vertex(number))
        logs.peer_offline(now(number), vertex(number))

    assert count_of_peer_logs() == before


# Many channels, values of other types, ratios


def test_all_channels_are_listed_in_order_of_opening(logs: Ledger) -> None:
    logs.open_channel(now(0), CHANNEL_2, BOB)
    logs.open_channel(now(1), CHANNEL_1, ALICE)
    logs.open_channel(now(2), CHANNEL_3, BOB)
    logs.close_channel(now(3), CHANNEL_2, BOB)
    logs.open_channel(now(3), CHANNEL_2, BOB)
    logs.peer_online(now(3), BOB)

    assert logs.list_channels(now(4)) == [
        ChannelInfo(CHANNEL_1, ALICE, lifetime=seconds(3), uptime=seconds(0)),
        ChannelInfo(CHANNEL_3, BOB, lifetime=seconds(2), uptime=seconds(1)),
        ChannelInfo(CHANNEL_2, BOB, lifetime=seconds(1), uptime=seconds(1)),
    ]


@pytest.mark.parametrize("wrong", [(), 7, "x" * 1_000_000, b"\x02" * 33, [], {}])
def test_values_of_the_wrong_type_are_type_errors_and_change_nothing(
    logs: Ledger, wrong: Any
) -> None:
    logs.open_channel(now(0), CHANNEL_1, ALICE)
    calls: list[tuple[Any, ...]] = [
        (logs.peer_online, wrong),
        (logs.peer_offline, wrong),
        (logs.open_channel, wrong, ALICE),
        (logs.open_channel, CHANNEL_2, wrong),
        (logs.close_channel, wrong, ALICE),
        (logs.close_channel, CHANNEL_1, wrong),
        (logs.move_channel, wrong, CHANNEL_2, ALICE),
        (logs.move_channel, CHANNEL_1, wrong, ALICE),
        (logs.move_channel, CHANNEL_1, CHANNEL_2, wrong),
        (logs.peer_info, wrong),
        (logs.channel_info, wrong, ALICE),
        (logs.channel_info, CHANNEL_1, wrong),
    ]

    for function, *arguments in calls:
        with pytest.raises(TypeError) as caught:
            function(now(0), *arguments)
        assert len(str(caught.value)) < 200

    assert logs.list_channels(now(1)) == [
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
    logs, position, expected, online = Ledger(Timeline(START)), 0, 0, False
    logs.open_channel((timedelta(0), 0), CHANNEL_1, ALICE)

    for goes_online, wait in [*flaps, (True, last_wait)]:
        position += wait
        expected += wait if online else 0
        at = timedelta(microseconds=position), 0
        (logs.peer_online if goes_online else logs.peer_offline)(at, ALICE)
        online = goes_online

    info = logs.channel_info(at, CHANNEL_1, ALICE)
    assert info.lifetime == timedelta(microseconds=position)
    assert info.uptime == timedelta(microseconds=expected) <= info.lifetime
