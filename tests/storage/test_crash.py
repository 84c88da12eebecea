"""Crash test: a killed process loses at most the flush interval."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

from chanfitness import ChannelInfo, ManualClock, OpenChannel, OutPoint, SqliteStorage, Vertex
from chanfitness.core.saved_state import ClosedRow, date_to_int
from chanfitness.storage.sqlite import read

from ..support.disks import Disk, small_disk
from ..support.driven_store import DrivenStore
from ..support.lengths import Record, length
from ..support.paths import ROOT
from ..support.random_seeds import SEED
from ..support.stores import WAIT
from ..support.values import outpoint, vertex

__all__ = ["small_disk"]

CHILD = str(ROOT / "tests" / "support" / "crash_child.py")
PEERS = [vertex(number) for number in range(1, 6)]
KEPT = [OpenChannel(outpoint(number), peer) for number, peer in enumerate(PEERS)]
SECOND = 10**6
MAXIMUM_LOST = SECOND + 20_000  # the flush interval and a second
LINES = length(20_000, 60_000)


class Line:
    """A line of the child's output: when, what, and to which peer or channel."""

    def __init__(self, text: bytes) -> None:
        time, self.what, self.whom = text.decode().rstrip("\n").split(" ", 2)
        self.time = int(time)


class Node:
    """The true events, from the children's output, and the known state of the database."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rounds = 0
        self.open = {each.channel_point: each for each in KEPT}
        self.online: set[Vertex] = set()
        self.flaps = dict.fromkeys(PEERS, 0)  # that the database must have
        self.infos: dict[OutPoint, ChannelInfo] = {}
        self.closed: list[ClosedRow] = []
        self.lost: list[int] = []  # microseconds, by round

    def given(self) -> str:
        """Return the start values of the next child."""
        return json.dumps(
            {
                "path": str(self.path),
                "seed": SEED + self.rounds,
                "peers": [str(peer) for peer in PEERS],
                "online": [str(peer) for peer in self.online],
                "open": [(str(point), str(peer)) for point, peer in self.open.values()],
                "kept": len(KEPT),
            }
        )

    @contextmanager
    def child(self) -> Iterator[Child]:
        """Run a child that is killed at the end."""
        self.rounds += 1
        with Child(self.given()) as child:
            yield child
        for line in child.lines:
            self.happened(line)
        self.check(child)

    def happened(self, line: Line) -> None:
        if line.what in ("online", "offline"):
            self.online ^= {Vertex.parse(line.whom)}
        elif line.what in ("opened", "closed"):
            point, peer = line.whom.split()
            channel = OpenChannel(OutPoint.parse(point), Vertex.parse(peer))
            if line.what == "opened":
                self.open[channel.channel_point] = channel
            else:
                del self.open[channel.channel_point]

    def check(self, child: Child) -> None:
        """Check that the database is intact and has the events until its heartbeat."""
        with closing(sqlite3.connect(self.path)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        saved, closed = read(self.path)
        heartbeat = 0 if saved is None else saved.heartbeat
        self.check_closed(closed, [line for line in child.of("closed") if line.time <= heartbeat])
        self.restart(child, heartbeat)
        if child.started is not None:
            self.lost.append(child.killed - max(child.started, heartbeat))

    def check_closed(self, closed: list[ClosedRow], lines: list[Line]) -> None:
        """Check that no closed channel is missing but the last, which may have been in a flush.

        A later start finds the channels missing that closed after the last heartbeat.
        """
        closed = [row for row in closed if not row.closed_unseen]
        assert closed[: len(self.closed)] == self.closed
        said = [line.whom.split()[0] for line in lines]
        stored = [row.channel_point for row in closed[len(self.closed) :]]
        assert stored in (said, said[:-1])
        assert all(0 <= row.uptime <= row.lifetime for row in closed)
        self.closed = closed

    def restart(self, child: Child, heartbeat: int) -> None:
        """Start a store at the heartbeat's time, and check its figures."""
        driven = DrivenStore(
            open_channels=self.open.values(),
            online=self.online,
            clock=ManualClock(datetime.now(timezone.utc)),
            history=timedelta(days=1),
            history_limit=200,
            flap_factor=1,
            storage=SqliteStorage(self.path),
        )
        with driven:
            infos = {each.channel_point: each for each in driven.store.list_channels(timeout=WAIT)}
            assert infos.keys() == self.open.keys()
            for point, info in infos.items():
                assert timedelta(0) <= info.uptime <= info.lifetime
                history = driven.store.get_history(point, timeout=WAIT)
                assert history.lifetime + history.blind == history.end - history.start
            self.check_lifetimes(infos, child, heartbeat)
            self.check_flaps(driven, child, heartbeat)

    def check_lifetimes(
        self, infos: dict[OutPoint, ChannelInfo], child: Child, heartbeat: int
    ) -> None:
        """Check that lifetimes never shrink, and grow by the time until the heartbeat."""
        grown = timedelta(microseconds=child.seen(heartbeat))
        for point, before in self.infos.items():
            if point in infos:
                assert infos[point].uptime >= before.uptime
                growth = infos[point].lifetime - before.lifetime
                assert timedelta(0) <= growth
                assert abs(growth - grown) < timedelta(seconds=1)
        self.infos = infos

    def check_flaps(self, driven: DrivenStore, child: Child, heartbeat: int) -> None:
        """Check that no flap is missing but the last, which may have been in a flush."""
        missing = 0
        for line in [*child.of("online"), *child.of("offline")]:
            self.flaps[Vertex.parse(line.whom)] += line.time <= heartbeat
        for peer in PEERS:
            flaps = driven.store.get_peer_info(peer, timeout=WAIT).flap_count
            missing += self.flaps[peer] - flaps
            assert flaps <= self.flaps[peer]
            self.flaps[peer] = flaps
        assert missing <= 1


