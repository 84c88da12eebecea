"""Soak test: a year of a large routing node, with exact answers and bounded size."""

from __future__ import annotations

import gc
import logging
import os
import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import pytest
from coverage import Coverage

import chanfitness
from chanfitness import ChannelEventStore, Config, SqliteStorage
from chanfitness.core.saved_state import ClosedRow
from chanfitness.storage.sqlite import read

from .support.agenda import DAY, MICROSECOND
from .support.lengths import STRESS, Record
from .support.random_seeds import SEED, replayable
from .support.simulated_node import Rates, Simulation
from .support.simulated_peers import BEGINNING, Window
from .support.stores import WAIT, QueueSubscription, stop
from .support.values import START

SMALL = 2**16
MAXIMUM_LOG_BYTES = 2**23  # SQLite begins it again at half of that while nobody reads
FEW_SEGMENTS = 128  # with so few, none is forgotten
WINDOWS = 20  # asked for at each check
OURS = tracemalloc.Filter(True, f"{Path(chanfitness.__file__).parent}/*")


class Size(NamedTuple):
    """Sizes in bytes, at a time and an age of the store in microseconds.

    ``ours``: held by allocations of the package's own code; ``traced``: of all Python; ``file``:
    the database; ``log``: the write-ahead log.
    """

    now: int
    age: int
    ours: int
    traced: int
    file: int
    log: int


