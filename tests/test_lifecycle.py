"""Life cycle of a store: start(), stop() and questions in any order and from any thread."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

import pytest

from chanfitness import AlreadyStartedError, ChannelEventStore, NotStartedError, ShuttingDownError

from .support.interruptible_config import ANSWER, CALLABLES, InterruptibleConfig
from .support.stores import WAIT, Call, QueueSubscription, call_together, make_store, running, stop
from .support.values import ALICE, CHANNEL_1

QUESTIONS: list[Callable[[ChannelEventStore], object]] = [
    lambda store: store.list_channels(timeout=WAIT),
    lambda store: store.get_chan_info(CHANNEL_1, ALICE, timeout=WAIT),
    lambda store: store.get_chan_info(CHANNEL_1, ALICE, timeout=0),
]
each_question = pytest.mark.parametrize("ask", QUESTIONS)
# Before, during and after


@each_question
def test_a_question_before_the_start_is_refused(ask: Callable[[ChannelEventStore], object]) -> None:
    with pytest.raises(NotStartedError):
        ask(make_store())


@each_question
def test_a_question_after_the_stop_is_refused(ask: Callable[[ChannelEventStore], object]) -> None:
    store = make_store()
    with running(store):
        pass

    with pytest.raises(ShuttingDownError, match="the store has stopped"):
        ask(store)


@pytest.mark.parametrize("step", CALLABLES)
def test_during_a_start_questions_and_a_second_start_are_refused(step: str) -> None:
    def try_all() -> None:
        with pytest.raises(NotStartedError):
            around.store.list_channels(timeout=WAIT)
        with pytest.raises(AlreadyStartedError):
            around.store.start()

    around = InterruptibleConfig(step, try_all)

    with running(around.store):
        assert around.store.list_channels(timeout=WAIT) == ANSWER


def test_a_running_store_is_not_started_again() -> None:
    around = InterruptibleConfig()

    with running(around.store):
        with pytest.raises(AlreadyStartedError):
            around.store.start()
        assert around.store.list_channels(timeout=WAIT) == ANSWER

    assert around.calls == CALLABLES
    assert around.cancels == (1, 1)


def test_a_stopped_store_is_not_started_again() -> None:
    around = InterruptibleConfig()
    with running(around.store):
        pass

    with pytest.raises(ShuttingDownError):
        around.store.start()

    assert around.calls == CALLABLES


def test_stop_before_start_is_final() -> None:
    around = InterruptibleConfig()

    stop(around.store)

    with pytest.raises(ShuttingDownError):
        around.store.start()
    with pytest.raises(ShuttingDownError):
        around.store.list_channels(timeout=WAIT)
    assert around.calls == []


@pytest.mark.parametrize("step", CALLABLES)
def test_stop_within_start_cancels_and_raises(step: str) -> None:
    around = InterruptibleConfig(step, lambda: around.store.stop())

    with pytest.raises(ShuttingDownError, match="stopped while it started"):
        around.store.start()

    assert around.cancels == (1, 1)
    assert not around.is_watched
    with pytest.raises(ShuttingDownError):
        around.store.list_channels(timeout=WAIT)


def test_stop_by_another_thread_during_start_returns_and_start_raises() -> None:
    entered, gate = threading.Event(), threading.Event()

    def wait() -> None:
        entered.set()
        assert gate.wait(timeout=WAIT)

    around = InterruptibleConfig("get_open_channels", wait)
    starting = Call(around.store.start)
    assert entered.wait(timeout=WAIT)

    with pytest.raises(AlreadyStartedError):
        around.store.start()
    stop(around.store)
    gate.set()

    with pytest.raises(ShuttingDownError):
        starting.result()
    assert around.cancels == (1, 1)
    assert not around.is_watched


def test_stop_twice_cancels_once() -> None:
    around = InterruptibleConfig()
    around.store.start()

    stop(around.store)
    stop(around.store)

    assert around.cancels == (1, 1)


def test_stop_by_many_threads_returns_when_the_loop_has_ended() -> None:
    around = InterruptibleConfig()
    around.store.start()

    def stop_and_look() -> tuple[int, int]:
        around.store.stop()
        return around.cancels

    assert call_together(*[stop_and_look] * 4) == [(1, 1)] * 4


def test_promise_4_stop_in_a_signal_handler_during_stop_returns() -> None:
    this_thread, handled = threading.get_ident(), threading.Semaphore(0)

    class Interrupting(QueueSubscription):
        def cancel(self) -> None:  # on the loop's thread, for which stop() waits
            signal.pthread_kill(this_thread, signal.SIGUSR1)
            assert handled.acquire(timeout=WAIT)

    def stop_again(*_: object) -> None:
        store.stop()
        handled.release()

    store = make_store(Interrupting())
    before = signal.signal(signal.SIGUSR1, stop_again)
    try:
        store.start()
        store.stop()
    finally:
        signal.signal(signal.SIGUSR1, before)
    with pytest.raises(ShuttingDownError):
        store.list_channels()


def test_a_context_manager_stops_the_store_also_after_an_error() -> None:
    around = InterruptibleConfig()

    def fail_within() -> None:
        with around.store as store:
            assert store is around.store
            raise OSError("in the body")

    with pytest.raises(OSError, match="in the body"):
        fail_within()

    assert around.cancels == (1, 1)
