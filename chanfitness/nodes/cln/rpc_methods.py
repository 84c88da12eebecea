"""What the plugin's commands answer: the same figures as the command's, as JSON."""

from __future__ import annotations

import time

from ...checks import quoted
from ...core.history import ChannelHistory
from ...errors import ChannelNotFoundError
from ...periods import parse_period
from ...recording.format import format_time
from ...reports.formats import json_object, report
from ...reports.tables import BLIND, PEER_STATE, SPAN, SUMS, TOTALS, Row
from ...store import ChannelEventStore
from ...wire import OutPoint, Vertex
from .messages import is_short_id
from .watcher import Watcher

ANSWER_TIMEOUT = 10.0
"""Seconds for an answer in all."""
CATCH_UP = 1.0
"""Seconds of it to wait for what lightningd said before the question."""


class Query:
    """One question to a watcher, from the moment at which it came; times in seconds."""

    def __init__(
        self, watcher: Watcher, timeout: float = ANSWER_TIMEOUT, catch_up: float = CATCH_UP
    ) -> None:
        self._watcher = watcher
        self._deadline = time.monotonic() + timeout
        self._catch_up = catch_up
        self._reached = watcher.reached()

    def all_channels(self) -> dict[str, object]:
        """As ``chanfitness replay --json``."""
        overview = self._store().get_overview(timeout=self._left())
        return report(TOTALS, overview).as_object()

    def peer(self, text: object) -> dict[str, object]:
        """What is known of the peer with this public key."""
        peer = Vertex.parse(_text(text, "a peer's public key"))
        info = self._store().get_peer_info(peer, timeout=self._left())
        channels = [str(point) for point in info.channels]
        return json_object(PEER_STATE, Row(peer=info)) | {"channels": channels}

    def history(self, text: object, window: object) -> dict[str, object]:
        """Outages and sums of one channel, by its channel point or short channel id."""
        period = None if window is None else parse_period(window)
        name = _text(text, "a channel")
        point = None if is_short_id(name) else OutPoint.parse(name)
        store = self._store()
        if point is None:
            point = self._watcher.point_of(name)
        if point is None:
            raise ChannelNotFoundError(f"no channel {name} is open")
        return _history_object(point, store.get_history(point, window=period, timeout=self._left()))

    def _store(self) -> ChannelEventStore:
        """The store, once it knows what was said before the question, if that is soon."""
        store = self._watcher.ready(self._left())
        self._reached.wait(min(self._catch_up, self._left()))
        return store

    def _left(self) -> float:
        return max(self._deadline - time.monotonic(), 0)


def _text(value: object, expected: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected {expected}, got {quoted(value)}")
    return value


def _history_object(point: OutPoint, history: ChannelHistory) -> dict[str, object]:
    span = {"start": format_time(history.start), "end": format_time(history.end)}
    sums = json_object([*SUMS, BLIND], Row(channel=history, history=history))
    outages = [json_object(SPAN, Row(outage=outage)) for outage in history.outages]
    return {"channel_point": str(point), **span, **sums, "outages": outages}
