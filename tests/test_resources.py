"""Resources of a store: no wake-up while idle, and memory for present state alone."""

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
"""Online and offline, or open and close: two events each."""
CHUNK = 250
SLACK = 50_000
"""In bytes; one byte an event would be more."""

TASKS = Path("/proc/self/task")


class Daemon:
    """A running store, its clock and its notifiers."""

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
    """Trace allocations, and return a function that measures them in bytes."""

    def traced_bytes() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    yield traced_bytes
    tracemalloc.stop()


def growth(daemon: Daemon, produce: Callable[[int], None], traced: Callable[[], int]) -> int:
    """Return by how many bytes memory grows after the first tenth of ``produce(0..PAIRS)``.

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
    """Count the voluntary and involuntary context switches of a thread."""
    lines = (TASKS / str(thread.native_id) / "status").read_text().splitlines()
    pairs = (line.split(":") for line in lines if "ctxt_switches" in line)
    return {name: int(value) for name, value in pairs}


@pytest.mark.skipif(not TASKS.exists(), reason="wake-ups are counted in /proc")
def test_promise_6_an_idle_store_does_not_wake_up(daemon: Daemon) -> None:
    daemon.peers.notify_peer_online(ALICE)
    assert daemon.store.list_channels(timeout=60) == []
    (loop,) = [each for each in threading.enumerate() if each.name == "chanfitness"]
    never = threading.Event()

    # The only wait for real time in all tests, since nothing else can show that nothing happens.
    # It lets the loop, which has just answered, go to sleep.
    never.wait(0.5)
    before = context_switches(loop)
    never.wait(2.0)
    after = context_switches(loop)

    assert len(before) == 2
    assert after == before


def test_promise_7_peers_without_a_channel_leave_no_memory(
    daemon: Daemon, traced: Callable[[], int]
) -> None:

    def come_and_go(number: int) -> None:
        daemon.peers.notify_peer_online(vertex(number))
        daemon.peers.notify_peer_offline(vertex(number))

    assert growth(daemon, come_and_go, traced) < SLACK


def test_a_flapping_peer_leaves_no_memory(daemon: Daemon, traced: Callable[[], int]) -> None:
    """Promise 7; all of its flaps are in the answer."""
    daemon.channels.notify_open_channel(CHANNEL_1, ALICE)

    def flap(_: int) -> None:
        daemon.peers.notify_peer_online(ALICE)
        daemon.clock.advance(SECOND)
        daemon.peers.notify_peer_offline(ALICE)
        daemon.clock.advance(2 * SECOND)

    assert growth(daemon, flap, traced) < SLACK
    info = daemon.store.get_chan_info(CHANNEL_1, ALICE, timeout=60)
    assert (info.lifetime, info.uptime) == (PAIRS * 3 * SECOND, PAIRS * SECOND)


def test_repeated_events_leave_no_memory(daemon: Daemon, traced: Callable[[], int]) -> None:
    """Promise 7, for events that change nothing."""
    daemon.channels.notify_open_channel(CHANNEL_1, ALICE)

    def repeat(number: int) -> None:
        daemon.peers.notify_peer_online(ALICE)
        daemon.peers.notify_peer_offline(vertex(number))

    assert growth(daemon, repeat, traced) < SLACK


def test_changes_of_activity_leave_no_memory(daemon: Daemon, traced: Callable[[], int]) -> None:
    """Promise 7; the answer has all unusable time and the last alias."""
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


def test_promise_7_closed_channels_and_their_peers_leave_no_memory(
    daemon: Daemon, traced: Callable[[], int]
) -> None:

    def open_and_close(number: int) -> None:
        daemon.channels.notify_open_channel(outpoint(number), vertex(number))
        daemon.channels.notify_closed_channel(outpoint(number), vertex(number))

    assert growth(daemon, open_and_close, traced) < SLACK
    assert daemon.store.list_channels(timeout=60) == []


def test_promise_7_a_reopened_channel_leaves_no_memory(
    daemon: Daemon, traced: Callable[[], int]
) -> None:
    daemon.peers.notify_peer_online(ALICE)

    def open_and_close(_: int) -> None:
        daemon.channels.notify_open_channel(CHANNEL_1, ALICE)
        daemon.channels.notify_closed_channel(CHANNEL_1, ALICE)

    assert growth(daemon, open_and_close, traced) < SLACK
    assert daemon.store.list_channels(timeout=60) == []
