"""A node with peers over Tor, which may all go offline at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from chanfitness import (
    BlindSpan,
    ChannelEventStore,
    PeerDescribedEvent,
    SqliteStorage,
)
from chanfitness.testing import FakeNode

from ..support.nodes_with_channels import put
from ..support.persistent_stores import DAY
from ..support.stores import WAIT, running
from ..support.values import SECOND

PERIOD, GRACE = 90 * SECOND, 5 * SECOND


class Node(FakeNode):
    """A node with channels to peers over Tor and to others; all are online."""

    def __init__(self, tor: int = 3, clearnet: int = 2, **settings: Any) -> None:
        super().__init__(history=90 * DAY)
        rules = {"own_outage": PERIOD, "return_grace": GRACE}
        self.config = replace(self.config, **(rules | settings))
        self.tor = [self.open_channel(self.new_peer(online=True)) for _ in range(tor)]
        self.clearnet = [self.open_channel(self.new_peer(online=True)) for _ in range(clearnet)]

    def describe(self) -> None:
        for transport, channels in (("tor", self.tor), ("clearnet", self.clearnet)):
            for _, peer in channels:
                put(self, PeerDescribedEvent(peer, None, transport))

    def tor_goes(self, every: float = 1) -> datetime:
        """Take all Tor peers offline, one after the other, and return when the first went."""
        first = self.clock.now()
        for number, (_, peer) in enumerate(self.tor):
            if number:
                self.advance(seconds=every)
            self.peer_offline(peer)
        return first

    def tor_comes(self) -> None:
        for _, peer in self.tor:
            self.peer_online(peer)


@contextmanager
def watched(node: Node, path: Path | None = None, **more: Any) -> Iterator[ChannelEventStore]:
    """Run a store of the node with a database at ``path``; its peers are described."""
    if path is not None:
        more = {"storage": SqliteStorage(path)} | more
    with running(ChannelEventStore(replace(node.config, **more))) as store:
        node.describe()
        yield store


def spans(store: ChannelEventStore) -> tuple[BlindSpan, ...]:
    return store.list_blind(timeout=WAIT)


def flaps(store: ChannelEventStore) -> set[int]:
    return {info.flap_count for info in store.list_peers(timeout=WAIT)}
