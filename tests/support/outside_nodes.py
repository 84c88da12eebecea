"""A fake lightningd, watched from outside, on the watcher's clock."""

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
    """A :class:`Node` that records its network events in ``events`` and notifies nobody."""

    def __init__(self, directory: Path, rpc: RpcServer) -> None:
        super().__init__(directory, rpc)
        self.says_reestablished = True
        self.outside: OutsideWatcher | None = None
        self.answers = True
        self.events = NetworkEvents(self.clock.now)
        self.events.attach(rpc)

    def is_silent(self, silent: bool = True) -> None:
        """Hang up on questions without an answer, or answer again."""
        self.rpc.answer = (lambda method, params: b"") if silent else self.rpc.listed
        self.answers = not silent

    def end(self) -> None:
        """End lightningd with all its connections."""
        self.is_silent()
        self.events.hang_up()
        self.restart()

    def start(self) -> None:
        """Start lightningd now."""
        self.started = self.clock.now()
        self.is_silent(False)

    def is_old(self) -> None:
        """Be a lightningd without a record of network events."""
        self.rpc.others["wait"] = UNKNOWN_SUBSYSTEM

    @contextmanager
    def watched(self, **more: Any) -> Iterator[ChannelEventStore]:
        """Watch the node; when this returns, the store has all events."""
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
        """Keep the watcher busy, so that events wait."""
        with self.inbox.held():
            yield
        self.catch_up()

    def tell(self, topic: str, params: dict[str, Any]) -> None:
        """Record a connect or a disconnect; other notifications leave no record."""
        if topic in ("connect", "disconnect"):
            self.events.add(topic, Vertex.parse(params["id"]))
        if self.outside is not None:
            self.catch_up()

    @property
    def records(self) -> bool:
        """Whether lightningd records network events."""
        return self.rpc.others["wait"] is self.events


@pytest.fixture
def node(tmp_path: Path) -> Iterator[OutsideNode]:
    with RpcServer(tmp_path) as rpc:
        yield OutsideNode(tmp_path, rpc)
