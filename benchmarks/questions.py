"""Costs of questions, idle and under full load, and of long answers."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import repeat
from typing import Any

from chanfitness import ChannelEventStore, PeerOfflineEvent, PeerOnlineEvent, Vertex

from . import floors
from .measure import Figure, figure, latencies, percentile, take_turns, timed
from .sizes import Sizes
from .stores import PEERS, Plain, channels, fed_by, flap, running
from .threads import beside

PRODUCERS = 2
BOUND = 100
PERCENTS = (50, 99, 99.9)


def ask_on(store: ChannelEventStore, count: int) -> float:
    """Return the seconds of a ``get_chan_info``."""
    (channel,) = channels(1)

    def work() -> None:
        for _ in repeat(None, count):
            store.get_chan_info(*channel)

    return timed(count, work)


def idle_latencies(count: int) -> list[float]:
    """Return the latencies of questions to an idle store."""
    (channel,) = channels(1)
    with running([channel]) as (store, _):
        return latencies(count, lambda: store.get_chan_info(*channel))


def idle_round_trips(count: int) -> list[float]:
    """Return the latencies of bare round trips to an idle thread."""
    with floors.answering(floors.nothing) as ask:
        return latencies(count, ask)


@contextmanager
def producing(updates: queue.Queue[Any], producers: int) -> Iterator[None]:
    """Run threads that put events as fast as the queue takes them."""
    enough = threading.Event()

    def produce(peer: Vertex) -> None:
        online, offline = PeerOnlineEvent(peer), PeerOfflineEvent(peer)
        while not enough.is_set():
            updates.put(online)
            updates.put(offline)

    with beside([partial(produce, peer) for peer in PEERS[:producers]], end=enough.set):
        yield


def loaded_latencies(count: int, producers: int = PRODUCERS) -> list[float]:
    """Return the latencies of questions to a store under full load."""
    (channel,) = channels(1)
    source = Plain(BOUND)
    with fed_by(source) as store, producing(source.updates, producers):
        return latencies(count, lambda: store.get_chan_info(*channel))


def loaded_turns(count: int) -> list[float]:
    """Return the latencies of answers through one bare queue under full load.

    Threads and order are those of the store.
    """
    with floors.consuming(BOUND) as updates, producing(updates, PRODUCERS):
        back: queue.SimpleQueue[object] = queue.SimpleQueue()

        def ask() -> None:
            updates.put(back)
            back.get()

        return latencies(count, ask)


def of_percentiles(
    sizes: Sizes, state: str, floor_name: str, works: Sequence[Callable[[int], list[float]]]
) -> Iterator[Figure]:
    """Yield a figure for each percentile of two works' latencies: the floor's and the store's.

    In each round, five questions are slower than the p99.9.
    """
    count, rounds = sizes.of(5000), sizes.rounds(5)
    below, taken = take_turns(rounds, [partial(each, count) for each in works])
    for percent in PERCENTS:
        yield figure(
            f"question, p{percent:g}",
            f"{state}, {rounds} times {count:,}",
            [percentile(each, percent) for each in taken],
            floor_name,
            [percentile(each, percent) for each in below],
        )


def list_on(ask: Callable[[], object], count: int) -> float:
    """Return the seconds to ask for a list of ``count``; short lists are asked for repeatedly."""
    repeats = max(min(10_000 // count, 200), 1)

    def work() -> None:
        for _ in repeat(None, repeats):
            ask()

    return timed(repeats, work)


def of_list_channels(sizes: Sizes, count: int) -> Figure:
    """Return the figure of ``list_channels`` beside a thread that answers with bare tuples."""
    open_channels = channels(count)
    with (
        running(open_channels) as (store, _),
        floors.answering(floors.tuples(open_channels)) as ask,
    ):
        below, costs = take_turns(
            sizes.rounds(15), [partial(list_on, each, count) for each in (ask, store.list_channels)]
        )
    floor_name = "round trip with a list of tuples"
    return figure("list_channels", f"{count:,} channels", costs, floor_name, below)


def figures(sizes: Sizes) -> Iterator[Figure]:
    """Yield the figures of questions, idle and under full load, and of ``list_channels``."""
    count = sizes.of(1000)
    for behind, rounds in ((1, 40), (sizes.of(100_000), 10)):
        with running(channels(1)) as (store, notifier):
            flap(notifier, behind)
            below, costs = take_turns(
                sizes.rounds(rounds),
                [partial(floors.round_trip, count), partial(ask_on, store, count)],
            )
        size = f"{behind:,} event{'s' * (behind > 1)} behind"
        yield figure("question", size, costs, "SimpleQueue round trip", below)
    for state, floor_name, *works in (
        ("idle", "SimpleQueue round trip", idle_round_trips, idle_latencies),
        ("full load", "turn in one bare queue for all", loaded_turns, loaded_latencies),
    ):
        yield from of_percentiles(sizes, state, floor_name, works)
    for channel_count in (10, sizes.of(1000), sizes.of(100_000)):
        yield of_list_channels(sizes, channel_count)
    few, many = sizes.of(500), sizes.of(5000)
    with running(channels(few)) as (small, _), running(channels(many)) as (large, _):
        below, costs = take_turns(
            sizes.rounds(25),
            [partial(list_on, each.list_channels, 5000) for each in (small, large)],
        )
    yield figure("list_channels", f"{many:,} channels", costs, f"{few:,} channels", below)
