"""Thread start and latches."""

from __future__ import annotations

import _thread
import threading

import pytest

from chanfitness import threads

from .support.stores import WAIT, Call


def test_a_thread_runs_when_its_start_returns() -> None:
    ran = threading.Event()
    thread = threading.Thread(target=ran.set)
    threads.start(thread)
    thread.join(WAIT)
    assert ran.is_set()


def test_a_thread_that_cannot_start_raises() -> None:
    thread = threading.Thread(target=bool)
    threads.start(thread)
    with pytest.raises(RuntimeError, match="only be started once"):
        threads.start(thread)


@pytest.mark.parametrize("starts_before", [0, 1])
def test_the_lock_is_released_whether_the_start_fails_or_not(starts_before: int) -> None:
    thread = threading.Thread(target=bool)
    for _ in range(starts_before):
        thread.start()
    failures: list[BaseException] = []
    is_over = _thread.allocate_lock()
    is_over.acquire()
    threads.start_and_tell(thread, failures, is_over)
    assert not is_over.locked()
    assert len(failures) == starts_before


def test_a_latch_wakes_all_waiting_threads_and_stays_set() -> None:
    latch = threads.Latch()
    waiting = [Call(latch.wait) for _ in range(3)]
    latch.set()
    for each in waiting:
        each.result()
    latch.wait()
