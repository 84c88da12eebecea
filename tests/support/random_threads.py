"""One store, and threads with random operations on it.

A seed decides the operations of each thread; the system decides their order.
"""

from __future__ import annotations

import queue
import random
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from chanfitness import (
    ChannelMovedEvent,
    ChannelNotFoundError,
    ChannelNotifier,
    ClosedChannelEvent,
    Config,
    HistoryDisabledError,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerNotFoundError,
    PeerNotifier,
    PeerOfflineEvent,
    PeerOnlineEvent,
    RequestTimeoutError,
    ShuttingDownError,
)
from chanfitness.subscribe import ENDED

from .operation_log import LoggedClock, LoggedSteadyClock, LoggedStore, Operation
from .stores import WAIT, QueueSubscription, call_together
from .values import outpoint, vertex

MICROSECOND, SECOND = timedelta(microseconds=1), timedelta(seconds=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
AGES = 90 * DAY  # longer than any round
ENOUGH = 10**9

PEERS = [vertex(number) for number in range(1, 4)]
POINTS = [outpoint(number) for number in range(1, 6)]
CHANNELS = [OpenChannel(point, PEERS[number % 3]) for number, point in enumerate(POINTS)]
STRANGE = [OpenChannel(POINTS[0], PEERS[1]), OpenChannel(outpoint(9), vertex(9))]
OPEN_ALREADY, ONLINE_ALREADY = CHANNELS[:2], PEERS[:1]
ANY_CHANNEL = CHANNELS * 4 + STRANGE  # most often each channel has one peer
EVENTS: list[Any] = [PeerOnlineEvent, PeerOfflineEvent] * 4 + [OpenChannelEvent] * 3
EVENTS += [ClosedChannelEvent, ChannelMovedEvent]
QUESTIONS = ["get_chan_info"] * 4 + ["get_peer_info", "get_history"] * 2
QUESTIONS += ["list_channels", "list_peers", "get_overview"]
STEPS = [MICROSECOND, SECOND, 2 * SECOND, HOUR, 9 * HOUR, -SECOND, -HOUR]
REFUSALS = (ChannelNotFoundError, PeerNotFoundError, HistoryDisabledError, RequestTimeoutError)

Act = Callable[[random.Random], None]
Thread = Callable[[], None]


class RandomThreads:
    """A store with its sources and threads, and their operations, which a seed decides.

    ``order``: the items in the order of the loop: an event and its time for ``on_event``, or a
    question's :class:`Operation` and None. ``is_redated``: a pause or a suspend separates dates
    from seen time, by steps that the model does not get. ``is_stopped``: another thread stops
    the store in the middle.
    """

    def __init__(self, seed: int, operations: int) -> None:
        rng = random.Random(seed)
        self.operations: list[Operation] = []
        self.order: list[tuple[Any, Any]] = []
        tick = rng.choice([0 * SECOND, MICROSECOND, SECOND])
        self.is_steady, sleeps = rng.random() < 0.4, rng.random() < 0.5
        self.clock = LoggedSteadyClock(tick, sleeps) if self.is_steady else LoggedClock(tick)
        self.pauses, self.is_stopped = rng.random() < 0.4, rng.random() < 0.4
        self.is_redated = self.is_steady and (sleeps or self.pauses)
        self.retention: dict[str, Any] = {
            "history": rng.choice([AGES, AGES, DAY, None]),
            "history_limit": rng.choice([10_000, 5, 1]),
            "flap_factor": 0.95,
            "flap_period": rng.choice([8 * HOUR, SECOND]),
        }
        if self.is_steady:  # the model does not know the day of a change, so none is thinned
            self.retention["history_limit"] = 10_000
        if self.is_redated:  # the model does not know ages, so nothing is too old
            self.retention |= {"history": AGES, "flap_period": AGES}
        # The first put after a suspend cannot be dated against the events before it.
        self._events_have_times = not (self.is_steady and sleeps)
        self.sources: list[Any] = []
        self._puts: list[Callable[[object], object]] = []
        for _ in range(rng.choice([1, 2, 2, 2])):
            self._add_source(rng)
        self.store = LoggedStore(self._config(), self.order)
        self.stops: list[int] = []  # when they began
        self._enough = threading.Event()
        self._threads = self._new_threads(rng, operations)
        self._switch_interval = rng.choice([1e-6, 1e-5, 1e-4, 5e-3])

    def _add_source(self, rng: random.Random) -> None:
        notifier = rng.choice([None, None, ChannelNotifier, PeerNotifier])
        if notifier is None:
            self.sources.append(QueueSubscription(queue.Queue(rng.choice([0, 0, 1, 10]))))
            self._puts.append(partial(self.sources[-1].updates.put, timeout=WAIT))
        else:
            server = notifier()
            self.sources.append(server.subscribe())
            self._puts.append(server.send_update)

    def _config(self) -> Config:
        return Config(
            subscribe_channel_events=lambda: self.sources[0],
            subscribe_peer_events=lambda: self.sources[-1],
            get_open_channels=lambda: OPEN_ALREADY,
            is_peer_online=ONLINE_ALREADY.__contains__,
            clock=self.clock,
            on_event=lambda event, utc: self.order.append((event, utc)),
            **self.retention,
        )

    def _new_threads(self, rng: random.Random, operations: int) -> list[Thread]:
        acts: list[Act] = [self._produce] * rng.randint(2, 5)
        acts += [self._call] * rng.randint(1, 3)
        acts += [self._step] * rng.randint(1, 2) + [self._pause] * self.pauses
        each = operations // len(acts)
        threads: list[Any] = [
            partial(self._work, act, each, random.Random(rng.random())) for act in acts
        ]
        if self.is_stopped:
            stop_after = rng.randrange(each)
            threads[0] = partial(threads[0], stop_after=stop_after)
            threads += [self._stop_after_enough] * 2
        return threads

    def run(self) -> Operation:
        """Start the store, run the threads, stop it, and return the snapshot's moment."""
        self._put(OpenChannelEvent(*CHANNELS[3]), 0)  # before the start
        begun = Operation("the start")
        self.clock.reads_for(begun)
        usual = sys.getswitchinterval()
        sys.setswitchinterval(self._switch_interval)
        try:
            self.store.start()
            call_together(*self._threads)
            call_together(self._stop, self._stop)
        finally:
            sys.setswitchinterval(usual)
        early = self.operations[0]
        early.moment, early.read = begun.moment, begun.read
        return begun

    def left(self, source: int) -> list[object]:
        """Return the events that were left in a queue."""
        return [event for event in self.sources[source].updates.queue if event is not ENDED]

    # The threads' operations.

    def _work(self, act: Act, times: int, rng: random.Random, stop_after: int = -1) -> None:
        try:
            for number in range(times):
                if number == stop_after:
                    self._enough.set()
                act(rng)
        except ShuttingDownError:
            if not self.stops:
                raise

    def _produce(self, rng: random.Random) -> None:
        kind, (point, peer), at = rng.choice(EVENTS), rng.choice(ANY_CHANNEL), None
        if self._events_have_times and rng.random() < 0.2:
            at = self.clock.peek() + rng.choice(STEPS)
        if kind is ChannelMovedEvent:
            event = ChannelMovedEvent(point, rng.choice(POINTS), peer, at)
        elif kind in (PeerOnlineEvent, PeerOfflineEvent):
            event = kind(peer, at)
        else:
            event = kind(point, peer, at)
        self._put(event, rng.randrange(len(self.sources)))

    def _pause(self, rng: random.Random) -> None:
        event: object = MonitoringPausedEvent()
        if rng.random() < 0.6:
            channels = rng.sample(CHANNELS, rng.randint(2, len(CHANNELS)))
            event = MonitoringResumedEvent(channels, rng.sample(PEERS, rng.randint(0, 3)))
        self._put(event, rng.randrange(len(self.sources)))

    def _put(self, event: object, source: int) -> None:
        operation = Operation(event, source)
        self.operations.append(operation)
        self.clock.reads_for(operation)
        self._puts[source](event)
        operation.ended = self.clock.time()

    def _call(self, rng: random.Random) -> None:
        question, (point, peer) = rng.choice(QUESTIONS), rng.choice(ANY_CHANNEL)
        window = rng.choice([None, SECOND, HOUR, 9 * HOUR])
        arguments: dict[str, dict[str, object]] = {
            "get_chan_info": {"channel_point": point, "peer": rng.choice([peer, None])},
            "get_peer_info": {"peer": peer},
            "get_history": {"channel_point": point, "window": window},
        }
        self._ask(question, arguments.get(question, {}), 0 if rng.random() < 0.05 else WAIT)

    def _ask(self, question: str, arguments: dict[str, object], timeout: float) -> None:
        operation = Operation((question, arguments))
        operation.timeout = timeout
        self.operations.append(operation)
        self.clock.reads_for(operation)
        self.store.asks(operation)
        try:
            operation.answer = getattr(self.store, question)(**arguments, timeout=timeout)
        except REFUSALS as error:
            operation.answer = type(error)
            if operation.answer is RequestTimeoutError and timeout:
                raise  # the answer was lost
        operation.ended = self.clock.time()

    def _step(self, rng: random.Random) -> None:
        self.clock.move(rng.choice(STEPS) * rng.random())
        self._call(rng)

    def _stop_after_enough(self) -> None:
        assert self._enough.wait(timeout=WAIT)
        self._stop()

    def _stop(self) -> None:
        self.stops.append(self.clock.time())
        self.store.stop()
        for source in self.sources:  # otherwise blocked producers would wait for ever
            with source.updates.mutex:
                source.updates.maxsize *= ENOUGH
                source.updates.not_full.notify_all()
