"""lightningd's record of network events, as it answers ``wait`` and ``listnetworkevents``."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from chanfitness import Vertex

from .fake_lightningd import Refusal, RpcServer
from .stores import WAIT

UNKNOWN_SUBSYSTEM = Refusal(
    -32602, "subsystem: unknown subsystem: invalid token '\"networkevents\"'"
)
"""The answer to ``wait`` of a lightningd without such a record."""

_Send = Callable[[object], object]


class NetworkEvents:
    """A record to which a test adds events; ``now`` dates them. Safe from any thread.

    A question that waits for an event is answered when the event is added.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Condition()  # guards what follows
        self.latest = 0
        self.kept: dict[int, dict[str, Any]] = {}
        self._waiting: list[tuple[int, _Send]] = []
        self._before_listing: Callable[[], object] = bool

    def answer(self, method: str, params: dict[str, Any]) -> object:
        """Return the answer to ``wait`` or ``listnetworkevents``."""
        return self._wait(params["nextvalue"]) if method == "wait" else self._list(**params)

    def attach(self, rpc: RpcServer) -> None:
        """Make a lightningd answer from this record."""
        rpc.others["wait"] = rpc.others["listnetworkevents"] = self

    def add(self, kind: str, peer: Vertex, **more: object) -> int:
        """Add an event of now, and return its number."""
        with self._lock:
            self.latest += 1
            self.kept[self.latest] = {
                "created_index": self.latest,
                "peer_id": str(peer),
                "type": kind,
                "timestamp": int(self._now().timestamp()),
                **more,
            }
            told = {"created_index": self.latest, "type": kind, "peer_id": str(peer)}
            due = [send for number, send in self._waiting if number <= self.latest]
            self._waiting = [each for each in self._waiting if each[0] > self.latest]
            for send in due:
                send(self._latest_is() | {"networkevents": told})
            return self.latest

    def wait_until_read(self) -> None:
        """Wait until a client that has read all events waits for the next."""
        with self._lock:
            assert self._lock.wait_for(
                lambda: any(number > self.latest for number, _ in self._waiting), WAIT
            )

    def forget(self, *numbers: int) -> None:
        """Delete events."""
        for number in numbers:
            del self.kept[number]

    def hold(self, do: Callable[[], object]) -> None:
        """Call ``do`` before the next listing; a true result replaces the listing."""
        self._before_listing = do

    def hang_up(self) -> None:
        """Close the connections of waiting clients, as lightningd does when it ends."""
        with self._lock:
            for _, send in self._waiting:
                send(b"")
            self._waiting.clear()

    def _latest_is(self) -> dict[str, object]:
        return {"subsystem": "networkevents", "created": self.latest}

    def _wait(self, number: int) -> object:
        def later(send: _Send) -> None:
            with self._lock:
                if self.latest >= number:
                    send(self._latest_is())
                else:
                    self._waiting.append((number, send))
                    self._lock.notify_all()

        return self._latest_is() if self.latest >= number else later

    def _list(self, *, index: str, start: int, limit: int) -> object:
        assert index == "created"
        do, self._before_listing = self._before_listing, bool
        instead = do()
        if instead:
            return instead
        found = [each for number, each in sorted(self.kept.items()) if number >= start]
        return {"networkevents": found[:limit]}