class Child:
    """A process that writes the database until it is killed; its output is kept."""

    def __init__(self, given: str) -> None:
        self.lines: list[Line] = []
        self.started: int | None = None
        self.killed = 0
        self._process = subprocess.Popen(
            [sys.executable, CHILD, given],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdout=subprocess.PIPE,
        )
        self._watchdog = threading.Timer(2 * WAIT, self._process.kill)

    def __enter__(self) -> Child:
        self._watchdog.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.killed = date_to_int(datetime.now(timezone.utc))
        self._process.kill()
        while self._read():
            pass
        assert self._process.wait(WAIT) == -9
        self._watchdog.cancel()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def read(self, lines: int) -> None:
        for _ in range(lines):
            assert self._read(), "the child ended"

    def read_for(self, time: int) -> None:
        """Read its output for so many microseconds."""
        while self.started is None or self.lines[-1].time < self.started + time:
            self.read(1)

    def read_until(self, text: str) -> None:
        """Read its output until this log line."""
        while not (self.lines and text in self.lines[-1].whom):
            self.read(1)

    def of(self, what: str) -> list[Line]:
        return [line for line in self.lines if line.what == what]

    def seen(self, heartbeat: int) -> int:
        """Return the time from its start until the heartbeat."""
        return 0 if self.started is None else max(heartbeat - self.started, 0)

    def _read(self) -> bool:
        assert self._process.stdout is not None
        text = self._process.stdout.readline()
        if text:
            line = Line(text)
            self.lines.append(line)
            if line.what == "started":
                self.started = line.time
        return bool(text)


def test_a_store_killed_at_any_moment_continues_from_the_database(
    tmp_path: Path, record_property: Record
) -> None:
    node, rng = Node(tmp_path / "fitness.db"), random.Random(SEED)
    for number in range(length(6, 200)):
        with node.child() as child:
            if number % 5 == 0:
                child.read_for(3 * SECOND // 2)
            child.read(rng.choice([1, rng.randint(1, 200), rng.randint(1, LINES)]))
        assert child.of("logged") == []
        assert node.lost[-1] <= MAXIMUM_LOST
    record_property("kills", node.rounds)
    record_property("flaps", sum(node.flaps.values()))
    record_property("channels closed", len(node.closed))
    record_property("lost at most", str(timedelta(microseconds=max(node.lost))))


def test_a_store_killed_on_a_full_disk_continues_from_the_database(small_disk: Disk) -> None:
    node, rng = Node(small_disk.directory / "fitness.db"), random.Random(SEED)
    for _ in range(length(3, 40)):
        with node.child() as child:
            child.read(rng.randint(1, LINES // 4))
            small_disk.fill()
            child.read_until("cannot be written")
            child.read(rng.randint(1, LINES // 4))
            small_disk.clear()
            if rng.random() < 0.5:
                child.read_until("nothing is missing")
                child.read(rng.randint(1, LINES // 4))
        assert len(child.of("logged")) <= 3
        if "nothing is missing" in "".join(line.whom for line in child.of("logged")):
            assert node.lost[-1] <= MAXIMUM_LOST
