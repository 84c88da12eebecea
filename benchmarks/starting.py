"""What it costs to start, to stop, and to import.

A start makes so many objects that Python's garbage collector, which users have on,
looks through all that is alive: with 100,000 channels that is half of its cost. So
nothing large is alive here but the channels that it starts with, as in a node; with
others beside them the collector would come less often, or have more to look at.
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
    """Seconds that each takes of a store with so many channels."""
    open_channels = channels(channel_count)
    gc.collect()
    begun = time.perf_counter()
    with running(open_channels):
        started = time.perf_counter()
        stopping = time.perf_counter()
    return started - begun, time.perf_counter() - stopping


def python(code: str, bytecode: str) -> float:
    """Seconds that a new Python takes to run this code and end, its bytecode in a folder."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": bytecode}
    command = [sys.executable, "-c", code]
    return timed(1, lambda: subprocess.run(command, check=True, env=environment))


def floors_of_both(channel_count: int) -> tuple[float, float]:
    """Seconds that bare entries of the same values take, and the end of a bare thread."""
    open_channels = channels(channel_count)
    gc.collect()
    return timed(1, lambda: floors.channel_entries(open_channels)), floors.thread_end()


def figures(sizes: Sizes) -> Iterator[Figure]:
    """Of start, stop and import."""
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
        python("import chanfitness", bytecode)  # which compiles it, as an installation does
        below, costs = take_turns(
            sizes.rounds(15),
            [partial(python, code, bytecode) for code in ("pass", "import chanfitness")],
        )
    yield figure("import chanfitness", "a new Python", costs, "python -c pass", below)
