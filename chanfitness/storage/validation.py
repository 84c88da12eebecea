"""Validation of rows read from a database: types, ranges and references.

The accounts can restore every state that passes. A state that no store can have written
raises ``ValueError``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar, get_args, get_type_hints

from ..checks import quoted
from ..core.saved_state import (
    CauseRow,
    ChannelRow,
    CheckpointRow,
    ClosedRow,
    OutageRow,
    PeerRow,
    Saved,
    check,
    int_to_date,
)
from ..events import TRANSPORTS, ChannelDescribedEvent, PeerDescribedEvent
from ..wire import OutPoint, Vertex

_NUMBERS = range(-(2**62), 2**62)  # a sum of two, and a year more, can still be stored
_SEGMENTS = range(2**32)

Row = TypeVar("Row", PeerRow, ChannelRow, ClosedRow, CheckpointRow, CauseRow, OutageRow)

_TYPES = {
    kind: [get_args(hint) or (hint,) for hint in get_type_hints(kind).values()]
    for kind in (PeerRow, ChannelRow, ClosedRow, CheckpointRow, CauseRow, OutageRow)
}


def typed_rows(kind: type[Row], rows: Iterable[tuple[Any, ...]]) -> list[Row]:
    """Return the rows as ``kind``, with the type of each cell checked."""
    types, typed = _TYPES[kind], []
    for cells in rows:
        for name, cell, allowed in zip(kind._fields, cells, types, strict=True):
            if type(cell) not in allowed or (type(cell) is int and cell not in _NUMBERS):
                raise ValueError(f"{name} {quoted(cell)}")
        typed.append(kind(*cells))
    return typed


def channel_ids(rows: Iterable[tuple[object, str]]) -> dict[str, OutPoint]:
    """Return the channel points by the node's ids of their channels."""
    ids = {}
    for channel_id, point in rows:
        if not isinstance(channel_id, str):
            raise ValueError(f"channel_id {quoted(channel_id)}")
        ids[channel_id] = _point(point)
    return ids


def check_saved(saved: Saved) -> None:
    """Check the saved state, except channels that closed for good."""
    check(saved)
    keys = {Vertex(row.key) for row in saved.peers}
    for key in [row.key for row in saved.channels] + [row.key for row in saved.histories]:
        if key not in keys:
            raise ValueError(f"unknown peer {quoted(key)}")
    for peer in saved.peers:
        PeerDescribedEvent(Vertex(peer.key), None, peer.transport)
    for channel in saved.channels:
        point = _point(channel.channel_point)
        for short_id in (channel.short_channel_id, *channel.former_ids.split()):
            ChannelDescribedEvent(point, short_id, channel.capacity)
        int_to_date(channel.closed or 0)
        if {channel.active, channel.private} - {None, 0, 1}:
            raise ValueError("a channel's active or private is not 0, 1 or NULL")
    for history in [*saved.histories, *saved.activities]:
        if not history.columns or history.first not in _NUMBERS:
            raise ValueError("a history without changes")
    if saved.position not in _NUMBERS:
        raise ValueError(f"position {saved.position} is out of range")
    int_to_date(saved.heartbeat)
    _check_blind_time(saved)
    _check_segments(saved)


def _check_blind_time(saved: Saved) -> None:
    for cause in saved.causes:
        int_to_date(cause.since)
    for outage in saved.outages:
        if outage.transport not in TRANSPORTS:
            raise ValueError(f"transport {quoted(outage.transport)}")
    if saved.stopped not in (None, 0, 1):
        raise ValueError(f"stopped {quoted(saved.stopped)}")


def check_closed(closed: Iterable[ClosedRow]) -> None:
    """Check the channels that closed for good.

    Their channel points are not checked: nothing depends on them, and one bad row must not
    hide the rest.
    """
    for row in closed:
        Vertex(row.key)
        int_to_date(row.opened)
        int_to_date(row.closed)
        if not 0 <= (row.unusable or 0) <= row.uptime <= row.lifetime:
            raise ValueError(f"channel {row.channel_point} was online longer than open")


def _point(text: object) -> OutPoint:
    if not isinstance(text, str):
        raise ValueError(f"channel_point {quoted(text)}")
    return OutPoint.parse(text)


def _check_segments(saved: Saved) -> None:
    for number, _, utc in saved.anchors:
        if number not in _SEGMENTS:
            raise ValueError(f"segment number {number} is out of range")
        int_to_date(utc)
