"""What is kept, in bytes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

from chanfitness import ManualClock

from . import floors
from .measure import BYTES, Figure, figure, take_turns
from .sizes import Sizes
from .stores import ALICE, EVER, channels, flap, flap_slowly, peers, running


def traced(keep: Callable[[ExitStack], object]) -> int:
    """How many bytes there are more once something is kept."""
    with ExitStack() as until_measured:
        tracemalloc.start()
        try:
            kept = keep(until_measured)
            size, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        del kept
    return size


def of_channels(count: int) -> int:
    """A store with so many channels."""
    open_channels = channels(count)
    return traced(lambda stack: stack.enter_context(running(open_channels)))


def channel_entries(count: int) -> int:
    """So many bare entries."""
    open_channels = channels(count)
    return traced(lambda _: floors.channel_entries(open_channels))


def of_peers(count: int) -> int:
    """A store with so many peers online, none of which has a channel."""
    known = peers(count)

    def keep(stack: ExitStack) -> None:
        store, notifier = stack.enter_context(running([]))
        for peer in known:
            notifier.notify_peer_online(peer)
        store.get_peer_info(known[-1])

    return traced(keep)


def peer_entries(count: int) -> int:
    """So many bare entries."""
    known = peers(count)
    return traced(lambda _: floors.peer_entries(known))


def of_events(count: int) -> int:
    """A store that was told of so many events."""

    def keep(stack: ExitStack) -> None:
        store, notifier = stack.enter_context(running(channels(1)))
        for _ in range(count // 10):  # so that few wait at once: that is a queue's memory
            flap(notifier, 10)
            store.get_peer_info(ALICE)

    return traced(keep)


def kept_events(count: int) -> int:
    """So many events in a bare list."""
    return traced(lambda _: floors.kept_events(count))


def of_changes(count: int) -> int:
    """A store that keeps so many changes."""

    def keep(stack: ExitStack) -> None:
        clock = ManualClock()
        store, notifier = stack.enter_context(running(channels(1), clock, EVER))
        flap_slowly(store, notifier, clock, count)

    return traced(keep)


def kept_numbers(count: int) -> int:
    """So many pairs of numbers in bare arrays."""
    return traced(lambda _: floors.kept_numbers(count))


def more(of_so_many: Callable[[int], int], count: int, few: int = 1) -> int:
    """How many bytes more it is of so many than of few."""
    return of_so_many(count) - of_so_many(few)


def each(of_so_many: Callable[[int], int], count: int) -> float:
    """Bytes that each one more takes, where there are some already."""
    few = count // 10
    return more(of_so_many, count, few) / (count - few)


_KEPT = (
    ("bytes a channel", "channels", 100_000, of_channels, "dict entry", channel_entries),
    ("bytes a peer", "peers", 100_000, of_peers, "dict entry", peer_entries),
    ("bytes an event", "events", 50_000, of_events, "kept in a list", kept_events),
    ("bytes a kept change", "changes", 100_000, of_changes, "bare arrays", kept_numbers),
)


def figures(sizes: Sizes) -> Iterator[Figure]:
    """Of a channel, a peer, an event and a kept change."""
    for name, of_what, full, subject, floor_name, floor in _KEPT:
        count = sizes.of(full)
        below, costs = take_turns(
            sizes.rounds(3), [partial(each, floor, count), partial(each, subject, count)]
        )
        yield figure(name, f"{count:,} {of_what}", costs, floor_name, below, unit=BYTES)
