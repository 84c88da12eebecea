"""What the plugin's commands answer: the same figures as the command's, as JSON."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from ...core.history_window import ChannelHistory
from ...core.saved_state import MICROSECOND, ClosedRow, int_to_date
from ...errors import ChannelNotFoundError, PeerNotFoundError
from ...periods import parse_period
from ...recording.format import format_time
from ...reports.formats import json_object, report
from ...reports.tables import BLIND, COMPLETE, OUTAGE_COUNT, PEER_STATE, SPAN, SUMS, TOTALS, Row
from ...store import ChannelEventStore
from ...wire import OutPoint, Vertex
from .names import matching, only, parse_name
from .watcher import Watcher

ANSWER_TIMEOUT = 10.0
"""Seconds for an answer in all."""
CATCH_UP = 1.0
"""Seconds of it to wait for what lightningd said before the question."""


class _Found(NamedTuple):
    """What a name may mean: open channels with their peers, and peers.

    ``name``: the channel point that it leads to, if it is another name of a channel.
    ``sees``: whether the store saw its node when it was asked.
    """

    name: str
    channels: Mapping[OutPoint, Vertex]
    peers: list[Vertex]
    sees: bool


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
        """As ``chanfitness replay --json``, and whether the node is seen now."""
        overview = self._store().get_overview(timeout=self._left())
        return {**report(TOTALS, overview).as_object(), "sees": overview.sees}

    def peer(self, text: object) -> dict[str, object]:
        """State, flaps and channels of one peer, by a name of it or of a channel with it."""
        name = parse_name(text)
        store = self._store()
        found = self._find(store, name)
        peers = dict.fromkeys([*found.channels.values(), *found.peers])
        if not peers:
            peers = {Vertex(row.key): None for row in self._closed(found)}
        if not peers:
            raise PeerNotFoundError(f"peer {name} is not known")
        info = store.get_peer_info(only(name, peers), timeout=self._left())
        channels = [str(point) for point in info.channels]
        state = json_object(PEER_STATE, Row(peer=info))
        return {**state, "channels": channels, "sees": found.sees}

    def history(self, text: object, window: object) -> dict[str, object]:
        """Outages and sums of one channel, by a name of it or of the peer that has no other."""
        period = None if window is None else parse_period(window)
        name = parse_name(text)
        store = self._store()
        found = self._find(store, name)
        if found.channels:
            point = only(name, found.channels)
            history = store.get_history(point, window=period, timeout=self._left())
            return {**_history_object(point, history), "sees": found.sees}
        closed = {row.channel_point: row for row in self._closed(found)}
        if not closed:
            raise ChannelNotFoundError(f"no channel {name} is open, and none is saved as closed")
        if period is not None:
            raise ValueError(f"channel {name} has closed: its figures are of its whole life")
        return _closed_object(closed[only(name, closed)])

    def _find(self, store: ChannelEventStore, name: str) -> _Found:
        """The open channels that ``name`` may mean, and the peers."""
        overview = store.get_overview(timeout=self._left())
        channels = {each.channel_point: each.peer for each in overview.channels}
        names = self._watcher.names
        if name in names:
            those = {point: channels[point] for point in [names[name]] if point in channels}
            return _Found(str(names[name]), those, [], overview.sees)
        peers = matching(name, (each.peer for each in overview.peers))
        points = matching(name, channels)
        points += [point for point, peer in channels.items() if peer in peers]
        if not points and not peers:
            begun = {point for other, point in names.items() if other.startswith(name)}
            points = [point for point in channels if point in begun]
        return _Found(name, {point: channels[point] for point in points}, peers, overview.sees)

    def _closed(self, found: _Found) -> list[ClosedRow]:
        """The closed channels that the same name may mean; of one that came back, the last."""
        rows = {row.channel_point: row for row in self._watcher.closed()}
        return [rows[point] for point in matching(found.name, rows)]

    def _store(self) -> ChannelEventStore:
        """The store, once it knows what was said before the question, if that is soon."""
        store = self._watcher.ready(self._left())
        self._reached.wait(min(self._catch_up, self._left()))
        return store

    def _left(self) -> float:
        return max(self._deadline - time.monotonic(), 0)


def _history_object(point: OutPoint, history: ChannelHistory) -> dict[str, object]:
    row = Row(channel=history, history=history)
    span = {"start": format_time(history.start), "end": format_time(history.end)}
    sums = json_object([COMPLETE, *SUMS, BLIND, OUTAGE_COUNT], row)
    outages = [json_object(SPAN, row._replace(outage=outage)) for outage in history.outages]
    return {"channel_point": str(point), **span, **sums, "outages": outages}


def _closed_object(row: ClosedRow) -> dict[str, object]:
    """As of an open channel, without its outages, which are not kept."""
    opened, closed = int_to_date(row.opened), int_to_date(row.closed)
    lifetime, uptime = row.lifetime * MICROSECOND, row.uptime * MICROSECOND
    return {
        "channel_point": row.channel_point,
        "start": format_time(opened),
        "end": format_time(closed),
        "lifetime_seconds": lifetime.total_seconds(),
        "uptime_seconds": uptime.total_seconds(),
        "uptime_ratio": uptime / lifetime if lifetime else None,
        "blind_seconds": (closed - opened - lifetime).total_seconds(),
        "outages": None,
        "closed": True,
    }
