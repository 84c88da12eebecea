"""Questions and the loop: timeouts, the loop's own thread, and its death."""

from __future__ import annotations

import math
import queue
from typing import Any

import pytest

from chanfitness import (
    ChanFitnessError,
    ChannelEventStore,
    OpenChannel,
    OpenChannelEvent,
    OutPoint,
    RequestTimeoutError,
    ShuttingDownError,
)

from ..support.stores import (
    WAIT,
    Call,
    Hold,
    OnRecord,
    QueueSubscription,
    asking,
    make_store,
    running,
    stop,
)
from ..support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2

OPEN_ALREADY = [OpenChannel(CHANNEL_1, ALICE)]


def open_points(store: ChannelEventStore, timeout: float | None = WAIT) -> list[OutPoint]:
    return [info.channel_point for info in store.list_channels(timeout=timeout)]


# Timeouts


@pytest.mark.parametrize("timeout", [-1, -0.001, -math.inf, math.nan])
def test_a_negative_timeout_or_nan_is_a_value_error(timeout: float) -> None:
    with running(make_store(open_channels=OPEN_ALREADY)) as store:
        with pytest.raises(ValueError, match=f"bad timeout {timeout}: expected 0 or more"):
            store.list_channels(timeout=timeout)
        with pytest.raises(ValueError, match=f"bad timeout {timeout}: expected 0 or more"):
            store.get_chan_info(CHANNEL_1, ALICE, timeout=timeout)


@pytest.mark.parametrize("timeout", [None, WAIT, 10**9, 1e300, 10**400, math.inf])
def test_a_question_waits_until_its_timeout(timeout: float | None) -> None:
    source = QueueSubscription()

    with running(make_store(source, open_channels=OPEN_ALREADY)) as store, Hold("nonsense") as hold:
        source.updates.put("nonsense")
        hold.reached()
        asked = asking(lambda: open_points(store, timeout))
        hold.release()
        assert asked.result() == [CHANNEL_1]


@pytest.mark.parametrize("timeout", [0, 0.0, 0.001])
def test_promise_4_a_question_that_gets_no_answer_in_time_is_a_timeout_error(
    timeout: float,
) -> None:
    source = QueueSubscription()

    with running(make_store(source, open_channels=OPEN_ALREADY)) as store, Hold("nonsense") as hold:
        source.updates.put("nonsense")
        hold.reached()
        with pytest.raises(RequestTimeoutError, match=f"no answer within {timeout} seconds"):
            store.get_chan_info(CHANNEL_1, ALICE, timeout=timeout)
        with pytest.raises(TimeoutError):
            store.list_channels(timeout=timeout)
        source.updates.put(OpenChannelEvent(CHANNEL_2, ALICE))
        hold.release()
        assert open_points(store) == [CHANNEL_1, CHANNEL_2]  # not the late answer


@pytest.mark.parametrize("point", [CHANNEL_1, "a point", None, []])
@pytest.mark.parametrize("peer", ["alice", 5, {}])
def test_a_question_of_the_wrong_type_is_a_type_error(point: Any, peer: Any) -> None:
    with running(make_store(open_channels=OPEN_ALREADY)) as store:
        with pytest.raises(TypeError):
            store.get_chan_info(point, peer, timeout=WAIT)
        assert open_points(store) == [CHANNEL_1]


# The loop's own thread


@pytest.mark.parametrize("timeout", [None, 0, WAIT])
def test_promise_4_a_question_on_the_loop_s_own_thread_is_refused_at_once(
    timeout: float | None,
) -> None:
    source = QueueSubscription()
    refusals: queue.Queue[type[Exception]] = queue.Queue()

    def ask() -> None:
        try:
            store.list_channels(timeout=timeout)
        except ChanFitnessError as error:
            refusals.put(type(error))

    with running(make_store(source)) as store, OnRecord("nonsense", ask):
        source.updates.put("nonsense")
        assert refusals.get(timeout=WAIT) is ChanFitnessError
        assert open_points(store) == []


def test_promise_4_stop_on_the_loop_s_own_thread_returns_and_the_loop_ends() -> None:
    source = QueueSubscription()
    refusals: queue.Queue[type[Exception]] = queue.Queue()

    def stop_and_ask() -> None:
        store.stop()
        try:
            store.list_channels()
        except ChanFitnessError as error:
            refusals.put(type(error))

    with running(make_store(source)) as store, OnRecord("nonsense", stop_and_ask):
        source.updates.put("nonsense")
        assert refusals.get(timeout=WAIT) is ShuttingDownError
        stop(store)
        assert source.cancels == 1
        assert "_put" not in vars(source.updates)


