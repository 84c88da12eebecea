"""Random events of an lnd and its line, after which a store has lnd's state."""

from __future__ import annotations

import logging
import queue
import random
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from chanfitness import (
    ChannelEventStore,
    ClosedChannelEvent,
    ManualClock,
    MonitoringResumedEvent,
    OpenChannel,
    PeerOfflineEvent,
    SnapshotEvent,
    Vertex,
)

from ...support.fake_lnd import (
    AWAY,
    ENDED,
    GET_STATE,
    LIST_CHANNELS,
    LIST_PEERS,
    LOCKED,
    FakeLnd,
    Link,
    active,
    closed,
    inactive,
    message,
    offline,
    online,
    opened,
)
from ...support.lengths import length
from ...support.lnd_nodes import Timer, a_node
from ...support.random_seeds import different_seeds
from ...support.stores import WAIT, running
from ...support.values import START, outpoint, vertex

SEEDS = different_seeds(length(20, 1000))
STEPS = 60
HOUR = timedelta(hours=1)
ASKED_EVERY = timedelta(seconds=30)
MOMENT = timedelta(milliseconds=1)
PEERS = [vertex(number) for number in range(1, 6)]
LAST = OpenChannel(outpoint(0), vertex(99))
"""Not in the world: its close and its peer's disconnect mark the end of both streams."""
STATUSES = [ENDED, AWAY, (grpc.StatusCode.UNKNOWN, "who knows"), (grpc.StatusCode.INTERNAL, "RST")]


class World:
    """The state of an lnd, whose changes are sent on its streams while a client listens."""

    def __init__(self, lnd: FakeLnd, clock: ManualClock, chance: random.Random) -> None:
        self.open: list[OpenChannel] = []
        self.closing: list[OpenChannel] = []  # no longer listed
        self.online: set[Vertex] = set()
        self.link: Link | None = None
        self._lnd, self._clock, self._chance = lnd, clock, chance
        self._is_told = True
        self._is_listing = False
        self._is_still = False
        self._lock = threading.RLock()  # separates changes from lists, which come at any time
        self._channels = 0
        self.be_ready()

    def be_ready(self) -> None:
        """Answer requests for lists, with changes while an answer is on its way."""
        self._lnd.on = {LIST_CHANNELS: self._list_channels, LIST_PEERS: self._list_peers}

    def happen(self, times: int = 1) -> None:
        """Make changes, each sent once or twice, or send noise."""
        with self._lock:
            for _ in range(times):
                self._happen()

    def _happen(self) -> None:
        changes = [self._peer_changes] * 3
        changes += [self._channel_opens, self._channel_closes, self._noise]
        self._clock.advance(MOMENT)
        self._chance.choice(changes)()
        self._lnd.set_state(self.open, self.online)

    def drift(self) -> None:
        """Make a change without sending it, or send one that did not happen."""
        with self._lock:
            self._drift()

    def be_still(self) -> None:
        """Stop making changes during lists."""
        with self._lock:
            self._is_still = True

    def _drift(self) -> None:
        if self._chance.random() < 0.5:
            self._is_told = False
            self.happen()
            self._is_told = True
            return
        peer = self._chance.choice(PEERS)
        number = self._chance.randrange(3)
        stray = OpenChannel(outpoint(1000 + number), PEERS[number])
        closing = self._chance.choice([stray, *self.open])
        tell, told = self._chance.choice(
            [
                (self._tell_peers, [online(peer)]),
                (self._tell_peers, [offline(peer)]),
                (self._tell_channels, [opened(stray), active(stray.channel_point)]),
                (self._tell_channels, [closed(closing)]),
            ]
        )
        for raw in told:
            tell(raw)

    def _peer_changes(self) -> None:
        peer = self._chance.choice(PEERS)
        self.online ^= {peer}
        self._tell_peers((online if peer in self.online else offline)(peer))

    def _channel_opens(self) -> None:
        self._channels += 1
        channel = OpenChannel(outpoint(self._channels), self._chance.choice(PEERS))
        self.open.append(channel)
        self._tell_channels(opened(channel))

    def _channel_closes(self) -> None:
        """Begin a close, but not during a list; or complete one, which is always sent."""
        if self.closing and self._is_told and self._chance.random() < 0.5:
            self._close()
        elif self.open and not self._is_listing:
            channel = self.open.pop(self._chance.randrange(len(self.open)))
            self.closing.append(channel)
            self._tell_channels(inactive(channel.channel_point))

    def close_all(self) -> None:
        """Complete all closes."""
        while self.closing:
            self._close()

    def _close(self) -> None:
        self._tell_channels(closed(self.closing.pop(self._chance.randrange(len(self.closing)))))

    def _noise(self) -> None:
        self._tell_channels(message((self._chance.randrange(5, 30), b"noise")))
        self._tell_channels(active(outpoint(0)))
        self._tell_peers(message((1, "02noise")))

    def _tell_peers(self, raw: bytes) -> None:
        if self.link is not None and self._is_told:
            self.link.peers.send(*[raw] * self._chance.choice([1, 1, 2]))

    def _tell_channels(self, raw: bytes) -> None:
        if self.link is not None and self._is_told:
            self.link.channels.send(*[raw] * self._chance.choice([1, 1, 2]))

    def _list_channels(self, _: object) -> bytes:
        if link := self._lnd.newest():
            self.link = link
            self.be_ready()
        return self._list(LIST_CHANNELS)

    def _list_peers(self, _: object) -> bytes:
        return self._list(LIST_PEERS)

    def _list(self, method: str) -> bytes:
        """Return a list, sometimes with changes before or after it is made."""
        with self._lock:
            self._is_listing = True
            self._happen_perhaps()
            answer = self._lnd.answers[method]
            self._happen_perhaps()
            self._is_listing = False
            return answer

    def _happen_perhaps(self) -> None:
        if not self._is_still and self._chance.random() < 0.3:
            self.happen(self._chance.randrange(1, 3))


