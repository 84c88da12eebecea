"""Flaps: each sentence of lnd's rule, with numbers computed by hand.

``0.95 ** (elapsed / 8 h)``: 0.95 after 8 hours, 0.9025 after 16, 0.857375 after 24, 0.9259
after 12.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from chanfitness import (
    ClosedChannelEvent,
    Config,
    ManualClock,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerNotFoundError,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SteadyClock,
)

from ..support.driven_store import DrivenStore
from ..support.stores import WAIT, QueueSubscription
from ..support.values import ALICE, BOB, CHANNEL_1, SECOND, START

HOUR = 3600 * SECOND
MICROSECOND = timedelta(microseconds=1)
OPEN_ALREADY = [OpenChannel(CHANNEL_1, ALICE)]


def flap(driven: DrivenStore, times: int) -> None:
    """Change Alice's state so many times at one moment; an even count ends where it began."""
    for number in range(times):
        driven.put(PeerOfflineEvent(ALICE) if number % 2 else PeerOnlineEvent(ALICE))


def flaps(driven: DrivenStore) -> tuple[int, datetime | None]:
    info = driven.store.get_peer_info(ALICE, timeout=WAIT)
    return info.flap_count, info.last_flap


# Counted changes


def test_a_peer_without_events_has_no_flap() -> None:
    with DrivenStore(open_channels=OPEN_ALREADY) as driven:
        assert flaps(driven) == (0, None)


def test_the_first_online_event_is_one_flap() -> None:
    with DrivenStore() as driven:
        driven.clock.advance(SECOND)
        driven.put(PeerOnlineEvent(ALICE))

        driven.clock.advance(SECOND)
        assert flaps(driven) == (1, START + SECOND)


def test_each_change_is_one_flap() -> None:
    with DrivenStore(open_channels=OPEN_ALREADY) as driven:
        flap(driven, 2)
        driven.clock.advance(SECOND)
        flap(driven, 1)

        assert flaps(driven) == (3, START + SECOND)


def test_a_repeated_state_is_no_flap() -> None:
    with DrivenStore(open_channels=OPEN_ALREADY) as driven:
        driven.put(PeerOfflineEvent(ALICE))
        assert flaps(driven) == (0, None)
        driven.put(PeerOnlineEvent(ALICE))
        driven.clock.advance(SECOND)
        driven.put(PeerOnlineEvent(ALICE))

        assert flaps(driven) == (1, START)


def test_the_snapshot_of_the_start_is_no_flap() -> None:
    with DrivenStore(open_channels=OPEN_ALREADY, online=[ALICE]) as driven:
        assert driven.store.get_peer_info(ALICE, timeout=WAIT).online
        assert flaps(driven) == (0, None)


def test_an_online_event_of_a_peer_that_was_online_at_the_start_is_no_flap() -> None:
    with DrivenStore(open_channels=OPEN_ALREADY, online=[ALICE]) as driven:
        driven.put(PeerOnlineEvent(ALICE))

        assert flaps(driven) == (0, None)


@pytest.mark.parametrize("paused", [True, False])
def test_the_snapshot_of_a_resume_is_no_flap(paused: bool) -> None:
    with DrivenStore(open_channels=OPEN_ALREADY) as driven:
        if paused:
            driven.put(MonitoringPausedEvent())
        driven.put(MonitoringResumedEvent(OPEN_ALREADY, [ALICE, BOB]))

        infos = driven.store.list_peers(timeout=WAIT)
        assert {info.peer: info.online for info in infos} == {ALICE: True, BOB: True}
        assert [(info.flap_count, info.last_flap) for info in infos] == [(0, None)] * 2


def test_events_while_paused_are_no_flaps() -> None:
    with DrivenStore(open_channels=OPEN_ALREADY) as driven:
        flap(driven, 1)
        driven.put(MonitoringPausedEvent())
        driven.clock.advance(SECOND)
        flap(driven, 5)
        assert flaps(driven) == (1, START)
        driven.put(MonitoringResumedEvent(OPEN_ALREADY, []))

        assert flaps(driven) == (1, START)


# Kept flaps


def test_the_flaps_of_a_peer_without_a_channel_are_forgotten_when_it_goes() -> None:
    with DrivenStore() as driven:
        flap(driven, 2)
        with pytest.raises(PeerNotFoundError):
            driven.store.get_peer_info(ALICE, timeout=WAIT)
        flap(driven, 1)

        assert flaps(driven) == (1, START)


def test_the_flaps_of_a_peer_with_a_channel_stay_until_the_channel_closes() -> None:
    with DrivenStore(open_channels=OPEN_ALREADY) as driven:
        flap(driven, 4)
        assert flaps(driven) == (4, START)
        driven.put(ClosedChannelEvent(CHANNEL_1, ALICE))
        driven.put(OpenChannelEvent(CHANNEL_1, ALICE))

        assert flaps(driven) == (0, None)


# Cooldown


