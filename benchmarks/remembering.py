"""What history and storage cost."""

from __future__ import annotations

import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from itertools import repeat
from pathlib import Path

from chanfitness import (
    ChannelEventStore,
    ChannelNotifier,
    Config,
    ManualClock,
    OpenChannel,
    OutPoint,
    PeerNotifier,
    SqliteStorage,
    Vertex,
)

from .measure import Figure, compare

PEERS = [Vertex(b"\x03" + number.to_bytes(32, "big")) for number in range(1000)]
CHANNELS = [OpenChannel(OutPoint(f"{n:064x}", 1), PEERS[n % len(PEERS)]) for n in range(10_000)]
EVER = timedelta(days=100_000)
SECOND = timedelta(seconds=1)


@contextmanager
def remembering(
    channels: list[OpenChannel], clock: ManualClock, storage: SqliteStorage | None = None
) -> Iterator[tuple[ChannelEventStore, PeerNotifier]]:
    peers = PeerNotifier()
    config = Config(
        subscribe_channel_events=ChannelNotifier().subscribe_channel_events,
        subscribe_peer_events=peers.subscribe_peer_events,
        get_open_channels=lambda: channels,
        clock=clock,
        history=EVER,
        history_limit=2_000_000,
        storage=storage,
    )
    with ChannelEventStore(config) as store:
        yield store, peers


def flap(store: ChannelEventStore, peers: PeerNotifier, clock: ManualClock, changes: int) -> None:
    """So many changes of one peer, a second apart."""
    for number in range(changes):
        clock.advance(SECOND)
        (peers.notify_peer_offline if number % 2 else peers.notify_peer_online)(PEERS[0])
    store.list_peers()


def window_question(changes: int) -> Callable[[], float]:
    """A question for the last hour, with so many changes kept before it."""

    def ask(count: int = 2000) -> float:
        clock = ManualClock()
        with remembering(CHANNELS[:1], clock) as (store, peers):
            flap(store, peers, clock, changes)
            clock.advance(timedelta(hours=2))
            begun = time.perf_counter()
            for _ in repeat(None, count):
                store.get_history(CHANNELS[0].channel_point, window=timedelta(hours=1))
            return (time.perf_counter() - begun) / count

    return ask


def bytes_a_change(changes: int) -> float:
    clock = ManualClock()
    with remembering(CHANNELS[:1], clock) as (store, peers):
        flap(store, peers, clock, 1000)
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        flap(store, peers, clock, changes)
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return (after - before) / changes


def event(count: int, stored: bool) -> float:
    """An event with history, with a database that is written ten times a second or without."""
    with tempfile.TemporaryDirectory() as folder:
        storage = SqliteStorage(Path(folder, "db"), timedelta(seconds=0.1)) if stored else None
        clock = ManualClock()
        with remembering(CHANNELS[:1], clock, storage) as (store, peers):
            begun = time.perf_counter()
            flap(store, peers, clock, count)
            return (time.perf_counter() - begun) / count


@contextmanager
def large_database(changes: int) -> Iterator[SqliteStorage]:
    """10,000 channels with 1,000 peers, and so many changes of these."""
    with tempfile.TemporaryDirectory() as folder:
        storage, clock = SqliteStorage(Path(folder, "db")), ManualClock()
        with remembering(CHANNELS, clock, storage) as (_, peers):
            for number in range(changes // len(PEERS)):
                clock.advance(SECOND)
                for peer in PEERS:
                    (peers.notify_peer_offline if number % 2 else peers.notify_peer_online)(peer)
        yield storage


def start_and_stop(storage: SqliteStorage) -> tuple[float, float]:
    """Seconds to start from a database, and to stop with all peers changed."""
    clock = ManualClock()
    clock.advance(EVER)
    begun = time.perf_counter()
    with remembering(CHANNELS, clock, storage) as (store, peers):
        started = time.perf_counter()
        for peer in PEERS:
            peers.notify_peer_online(peer)
        store.list_peers()
        stopping = time.perf_counter()
    return started - begun, time.perf_counter() - stopping


def figures() -> Iterator[Figure]:
    yield compare(
        "window question, 1,000,000 changes kept",
        window_question(1_000_000),
        "the same, 100 changes kept",
        window_question(100),
        rounds=3,
    )
    yield compare(
        "event, with a database",
        partial(event, 20_000, True),
        "event, without one",
        partial(event, 20_000, False),
        rounds=15,
    )


def lines() -> Iterator[str]:
    yield f"bytes a kept change: {bytes_a_change(200_000):.1f}"
    with large_database(1_000_000) as storage:
        start, stop = start_and_stop(storage)
    yield f"start from 10,000 channels and 1,000,000 changes: {start:.2f} s"
    yield f"last flush, 1,000 peers changed: {stop * 1000:.0f} ms"
