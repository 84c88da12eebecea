"""Rate limit of logged reasons."""

from __future__ import annotations

from chanfitness.nodes.told_reasons import MAXIMUM, PERIOD, ToldReasons


class Clock:
    def __init__(self) -> None:
        self.seconds = 5.0

    def __call__(self) -> float:
        return self.seconds


def test_a_repeated_reason_is_logged_once_a_period() -> None:
    clock = Clock()
    told = ToldReasons(clock)
    assert [told.is_due(reason) for reason in "aabab"] == [True, False, True, False, False]
    clock.seconds += PERIOD - 1
    assert not told.is_due("a")
    clock.seconds += 1
    assert [told.is_due(reason) for reason in "aabb"] == [True, False, True, False]


def test_the_number_of_reasons_in_a_period_is_limited() -> None:
    clock = Clock()
    told = ToldReasons(clock)
    assert sum(told.is_due(str(number)) for number in range(10 * MAXIMUM)) == MAXIMUM
    clock.seconds += PERIOD
    assert told.is_due("another")


def test_after_a_clear_every_reason_is_logged_again() -> None:
    told = ToldReasons(Clock())
    assert told.is_due("a")
    told.clear()
    assert told.is_due("a")
