"""Event lines, as text and as a recording for a reader that stalls."""

from __future__ import annotations

import random
import select
from collections.abc import Iterator
from datetime import timedelta

import pytest

from chanfitness import (
    ActiveChannelEvent,
    ChannelDescribedEvent,
    ChannelMovedEvent,
    ClosedChannelEvent,
    InactiveChannelEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    OutPoint,
    PeerDescribedEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SnapshotEvent,
    TransportBackEvent,
    TransportLostEvent,
    Vertex,
)
from chanfitness.recording.format import read
from chanfitness.recording.replay import replay
from chanfitness.reports.event_lines import Lines, parts_of
from chanfitness.terminal import nonblocking_output
from chanfitness.terminal.nonblocking_output import NonblockingOutput

from ..support.stores import WAIT, Call
from ..support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2, SECOND, START, outpoint, vertex
from ..support.watch_sessions import Pipe, flap

HOUR = timedelta(hours=1)
SNAPSHOT = MonitoringResumedEvent([OpenChannel(CHANNEL_1, ALICE)], [ALICE])


class Stalling:
    """Lines of a recording for a reader that reads only on request."""

    def __init__(self) -> None:
        self.output, self.errors = Pipe(), Pipe()
        self.stream = NonblockingOutput(self.output.writer)
        self.lines = Lines(self.stream, NonblockingOutput(self.errors.writer), json=True)
        self.now = START
        self._reading = Call(self.output.read_all)

    def happen(self, *events: object) -> None:
        """Put events, a second apart."""
        for event in events:
            self.now += SECOND
            self.lines.event(event, self.now)

    def stall(self) -> None:
        """Fill the output with flaps of strangers, so that further lines are dropped."""
        number = 0
        while not self.stream.full:
            self.happen(*flap(1000 + number % 9))
            number += 1

    def read(self) -> None:
        """Read all pending output."""
        while self.stream.pending:
            _, ready, _ = select.select([], [self.stream], [], WAIT)
            assert ready
            self.stream.go_on(select.POLLOUT)
        assert not self.stream.full

    def end(self) -> tuple[list[bytes], str]:
        """Return all lines written, and all errors."""
        for output in self.lines.outputs:
            output.finish(WAIT)
        return self._reading.result().encode().splitlines(keepends=True), self.errors.read_all()


@pytest.fixture
def stalling(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stalling]:
    monkeypatch.setattr(nonblocking_output, "LIMIT", 2000)
    stalling = Stalling()
    with stalling.output, stalling.errors:
        yield stalling


@pytest.mark.parametrize(
    ("event", "parts"),
    [
        (ActiveChannelEvent(CHANNEL_1), ["channel active", str(CHANNEL_1)]),
        (InactiveChannelEvent(CHANNEL_1, START), ["channel inactive", str(CHANNEL_1)]),
        (PeerDescribedEvent(ALICE, at=START), ["peer described", str(ALICE)]),
        (
            PeerDescribedEvent(ALICE, "a\x1b\u202e\n", "tor"),
            ["peer described", str(ALICE), r"alias a\x1b\u202e\n", "transport tor"],
        ),
        (
            ChannelDescribedEvent(CHANNEL_1, "1x2x3", 0, private=False),
            [
                "channel described",
                str(CHANNEL_1),
                "short channel id 1x2x3",
                "capacity 0",
                "private False",
            ],
        ),
    ],
)
def test_each_event_has_its_text(event: object, parts: list[str]) -> None:
    assert parts_of(event) == parts


def events_of(lines: list[bytes]) -> list[object]:
    return [line.event for line in read(lines, "stdout")]


def test_dropped_lines_are_blind_time_in_a_recording(stalling: Stalling) -> None:
    stalling.happen(SNAPSHOT)
    stalling.stall()
    seen = stalling.now - START - SECOND
    stalling.now += HOUR
    stalling.happen(PeerOfflineEvent(ALICE), OpenChannelEvent(CHANNEL_2, BOB))
    stalling.read()
    stalling.happen(PeerOnlineEvent(ALICE), MonitoringPausedEvent())
    lines, errors = stalling.end()
    assert events_of(lines)[-4:] == [
        MonitoringPausedEvent(),
        MonitoringResumedEvent([OpenChannel(CHANNEL_1, ALICE), OpenChannel(CHANNEL_2, BOB)], []),
        PeerOnlineEvent(ALICE),
        MonitoringPausedEvent(),
    ]
    overview = replay(lines, "stdout")
    assert overview.blind == HOUR + 2 * SECOND
    infos = {info.channel_point: info for info in overview.channels}
    assert (infos[CHANNEL_1].lifetime, infos[CHANNEL_1].uptime) == (
        seen + 2 * SECOND,
        seen + SECOND,
    )
    assert errors == (
        "chanfitness: 2 lines left out of the output, because its reader did not keep up:"
        " the recording has blind time there\n"
    )


