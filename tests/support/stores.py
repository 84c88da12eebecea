"""Stores and sources for tests, and waits for other threads without a sleep."""

from __future__ import annotations

import logging
import queue
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Generic, TypeVar

from typing_extensions import Self

from chanfitness import ChannelEventStore, Clock, Config, OpenChannel, Subscription, Vertex
from chanfitness.clock import ManualClock

from .values import START

WAIT = 30.0
"""In seconds: much longer than any call takes, so that a wait of that length is a failure."""

T = TypeVar("T")
S = TypeVar("S", bound=ChannelEventStore)


@dataclass(eq=False)
class QueueSubscription:
    """A plain queue as a source, with a count of its cancels."""

    updates: queue.Queue[Any] = field(default_factory=queue.Queue)
    cancels: int = 0

    def cancel(self) -> None:
        self.cancels += 1


def make_store(
    channel_events: Subscription | None = None,
    peer_events: Subscription | None = None,
    *,
    open_channels: Iterable[OpenChannel] = (),
    is_peer_online: Callable[[Vertex], bool] | None = None,
    clock: Clock | None = None,
) -> ChannelEventStore:
    """Return a store, not started, with these sources; ``channel_events`` alone is both.

    Its clock is a ``ManualClock`` at ``START`` unless another is given.
    """
    channel_source = channel_events or QueueSubscription()
    peer_source = peer_events or channel_source
    return ChannelEventStore(
        Config(
            subscribe_channel_events=lambda: channel_source,
            subscribe_peer_events=lambda: peer_source,
            get_open_channels=lambda: open_channels,
            is_peer_online=is_peer_online,
            clock=clock or ManualClock(START),
        )
    )


class Hold(logging.Handler):
    """Blocks a store's loop whenever it logs ``text``, until released.

    >>> with running(make_store(source)), Hold("nonsense") as hold:
    ...     source.updates.put("nonsense")  # the loop logs that it cannot handle it
    ...     hold.reached()                  # and is blocked from here
    ...     hold.release()                  # to here
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text
        self._arrivals: queue.Queue[None] = queue.Queue()
        self._places = threading.Semaphore(0)
        self._over = False

    def handle(self, record: logging.LogRecord) -> bool:  # outside the handler's lock
        if self._text in record.getMessage() and not self._over:
            self._arrivals.put(None)
            assert self._places.acquire(timeout=WAIT)
        return True

    def reached(self) -> None:
        """Wait until the loop is blocked."""
        self._arrivals.get(timeout=WAIT)

    def release(self) -> None:
        """Let the loop continue, until the next such record."""
        self._places.release()

    def __enter__(self) -> Self:
        logging.getLogger("chanfitness").addHandler(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over = True
        self._places.release(100)
        logging.getLogger("chanfitness").removeHandler(self)


class OnRecord(logging.Handler):
    """Calls ``do`` in the thread that logs ``text``, such as the store's loop."""

    def __init__(self, text: str, do: Callable[[], object]) -> None:
        super().__init__()
        self._text = text
        self._do = do

    def handle(self, record: logging.LogRecord) -> bool:
        if self._text in record.getMessage():
            self._do()
        return True

    def __enter__(self) -> Self:
        logging.getLogger("chanfitness").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("chanfitness").removeHandler(self)


class Call(Generic[T]):
    """A call in a thread of its own, which begins at once."""

    def __init__(self, function: Callable[..., T], *arguments: object) -> None:
        self._outcome: tuple[T | None, BaseException | None] = (None, None)
        self._thread = threading.Thread(
            target=self._run, args=(function, *arguments), name="test", daemon=True
        )
        self._thread.start()

    def _run(self, function: Callable[..., T], *arguments: object) -> None:
        try:
            self._outcome = (function(*arguments), None)
        except BaseException as error:
            self._outcome = (None, error)

    def result(self) -> T:
        """Return or raise the call's result; fail if it still runs."""
        self._thread.join(timeout=WAIT)
        assert not self._thread.is_alive(), "the call did not return"
        value, error = self._outcome
        if error is not None:
            raise error
        return value  # type: ignore[return-value]


def call_together(*functions: Callable[[], T]) -> list[T]:
    """Call all functions at once, in a thread each, and return their results in order."""
    barrier = threading.Barrier(len(functions))

    def call(function: Callable[[], T]) -> T:
        barrier.wait(timeout=WAIT)
        return function()

    calls = [Call(call, function) for function in functions]
    return [each.result() for each in calls]


def asking(question: Callable[[], T]) -> Call[T]:
    """Ask in a thread of its own; return when the question is put and waits for its answer.

    No public state shows that a thread waits; ``sys.setprofile`` shows the call.
    """
    waits = threading.Event()

    def watch(_: object, event: str, called: object) -> None:
        if (
            event == "c_call"
            and getattr(called, "__name__", "") == "get"
            and isinstance(getattr(called, "__self__", None), queue.SimpleQueue)
        ):
            waits.set()

    def ask() -> T:
        sys.setprofile(watch)
        try:
            return question()
        finally:
            sys.setprofile(None)

    call = Call(ask)
    assert waits.wait(timeout=WAIT), "the question was not put"
    return call


def stop(store: ChannelEventStore) -> None:
    """Stop ``store``; fail if that takes too long."""
    Call(store.stop).result()


def join(updates: queue.Queue[Any]) -> None:
    """Wait until all items are handled; fail if that takes too long."""
    Call(updates.join).result()


@contextmanager
def running(store: S) -> Iterator[S]:
    """Start ``store``, and stop it at the end within ``WAIT``."""
    store.start()
    try:
        yield store
    finally:
        stop(store)
