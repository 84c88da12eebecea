"""Races of starts, stops, questions, events and a dying loop.

Promise 4: every call returns. ``call_together`` begins each round at a barrier, and fails if a
call still runs long after.
"""

from __future__ import annotations

import queue
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from chanfitness import (
    AlreadyStartedError,
    ChannelEventStore,
    ChannelInfo,
    Config,
    ManualClock,
    NotStartedError,
    OpenChannel,
    PeerNotifier,
    PeerOnlineEvent,
    ShuttingDownError,
)
from chanfitness.core.selector import Selector

from .support.lengths import length
from .support.stores import QueueSubscription, call_together, make_store, stop
from .support.values import ALICE, CHANNEL_1, SECOND, START, vertex

ROUNDS = length(300, 5_000)
CALLERS = 8
EVENTS = [PeerOnlineEvent(vertex(number)) for number in range(100, 130)]
ANSWER = ChannelInfo(CHANNEL_1, ALICE, lifetime=SECOND, uptime=0 * SECOND)
"""The answer to all questions: the clock stands still, and the events are of other peers."""

FAULTS = pytest.mark.parametrize("fault", [OSError, SystemExit])


@pytest.fixture(autouse=True)
def hasty_switches() -> Iterator[None]:
    """Switch threads 500 times as often as usual, which finds more races."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


class FailingQueue(queue.Queue[Any]):
    """A queue from which the loop cannot take its first item, so it dies."""

    def __init__(self, fault: type[BaseException]) -> None:
        super().__init__()
        self._fault = fault

    def _get(self) -> Any:
        raise self._fault("disk on fire")


def running_store(source: QueueSubscription, notifier: PeerNotifier) -> ChannelEventStore:
    """Start a store with one channel, which has been open for a second."""
    clock = ManualClock(START)
    store = make_store(
        source,
        notifier.subscribe_peer_events(),
        open_channels=[OpenChannel(CHANNEL_1, ALICE)],
        clock=clock,
    )
    store.start()
    clock.advance(SECOND)
    return store


def ask_until_refused(store: ChannelEventStore) -> ShuttingDownError:
    """Check all answers, and return the refusal that comes last."""
    try:
        while True:
            assert store.get_chan_info(CHANNEL_1, ALICE) == ANSWER
            assert store.list_channels() == [ANSWER]
    except ShuttingDownError as error:
        return error


def race(store: ChannelEventStore, *others: Callable[[], None]) -> list[ShuttingDownError]:
    """Run the callers and ``others`` at the same time, and return the callers' refusals."""
    asking = [partial(ask_until_refused, store)] * CALLERS
    outcomes = call_together(*others, *asking)
    refusals = [each for each in outcomes if each is not None]
    assert len({id(refusal) for refusal in refusals}) == CALLERS, "each gets one of its own"
    return refusals


def put_in(source: QueueSubscription) -> None:
    for event in EVENTS:
        source.updates.put(event)


def notify(notifier: PeerNotifier) -> None:
    for event in EVENTS:
        notifier.notify_peer_online(event.peer)


def taken_out(source: QueueSubscription) -> list[object]:
    return [source.updates.get_nowait() for _ in range(source.updates.qsize())]


def test_questions_race_two_stops_while_events_come() -> None:
    """Promises 4 and 8: each question is answered or refused, and each event counted once."""
    for _ in range(ROUNDS):
        source, notifier = QueueSubscription(), PeerNotifier()
        store = running_store(source, notifier)

        producers = partial(put_in, source), partial(notify, notifier)
        refusals = race(store, *producers, store.stop, store.stop)

        assert {str(refusal) for refusal in refusals} == {"the store has stopped"}
        assert source.cancels == 1
        assert source.updates.unfinished_tasks == source.updates.qsize()
        left = taken_out(source)
        assert left == EVENTS[len(EVENTS) - len(left) :]


