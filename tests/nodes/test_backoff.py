"""Exponential backoff with jitter."""

from __future__ import annotations

import threading

from chanfitness.nodes.backoff import Backoff


class Times:
    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def wait(self, _: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        return False


def test_each_wait_is_twice_as_long_up_to_a_limit() -> None:
    times = Times()
    backoff = Backoff(1, 10, random=lambda: 0, wait=times.wait)
    for _ in range(6):
        assert not backoff.wait(threading.Event())
    assert times.waits == [1, 2, 4, 8, 10, 10]


def test_waits_have_a_random_part() -> None:
    times = Times()
    numbers = iter([0, 0.5, 1])
    for _ in range(3):
        Backoff(1, 10, random=lambda: next(numbers), wait=times.wait).wait(threading.Event())
    assert times.waits == [1, 0.75, 0.5]


def test_waits_restart_after_a_lasting_success() -> None:
    times = Times()
    backoff = Backoff(1, 10, random=lambda: 0, clock=lambda: times.now, wait=times.wait)
    for lasted in (5, 10, 11, 0):
        backoff.succeeded()
        times.now += lasted
        backoff.wait(threading.Event())
    assert times.waits == [1, 2, 1, 2]


def test_a_wait_ends_with_its_event() -> None:
    event = threading.Event()
    event.set()
    assert Backoff(1000, 1000).wait(event)
