"""What the plugin's commands answer: the same figures as the command's, as JSON."""

from __future__ import annotations

import time

from ...checks import quoted
from ...core.history import ChannelHistory
from ...core.peerlog import PeerInfo
from ...errors import ChannelNotFoundError
from ...periods import parse_period
from ...recording.format import format_time
from ...recording.replay import Replayed
from ...reports.views import report_of_replay
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
        return report_of_replay(Replayed(overview.as_of, list(overview.channels))).as_object()

    def peer(self, text: object) -> dict[str, object]:
        """What is known of the peer with this public key."""
        peer = Vertex.parse(_text(text, "a peer's public key"))
        return _peer_object(self._store().get_peer_info(peer, timeout=self._left()))

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


def _peer_object(info: PeerInfo) -> dict[str, object]:
    return {
        "peer": str(info.peer),
        "online": info.online,
        "since": format_time(info.since),
        "flap_count": info.flap_count,
        "last_flap": None if info.last_flap is None else format_time(info.last_flap),
        "channels": [str(point) for point in info.channels],
    }


def _history_object(point: OutPoint, history: ChannelHistory) -> dict[str, object]:
    return {
        "channel_point": str(point),
        "start": format_time(history.start),
        "end": format_time(history.end),
        "lifetime_seconds": history.lifetime.total_seconds(),
        "uptime_seconds": history.uptime.total_seconds(),
        "uptime_ratio": history.uptime_ratio,
        "blind_seconds": history.blind.total_seconds(),
        "outages": [
            {
                "start": format_time(outage.start),
                "end": None if outage.end is None else format_time(outage.end),
                "duration_seconds": outage.duration.total_seconds(),
            }
            for outage in history.outages
        ],
    }
