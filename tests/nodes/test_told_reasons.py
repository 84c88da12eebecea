"""Which reasons are told, and which were told lately."""

from __future__ import annotations

from chanfitness.nodes.told_reasons import MAXIMUM, PERIOD, ToldReasons


class Clock:
    def __init__(self) -> None:
        self.seconds = 5.0

    def __call__(self) -> float:
        return self.seconds


def test_each_new_reason_is_told_and_the_same_one_once_in_a_while() -> None:
    clock = Clock()
    told = ToldReasons(clock)
    assert [told.is_due(reason) for reason in "aabab"] == [True, False, True, False, False]
    clock.seconds += PERIOD - 1
    assert not told.is_due("a")
    clock.seconds += 1
    assert [told.is_due(reason) for reason in "aabb"] == [True, False, True, False]


def test_a_node_that_makes_up_reasons_does_not_fill_the_log_or_the_memory() -> None:
    clock = Clock()
    told = ToldReasons(clock)
    assert sum(told.is_due(str(number)) for number in range(10 * MAXIMUM)) == MAXIMUM
    clock.seconds += PERIOD
    assert told.is_due("another")


def test_all_are_told_again_once_the_node_was_seen() -> None:
    told = ToldReasons(Clock())
    assert told.is_due("a")
    told.clear()
    assert told.is_due("a")
