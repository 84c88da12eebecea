"""``make bench``: what things cost, as ratios against floors of the same run."""

from __future__ import annotations

import io
import platform
import queue
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain, repeat

from chanfitness import (
    ChannelEventStore,
    ChannelNotifier,
    Config,
    OpenChannel,
    OutPoint,
    PeerNotifier,
    PeerOfflineEvent,
    PeerOnlineEvent,
    Vertex,
)
from chanfitness.replay import replay

from . import remembering
from .measure import Figure, compare

PEERS = [Vertex(b"\x02" + number.to_bytes(32, "big")) for number in range(1000)]
ALICE = PEERS[0]


def channels(count: int) -> list[OpenChannel]:
    return [OpenChannel(OutPoint(f"{n:064x}", 0), PEERS[n % len(PEERS)]) for n in range(count)]


@contextmanager
def running(open_channels: list[OpenChannel]) -> Iterator[tuple[ChannelEventStore, PeerNotifier]]:
    peers = PeerNotifier()
    config = Config(
        subscribe_channel_events=ChannelNotifier().subscribe_channel_events,
        subscribe_peer_events=peers.subscribe_peer_events,
        get_open_channels=lambda: open_channels,
    )
    with ChannelEventStore(config) as store:
        yield store, peers


def timed(count: int, work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) / count


def queue_hop(count: int) -> float:
    """From one thread to another through a bare ``queue.Queue``."""
    hop: queue.Queue[object] = queue.Queue()

    def receive() -> None:
        for _ in repeat(None, count):
            hop.get()

    def work() -> None:
        for _ in repeat(None, count):
            hop.put(None)
        receiver.join()

    receiver = threading.Thread(target=receive)
    receiver.start()
    return timed(count, work)


def event(count: int) -> float:
    """Through notifier, queue, loop and log, until all are handled."""
    with running(channels(1)) as (store, peers):

        def work() -> None:
            for _ in repeat(None, count // 2):
                peers.notify_peer_online(ALICE)
                peers.notify_peer_offline(ALICE)
            store.list_channels()

        return timed(count, work)


class _Plain:
    def __init__(self) -> None:
        self.updates: queue.Queue[object] = queue.Queue()

    def cancel(self) -> None:
        pass


def plain_event(count: int) -> float:
    """The same through a plain ``queue.Queue`` of the user's own, events made before."""
    source = _Plain()
    config = Config(
        subscribe_channel_events=lambda: source,
        subscribe_peer_events=lambda: source,
        get_open_channels=lambda: channels(1),
    )
    online, offline = PeerOnlineEvent(ALICE), PeerOfflineEvent(ALICE)
    with ChannelEventStore(config) as store:

        def work() -> None:
            for _ in repeat(None, count // 2):
                source.updates.put(online)
                source.updates.put(offline)
            store.list_channels()

        return timed(count, work)


def round_trip(count: int) -> float:
    """To another thread and back through two bare ``queue.SimpleQueue``."""
    there: queue.SimpleQueue[object] = queue.SimpleQueue()
    back: queue.SimpleQueue[object] = queue.SimpleQueue()

    def echo() -> None:
        for _ in repeat(None, count):
            back.put(there.get())

    def work() -> None:
        for _ in repeat(None, count):
            there.put(None)
            back.get()

    threading.Thread(target=echo, daemon=True).start()
    return timed(count, work)


def question(behind: int, count: int) -> float:
    """One ``get_chan_info``, with so many events behind it."""
    with running(channels(1)) as (store, peers):
        for number in range(behind):
            (peers.notify_peer_offline if number % 2 else peers.notify_peer_online)(ALICE)
        store.list_channels()
        (channel,) = channels(1)

        def work() -> None:
            for _ in repeat(None, count):
                store.get_chan_info(*channel)

        return timed(count, work)


def list_channels(store: ChannelEventStore) -> float:
    return timed(1, store.list_channels)


def start(open_channels: list[OpenChannel]) -> float:
    begun = time.perf_counter()
    with running(open_channels):
        return time.perf_counter() - begun


def dictionary(open_channels: list[OpenChannel]) -> float:
    """Bare dictionary entries of the same values."""
    return timed(1, lambda: {point: (point, peer) for point, peer in open_channels})


def bytes_an_event(count: int) -> float:
    with running(channels(1)) as (store, peers):

        def flap() -> None:
            for _ in repeat(None, count // 2):
                peers.notify_peer_online(ALICE)
                peers.notify_peer_offline(ALICE)
                store.list_channels()

        flap()
        tracemalloc.start()
        flap()
        before, _ = tracemalloc.get_traced_memory()
        flap()
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return (after - before) / count


def replay_rate(count: int) -> float:
    first = '{"at": "2026-01-01T00:00:00Z", "event": "monitoring_started", '
    first += '"open_channels": [], "online_peers": []}\n'
    line = '{{"at": "2026-01-01T00:00:{:02}.{:06}Z", "event": "peer_online", "peer": "{}"}}\n'
    lines = [line.format(n // 10**6, n % 10**6, PEERS[n % 1000]) for n in range(count)]
    recording = io.BytesIO("".join([first, *lines]).encode())
    return 1 / timed(count, lambda: replay(recording, "benchmark"))


def figures() -> Iterator[Figure]:
    hop = ("queue.Queue hop", partial(queue_hop, 20_000))
    yield compare("event through a notifier", partial(event, 20_000), *hop, rounds=25)
    yield compare(
        "event through a plain queue.Queue", partial(plain_event, 20_000), *hop, rounds=25
    )
    trip = ("SimpleQueue round trip", partial(round_trip, 1000))
    yield compare("question, 1 event behind", partial(question, 1, 1000), *trip, rounds=40)
    yield compare(
        "question, 100,000 events behind", partial(question, 100_000, 1000), *trip, rounds=10
    )
    with running(channels(500)) as (few, _), running(channels(5000)) as (many, _):
        floor = ("500 channels", partial(list_channels, few))
        yield compare("list_channels of 5,000", partial(list_channels, many), *floor, rounds=25)
    fewer, all_of_them = channels(10_000), channels(100_000)
    floor = ("10,000 channels", partial(start, fewer))
    yield compare("start with 100,000 open channels", partial(start, all_of_them), *floor, rounds=7)
    floor = ("100,000 dict entries", partial(dictionary, all_of_them))
    yield compare("start with 100,000 open channels", partial(start, all_of_them), *floor, rounds=7)


def main() -> None:
    print(f"Python {platform.python_version()}, {platform.machine()}, medians and quartiles")
    for figure in chain(figures(), remembering.figures()):
        print(figure, flush=True)
    print(f"bytes an event: {bytes_an_event(20_000):.3f}")
    print(f"replay: {replay_rate(200_000):,.0f} events a second")
    for line in remembering.lines():
        print(line, flush=True)


if __name__ == "__main__":
    main()