class Soak:
    """A simulated node and its store, which restarts with it."""

    def __init__(self, path: Path, simulation: Simulation, history: timedelta) -> None:
        self.path, self.simulation, self.history = path, simulation, history
        self.source = QueueSubscription(simulation.updates)
        self.store: ChannelEventStore
        self.sizes: list[Size] = []
        self.starts = self.started = self.closed = 0
        simulation.start_store, simulation.stop_store = self.start, self.stop
        simulation.check_store = self.check

    @property
    def age(self) -> int:
        return self.simulation.now - self.started

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
        self.started = self.simulation.now
        self.starts += 1

    def check(self) -> None:
        """Check all answers, and measure sizes now and then."""
        self.check_channels()
        self.check_windows()
        if self.age >= DAY and self.simulation.now // DAY % (self.history.days // 5) == 0:
            self.measure()

    def stop(self) -> None:
        """Check all answers, stop, and check the stored state."""
        self.check_channels()
        self.check_windows()
        if self.age >= DAY:
            self.measure()
        stop(self.store)
        assert self.rows_of_closed() == self.simulation.closed
        self.closed += len(self.simulation.closed)
        self.simulation.closed.clear()
        assert self.stored_points() == {str(point) for point in self.simulation.figures()}
        if self.age < DAY:  # segments that were not needed at the start are gone
            assert self.segments_not_needed() <= FEW_SEGMENTS

    def check_channels(self) -> None:
        simulation = self.simulation
        infos = self.store.list_channels(timeout=WAIT)
        found = {
            info.channel_point: (info.lifetime // MICROSECOND, info.uptime // MICROSECOND)
            for info in infos
        }
        assert found == simulation.figures()
        peers = self.store.list_peers(timeout=WAIT)
        assert {info.peer: info.flap_count for info in peers if info.channels} == simulation.flaps()

    def check_windows(self) -> None:
        """Check the histories of a few channels, each for a random window."""
        for _ in range(WINDOWS):
            point, period, expected = self.simulation.any_window()
            history = self.store.get_history(point, window=period * MICROSECOND, timeout=WAIT)
            lengths = history.start - START, history.lifetime, history.uptime, history.blind
            assert Window(*(length // MICROSECOND for length in lengths)) == expected
            offline = sum((outage.duration for outage in history.outages), timedelta(0))
            assert offline == history.lifetime - history.uptime

    def measure(self) -> None:
        gc.collect()
        ours = sum(each.size for each in tracemalloc.take_snapshot().filter_traces([OURS]).traces)
        traced, _ = tracemalloc.get_traced_memory()
        file, log = (os.stat(f"{self.path}{suffix}").st_size for suffix in ("", "-wal"))
        self.sizes.append(Size(self.simulation.now, self.age, ours, traced, file, log))

    # Storage.

    def rows_of_closed(self) -> list[ClosedRow]:
        """Return the channels that closed since the last call."""
        _, closed = read(self.path)
        return [row for row in closed if not row.closed_unseen][self.closed :]

    def stored_points(self) -> set[str]:
        """Return the stored open channels."""
        return {
            point
            for (point,) in self.select("SELECT channel_point FROM channels WHERE left IS NULL")
        }

    def segments_not_needed(self) -> int:
        """Count the stored segments that are older than the history and date nothing."""
        ((count,),) = self.select(
            """
            SELECT count(*) FROM stretches WHERE utc < ? AND number NOT IN (
                SELECT opened_stretch FROM channels
                UNION SELECT since_stretch FROM peers
                UNION SELECT flap_stretch FROM peers WHERE flap_stretch IS NOT NULL
                UNION SELECT stretch FROM changes
            )
            """,
            BEGINNING + self.simulation.now - self.history // MICROSECOND,
        )
        return int(count)

    def select(self, statement: str, *values: int) -> list[Any]:
        with closing(sqlite3.connect(self.path)) as database:
            return database.execute(statement, values).fetchall()


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
def test_a_long_run_is_exact_and_no_larger_than_after_the_first_month(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, record_property: Record
) -> None:
    """All answers are checked once a day, at each restart and at the end.

    They are compared with independent sums: lifetimes, uptimes and flaps of all channels; for a
    few of them also a window of their history, at most as long as changes are kept. Of the outages
    in a window, only the sum is checked. After each stop the database must have all closed
    channels with their sums, and the open channels.

    Only closed channels may take more and more space. Few close in the short run, so that its
    small database shows whether the rest is bounded.
    """
    caplog.set_level(logging.CRITICAL)  # pytest keeps the records, and each own outage has one
    if STRESS:
        kept, days, size = 30, 365, (1000, 2000, Rates())
    else:
        rates = Rates(life=20 * DAY, cut=DAY / 8, own_outage=5 * DAY, channel=DAY, splice=DAY)
        kept, days, size = 5, 60, (20, 40, rates)
    simulation = Simulation(SEED, *size, kept * DAY)
    soak = Soak(tmp_path / "fitness.db", simulation, timedelta(days=kept))
    try:
        with replayable(SEED):
            simulation.run(days * DAY)
            simulation.run_until_seen()
            soak.stop()
    finally:
        stop(soak.store)  # or it would run on beside later tests

    record_property("events", simulation.told)
    record_property("starts", soak.starts)
    record_property("channels closed", soak.closed)
    for each in soak.sizes:
        record_property(f"after {each.now // DAY} days", str(each))
    with replayable(SEED):
        check_sizes_are_bounded(soak.sizes, kept * DAY)


def check_sizes_are_bounded(sizes: list[Size], kept: int) -> None:
    """Compare sizes within each life of a store, and the first months with the last."""
    settled = [size for size in sizes if size.now >= kept]
    first = [size for size in settled if size.now < 3 * kept]
    later = settled[len(first) :]
    assert max(each.file for each in later) <= about(max(each.file for each in first))
    assert max(each.log for each in sizes) < MAXIMUM_LOG_BYTES
    if Coverage.current() is not None:  # its records would count as the package's own memory
        return
    for _, life in groupby(settled, lambda size: size.now - size.age):
        check_no_growth(list(life))
    assert usual(later[-len(first) :]) <= about(usual(first))
    if STRESS:  # in a short run other code's memory weighs too much
        assert max(each.traced for each in later) <= about(max(each.traced for each in first))


def check_no_growth(life: list[Size]) -> None:
    """Compare the first third of a life with the last."""
    third = max(len(life) // 3, 1)
    assert usual(life[-third:]) <= about(usual(life[:third]))


def usual(sizes: list[Size]) -> float:
    """Return the median of the package's own memory; a few sizes fall into a save."""
    return median(size.ours for size in sizes)


def about(size: float) -> float:
    return 1.25 * size + SMALL
