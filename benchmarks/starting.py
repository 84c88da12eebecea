"""Costs of start, stop and import.

A start allocates enough objects to make Python's garbage collector scan the whole heap: with
100,000 channels that is half of the cost. The benchmark therefore keeps nothing large alive
but the channels of the start, as a node would; other objects would change how often the
collector runs and how much it scans.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial

from . import floors
from .measure import Figure, figure, take_turns, timed
from .sizes import Sizes
from .stores import channels, running


def start_and_stop(channel_count: int) -> tuple[float, float]:
    """Return the seconds of start and stop of a store."""
    open_channels = channels(channel_count)
    gc.collect()
    begun = time.perf_counter()
    with running(open_channels):
        started = time.perf_counter()
        stopping = time.perf_counter()
    return started - begun, time.perf_counter() - stopping


def python(code: str, bytecode: str) -> float:
    """Return the seconds of a new Python process that runs ``code``.

    ``bytecode``: the folder of its bytecode.
    """
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": bytecode}
    command = [sys.executable, "-c", code]
    return timed(1, lambda: subprocess.run(command, check=True, env=environment))


def floors_of_both(channel_count: int) -> tuple[float, float]:
    """Return the seconds to make a dictionary of channels, and to end a bare thread."""
    open_channels = channels(channel_count)
    gc.collect()
    return timed(1, lambda: floors.channel_entries(open_channels)), floors.thread_end()


def figures(sizes: Sizes) -> Iterator[Figure]:
    """Yield the figures of start, stop and import."""
    few, many = sizes.of(10_000), sizes.of(100_000)
    floor, of_few, of_many = take_turns(
        sizes.rounds(7),
        [
            partial(floors_of_both, many),
            partial(start_and_stop, few),
            partial(start_and_stop, many),
        ],
    )
    dictionaries, ends = zip(*floor, strict=True)
    starts_of_few, _ = zip(*of_few, strict=True)
    starts, stops = zip(*of_many, strict=True)
    size = f"{many:,} channels"
    yield figure("start", size, starts, f"{few:,} channels", starts_of_few)
    yield figure("start", size, starts, f"{many:,} dict entries", dictionaries)
    yield figure("stop", size, stops, "end of a bare thread", ends)
    with tempfile.TemporaryDirectory() as bytecode:
        python("import chanfitness", bytecode)  # compiles it, as an installation does
        below, costs = take_turns(
            sizes.rounds(15),
            [partial(python, code, bytecode) for code in ("pass", "import chanfitness")],
        )
    yield figure("import chanfitness", "a new Python", costs, "python -c pass", below)
