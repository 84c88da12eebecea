"""What a store costs: no wake-up while idle, and memory only for what is open now."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chanfitness import ChannelDescribedEvent, ChannelNotifier, ManualClock, PeerNotifier

from .support.lengths import length
from .support.stores import make_store
from .support.values import ALICE, CHANNEL_1, SECOND, START, outpoint, vertex

PAIRS = length(50_000, 500_000)
"""An online and an offline, or an open and a close: two events each."""
CHUNK = 250
SLACK = 50_000
"""Bytes. One byte an event would be more."""

TASKS = Path("/proc/self/task")


class Daemon:
    """A running store, its clock and the notifiers that feed it."""

    def __init__(self) -> None:
        self.channels = ChannelNotifier()
        self.peers = PeerNotifier()
        self.clock = ManualClock(START)
        self.store = make_store(
            self.channels.subscribe_channel_events(),
            self.peers.subscribe_peer_events(),
            clock=self.clock,
        )
        self.store.start()


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    daemon = Daemon()
    yield daemon
    daemon.store.stop()


@pytest.fixture
def traced() -> Iterator[Callable[[], int]]:
    """How many bytes Python holds that were allocated since the test began."""

    def traced_bytes() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    yield traced_bytes
    tracemalloc.stop()


def growth(daemon: Daemon, produce: Callable[[int], None], traced: Callable[[], int]) -> int:
    """By how many bytes memory grows after the first tenth of ``produce(0..PAIRS)``.

    A question after each chunk keeps the backlog short.
    """

    def produce_all(numbers: range) -> int:
        for begin in numbers[::CHUNK]:
            for number in range(begin, begin + CHUNK):
                produce(number)
            daemon.store.list_channels(timeout=60)
        return traced()

    before = produce_all(range(PAIRS // 10))
    return produce_all(range(PAIRS // 10, PAIRS)) - before


def context_switches(thread: threading.Thread) -> dict[str, int]:
    """How often the system has put this thread to sleep, or has taken the CPU from it."""
    lines = (TASKS / str(thread.native_id) / "status").read_text().splitlines()
    pairs = (line.split(":") for line in lines if "ctxt_switches" in line)
    return {name: int(value) for name, value in pairs}


@pytest.mark.skipif(not TASKS.exists(), reason="wake-ups are counted in /proc")
def test_an_idle_store_makes_no_wake_up(daemon: Daemon) -> None:
    """Promise 6."""
    daemon.peers.notify_peer_online(ALICE)
    assert daemon.store.list_channels(timeout=60) == []
    (loop,) = [each for each in threading.enumerate() if each.name == "chanfitness"]
    never = threading.Event()

    # The one wait for real time in all tests: nothing else can show that nothing
    # happens. A little of it lets the loop, which has just answered, go to sleep.
    never.wait(0.5)
    before = context_switches(loop)
    never.wait(2.0)
    after = context_switches(loop)

    assert len(before) == 2
    assert after == before


def test_strangers_who_come_and_go_leave_nothing(daemon: Daemon, traced: Callable[[], int]) -> None:
    """Promise 7."""

    def come_and_go(number: int) -> None:
        daemon.peers.notify_peer_online(vertex(number))
        daemon.peers.notify_peer_offline(vertex(number))

    assert growth(daemon, come_and_go, traced) < SLACK


def test_a_peer_that_flaps_leaves_nothing(daemon: Daemon, traced: Callable[[], int]) -> None:
    """Promise 7; and all of its flaps are in the answer."""
    daemon.channels.notify_open_channel(CHANNEL_1, ALICE)

    def flap(_: int) -> None:
        daemon.peers.notify_peer_online(ALICE)
        daemon.clock.advance(SECOND)
        daemon.peers.notify_peer_offline(ALICE)
        daemon.clock.advance(2 * SECOND)

    assert growth(daemon, flap, traced) < SLACK
    info = daemon.store.get_chan_info(CHANNEL_1, ALICE, timeout=60)
    assert (info.lifetime, info.uptime) == (PAIRS * 3 * SECOND, PAIRS * SECOND)


def test_a_peer_that_goes_twice_and_comes_twice_leaves_nothing(
    daemon: Daemon, traced: Callable[[], int]
) -> None:
    """Promise 7, for events that change nothing."""
    daemon.channels.notify_open_channel(CHANNEL_1, ALICE)

    def repeat(number: int) -> None:
        daemon.peers.notify_peer_online(ALICE)
        daemon.peers.notify_peer_offline(vertex(number))

    assert growth(daemon, repeat, traced) < SLACK


def test_a_channel_that_is_active_and_inactive_leaves_nothing(
    daemon: Daemon, traced: Callable[[], int]
) -> None:
    """Promise 7; and all of its unusable time is in the answer, and what it was called last."""
    daemon.channels.notify_open_channel(CHANNEL_1, ALICE)
    daemon.peers.notify_peer_online(ALICE)

    def change(number: int) -> None:
        daemon.channels.notify_inactive_channel(CHANNEL_1)
        daemon.clock.advance(SECOND)
        daemon.channels.notify_active_channel(CHANNEL_1)
        daemon.clock.advance(2 * SECOND)
        daemon.channels.send_update(ChannelDescribedEvent(CHANNEL_1, f"{number % 2}x1x0"))

    assert growth(daemon, change, traced) < SLACK
    info = daemon.store.get_chan_info(CHANNEL_1, ALICE, timeout=60)
    assert (info.lifetime, info.unusable) == (PAIRS * 3 * SECOND, PAIRS * SECOND)
    assert info.short_channel_id == "1x1x0"


def test_channels_that_open_and_close_leave_nothing(
    daemon: Daemon, traced: Callable[[], int]
) -> None:
    """Promise 7: neither channels nor their peers."""

    def open_and_close(number: int) -> None:
        daemon.channels.notify_open_channel(outpoint(number), vertex(number))
        daemon.channels.notify_closed_channel(outpoint(number), vertex(number))

    assert growth(daemon, open_and_close, traced) < SLACK
    assert daemon.store.list_channels(timeout=60) == []


def test_a_channel_that_opens_again_and_again_leaves_nothing(
    daemon: Daemon, traced: Callable[[], int]
) -> None:
    """Promise 7."""
    daemon.peers.notify_peer_online(ALICE)

    def open_and_close(_: int) -> None:
        daemon.channels.notify_open_channel(CHANNEL_1, ALICE)
        daemon.channels.notify_closed_channel(CHANNEL_1, ALICE)

    assert growth(daemon, open_and_close, traced) < SLACK
    assert daemon.store.list_channels(timeout=60) == []
