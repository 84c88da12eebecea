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
MAXIMUM_LOG_BYTES = 2**23  # SQLite begins it anew at half of that, if nobody reads
FEW_SEGMENTS = 128  # of which none is forgotten
WINDOWS = 20  # asked for at each check
OURS = tracemalloc.Filter(True, f"{Path(chanfitness.__file__).parent}/*")


class Size(NamedTuple):
    """Bytes, after so many microseconds, and at this age of the store.

    ``ours``: what the package's own code allocated and holds; ``traced``: what all
    of Python does; ``log``: the write-ahead log.
    """

    now: int
    age: int
    ours: int
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
        """All that it answers, and now and then how large it is."""
        self.check_channels()
        self.check_windows()
        if self.age >= DAY and self.simulation.now // DAY % (self.history.days // 5) == 0:
            self.measure()

    def stop(self) -> None:
        """Check all answers, and what is stored after it stopped."""
        self.check_channels()
        self.check_windows()
        if self.age >= DAY:
            self.measure()
        stop(self.store)
        assert self.rows_of_closed() == self.simulation.closed
        self.closed += len(self.simulation.closed)
        self.simulation.closed.clear()
        assert self.stored_points() == {str(point) for point in self.simulation.figures()}
        if self.age < DAY:  # what was not needed when it started is gone
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
        """Of a few channels, each for another time before now, blind time or not."""
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

    # What is stored.

    def rows_of_closed(self) -> list[ClosedRow]:
        """What was remembered since the last time."""
        _, closed = read(self.path)
        return [row for row in closed if not row.closed_unseen][self.closed :]

    def stored_points(self) -> set[str]:
        """Of the channels that are open."""
        return {
            point
            for (point,) in self.select("SELECT channel_point FROM channels WHERE left IS NULL")
        }

    def segments_not_needed(self) -> int:
        """How many are stored that are older than the history, and date nothing."""
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
    """All answers are checked once a day, at each restart and in the end.

    What is expected are sums of our own: lifetimes, uptimes and flaps of all channels,
    and of a few also what their histories say of a window, at most as long as changes
    are kept; of the outages in it only that they add up. After each stop all that closed
    must be stored with its sums, and which channels are open.

    What grows for ever is what closed for good, which is remembered; so few close in
    the short run that its small database shows whether the rest is bounded.
    """
    caplog.set_level(logging.CRITICAL)  # or pytest keeps what is told of each own outage
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
        stop(soak.store)  # or it goes on beside the tests to come

    record_property("events", simulation.told)
    record_property("starts", soak.starts)
    record_property("channels closed", soak.closed)
    for each in soak.sizes:
        record_property(f"after {each.now // DAY} days", str(each))
    with replayable(SEED):
        check_that_it_stays_as_large(soak.sizes, kept * DAY)


def check_that_it_stays_as_large(sizes: list[Size], kept: int) -> None:
    """Within each life of a store, and from the first months to the last."""
    settled = [size for size in sizes if size.now >= kept]
    first = [size for size in settled if size.now < 3 * kept]
    later = settled[len(first) :]
    assert max(each.file for each in later) <= about(max(each.file for each in first))
    assert max(each.log for each in sizes) < MAXIMUM_LOG_BYTES
    if Coverage.current() is not None:  # its records are traced as well, as if they were ours
        return
    for _, life in groupby(settled, lambda size: size.now - size.age):
        check_that_it_does_not_grow(list(life))
    assert usual(later[-len(first) :]) <= about(usual(first))
    if STRESS:  # in a short run what others free at odd times weighs too much
        assert max(each.traced for each in later) <= about(max(each.traced for each in first))


def check_that_it_does_not_grow(life: list[Size]) -> None:
    """From the first third of a life to the last."""
    third = max(len(life) // 3, 1)
    assert usual(life[-third:]) <= about(usual(life[:third]))


def usual(sizes: list[Size]) -> float:
    """Of the package's own; a few were taken in the middle of a save."""
    return median(size.ours for size in sizes)


def about(size: float) -> float:
    return 1.25 * size + SMALL
