"""Floors of the figures: minimal equivalents from the standard library."""

from __future__ import annotations

import json
import queue
import sqlite3
import tempfile
import threading
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from itertools import repeat
from pathlib import Path
from typing import Any

from chanfitness import OpenChannel, PeerOfflineEvent, PeerOnlineEvent, Vertex

from .measure import timed
from .stores import ALICE
from .threads import beside


def queue_hop(count: int) -> float:
    """Return the seconds an item takes to another thread through a bare ``queue.Queue``."""
    hop: queue.Queue[object] = queue.Queue()

    def receive() -> None:
        for _ in repeat(None, count):
            hop.get()

    def work() -> None:
        for _ in repeat(None, count):
            hop.put(None)
        receiver.join()

    receiver = threading.Thread(target=receive, daemon=True)
    receiver.start()
    return timed(count, work)


def round_trip(count: int) -> float:
    """Return the seconds of a round trip to a thread through two bare ``queue.SimpleQueue``."""
    there: queue.SimpleQueue[object] = queue.SimpleQueue()
    back: queue.SimpleQueue[object] = queue.SimpleQueue()

    def echo() -> None:
        for _ in repeat(None, count):
            back.put(there.get())

    def work() -> None:
        for _ in repeat(None, count):
            there.put(None)
            back.get()

    threading.Thread(target=echo, daemon=True).start()
    return timed(count, work)


@contextmanager
def answering(answer: Callable[[], object]) -> Iterator[Callable[[], object]]:
    """Yield a function that makes another thread call ``answer``, through two ``SimpleQueue``."""
    there: queue.SimpleQueue[bool] = queue.SimpleQueue()
    back: queue.SimpleQueue[object] = queue.SimpleQueue()

    def run() -> None:
        while there.get():
            back.put(answer())

    def ask() -> object:
        there.put(True)
        return back.get()

    with beside([run], end=lambda: there.put(False)):
        yield ask


def nothing() -> None:
    """Return None, the shortest answer."""


def tuples(open_channels: list[OpenChannel]) -> Callable[[], object]:
    """Return an ``answer`` that makes a list of plain tuples with two durations each."""
    opened, now = datetime(2026, 1, 1, tzinfo=timezone.utc), datetime.now(timezone.utc)
    return lambda: [(point, peer, now - opened, now - opened) for point, peer in open_channels]


@contextmanager
def consuming(bound: int) -> Iterator[queue.Queue[Any]]:
    """Yield a bounded queue whose consumer answers each item that is itself a queue."""
    updates: queue.Queue[Any] = queue.Queue(bound)

    def run() -> None:
        while (item := updates.get()) is not None:
            if type(item) is queue.SimpleQueue:
                item.put(None)

    with beside([run], end=lambda: updates.put(None)):
        yield updates


def thread_end() -> float:
    """Return the seconds to end a bare thread."""
    end: queue.SimpleQueue[object] = queue.SimpleQueue()
    thread = threading.Thread(target=end.get, daemon=True)
    thread.start()

    def work() -> None:
        end.put(None)
        thread.join()

    return timed(1, work)


def channel_entries(open_channels: list[OpenChannel]) -> dict[object, object]:
    """Return a dictionary with an entry a channel."""
    return {point: (point, peer) for point, peer in open_channels}


def peer_entries(peers: list[Vertex]) -> dict[object, object]:
    """Return a dictionary with an entry a peer."""
    return {peer: (peer, None) for peer in peers}


def kept_events(count: int) -> list[object]:
    """Return a list of events."""
    return [(PeerOfflineEvent if n % 2 else PeerOnlineEvent)(ALICE) for n in range(count)]


def kept_numbers(count: int) -> object:
    """Return arrays with a position and a segment a change."""
    positions, segments = array("q"), array("I")
    for number in range(count):
        positions.append(number)
        segments.append(0)
    return positions, segments


def json_lines(text: bytes) -> float:
    """Return the seconds of a ``json.loads`` of a line, with the results in a dictionary."""
    lines = text.splitlines(keepends=True)

    def work() -> None:
        latest: dict[object, object] = {}
        for line in lines:
            record = json.loads(line)
            latest[record.get("peer")] = record

    return timed(len(lines), work)


def rows_read(path: str) -> float:
    """Return the seconds of a ``SELECT`` of all tables of a database."""
    with closing(sqlite3.connect(path)) as database:
        tables = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()

        def work() -> None:
            for (name,) in tables:
                database.execute(f"SELECT * FROM {name}").fetchall()

        return timed(1, work)


def rows_written(peers: list[Vertex]) -> float:
    """Return the seconds of a durable transaction with a row a peer."""
    rows = [(peer, *range(7)) for peer in peers]
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(sqlite3.connect(Path(folder, "db"), isolation_level=None)) as database,
    ):
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute(f"CREATE TABLE peers (key BLOB UNIQUE, {', '.join('abcdefg')})")

        def work() -> None:
            database.execute("BEGIN")
            database.executemany("INSERT INTO peers VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            database.execute("COMMIT")

        return timed(1, work)
