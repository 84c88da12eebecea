"""What a store costs: no wake-up while idle, and memory for what is open now."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chanfitness import (
    ChannelEventStore,
    ChannelNotifier,
    Config,
    ManualClock,
    OpenChannel,
    PeerNotifier,
)

from .lengths import length
from .values import ALICE, BOB, CHANNEL_1, SECOND, START, outpoint, vertex

EVENTS = length(100_000, 1_000_000)
CHUNK = 500
SLACK = 50_000
"""Bytes; one byte an event would be twice as much."""


class Daemon:
    """A store with the notifiers that feed it."""

    def __init__(self, *open_channels: OpenChannel) -> None:
        self.channels = ChannelNotifier()
        self.peers = PeerNotifier()
        self.clock = ManualClock(START)
        self.store = ChannelEventStore(
            Config(
                subscribe_channel_events=self.channels.subscribe_channel_events,
                subscribe_peer_events=self.peers.subscribe_peer_events,
                get_open_channels=lambda: open_channels,
                clock=self.clock,
            )
        )


@pytest.fixture
def traced_memory() -> Iterator[Callable[[], int]]:
    """How many bytes Python has allocated since the test began, and not freed."""

    def traced() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    yield traced
    tracemalloc.stop()


def growth(produce: Callable[[int], None], store: ChannelEventStore, traced: Callable[[], int]) -> int:
    """How much memory grows in the last nine tenths of ``EVENTS`` events, two a number.

    A question after each chunk bounds the backlog; the first tenth warms up.
    """
    numbers = iter(range(EVENTS // 2))

    def produce_and_ask(chunks: int) -> int:
        for _ in range(chunks):
            for _ in range(CHUNK // 2):
                produce(next(numbers))
            store.list_channels(timeout=60)
        return traced()

    tenth = EVENTS // CHUNK // 10
    before = produce_and_ask(tenth)
    return produce_and_ask(9 * tenth) - before
