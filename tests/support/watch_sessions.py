"""Watch commands on a fake node, and their output, with bounded waits."""

from __future__ import annotations

import os
import queue
import select
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from signal import SIGTERM
from typing import Any

import pytest
from typing_extensions import Self

from chanfitness import (
    NOT_YET_KNOWN,
    Config,
    ManualClock,
    MonitoringResumedEvent,
    NodeError,
    OpenChannel,
    PeerOfflineEvent,
    PeerOnlineEvent,
    Vertex,
)
from chanfitness.commands.watch import Node, View, watch
from chanfitness.recording.format import read
from chanfitness.reports.event_lines import Lines
from chanfitness.terminal.nonblocking_output import NonblockingOutput
from chanfitness.terminal.wakeup import Wakeup

from .stores import WAIT, Call
from .values import ALICE, CHANNEL_1, START, vertex


class Pipe:
    """A pipe whose reader is the test."""

    def __init__(self) -> None:
        self._reader, self.writer = os.pipe()
        self._text = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop_reading()
        self.stop_writing()

    def stop_reading(self) -> None:
        """Close the read end."""
        if self._reader >= 0:
            os.close(self._reader)
        self._reader = -1

    def stop_writing(self) -> None:
        """Close the write end of this process."""
        if self.writer >= 0:
            os.close(self.writer)
        self.writer = -1

    def read_line(self) -> str:
        """Return the next line; fail if none comes."""
        while b"\n" not in self._text:
            more = self._read()
            assert more, f"the end, after {self._text!r}"
            self._text += more
        line, _, self._text = self._text.partition(b"\n")
        return line.decode()

    def read_all(self) -> str:
        """Return the rest, once nobody else writes."""
        self.stop_writing()
        while more := self._read():
            self._text += more
        return self._text.decode()

    def _read(self) -> bytes:
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        assert poll.poll(WAIT * 1000), f"nothing comes, after {self._text!r}"
        return os.read(self._reader, 2**16)


class FakeSource:
    """A node with these channels and peers, whose events come from the test."""

    def __init__(
        self,
        channels: Iterable[OpenChannel] = (),
        online: Iterable[Vertex] = (),
        *,
        is_there: bool = True,
        updates: queue.Queue[Any] | None = None,
    ) -> None:
        self.snapshot = MonitoringResumedEvent(channels, online)
        self.clock = ManualClock(START)
        self.fault: NodeError | None = None
        self.updates: queue.Queue[Any] = updates or queue.Queue()
        self.options: dict[str, Any] = {}
        self.calls: list[str] = []
        self._is_there = is_there

    def config(self, **options: Any) -> Config:
        self.options = options
        return Config(
            subscribe_channel_events=lambda: self,
            subscribe_peer_events=lambda: self,
            get_open_channels=self.get_open_channels,
            is_peer_online=lambda peer: peer in self.snapshot.online_peers,
            **(options | {"clock": self.clock}),
        )

    def get_open_channels(self) -> Any:
        if not self._is_there:
            return NOT_YET_KNOWN
        self.updates.put(self.snapshot)
        return self.snapshot.open_channels

    def put(self, *events: object) -> None:
        for event in events:
            self.updates.put(event)

    def refuse(self, reason: str) -> None:
        self.fault = NodeError(reason)

    def cancel(self) -> None:
        self.calls.append("cancel")

    def close(self) -> None:
        self.calls.append("close")


class Watching:
    """A watch in a thread of its own, and its output."""

    def __init__(self) -> None:
        self.wakeup = Wakeup()
        self.output, self.errors = Pipe(), Pipe()
        self.call: Call[None]
        self.has_ended = False

    def end(self) -> None:
        """End it as a signal does; raise its error."""
        self.wakeup.received = SIGTERM
        self.wakeup.ring()
        self.result()

    def result(self) -> None:
        """Wait until it has ended by itself; raise its error."""
        self.has_ended = True
        self.call.result()


@contextmanager
def watching(
    node: Node,
    view: Callable[[NonblockingOutput, NonblockingOutput], View] = Lines,
    **options: Any,
) -> Iterator[Watching]:
    """Watch ``node``, and end the watch if the test has not."""
    watching = Watching()
    with watching.output, watching.errors, watching.wakeup:
        outputs = (
            NonblockingOutput(watching.output.writer),
            NonblockingOutput(watching.errors.writer),
        )
        watching.call = Call(partial(watch, node, view(*outputs), watching.wakeup, **options))
        try:
            yield watching
        finally:
            if not watching.has_ended:
                watching.end()


@pytest.fixture
def source() -> FakeSource:
    """A node with a channel, whose peer Alice is online."""
    return FakeSource([OpenChannel(CHANNEL_1, ALICE)], [ALICE])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recording.jsonl"


def events_of(path: Path) -> list[object]:
    with path.open("rb") as file:
        return [line.event for line in read(file, path.name)]


def happen(source: FakeSource, session: Watching, *events: object) -> list[str]:
    """Put each event a second after the previous one, and return the printed lines."""
    lines = []
    for event in events:
        source.clock.advance(timedelta(seconds=1))
        source.put(event)
        lines.append(session.output.read_line())
    return lines


def flap(number: int) -> tuple[object, object]:
    return PeerOnlineEvent(vertex(number)), PeerOfflineEvent(vertex(number))
