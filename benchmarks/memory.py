"""Memory costs, in bytes."""

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
    """Return the bytes allocated by ``keep``, whose result stays alive meanwhile."""
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
    """Return the bytes of a store with ``count`` channels."""
    open_channels = channels(count)
    return traced(lambda stack: stack.enter_context(running(open_channels)))


def channel_entries(count: int) -> int:
    """Return the bytes of ``count`` dictionary entries of channels."""
    open_channels = channels(count)
    return traced(lambda _: floors.channel_entries(open_channels))


def of_peers(count: int) -> int:
    """Return the bytes of a store with ``count`` peers online, without channels."""
    known = peers(count)

    def keep(stack: ExitStack) -> None:
        store, notifier = stack.enter_context(running([]))
        for peer in known:
            notifier.notify_peer_online(peer)
        store.get_peer_info(known[-1])

    return traced(keep)


def peer_entries(count: int) -> int:
    """Return the bytes of ``count`` dictionary entries of peers."""
    known = peers(count)
    return traced(lambda _: floors.peer_entries(known))


def of_events(count: int) -> int:
    """Return the bytes of a store after ``count`` events."""

    def keep(stack: ExitStack) -> None:
        store, notifier = stack.enter_context(running(channels(1)))
        for _ in range(count // 10):  # in batches, to leave the queue's memory out
            flap(notifier, 10)
            store.get_peer_info(ALICE)

    return traced(keep)


def kept_events(count: int) -> int:
    """Return the bytes of a list of ``count`` events."""
    return traced(lambda _: floors.kept_events(count))


def of_changes(count: int) -> int:
    """Return the bytes of a store that keeps ``count`` changes."""

    def keep(stack: ExitStack) -> None:
        clock = ManualClock()
        store, notifier = stack.enter_context(running(channels(1), clock, EVER))
        flap_slowly(store, notifier, clock, count)

    return traced(keep)


def kept_numbers(count: int) -> int:
    """Return the bytes of ``count`` pairs of numbers in arrays."""
    return traced(lambda _: floors.kept_numbers(count))


def more(size_of: Callable[[int], int], count: int, few: int = 1) -> int:
    """Return the difference in bytes between ``count`` things and ``few``."""
    return size_of(count) - size_of(few)


def each(size_of: Callable[[int], int], count: int) -> float:
    """Return the bytes of one more thing, beside a tenth of ``count``."""
    few = count // 10
    return more(size_of, count, few) / (count - few)


_KEPT = (
    ("bytes a channel", "channels", 100_000, of_channels, "dict entry", channel_entries),
    ("bytes a peer", "peers", 100_000, of_peers, "dict entry", peer_entries),
    ("bytes an event", "events", 50_000, of_events, "kept in a list", kept_events),
    ("bytes a kept change", "changes", 100_000, of_changes, "bare arrays", kept_numbers),
)


def figures(sizes: Sizes) -> Iterator[Figure]:
    """Yield the figures of a channel, a peer, an event and a kept change."""
    for name, of_what, full, subject, floor_name, floor in _KEPT:
        count = sizes.of(full)
        below, costs = take_turns(
            sizes.rounds(3), [partial(each, floor, count), partial(each, subject, count)]
        )
        yield figure(name, f"{count:,} {of_what}", costs, floor_name, below, unit=BYTES)
