"""Measured stores and their sources."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from chanfitness import (
    ChannelEventStore,
    ChannelNotifier,
    Clock,
    Config,
    ManualClock,
    OpenChannel,
    OutPoint,
    PeerNotifier,
    SqliteStorage,
    SystemClock,
    Vertex,
)

EVER = timedelta(days=100_000)
SECOND = timedelta(seconds=1)


def peers(count: int) -> list[Vertex]:
    """Return the first ``count`` of a fixed series of peers."""
    return [Vertex(b"\x02" + number.to_bytes(32, "big")) for number in range(count)]


PEERS = peers(1000)
ALICE = PEERS[0]


def channels(count: int) -> list[OpenChannel]:
    """Return the first ``count`` of a fixed series of channels with 1,000 peers."""
    return [OpenChannel(OutPoint(f"{n:064x}", 0), PEERS[n % 1000]) for n in range(count)]


def channels_of(known: list[Vertex]) -> list[OpenChannel]:
    """Return one channel with each peer."""
    return [OpenChannel(OutPoint(f"{n:064x}", 1), peer) for n, peer in enumerate(known)]


def configured(
    open_channels: list[OpenChannel],
    clock: Clock | None = None,
    history: timedelta | None = None,
    storage: SqliteStorage | None = None,
) -> tuple[Config, PeerNotifier]:
    """Return a store's config and its peer notifier."""
    notifier = PeerNotifier()
    config = Config(
        subscribe_channel_events=ChannelNotifier().subscribe_channel_events,
        subscribe_peer_events=notifier.subscribe_peer_events,
        get_open_channels=lambda: open_channels,
        clock=SystemClock() if clock is None else clock,
        history=history,
        history_limit=2_000_000,
        storage=storage,
    )
    return config, notifier


@contextmanager
def running(
    open_channels: list[OpenChannel],
    clock: Clock | None = None,
    history: timedelta | None = None,
    storage: SqliteStorage | None = None,
) -> Iterator[tuple[ChannelEventStore, PeerNotifier]]:
    """Run a store, and yield it and its peer notifier."""
    config, notifier = configured(open_channels, clock, history, storage)
    with ChannelEventStore(config) as store:
        yield store, notifier


class Plain:
    """A subscription with a plain queue."""

    def __init__(self, bound: int = 0) -> None:
        self.updates: queue.Queue[Any] = queue.Queue(bound)

    def cancel(self) -> None:
        pass


@contextmanager
def fed_by(source: Plain) -> Iterator[ChannelEventStore]:
    """Run a store of one channel with one source of all events."""
    config = Config(
        subscribe_channel_events=lambda: source,
        subscribe_peer_events=lambda: source,
        get_open_channels=lambda: channels(1),
    )
    with ChannelEventStore(config) as store:
        yield store


def flap(notifier: PeerNotifier, count: int, peer: Vertex = ALICE) -> None:
    """Notify ``count`` changes of one peer, online first."""
    for number in range(count):
        (notifier.notify_peer_offline if number % 2 else notifier.notify_peer_online)(peer)


def flap_slowly(
    store: ChannelEventStore, notifier: PeerNotifier, clock: ManualClock, count: int
) -> None:
    """Notify ``count`` changes of one peer, a second apart, and wait until all are handled."""
    for number in range(count):
        clock.advance(SECOND)
        (notifier.notify_peer_offline if number % 2 else notifier.notify_peer_online)(ALICE)
    store.list_peers()
