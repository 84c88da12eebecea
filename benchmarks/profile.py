"""Profiles of functions, for ``--profile``.

One thread is profiled at a time: a store's loop waits until all items are put. The profile
ranks the functions; for costs see the tables. (The profiler slows each call, and the garbage
collector's time counts for the function that it interrupts.)
"""

from __future__ import annotations

import cProfile
import pstats
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import repeat
from typing import Any

from chanfitness import ChannelEventStore, ManualClock, PeerNotifier, RequestTimeoutError

from .remembering import large_database
from .sizes import Sizes
from .stores import EVER, channels, configured, flap

_LINES = 16


class _Held(ChannelEventStore):
    """A store whose profiled loop begins when ``go`` is set."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.go = threading.Event()
        self.profile = cProfile.Profile()

    def _run(self, *arguments: Any) -> None:
        self.go.wait()
        self.profile.runcall(super()._run, *arguments)


def _print(title: str, profile: cProfile.Profile) -> None:
    print(f"== {title}", flush=True)
    pstats.Stats(profile).strip_dirs().sort_stats("tottime").print_stats(_LINES)


def _of_put(name: str, channel_count: int, put: Callable[[_Held, PeerNotifier], object]) -> None:
    """Print the profiles of putting items, and of handling them."""
    config, notifier = configured(channels(channel_count))
    profile = cProfile.Profile()
    with _Held(config) as store:
        try:
            profile.runcall(put, store, notifier)
        finally:
            store.go.set()
    _print(f"{name}: put", profile)
    _print(f"{name}: handled", store.profile)


def _of_start(name: str, *configuration: Any) -> None:
    config, _ = configured(*configuration)
    store, profile = _Held(config), cProfile.Profile()
    try:
        profile.runcall(store.start)
    finally:
        store.go.set()
        store.stop()
    _print(name, profile)


def _ask(count: int, question: Callable[..., object], *arguments: object) -> None:
    """Ask ``count`` times, without waiting for the answers."""
    for _ in repeat(None, count):
        with suppress(RequestTimeoutError):
            question(*arguments, timeout=0)


def show(sizes: Sizes) -> None:
    """Print the profiles of events, questions, ``list_channels``, and starts."""
    count, many, changes = sizes.of(20_000), sizes.of(100_000), sizes.of(1_000_000)
    _of_put(f"{count:,} events", 1, lambda _, notifier: flap(notifier, count))
    ((point, peer),) = channels(1)
    _of_put(
        f"{count:,} questions", 1, lambda store, _: _ask(count, store.get_chan_info, point, peer)
    )
    _of_put(f"list_channels of {many:,}", many, lambda store, _: _ask(20, store.list_channels))
    _of_start(f"start with {many:,} channels", channels(many))
    few, clock = sizes.of(10_000), ManualClock()
    clock.advance(EVER)
    with large_database(changes, few) as storage:
        name = f"start from a database of {few:,} channels and {changes:,} changes"
        _of_start(name, channels(few), clock, EVER, storage)
