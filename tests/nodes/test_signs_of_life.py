"""Detection of a silent node."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from chanfitness import ManualClock, SteadyClock
from chanfitness.nodes.signs_of_life import LONGEST, SignsOfLife

from ..support.values import SECOND, START

MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def signs(clock: ManualClock) -> SignsOfLife:
    signs = SignsOfLife(clock)
    assert signs.note()
    return signs


def test_live_signs_are_at_most_45_seconds_apart() -> None:
    assert timedelta(seconds=45) == LONGEST


def test_a_node_is_not_silent_before_its_first_sign(clock: ManualClock) -> None:
    signs = SignsOfLife(clock)
    signs.expect()
    clock.advance(2 * LONGEST)
    assert signs.silent_since() is None
    assert signs.note()


def test_an_owed_sign_makes_the_node_silent_until_it_comes(
    clock: ManualClock, signs: SignsOfLife
) -> None:
    clock.advance(SECOND)
    signs.expect()
    assert signs.silent_since() == START
    assert signs.note()
    assert signs.silent_since() is None
    signs.expect()
    assert signs.silent_since() == START + SECOND


def test_a_late_sign_does_not_count(clock: ManualClock, signs: SignsOfLife) -> None:
    clock.advance(LONGEST)
    assert signs.silent_since() is None
    assert signs.note()
    clock.advance(LONGEST + MICROSECOND)
    for _ in range(2):
        assert signs.silent_since() == START + LONGEST
        assert not signs.note()


def test_silence_is_measured_by_a_steady_clock_and_dated_by_the_present_one() -> None:
    date, seconds = START, 100.0
    signs = SignsOfLife(
        SteadyClock(utc=lambda: date, monotonic=lambda: seconds, boottime=lambda: seconds)
    )
    signs.note()
    signs.expect()
    date, seconds = START.replace(year=2030), 110.0
    assert signs.silent_since() == START.replace(year=2030) - 10 * SECOND


def test_silence_before_the_first_date_is_dated_at_it() -> None:
    first = datetime.min.replace(tzinfo=timezone.utc)
    date, seconds = START, 100.0
    signs = SignsOfLife(
        SteadyClock(utc=lambda: date, monotonic=lambda: seconds, boottime=lambda: seconds)
    )
    signs.note()
    signs.expect()
    date, seconds = first, 110.0
    assert signs.silent_since() == first