@FAULTS
def test_promise_4_questions_race_two_stops_and_the_death_of_the_loop(
    fault: type[BaseException],
) -> None:
    for _ in range(ROUNDS):
        source, notifier = QueueSubscription(FailingQueue(fault)), PeerNotifier()
        store = running_store(source, notifier)

        producers = partial(put_in, source), partial(notify, notifier)
        race(store, *producers, store.stop, store.stop)

        assert source.cancels == 1
        assert source.updates.qsize() == len(EVENTS)


@FAULTS
def test_questions_race_the_death_of_the_loop(fault: type[BaseException]) -> None:
    """Promise 4: each caller gets an error of its own that names the cause."""
    for _ in range(ROUNDS):
        source, notifier = QueueSubscription(FailingQueue(fault)), PeerNotifier()
        store = running_store(source, notifier)

        refusals = race(store, partial(put_in, source), partial(notify, notifier))

        assert all("disk on fire" in str(refusal) for refusal in refusals)
        stop(store)
        assert source.cancels == 1


@FAULTS
def test_a_dead_loop_leaves_unhandled_items_counted(fault: type[BaseException]) -> None:
    """Promise 8: ``join()`` must not take them for handled."""
    source = QueueSubscription(FailingQueue(fault))
    store = running_store(source, PeerNotifier())

    put_in(source)
    stop(store)

    assert source.updates.qsize() == len(EVENTS)
    assert source.updates.unfinished_tasks == len(EVENTS)


def test_a_question_put_right_after_stop_is_refused() -> None:
    """Promise 4, in an order that the race above meets once in 400 rounds."""
    selector = Selector(ManualClock(START).now)
    selector.post("before")
    selector.end()
    selector.post("after")

    taken = [item for item, _, _ in selector.take()]
    selector.done()

    assert taken == ["before"]
    assert selector.ended
    assert "after" in selector.close()


class FreshSources:
    """Makes a new source for each subscription, and keeps them."""

    def __init__(self) -> None:
        self.made: list[QueueSubscription] = []

    def subscribe(self) -> QueueSubscription:
        self.made.append(QueueSubscription())
        return self.made[-1]

    def make_store(self) -> ChannelEventStore:
        return ChannelEventStore(
            Config(
                subscribe_channel_events=self.subscribe,
                subscribe_peer_events=self.subscribe,
                get_open_channels=lambda: [OpenChannel(CHANNEL_1, ALICE)],
            )
        )


def start(store: ChannelEventStore) -> str:
    try:
        store.start()
    except (AlreadyStartedError, ShuttingDownError) as error:
        return type(error).__name__
    return "started"


def ask(store: ChannelEventStore) -> str:
    try:
        store.get_chan_info(CHANNEL_1, ALICE)
    except (NotStartedError, ShuttingDownError) as error:
        return type(error).__name__
    return "answered"


def test_start_races_stop() -> None:
    """Promise 4, whichever wins: each subscription is cancelled once, and no call hangs."""
    for _ in range(ROUNDS):
        sources = FreshSources()
        store = sources.make_store()

        started, _, asked = call_together(partial(start, store), store.stop, partial(ask, store))

        assert started in {"started", "ShuttingDownError"}
        assert asked in {"answered", "NotStartedError", "ShuttingDownError"}
        assert [each.cancels for each in sources.made] in ([], [1, 1])
        assert (start(store), ask(store)) == ("ShuttingDownError", "ShuttingDownError")


def test_start_races_start() -> None:
    """Promise 4: one start succeeds, the others are refused."""
    for _ in range(ROUNDS):
        sources = FreshSources()
        store = sources.make_store()

        outcomes = call_together(*[partial(start, store)] * CALLERS)

        assert sorted(outcomes) == ["AlreadyStartedError"] * (CALLERS - 1) + ["started"]
        assert ask(store) == "answered"
        stop(store)
        assert [each.cancels for each in sources.made] == [1, 1]
