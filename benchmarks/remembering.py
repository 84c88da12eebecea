"""Costs of history and storage."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from itertools import repeat
from pathlib import Path

from chanfitness import ChannelEventStore, ManualClock, SqliteStorage, Vertex

from . import floors
from .measure import Figure, figure, take_turns, timed
from .sizes import Sizes
from .stores import EVER, PEERS, SECOND, channels, channels_of, flap, flap_slowly, peers, running

HOUR = timedelta(hours=1)


@contextmanager
def with_changes(count: int, storage: SqliteStorage | None = None) -> Iterator[ChannelEventStore]:
    """Yield a store of one channel that keeps ``count`` changes, the last one two hours old."""
    clock = ManualClock()
    with running(channels(1), clock, EVER, storage) as (store, notifier):
        flap_slowly(store, notifier, clock, count)
        clock.advance(2 * HOUR)
        yield store


def window_question(store: ChannelEventStore, count: int) -> float:
    """Return the seconds of a question for the last hour."""
    ((point, _),) = channels(1)

    def work() -> None:
        for _ in repeat(None, count):
            store.get_history(point, window=HOUR)

    return timed(count, work)


def whole_history(store: ChannelEventStore) -> float:
    """Return the seconds of a question for a channel's whole life."""
    ((point, _),) = channels(1)
    return timed(1, lambda: store.get_history(point))


def event(count: int, history: bool, stored: bool = False) -> float:
    """Return the seconds of an event; ``stored``: with ten flushes a second to a database."""
    with tempfile.TemporaryDirectory() as folder:
        storage = SqliteStorage(Path(folder, "db"), SECOND / 10) if stored else None
        kept = EVER if history else None
        with running(channels(1), ManualClock(), kept, storage) as (store, notifier):

            def work() -> None:
                flap(notifier, count)
                store.list_peers()

            return timed(count, work)


@contextmanager
def database(changes: int) -> Iterator[SqliteStorage]:
    """Yield a database with one channel, and ``changes`` of its peer."""
    with tempfile.TemporaryDirectory() as folder:
        storage = SqliteStorage(Path(folder, "db"))
        with with_changes(changes, storage):
            pass
        yield storage


@contextmanager
def large_database(changes: int, channel_count: int) -> Iterator[SqliteStorage]:
    """Yield a database with channels of 1,000 peers, and ``changes`` of these."""
    with tempfile.TemporaryDirectory() as folder:
        storage, clock = SqliteStorage(Path(folder, "db")), ManualClock()
        with running(channels(channel_count), clock, EVER, storage) as (_, notifier):
            for number in range(changes // len(PEERS)):
                clock.advance(SECOND)
                notify = notifier.notify_peer_offline if number % 2 else notifier.notify_peer_online
                for peer in PEERS:
                    notify(peer)
        yield storage


def start_from(storage: SqliteStorage, channel_count: int) -> float:
    """Return the seconds to start from a database."""
    clock = ManualClock()
    clock.advance(EVER)
    open_channels = channels(channel_count)
    begun = time.perf_counter()
    with running(open_channels, clock, EVER, storage):
        return time.perf_counter() - begun


def last_flush(changed: list[Vertex]) -> float:
    """Return the seconds to stop if these peers changed since the last flush."""
    with tempfile.TemporaryDirectory() as folder:
        storage, clock = SqliteStorage(Path(folder, "db")), ManualClock()
        open_channels = channels_of(changed)
        with running(open_channels, clock, EVER, storage):
            pass
        clock.advance(SECOND)
        with running(open_channels, clock, EVER, storage) as (store, notifier):
            for peer in changed:
                notifier.notify_peer_online(peer)
            store.get_peer_info(changed[-1])
            return timed(1, store.stop)


def figures(sizes: Sizes) -> Iterator[Figure]:
    """Yield the figures of windows, kept events, starts from a database and last flushes."""
    count, many = sizes.of(2000), sizes.of(1_000_000)
    few = 100
    with with_changes(few) as small, with_changes(many) as large:
        trips, below, costs = take_turns(
            sizes.rounds(15),
            [
                partial(floors.round_trip, count),
                partial(window_question, small, count),
                partial(window_question, large, count),
            ],
        )
    size = f"{few:,} changes kept"
    yield figure("window question", size, below, "SimpleQueue round trip", trips)
    yield figure("window question", f"{many:,} changes kept", costs, size, below)

    count = sizes.of(20_000)
    bare, kept, stored = take_turns(
        sizes.rounds(15),
        [
            partial(event, count, history=False),
            partial(event, count, history=True),
            partial(event, count, history=True, stored=True),
        ],
    )
    size = f"{count:,} events"
    yield figure("event, with history", size, kept, "without history", bare)
    yield figure("event, with a database", size, stored, "without a database", kept)

    channel_count = sizes.of(10_000)
    with large_database(many, channel_count) as storage:
        below, costs = take_turns(
            sizes.rounds(3),
            [partial(floors.rows_read, storage.path), partial(start_from, storage, channel_count)],
        )
    size = f"{channel_count:,} channels, {many:,} changes"
    yield figure("start from a database", size, costs, "SELECT of all", below)
    changed = peers(sizes.of(1000))
    below, costs = take_turns(
        sizes.rounds(7), [partial(floors.rows_written, changed), partial(last_flush, changed)]
    )
    yield figure("last flush", f"{len(changed):,} peers changed", costs, "bare transaction", below)