@pytest.mark.parametrize(
    ("elapsed", "count"),
    [
        (0 * HOUR, 10),
        (8 * HOUR - MICROSECOND, 10),
        (8 * HOUR, 9),  # 9.5
        (12 * HOUR, 9),  # 9.259: half periods count
        (16 * HOUR, 9),  # 9.025
        (24 * HOUR, 8),  # 8.57375
        (240 * HOUR, 2),  # 0.95 ** 30 is 0.2146
        (720 * HOUR, 0),  # 0.95 ** 90 is 0.0099
    ],
)
def test_old_flaps_count_less_when_shown_and_at_the_next_flap(
    elapsed: timedelta, count: int
) -> None:
    with DrivenStore(open_channels=OPEN_ALREADY) as driven:
        flap(driven, 10)
        driven.clock.advance(elapsed)

        assert flaps(driven) == (count, START)
        assert driven.store.list_peers(timeout=WAIT)[0].flap_count == count
        flap(driven, 1)
        assert flaps(driven) == (count + 1, START + elapsed)


def test_a_single_flap_is_gone_after_the_period() -> None:
    with DrivenStore(open_channels=OPEN_ALREADY) as driven:
        flap(driven, 1)
        driven.clock.advance(8 * HOUR)

        assert flaps(driven) == (0, START)


def test_a_question_does_not_change_the_stored_count() -> None:
    with DrivenStore(open_channels=OPEN_ALREADY) as driven:
        flap(driven, 20)
        for _ in range(24):
            driven.clock.advance(HOUR)
            driven.store.get_peer_info(ALICE, timeout=WAIT)
            driven.store.list_peers(timeout=WAIT)
        assert flaps(driven) == (17, START)  # 17.1475; rounded at each step it would be less
        flap(driven, 1)

        assert flaps(driven) == (18, START + 24 * HOUR)


def test_a_flap_restarts_the_period() -> None:
    with DrivenStore(open_channels=OPEN_ALREADY) as driven:
        flap(driven, 10)
        driven.clock.advance(7 * HOUR)
        flap(driven, 1)
        driven.clock.advance(7 * HOUR)

        assert flaps(driven) == (11, START + 7 * HOUR)


def test_the_count_cools_down_in_blind_time_too() -> None:
    with DrivenStore(open_channels=OPEN_ALREADY) as driven:
        flap(driven, 10)
        driven.clock.advance(HOUR)
        driven.put(MonitoringPausedEvent())
        driven.clock.advance(23 * HOUR)
        assert flaps(driven) == (8, START)
        driven.put(MonitoringResumedEvent(OPEN_ALREADY, []))
        assert flaps(driven) == (8, START)
        flap(driven, 1)

        assert flaps(driven) == (9, START + 24 * HOUR)


@pytest.mark.parametrize("step", [-240 * HOUR, 240 * HOUR])
@pytest.mark.parametrize("paused", [True, False])
def test_a_clock_correction_cools_nothing(step: timedelta, paused: bool) -> None:
    utc = ManualClock(START)
    clock = SteadyClock(utc=utc.now, monotonic=lambda: 0.0, boottime=lambda: 0.0)
    with DrivenStore(open_channels=OPEN_ALREADY, clock=clock) as driven:
        flap(driven, 10)
        if paused:
            driven.put(MonitoringPausedEvent())
        utc.advance(step)

        assert flaps(driven) == (10, START + step)


def test_elapsed_time_is_never_negative_after_an_unseen_correction() -> None:
    with DrivenStore(
        open_channels=OPEN_ALREADY, flap_factor=0.5, flap_period=MICROSECOND
    ) as driven:
        flap(driven, 10)
        driven.put(MonitoringPausedEvent())
        driven.clock.advance(-240 * HOUR)
        driven.put(MonitoringResumedEvent(OPEN_ALREADY, []))

        assert flaps(driven) == (10, START)


# Settings


def test_factor_and_period_are_settings() -> None:
    with DrivenStore(open_channels=OPEN_ALREADY, flap_factor=0.5, flap_period=HOUR) as driven:
        flap(driven, 10)
        driven.clock.advance(HOUR - MICROSECOND)
        assert flaps(driven) == (10, START)
        driven.clock.advance(MICROSECOND)
        assert flaps(driven) == (5, START)
        driven.clock.advance(HOUR)

        assert flaps(driven) == (2, START)


@pytest.mark.parametrize(("factor", "count"), [(0.0, 0), (1.0, 10)])
def test_a_factor_of_zero_or_one_forgets_all_or_nothing(factor: float, count: int) -> None:
    with DrivenStore(open_channels=OPEN_ALREADY, flap_factor=factor) as driven:
        flap(driven, 10)
        driven.clock.advance(8 * HOUR)

        assert flaps(driven) == (count, START)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"flap_factor": -0.01}, r"bad flap_factor -0\.01: expected 0 to 1"),
        ({"flap_factor": 1.01}, r"bad flap_factor 1\.01"),
        ({"flap_factor": float("nan")}, "bad flap_factor nan"),
        ({"flap_period": 0 * HOUR}, "bad flap_period .*: expected more than zero"),
        ({"flap_period": -HOUR}, "bad flap_period"),
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