def test_promise_4_a_subscription_that_stops_the_store_when_cancelled_does_no_harm() -> None:
    class Zealous(QueueSubscription):
        def cancel(self) -> None:
            super().cancel()
            store.stop()

    source = Zealous()
    store = make_store(source)
    store.start()

    stop(store)

    assert source.cancels == 1


# When the loop dies


class UnsayableError(Exception):
    """An error whose message cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


FAULTS = [OSError("out of luck"), KeyboardInterrupt("out of luck"), SystemExit("out of luck")]
each_fault = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)


class FailingQueue(queue.Queue[Any]):
    """Raises its error instead of returning the item "fatal"."""

    def __init__(self, fault: BaseException) -> None:
        super().__init__()
        self.fault = fault

    def _get(self) -> object:
        if self.queue[0] == "fatal":
            raise self.fault
        return super()._get()


def test_promises_1_and_4_later_questions_get_the_error_that_ended_the_loop() -> None:
    source, other = QueueSubscription(FailingQueue(FAULTS[0])), QueueSubscription()

    with running(make_store(source, other)) as store, Hold("nonsense") as hold:
        other.updates.put("nonsense")
        hold.reached()
        first = asking(lambda: open_points(store))
        source.updates.put(OpenChannelEvent(CHANNEL_1, ALICE))
        second = asking(lambda: open_points(store))
        source.updates.put("fatal")
        late = [asking(lambda: open_points(store)) for _ in range(3)]
        hold.release()

        assert first.result() == []
        assert second.result() == [CHANNEL_1]
        assert_refused_for_the_fault(late)


def assert_refused_for_the_fault(calls: list[Call[list[OutPoint]]]) -> None:
    """Check that each caller has an error of its own that names the cause."""
    errors = []
    for call in calls:
        with pytest.raises(ShuttingDownError, match="out of luck") as caught:
            call.result()
        errors.append(caught.value)
    assert len(set(map(id, errors))) == len(calls)


@each_fault
def test_a_loop_that_a_queue_ended_has_cleaned_up(
    fault: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    source, other = QueueSubscription(FailingQueue(fault)), QueueSubscription()
    store = make_store(source, other)
    store.start()

    source.updates.put("fatal")
    stop(store)

    assert (source.cancels, other.cancels) == (1, 1)
    assert "_put" not in vars(source.updates)
    assert "_put" not in vars(other.updates)
    assert source.updates.qsize() == 1
    assert f"CRITICAL chanfitness.store:the store's loop died of {type(fault).__name__}" in (
        " ".join(f"{each.levelname} {each.name}:{each.getMessage()}" for each in caplog.records)
    )
    for call in (store.start, store.list_channels):
        with pytest.raises(ShuttingDownError, match=rf"{type(fault).__name__}\('out of luck"):
            call()


def test_promise_4_callers_return_even_if_the_fault_cannot_be_shown() -> None:
    source = QueueSubscription(FailingQueue(UnsayableError()))

    with running(make_store(source)) as store, Hold("nonsense") as hold:
        source.updates.put("nonsense")
        hold.reached()
        source.updates.put("fatal")
        late = asking(lambda: store.list_channels(timeout=1))
        hold.release()
        with pytest.raises(ShuttingDownError, match="UnsayableError"):
            late.result()


class Exit(SystemExit):
    """A log handler may raise it, and the loop must not catch it."""


def exit_now() -> None:
    raise Exit("out of luck")


def test_promises_1_and_4_questions_beside_an_exit_are_answered_or_get_its_error() -> None:
    source, other = QueueSubscription(), QueueSubscription()

    with (
        running(make_store(source, other)) as store,
        Hold("nonsense") as hold,
        OnRecord("could not handle 'fatal'", exit_now),
    ):
        source.updates.put("nonsense")
        hold.reached()
        source.updates.put(OpenChannelEvent(CHANNEL_1, ALICE))
        early = asking(lambda: open_points(store))
        source.updates.put("fatal")
        late = [asking(lambda: open_points(store)) for _ in range(3)]
        hold.release()

        assert early.result() == [CHANNEL_1]
        assert_refused_for_the_fault(late)
        stop(store)
        assert (source.cancels, other.cancels) == (1, 1)
        assert "_put" not in vars(source.updates)


def test_promise_8_a_log_handler_that_fails_once_does_not_end_the_loop(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = QueueSubscription()

    def fail() -> None:
        raise OSError("disk full")

    with (
        running(make_store(source, open_channels=OPEN_ALREADY)) as store,
        OnRecord("is open already", fail),
    ):
        source.updates.put(OpenChannelEvent(CHANNEL_1, BOB))
        assert open_points(store) == [CHANNEL_1]

    assert "OSError: disk full" in caplog.text
