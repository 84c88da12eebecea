"""Answers of the plugin's RPC methods: the figures of the command ``chanfitness``, as JSON."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ...checks import quoted
from ...core.channel import ChannelInfo
from ...core.history_window import ChannelHistory
from ...core.overview import ClosedChannel, Overview
from ...errors import ChannelNotFoundError, PeerNotFoundError
from ...periods import parse_period
from ...recording.format import format_time
from ...reports.columns import (
    ALIAS,
    BLIND,
    COMPLETE,
    OUTAGE_COUNT,
    PEER_DESCRIPTION,
    PEER_STATE,
    SHORT_ID,
    SPAN,
    SUMS,
    USABLE_SUMS,
)
from ...reports.formats import json_object, report
from ...reports.loading import closed_channels
from ...reports.naming import Named, matching, named_in, only, restricted, shown
from ...reports.rows import SHORTEST_UNUSABLE, Row
from ...reports.tables import RUNNING
from ...store import ChannelEventStore
from .plugin_store import PluginStore

ANSWER_TIMEOUT = 10.0
"""Seconds that an answer may take."""
CATCH_UP = 1.0
"""Seconds of these to wait for notifications that came before the question."""

_Wanted = Callable[[Sequence[Named], Overview], list[Named]]


class Query:
    """One question to a watcher. Its ``timeout`` seconds begin at once."""

    def __init__(
        self, watcher: PluginStore, timeout: float = ANSWER_TIMEOUT, catch_up: float = CATCH_UP
    ) -> None:
        self._watcher = watcher
        self._deadline = time.monotonic() + timeout
        self._catch_up = catch_up
        self._reached = watcher.reached()

    def all_channels(self) -> dict[str, object]:
        """Return the figures of all channels, as ``replay --json`` with more fields.

        ``sees``: whether the node is seen now. ``blind``: seconds of blind time.
        """
        (overview,) = self._store().get_overviews([None], timeout=self._left())
        seen = {"sees": overview.sees, "blind": overview.blind.total_seconds()}
        return report(RUNNING, overview).as_object() | seen

    def peer(self, text: object) -> dict[str, object]:
        """Return state, flaps and channels of the peer with this name, or with this channel."""
        name = _require_name(text)
        store = self._store()
        overview, peers = self._find(store, name, _peers_of)
        if not peers:
            raise PeerNotFoundError(f"peer {shown(name)} is not known")
        peer = only(name, peers).peer
        info = store.get_peer_info(peer, timeout=self._left())
        channels = [str(point) for point in info.channels]
        state = json_object([*PEER_STATE, *PEER_DESCRIPTION], Row(peer=info))
        return {**state, "channels": channels, "sees": overview.sees}

    def history(self, text: object, window: object) -> dict[str, object]:
        """Return outages and sums of the channel with this name, or of the peer's only channel."""
        period = None if window is None else parse_period(window)
        name = _require_name(text)
        store = self._store()
        overview, channels = self._find(store, name, _channels_of)
        if not channels:
            raise ChannelNotFoundError(
                f"no channel {shown(name)} is open, and none is saved as closed"
            )
        named = only(name, channels)
        left = restricted(overview, named)
        if left.channels:
            (info,) = left.channels
            history = store.get_history(info.channel_point, window=period, timeout=self._left())
            return {**_history_object(info, named.alias, history), "sees": overview.sees}
        if period is not None:
            raise ValueError(f"channel {shown(name)} has closed: its figures are of its whole life")
        return _closed_object(left.closed[-1])  # a channel that came back closed more than once

    def _find(
        self, store: ChannelEventStore, name: str, wanted: _Wanted
    ) -> tuple[Overview, list[Named]]:
        """Find ``name`` among open channels and online peers, then among closed channels."""
        overview = store.get_overview(timeout=self._left())
        names = self._watcher.names
        found = wanted(matching(name, named_in(overview, names)), overview)
        if not found:
            closed = tuple(closed_channels(self._watcher.closed()))
            overview = overview._replace(closed=closed)
            found = wanted(matching(name, named_in(overview, names)), overview)
        return overview, found

    def _store(self) -> ChannelEventStore:
        """Return the store, after waiting up to ``catch_up`` for earlier notifications."""
        store = self._watcher.ready(self._left())
        self._reached.wait(min(self._catch_up, self._left()))
        return store

    def _left(self) -> float:
        return max(self._deadline - time.monotonic(), 0)


def _require_name(text: object) -> str:
    if not isinstance(text, str) or not text.strip():
        raise ValueError(
            f"bad name {quoted(text)}: expected a peer's alias or public key, a channel point, a"
            " short channel id, a channel_id, or the beginning of one of these"
        )
    return text


def _peers_of(found: Sequence[Named], _: Overview) -> list[Named]:
    """Return the peers found, and the peers of the channels found."""
    return list({each.peer: each._replace(channel_point=None) for each in found}.values())


def _channels_of(found: Sequence[Named], overview: Overview) -> list[Named]:
    """Return the channels found, and the channels of the peers found."""
    peers = {each.peer for each in found if each.channel_point is None}
    points = {each.channel_point for each in found}
    channels = (each for each in named_in(overview) if each.channel_point is not None)
    return [each for each in channels if each.peer in peers or each.channel_point in points]


def _history_object(
    info: ChannelInfo, alias: str | None, history: ChannelHistory
) -> dict[str, object]:
    row = Row(channel=history, history=history)
    window = {"start": format_time(history.start), "end": format_time(history.end)}
    sums = json_object([COMPLETE, *SUMS, BLIND, OUTAGE_COUNT, *USABLE_SUMS], row)
    outages = [json_object(SPAN, row._replace(outage=outage)) for outage in history.outages]
    unusable = [
        json_object(SPAN[:3], row._replace(outage=span))
        for span in history.unusable_spans
        if span.duration >= SHORTEST_UNUSABLE
    ]
    return {
        "channel_point": str(info.channel_point),
        "alias": alias,
        "short_channel_id": info.short_channel_id,
        **window,
        **sums,
        "outages": outages,
        "unusable_spans": unusable,
    }


def _closed_object(channel: ClosedChannel) -> dict[str, object]:
    """Return a closed channel's figures; its outages are not kept."""
    row = Row(channel)
    blind = channel.closed - channel.opened - channel.lifetime
    return {
        "channel_point": channel.channel_point,
        "start": format_time(channel.opened),
        "end": format_time(channel.closed),
        **json_object([*SUMS, ALIAS, SHORT_ID, *USABLE_SUMS], row),
        "blind_seconds": blind.total_seconds(),
        "outages": None,
        "closed": True,
    }
