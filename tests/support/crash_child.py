"""A node under load, to be killed. Run by test_crash.py, with its start values as JSON.

It prints each event before its store gets it, a line each: the time (microseconds since 1970),
the kind, and the peer or channel.
"""

from __future__ import annotations

import json
import logging
import os
import random
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from chanfitness import (
    ChannelEventStore,
    ChannelNotifier,
    Config,
    OpenChannel,
    OutPoint,
    PeerNotifier,
    SqliteStorage,
    SystemClock,
    Vertex,
)

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def say(what: str, whom: object = "") -> None:
    """Print one line with the time, in one piece."""
    now = (datetime.now(timezone.utc) - EPOCH) // timedelta(microseconds=1)
    os.write(1, f"{now} {what} {whom}\n".encode())


class Announce(logging.Handler):
    """Prints the log lines of the storage."""

    def handle(self, record: logging.LogRecord) -> bool:
        say("logged", record.getMessage().replace("\n", " "))
        return True


class Load:
    """Random events, without an end."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.rng = random.Random(given["seed"])
        self.channels, self.peers = ChannelNotifier(), PeerNotifier()
        self.known = [Vertex.parse(key) for key in given["peers"]]
        self.online = {Vertex.parse(key) for key in given["online"]}
        self.open = [
            OpenChannel(OutPoint.parse(point), Vertex.parse(key)) for point, key in given["open"]
        ]
        self.kept = given["kept"]
        self.outpoints = self._outpoints(given["seed"])

    def _outpoints(self, seed: int) -> Iterator[OutPoint]:
        """Return new outpoints, which no other child makes."""
        for index in range(2**32):
            yield OutPoint(f"{2**64 + seed:064x}", index)

    def happen(self) -> None:
        kind = self.rng.random()
        if kind < 0.01:
            self.open_one()
        elif kind < 0.02 and len(self.open) > self.kept:
            self.close_one()
        else:
            self.flap(self.rng.choice(self.known))

    def open_one(self) -> None:
        channel = OpenChannel(next(self.outpoints), self.rng.choice(self.known))
        say("opened", f"{channel.channel_point} {channel.peer}")
        self.channels.notify_open_channel(*channel)
        self.open.append(channel)

    def close_one(self) -> None:
        channel = self.open.pop(self.rng.randrange(self.kept, len(self.open)))
        say("closed", f"{channel.channel_point} {channel.peer}")
        self.channels.notify_closed_channel(*channel)

    def flap(self, peer: Vertex) -> None:
        if peer in self.online:
            say("offline", peer)
            self.peers.notify_peer_offline(peer)
        else:
            say("online", peer)
            self.peers.notify_peer_online(peer)
        self.online ^= {peer}


def main() -> None:
    given = json.loads(sys.argv[1])
    logging.getLogger("chanfitness.storage.sqlite").addHandler(Announce())
    load = Load(given)
    store = ChannelEventStore(
        Config(
            subscribe_channel_events=load.channels.subscribe_channel_events,
            subscribe_peer_events=load.peers.subscribe_peer_events,
            get_open_channels=lambda: load.open,
            is_peer_online=load.online.__contains__,
            clock=SystemClock(),
            history=timedelta(days=1),
            history_limit=200,
            flap_factor=1,
            storage=SqliteStorage(given["path"], timedelta(milliseconds=20)),
        )
    )
    store.start()
    say("started")
    for number in range(10**9):
        load.happen()
        if number % 100 == 0:
            store.list_channels(timeout=30)  # keeps the loop from falling behind


if __name__ == "__main__":
    main()
