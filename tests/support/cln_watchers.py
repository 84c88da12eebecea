"""A scripted lightningd, and watchers of it.

The watcher's inbox moves the clock; no real time passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chanfitness import ChannelEventStore, ChannelHistory, ManualClock, OutPoint, PeerInfo, Vertex
from chanfitness.nodes.cln.plugin_store import PluginStore
from chanfitness.nodes.cln.rpc_client import LightningRpc

from .cln_messages import change, channels, entry, id_of, peers
from .fake_lightningd import RpcServer
from .inbox import Inbox
from .stores import WAIT, Call
from .values import ALICE, CHANNEL_1, CHANNEL_2, CHANNEL_3, START

HOUR = timedelta(hours=1)
NORMAL, SPLICING, SEEN = "CHANNELD_NORMAL", "CHANNELD_AWAITING_SPLICE", "FUNDING_SPEND_SEEN"
ID_1, ID_2, ID_3 = (id_of(point) for point in (CHANNEL_1, CHANNEL_2, CHANNEL_3))


class Node:
    """A scripted lightningd, and watchers of it, on one clock."""

    def __init__(self, directory: Path, rpc: RpcServer) -> None:
        self.clock = ManualClock(START)
        self.database = str(directory / "chanfitness.db")
        self.rpc = rpc
        self.online: dict[Vertex, None] = {}
        self.entries: dict[str, dict[str, Any]] = {}
        self.addresses: dict[Vertex, str] = {}
        self.says_reestablished = False  # False: an old lightningd
        self.started: datetime | None = START  # when lightningd did
        self.watcher: PluginStore | None = None
        self.relist()

    @contextmanager
    def watched(self, **more: Any) -> Iterator[ChannelEventStore]:
        """Watch the node; when this returns, the store has all notifications."""
        self.inbox = Inbox(self.clock)
        self.watcher = PluginStore(
            self.database,
            LightningRpc(self.rpc.path),
            clock=self.clock,
            inbox=self.inbox,
            started=lambda _: self.started,
            **more,
        )
        self.watcher.start()
        try:
            store = self.watcher.ready(WAIT)
            self.catch_up()
            yield store
        finally:
            Call(self.watcher.stop).result()
            self.watcher = None

    def catch_up(self) -> None:
        assert self.watcher is not None
        assert self.watcher.reached().wait(timeout=WAIT)

    def let_pass(self, time: timedelta) -> None:
        """Let time pass while the node is watched."""
        self.inbox.let_pass(time)
        self.catch_up()

    def connect(self, *peers: Vertex) -> None:
        for peer in peers:
            self.online[peer] = None
            self.relist()
            self.tell("connect", {"id": str(peer)})

    def disconnect(self, *peers: Vertex) -> None:
        for peer in peers:
            del self.online[peer]
            self.relist()
            self.tell("disconnect", {"id": str(peer)})

    def set_state(
        self, name: str, point: OutPoint, peer: Vertex, state: str = NORMAL, **more: Any
    ) -> None:
        self.entries[name] = entry(name, point, peer, state, **more)
        self.relist()
        self.tell("channel_state_changed", change(name, peer, state))

    def reestablish(self, *names: str) -> None:
        """Make the channels of these ids usable, without a notification."""
        for name in names:
            self.entries[name]["reestablished"] = True

    def restart(self) -> None:
        """Disconnect all peers, without a notification."""
        self.online.clear()
        self.relist()

    @contextmanager
    def held(self) -> Iterator[Any]:
        """Keep the watcher busy, so that notifications wait."""
        assert self.watcher is not None
        watcher, self.watcher = self.watcher, None
        with self.inbox.held():
            yield watcher
        self.watcher = watcher
        self.catch_up()

    def tell(self, topic: str, params: dict[str, Any]) -> None:
        if self.watcher is not None:
            self.watcher.tell(topic, {topic: params})
            self.catch_up()

    def is_silent(self, silent: bool = True) -> None:
        """Let the socket answer with nonsense."""
        self.rpc.answer = (lambda method, params: "?") if silent else self.rpc.listed

    def relist(self) -> None:
        for words in self.entries.values():
            words["peer_connected"] = Vertex.parse(words["peer_id"]) in self.online
            if not words["peer_connected"]:
                words.pop("reestablished", None)
            elif self.says_reestablished:
                words.setdefault("reestablished", False)
        offline = tuple(
            peer
            for words in self.entries.values()
            if (peer := Vertex.parse(words["peer_id"])) not in self.online
        )
        self.rpc.listings = {
            "listpeers": peers(*self.online, offline=offline, addresses=self.addresses),
            "listpeerchannels": channels(*self.entries.values()),
        }


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with RpcServer(tmp_path) as rpc:
        yield Node(tmp_path, rpc)


def peer_info(store: ChannelEventStore, peer: Vertex = ALICE) -> PeerInfo:
    return store.get_peer_info(peer, timeout=WAIT)


def history(store: ChannelEventStore, point: OutPoint = CHANNEL_1) -> ChannelHistory:
    return store.get_history(point, timeout=WAIT)


def figures(store: ChannelEventStore, point: OutPoint = CHANNEL_1) -> tuple[float, float]:
    """Return lifetime and uptime, in hours."""
    info = store.get_chan_info(point, timeout=WAIT)
    return info.lifetime / HOUR, info.uptime / HOUR


def points(store: ChannelEventStore) -> list[OutPoint]:
    return [info.channel_point for info in store.list_channels(timeout=WAIT)]


def sees(store: ChannelEventStore) -> bool:
    return store.get_overview(timeout=WAIT).sees