def test_a_dropped_pause_is_written_later_without_a_resume(stalling: Stalling) -> None:
    stalling.happen(SNAPSHOT)
    stalling.stall()
    stalling.happen(MonitoringPausedEvent())
    stalling.read()
    stalling.happen(SNAPSHOT)
    lines, _ = stalling.end()
    assert events_of(lines)[-2:] == [MonitoringPausedEvent(), SNAPSHOT]


def test_a_dropped_snapshot_is_written_later(stalling: Stalling) -> None:
    stalling.happen(SNAPSHOT)
    stalling.stall()
    stalling.read()
    stalling.happen(MonitoringPausedEvent())
    while not stalling.stream.full:  # while paused, only moves have lines
        stalling.happen(ChannelMovedEvent(CHANNEL_1, CHANNEL_2, ALICE))
    stalling.happen(MonitoringResumedEvent([OpenChannel(CHANNEL_2, BOB)], [BOB]))
    stalling.read()
    lines, _ = stalling.end()
    last = events_of(lines)[-1]
    assert last == MonitoringResumedEvent([OpenChannel(CHANNEL_2, BOB)], [BOB])


@pytest.mark.parametrize("seed", range(50))
def test_random_events_give_a_valid_recording_with_the_final_state(
    seed: int, stalling: Stalling
) -> None:
    draw = random.Random(seed)
    node = Node(draw)
    stalling.happen(node.snapshot())
    for _ in range(300):
        stalling.happen(node.event())
        if draw.random() < 0.02:
            stalling.read()
    stalling.read()
    stalling.happen(*([] if node.sees else [node.snapshot()]))
    lines, _ = stalling.end()
    overview = replay(lines, "stdout")
    assert {info.channel_point: info.peer for info in overview.channels} == node.channels
    assert {info.channel_point: info.active for info in overview.channels} == node.active
    assert {info.peer for info in overview.peers if info.online} == node.online


class Node:
    """A node with random events."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._opened = 0
        self.sees = False
        self.channels: dict[OutPoint, Vertex] = {}
        self.active: dict[OutPoint, bool | None] = {}
        self.online: set[Vertex] = set()

    def snapshot(self) -> MonitoringResumedEvent:
        self.sees = True
        channels = [OpenChannel(*each, self.active[each[0]]) for each in self.channels.items()]
        return MonitoringResumedEvent(channels, sorted(self.online))

    def event(self) -> object:
        if not self.sees:
            return self.snapshot()
        if self._draw.random() < 0.1:
            self.sees = False
            return MonitoringPausedEvent()
        if self._draw.random() < 0.1:
            return SnapshotEvent(*self.snapshot())
        kinds = [self._opens, self._flaps, self._flaps]
        if self.channels:
            kinds += [self._closes, self._moves, self._says, self._describes]
        return self._draw.choice(kinds)()

    def _opens(self) -> object:
        return OpenChannelEvent(*self._new_channel(self._peer()))

    def _closes(self) -> object:
        point, peer = self.channels.popitem()
        del self.active[point]
        return ClosedChannelEvent(point, peer)

    def _says(self) -> object:
        point = self._draw.choice(list(self.channels))
        self.active[point] = active = self._draw.random() < 0.5
        return (ActiveChannelEvent if active else InactiveChannelEvent)(point)

    def _describes(self) -> object:
        point = self._draw.choice(list(self.channels))
        return ChannelDescribedEvent(point, f"{self._draw.randrange(9)}x1x0")

    def _moves(self) -> object:
        point, peer = self.channels.popitem()
        new_point, _ = self._new_channel(peer)
        self.active[new_point] = self.active.pop(point)
        return ChannelMovedEvent(point, new_point, peer)

    def _flaps(self) -> object:
        peer = self._peer()
        if peer in self.online:
            self.online.remove(peer)
            return PeerOfflineEvent(peer)
        self.online.add(peer)
        return PeerOnlineEvent(peer)

    def _peer(self) -> Vertex:
        return vertex(self._draw.randrange(6))

    def _new_channel(self, peer: Vertex) -> tuple[OutPoint, Vertex]:
        self._opened += 1
        point = outpoint(self._opened)
        self.channels[point] = peer
        self.active[point] = None
        return point, peer


def test_transport_events_are_shown_as_text_and_never_recorded() -> None:
    found = [TransportLostEvent("tor", 3, START), TransportBackEvent("tor", START + HOUR)]
    for json in (False, True):
        output, errors = Pipe(), Pipe()
        lines = Lines(NonblockingOutput(output.writer), NonblockingOutput(errors.writer), json=json)
        for event in [SNAPSHOT, *found]:
            lines.event(event, START + HOUR)
        lines.close("")
        shown = output.read_all().splitlines()
        assert len(shown) == (1 if json else 3)
        if not json:
            _, lost, back = (line.split() for line in shown)
            assert (lost[1:5], back[1:5]) == (
                ["transport", "lost", "tor", "since"],
                ["transport", "back", "tor", "since"],
            )
