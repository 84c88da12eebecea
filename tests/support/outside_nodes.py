"""A lightningd that does what a test says, watched from outside, on one clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chanfitness import NOT_YET_KNOWN, ChannelEventStore, Config, SqliteStorage, Vertex
from chanfitness.nodes.cln.outside_watcher import OutsideWatcher
from chanfitness.periods import KEPT, OWN_OUTAGE, outage_settings

from .cln_watchers import Node
from .fake_lightningd import RpcServer
from .inbox import Inbox
from .network_events import UNKNOWN_SUBSYSTEM, NetworkEvents
from .stores import WAIT, Call, running


class OutsideNode(Node):
    """As :class:`Node`; nothing notifies of what happens, but ``events`` records it."""

    def __init__(self, directory: Path, rpc: RpcServer) -> None:
        super().__init__(directory, rpc)
        self.says_reestablished = True
        self.outside: OutsideWatcher | None = None
        self.answers = True
        self.events = NetworkEvents(self.clock.now)
        self.events.attach(rpc)

    def is_silent(self, silent: bool = True) -> None:
        """It takes questions, and hangs up without an answer."""
        self.rpc.answer = (lambda method, params: b"") if silent else self.rpc.listed
        self.answers = not silent

    def end(self) -> None:
        """It ends: all connections with it do, and it answers no more."""
        self.is_silent()
        self.events.hang_up()
        self.restart()

    def start(self) -> None:
        """It starts, now."""
        self.started = self.clock.now()
        self.is_silent(False)

    def is_old(self) -> None:
        """It records no network events."""
        self.rpc.others["wait"] = UNKNOWN_SUBSYSTEM

    @contextmanager
    def watched(self, **more: Any) -> Iterator[ChannelEventStore]:
        """Watch it for a while; what happened when this returns has reached the store."""
        self.inbox = Inbox(self.clock)
        storage = SqliteStorage(self.database)
        self.outside = watcher = OutsideWatcher(
            self.rpc.path,
            storage,
            clock=self.clock,
            inbox=self.inbox,
            started=lambda _: self.started,
        )
        settings: dict[str, Any] = {"history": KEPT, "storage": storage, "clock": self.clock}
        config = Config(
            subscribe_channel_events=lambda: watcher.subscription,
            subscribe_peer_events=lambda: watcher.subscription,
            get_open_channels=lambda: NOT_YET_KNOWN,
            **(settings | outage_settings(OWN_OUTAGE) | more),
        )
        with running(ChannelEventStore(config)) as store:
            watcher.start()
            try:
                self.catch_up()
                yield store
            finally:
                Call(watcher.stop).result()
                self.outside = None

    def catch_up(self) -> None:
        assert self.outside is not None
        if self.records and self.answers:
            self.events.wait_until_read()
        assert self.outside.reached().wait(timeout=WAIT)

    @contextmanager
    def held(self) -> Iterator[None]:
        """The watcher is busy meanwhile, and what is read waits."""
        with self.inbox.held():
            yield
        self.catch_up()

    def tell(self, topic: str, params: dict[str, Any]) -> None:
        """Record what the record has of it."""
        if topic in ("connect", "disconnect"):
            self.events.add(topic, Vertex.parse(params["id"]))
        if self.outside is not None:
            self.catch_up()

    @property
    def records(self) -> bool:
        """Whether it records network events."""
        return self.rpc.others["wait"] is self.events


@pytest.fixture
def node(tmp_path: Path) -> Iterator[OutsideNode]:
    with RpcServer(tmp_path) as rpc:
        yield OutsideNode(tmp_path, rpc)
