"""Ctrl-C, and stop() in a signal's handler, at every point where CPython checks for signals.

Promise 4: no call hangs, no thread is left, no queue stays locked, and the next start() works.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chanfitness import (
    ChannelEventStore,
    Config,
    ManualClock,
    OpenChannel,
    PeerNotifier,
    PeerOnlineEvent,
    ShuttingDownError,
    SqliteStorage,
)

from .support.lengths import length
from .support.signal_points import SignalPoints, interrupt
from .support.stores import WAIT, Call, QueueSubscription
from .support.values import ALICE, BOB, CHANNEL_1, START

# If an interrupt comes right after a connection was opened, the collector closes it and warns.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*sqlite3.Connection:pytest.PytestUnraisableExceptionWarning"
)


HOUR = timedelta(hours=1)
"""The flush interval, longer than any test waits for a writer."""


class Scene:
    """A store with two sources, an event in each, and one open channel."""

    def __init__(self, kind: str, path: Path) -> None:
        self.notifiers = [PeerNotifier(), PeerNotifier()]
        self.plain = [QueueSubscription(), QueueSubscription()]
        self.sources: list[Any] = []
        self.is_plain = kind == "plain queues"
        for source in self.plain:
            source.updates.put(PeerOnlineEvent(ALICE))
        subscribe = [self._subscriber(number) for number in (0, 1)]
        self.store = ChannelEventStore(
            Config(
                subscribe_channel_events=subscribe[0],
                subscribe_peer_events=subscribe[1],
                get_open_channels=lambda: [OpenChannel(CHANNEL_1, ALICE)],
                is_peer_online=lambda peer: True,
                clock=ManualClock(START),
                storage=SqliteStorage(f"{path}.db", HOUR) if kind == "a database" else None,
            )
        )

    def _subscriber(self, number: int) -> Callable[[], Any]:
        if self.is_plain:
            return lambda: self.plain[number]
        return self.notifiers[number].subscribe_peer_events

    def is_free(self) -> bool:
        """Return whether no queue is locked, tried on another thread."""
        for source, notifier in zip(self.plain, self.notifiers, strict=True):
            Call(source.updates.put, PeerOnlineEvent(BOB)).result()
            Call(notifier.notify_peer_online, BOB).result()
        return True

    def works(self) -> bool:
        """Return whether the store can be started, answers, and stops."""
        Call(self.store.start).result()
        assert self.store.get_chan_info(CHANNEL_1, ALICE, timeout=WAIT)
        Call(self.store.stop).result()
        return True


def no_thread_is_left() -> bool:
    """Wait for a thread that had not begun when start() was interrupted; it ends by itself."""
    for thread in threading.enumerate():
        if thread.name.startswith("chanfitness") and thread.ident is not None:
            thread.join(WAIT)
            assert not thread.is_alive()
    return True


def at_each_point(
    scene: Callable[[], Scene],
    what: Callable[[Scene], Callable[[], object]],
    do: Callable[[Scene], object],
) -> Iterator[tuple[Scene, BaseException | None]]:
    """Call ``do`` at each signal point of ``what``, each time in a new scene.

    Yields each scene afterwards, with the error that ``what`` raised.
    """
    for number in itertools.count(0, length(5, 1)):
        one = scene()
        points = SignalPoints(number, partial(do, one))
        error = Call(raised_by, partial(points.run, what(one))).result()
        if points.passed <= number:
            one.store.stop()
            return
        yield one, error


def raised_by(function: Callable[[], object]) -> BaseException | None:
    try:
        function()
    except BaseException as error:
        return error
    return None


def starting(scene: Scene) -> Callable[[], object]:
    return scene.store.start


def putting(scene: Scene) -> Callable[[], object]:
    return partial(scene.notifiers[0].notify_peer_offline, ALICE)


def stop(scene: Scene) -> None:
    scene.store.stop()


KINDS = ["plain queues", "notifiers", "a database"]


@pytest.fixture(params=KINDS)
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Scene]:
    numbers = itertools.count()
    return lambda: Scene(request.param, tmp_path / str(next(numbers)))


def test_an_interrupt_anywhere_in_start_leaves_nothing(scene: Callable[[], Scene]) -> None:
    interrupts = 0
    for one, error in at_each_point(scene, starting, lambda _: interrupt()):
        assert isinstance(error, KeyboardInterrupt)
        assert no_thread_is_left()
        assert one.is_free()
        assert one.works()
        interrupts += 1
    assert interrupts > length(20, 100)


def test_stop_in_a_handler_anywhere_in_start_ends_it(scene: Callable[[], Scene]) -> None:
    for one, error in at_each_point(scene, starting, stop):
        assert error is None or isinstance(error, ShuttingDownError)
        Call(one.store.stop).result()
        assert no_thread_is_left()
        assert one.is_free()
        with pytest.raises(ShuttingDownError):
            one.store.start()


def test_an_interrupt_anywhere_in_a_put_leaves_a_working_store(scene: Callable[[], Scene]) -> None:
    for one, error in at_each_point(partial(started, scene), putting, lambda _: interrupt()):
        assert isinstance(error, KeyboardInterrupt)
        assert one.is_free() or one.is_plain
        assert one.store.get_chan_info(CHANNEL_1, ALICE, timeout=WAIT)
        Call(one.store.stop).result()
        assert no_thread_is_left()


@pytest.mark.parametrize("clients", [1, 2])
def test_stop_in_a_handler_anywhere_in_a_put_ends_the_store(
    scene: Callable[[], Scene], clients: int
) -> None:
    def with_clients() -> Scene:
        one = started(scene)
        for notifier in one.notifiers * (clients - 1):
            notifier.subscribe_peer_events()
        return one

    for one, error in at_each_point(with_clients, putting, stop):
        assert error is None
        Call(one.store.stop).result()
        assert no_thread_is_left()
        assert one.is_free()


def started(scene: Callable[[], Scene]) -> Scene:
    one = scene()
    one.store.start()
    return one