def trouble(world: World, lnd: FakeLnd, chance: random.Random) -> None:
    """Break the connection in a random way, and let lnd return."""
    assert world.link is not None
    link, world.link = world.link, None
    ways: list[Callable[[], object]] = [
        lambda: link.channels.end(chance.choice(STATUSES)),
        lambda: link.peers.end(chance.choice(STATUSES)),
        lambda: link.end(chance.choice(STATUSES)),
        lambda: link.channels.send(b"\xff"),
    ]
    way = chance.randrange(len(ways) + 2)
    if way < len(ways):
        ways[way]()
    else:
        lnd.refuse(LOCKED)
        lnd.stop()
        world.happen(3)
        lnd.start()
        world.happen(3)
        world.be_ready()


@pytest.mark.parametrize("seed", SEEDS)
def test_in_the_end_a_store_knows_what_lnd_knows(
    seed: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chance = random.Random(seed)
    handled: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def wait_for(*events: object) -> None:
        missing = set(events)
        while missing:
            event = handled.get(timeout=WAIT)
            missing -= {event, type(event)}

    def all_has_come() -> None:
        assert world.link is not None
        world.link.channels.send(closed(LAST))
        world.link.peers.send(offline(LAST.peer))
        wait_for(ClosedChannelEvent(*LAST), PeerOfflineEvent(LAST.peer))

    def freeze() -> None:
        all_has_come()
        world.link = None
        world.happen(3)
        frozen = (grpc.StatusCode.DEADLINE_EXCEEDED, "")
        lnd.refuse(frozen, GET_STATE, LIST_CHANNELS, LIST_PEERS)
        timer.let_pass(ASKED_EVERY)
        world.be_ready()

    def pass_an_hour() -> None:
        world.close_all()
        all_has_come()
        timer.let_pass(HOUR + ASKED_EVERY)  # newcomers may be listed meanwhile
        wait_for(SnapshotEvent)

    clock = ManualClock(START)
    with FakeLnd() as lnd, a_node(lnd, tmp_path) as (node, _):
        world, timer = World(lnd, clock, chance), Timer(clock, node)
        config = node.config(clock=clock, on_event=lambda event, _: handled.put(event))
        with running(ChannelEventStore(config)) as store:
            wait_for(MonitoringResumedEvent)
            for _ in range(STEPS):
                world.happen()
                if chance.random() < 0.15:
                    freeze() if chance.random() < 0.15 else trouble(world, lnd, chance)
                    wait_for(MonitoringResumedEvent)
                elif chance.random() < 0.1:
                    world.drift()
                elif chance.random() < 0.03:
                    pass_an_hour()
            pass_an_hour()
            world.be_still()
            all_has_come()
            overview = store.get_overview(timeout=WAIT)
    assert {(each.channel_point, each.peer) for each in overview.channels} == set(world.open)
    assert {each.peer for each in overview.peers if each.online} == world.online
    assert not [record for record in caplog.records if record.levelno > logging.WARNING]
