"""A year of a large routing node: exact all the way, and no larger than after a month."""

from __future__ import annotations

import gc
import logging
import os
import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from chanfitness import ChannelEventStore, Config, SqliteStorage
from chanfitness.rows import ClosedRow

from .lengths import STRESS, Record
from .seeds import SEED, replayable
from .simulated import DAY, MICROSECOND, Rates, Simulation
from .stores import WAIT, QueueSubscription, stop

SMALL = 2**16
MOST_OF_A_LOG = 2**23  # SQLite begins it anew at half of that, if nobody reads


class Size(NamedTuple):
    """Bytes, after so many microseconds. ``traced``: what Python holds; ``log``: the
    write-ahead log before the store stopped.
    """

    now: int
    traced: int
    file: int
    log: int


class Soak:
    """A simulated node, and its store, which restarts with it."""

    def __init__(self, path: Path, simulation: Simulation, history: timedelta) -> None:
        self.path, self.simulation, self.history = path, simulation, history
        self.source = QueueSubscription(simulation.updates)
        self.store: ChannelEventStore
        self.sizes: list[Size] = []
        self.restarts = self.closed = 0
        simulation.start_store, simulation.stop_store = self.start, self.stop

    def start(self) -> None:
        self.store = ChannelEventStore(
            Config(
                subscribe_channel_events=lambda: self.source,
                subscribe_peer_events=lambda: self.source,
                get_open_channels=self.simulation.open_channels,
                is_peer_online=self.simulation.is_online,
                clock=self.simulation.clock,
                history=self.history,
                own_outage=timedelta(seconds=90),
                storage=SqliteStorage(self.path, timedelta(milliseconds=50)),
            )
        )
        self.store.start()
        self.restarts += 1

    def stop(self) -> None:
        """Check all answers, and what is remembered of what closed since the last time."""
        self.check()
        gc.collect()
        traced, _ = tracemalloc.get_traced_memory()
        log = os.stat(f"{self.path}-wal").st_size
        stop(self.store)
        self.sizes.append(Size(self.simulation.now, traced, os.stat(self.path).st_size, log))
        assert self.rows_of_closed() == self.simulation.closed
        self.closed += len(self.simulation.closed)
        self.simulation.closed.clear()

    def check(self) -> None:
        simulation = self.simulation
        infos = self.store.list_channels(timeout=WAIT)
        found = {
            info.channel_point: (info.lifetime // MICROSECOND, info.uptime // MICROSECOND)
            for info in infos
        }
        assert found == simulation.figures()
        peers = self.store.list_peers(timeout=WAIT)
        assert {info.peer: info.flap_count for info in peers if info.channels} == simulation.flaps()

    def rows_of_closed(self) -> list[ClosedRow]:
        """What was remembered since the last time."""
        columns = ", ".join(ClosedRow._fields)
        with closing(sqlite3.connect(self.path)) as database:
            rows = database.execute(
                f"SELECT {columns} FROM closed_channels ORDER BY id LIMIT -1 OFFSET ?",
                (self.closed,),
            )
            return [ClosedRow(*row) for row in rows]


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
def test_a_long_run_is_exact_and_no_larger_than_after_the_first_month(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, record_property: Record
) -> None:
    """All answers are checked at each restart, about once a day, against sums of our own.

    What grows for ever is what closed for good, which is remembered; so few close in
    the short run that its small database shows whether the rest is bounded.
    """
    caplog.set_level(logging.CRITICAL)  # or pytest keeps what is told of each own outage
    if STRESS:
        simulation, kept, days = Simulation(SEED, 1000, 2000, Rates()), 30, 365
    else:
        rates = Rates(own_outage=5 * DAY, channel=DAY, splice=DAY)
        simulation, kept, days = Simulation(SEED, 20, 40, rates), 5, 60
    soak = Soak(tmp_path / "fitness.db", simulation, timedelta(days=kept))
    try:
        with replayable(SEED):
            simulation.run(days * DAY)
    finally:
        stop(soak.store)  # or it goes on beside the tests to come

    record_property("events", simulation.told)
    record_property("starts", soak.restarts)
    record_property("channels closed", soak.closed)
    for size in soak.sizes[:: max(len(soak.sizes) // 12, 1)]:
        record_property(f"after {size.now // DAY} days", size)
    first = [size for size in soak.sizes if kept * DAY <= size.now < 3 * kept * DAY]
    later = [size for size in soak.sizes if size.now >= 3 * kept * DAY]
    if STRESS:  # the short one may run under coverage, whose own records are traced as well
        bound = 1.25 * max(each.traced for each in first) + SMALL
        assert max(size.traced for size in later) <= bound
    assert max(size.file for size in later) <= 1.25 * max(each.file for each in first) + SMALL
    assert max(size.log for size in soak.sizes) < MOST_OF_A_LOG
