"""Queues as sources: bounds, join(), many producers, missing items and ends."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chanfitness import (
    ChannelEventStore,
    ManualClock,
    OpenChannel,
    OpenChannelEvent,
    OutPoint,
    PeerOnlineEvent,
)
from chanfitness.subscribe import ENDED

from ..support.stores import (
    WAIT,
    Call,
    Hold,
    QueueSubscription,
    call_together,
    join,
    make_store,
    running,
)
from ..support.values import ALICE, BOB, CHANNEL_1, SECOND, START, outpoint

OPEN_ALREADY = [OpenChannel(CHANNEL_1, ALICE)]
NOTHING = timedelta(0)
needs_shutdown = pytest.mark.skipif(
    sys.version_info < (3, 13), reason="queue.Queue.shutdown() is of Python 3.13"
)
either_way = pytest.mark.parametrize("immediate", [True, False])


class MeasuredQueue(queue.Queue[Any]):
    """A queue that records its greatest length."""

    longest = 0

    def _put(self, item: object) -> None:
        super()._put(item)
        self.longest = max(self.longest, self._qsize())


class PickyQueue(queue.Queue[Any]):
    """A queue that refuses None."""

    def _put(self, item: object) -> None:
        if item is None:
            raise LookupError("nothing to put")
        super()._put(item)


def shut_down(updates: Any, immediate: bool = False) -> None:
    updates.shutdown(immediate)


def lifetime_and_uptime(store: ChannelEventStore) -> tuple[timedelta, timedelta]:
    info = store.get_chan_info(CHANNEL_1, ALICE, timeout=WAIT)
    return info.lifetime, info.uptime


def open_points(store: ChannelEventStore) -> list[OutPoint]:
    return [info.channel_point for info in store.list_channels(timeout=WAIT)]


def endings(caplog: pytest.LogCaptureFixture) -> int:
    return sum("has ended" in record.getMessage() for record in caplog.records)


# Bounds and join()


def test_a_full_queue_blocks_its_producer_until_the_loop_frees_it() -> None:
    source, clock = QueueSubscription(queue.Queue(maxsize=1)), ManualClock(START)

    with running(make_store(source, open_channels=OPEN_ALREADY, clock=clock)) as store:
        with Hold("nonsense") as hold:
            source.updates.put("nonsense", timeout=WAIT)
            hold.reached()
            source.updates.put(PeerOnlineEvent(BOB), timeout=WAIT)
            producer = Call(source.updates.put, PeerOnlineEvent(ALICE), True, WAIT)
            with pytest.raises(queue.Full):
                source.updates.put_nowait(PeerOnlineEvent(ALICE))
            clock.advance(SECOND)  # an item is put when the queue has room for it
            hold.release()
            producer.result()
        clock.advance(2 * SECOND)
        assert lifetime_and_uptime(store) == (3 * SECOND, 2 * SECOND)


def test_a_bounded_queue_never_holds_more_than_its_bound() -> None:
    updates = MeasuredQueue(maxsize=3)

    def produce() -> None:
        for _ in range(50):
            updates.put(PeerOnlineEvent(ALICE), timeout=WAIT)

    with running(make_store(QueueSubscription(updates))):
        call_together(*[produce] * 6)
        join(updates)

    assert 1 <= updates.longest <= 3


def test_join_waits_until_taken_items_are_handled() -> None:
    source = QueueSubscription()

    with running(make_store(source)), Hold("nonsense") as hold:
        source.updates.put("nonsense")
        source.updates.put(PeerOnlineEvent(ALICE))
        hold.reached()
        assert source.updates.unfinished_tasks == 2
        hold.release()
        join(source.updates)


def test_join_is_exact_after_a_put_that_the_queue_refused() -> None:
    source = QueueSubscription(PickyQueue())

    with running(make_store(source)), Hold("nonsense") as hold:
        source.updates.put("nonsense")
        hold.reached()
        with pytest.raises(LookupError):
            source.updates.put(None)
        source.updates.put("more nonsense")
        hold.release()
        hold.reached()  # the loop handles the second item, and now the third is put
        source.updates.put("still more nonsense")
        hold.release()
        hold.reached()
        assert source.updates.unfinished_tasks == 1


def test_promise_1_producers_in_many_threads_lose_nothing_and_keep_their_order() -> None:
    sources = [QueueSubscription(), QueueSubscription(queue.Queue(maxsize=5))]

    def producer(number: int) -> Callable[[], None]:
        def produce() -> None:
            for count in range(100):
                event = OpenChannelEvent(outpoint(1000 * number + count), ALICE)
                sources[(number + count) % 2].updates.put(event, timeout=WAIT)

        return produce

    with running(make_store(*sources)) as store:
        call_together(*map(producer, range(6)))
        for source in sources:
            join(source.updates)
        points = open_points(store)

    assert len(points) == 600
    for number in range(6):
        own = [outpoint(1000 * number + count) for count in range(100)]
        assert [point for point in points if point in own] == own


# Items that others took


@pytest.mark.parametrize(("gone", "uptime"), [(1, 3 * SECOND), (2, NOTHING)])
def test_if_another_reader_took_items_the_newest_puts_count(gone: int, uptime: timedelta) -> None:
    source, clock = QueueSubscription(), ManualClock(START)

    with running(make_store(source, open_channels=OPEN_ALREADY, clock=clock)) as store:
        with Hold("nonsense") as hold:
            source.updates.put("nonsense")
            hold.reached()
            for event in (PeerOnlineEvent(BOB), PeerOnlineEvent(ALICE)):
                clock.advance(SECOND)
                source.updates.put(event)
            for _ in range(gone):
                source.updates.get_nowait()
            hold.release()
        clock.advance(3 * SECOND)
        assert lifetime_and_uptime(store) == (5 * SECOND, uptime)


# Sources that end


def test_the_end_of_a_source_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "chanfitness")
    ending, other = QueueSubscription(), QueueSubscription()

    with running(make_store(ending, other)) as store:
        ending.updates.put(ENDED)
        other.updates.put(OpenChannelEvent(CHANNEL_1, ALICE))
        assert open_points(store) == [CHANNEL_1]

    assert endings(caplog) == len(caplog.records) == 1


@needs_shutdown
@either_way
def test_a_queue_shut_down_is_logged_once_and_the_other_goes_on(
    caplog: pytest.LogCaptureFixture, immediate: bool
) -> None:
    caplog.set_level("INFO", "chanfitness")
    ending, other = QueueSubscription(), QueueSubscription()

    with running(make_store(ending, other)) as store:
        shut_down(ending.updates, immediate)
        shut_down(ending.updates, immediate)
        other.updates.put(OpenChannelEvent(CHANNEL_1, ALICE))
        assert open_points(store) == [CHANNEL_1]

    assert endings(caplog) == len(caplog.records) == 1
    assert "shutdown" not in vars(ending.updates)


@needs_shutdown
@either_way
def test_a_queue_shut_down_before_the_start_is_logged_once(
    caplog: pytest.LogCaptureFixture, immediate: bool
) -> None:
    caplog.set_level("INFO", "chanfitness")
    source = QueueSubscription()
    source.updates.put(OpenChannelEvent(CHANNEL_1, ALICE))
    shut_down(source.updates, immediate)

    with running(make_store(source)) as store:
        assert open_points(store) == ([] if immediate else [CHANNEL_1])

    assert endings(caplog) == len(caplog.records) == 1


@needs_shutdown
@either_way
def test_an_immediate_shutdown_drops_waiting_items_and_another_one_keeps_them(
    immediate: bool,
) -> None:
    source = QueueSubscription()

    with running(make_store(source)) as store:
        with Hold("nonsense") as hold:
            source.updates.put("nonsense")
            hold.reached()
            source.updates.put(OpenChannelEvent(CHANNEL_1, ALICE))
            shut_down(source.updates, immediate)
            hold.release()
            join(source.updates)
        assert open_points(store) == ([] if immediate else [CHANNEL_1])


@needs_shutdown
def test_a_shutdown_by_two_threads_at_once_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    class MeetingQueue(queue.Queue[Any]):
        both = threading.Barrier(2)

        def shutdown(self, immediate: bool = False) -> None:
            self.both.wait(timeout=WAIT)
            vars(queue.Queue)["shutdown"](self, immediate)

    caplog.set_level("INFO", "chanfitness")
    source = QueueSubscription(MeetingQueue())

    with running(make_store(source)):
        call_together(*[lambda: shut_down(source.updates)] * 2)

    assert endings(caplog) == 1
