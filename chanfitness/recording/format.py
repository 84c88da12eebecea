"""Format, parser and encoder of recordings: the events of a node's channels and peers.

JSON Lines in UTF-8, one event a line. Times are in UTC with microseconds and never go
backwards::

    {"at": TIME, "event": "monitoring_started",
     "open_channels": [{"channel_point": "txid:0", "peer": "02...", "active": true}],
     "online_peers": ["02..."]}                      (on one line)
    {"at": TIME, "event": "snapshot", "open_channels": [...], "online_peers": [...]}
    {"at": TIME, "event": "peer_online", "peer": "02..."}
    {"at": TIME, "event": "peer_offline", "peer": "02..."}
    {"at": TIME, "event": "channel_opened", "channel_point": "txid:0", "peer": "02..."}
    {"at": TIME, "event": "channel_closed", "channel_point": "txid:0", "peer": "02..."}
    {"at": TIME, "event": "channel_moved", "channel_point": "txid:0",
     "new_channel_point": "txid:1", "peer": "02..."}
    {"at": TIME, "event": "channel_active", "channel_point": "txid:0"}
    {"at": TIME, "event": "channel_inactive", "channel_point": "txid:0"}
    {"at": TIME, "event": "peer_described", "peer": "02...", "alias": "...",
     "transport": "tor"}
    {"at": TIME, "event": "channel_described", "channel_point": "txid:0",
     "short_channel_id": "700000x1x0", "capacity": 100000, "private": false}
    {"at": TIME, "event": "monitoring_stopped"}

A recording begins with ``monitoring_started``. A ``snapshot`` has the same fields, and
corrects the state where it differs. ``active`` and the fields of descriptions may be missing
or null: then they are unknown. The time between a ``monitoring_stopped`` and the next
``monitoring_started`` is blind; only a late ``channel_moved`` and descriptions may stand there.
A ``monitoring_started`` without a stop before it implies one, at the time of the previous line.
Other fields are ignored.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from ..checks import quoted, require
from ..clock import to_utc
from ..errors import RecordingError
from ..events import (
    ActiveChannelEvent,
    ChannelDescribedEvent,
    ChannelMovedEvent,
    ClosedChannelEvent,
    InactiveChannelEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerDescribedEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SnapshotEvent,
    activity,
)
from ..wire import OutPoint, Vertex

MAX_LINE_BYTES = 2**26

TIMELESS = (ChannelMovedEvent, PeerDescribedEvent, ChannelDescribedEvent)
"""The events that may stand between a stop and a start."""

_WHITESPACE = " \t\n\r"  # of JSON
# json.loads takes three times as long, since it looks for an encoding and for whitespace.
_raw_decode = json.JSONDecoder().raw_decode

# The form of nearly all lines. The match is faster than a JSON parser.
_PEER_LINE = re.compile(
    r'\{"at": "(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6})Z",'
    r' "event": "(peer_online|peer_offline)", "peer": "([0-9a-f]{66})"\}\n',
    re.ASCII,
)
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:Z|([+-]\d\d:\d\d))?", re.ASCII
)

T = TypeVar("T")

_new_tuple = tuple.__new__  # faster than a NamedTuple's own

# A recording repeats a few peers and channels many times.
_cached = lru_cache(maxsize=2**16)
_vertex = _cached(Vertex.parse)
_outpoint = _cached(OutPoint.parse)


@_cached
def _open_channel(point: str, peer: str, active: bool | None) -> OpenChannel:
    return OpenChannel(_outpoint(point), _vertex(peer), active)


@_cached
def _peer_event(kind: str, peer: str) -> PeerOnlineEvent | PeerOfflineEvent:
    return (PeerOnlineEvent if kind == "peer_online" else PeerOfflineEvent)(_vertex(peer))


class Line(NamedTuple):
    """A line of a recording: its number (from 1), its time (UTC) and its event."""

    number: int
    at: datetime.datetime
    event: object


def read(lines: Iterable[bytes], file: str) -> Iterator[Line]:
    """Parse a recording, line by line.

    A start without a stop before it yields both, with the number of its line.

    Args:
        lines: The lines, such as an open binary file.
        file: The recording's name in errors.

    Raises:
        RecordingError: A line cannot be used.
    """
    number = 0
    before: Line | None = None
    stopped = False
    for number, text in enumerate(lines, 1):
        try:
            at, event = parse_line(text)
            line = _new_tuple(Line, (number, at, event))
            kind = type(event)
            if before is None or at < before.at or (stopped and kind is not MonitoringResumedEvent):
                _check_order(before, line, stopped)
        except ValueError as error:
            raise RecordingError(file, number, str(error)) from None
        if kind is MonitoringResumedEvent and before is not None and not stopped:
            yield Line(number, before.at, MonitoringPausedEvent())
        yield line
        before = line
        stopped = kind is MonitoringPausedEvent or (stopped and kind in TIMELESS)
    if before is None:
        raise RecordingError(file, number + 1, "empty: expected a monitoring_started")


def parse_time(text: object) -> datetime.datetime:
    """Parse an ISO 8601 time and return it in UTC.

    Raises:
        ValueError: The text has another form, or no offset from UTC.
    """
    if not isinstance(text, str) or (match := _TIME.fullmatch(text)) is None:
        raise ValueError(f"bad time {quoted(text)}: expected one like 2026-11-22T11:18:33.608000Z")
    seconds, fraction, offset = match.groups()
    if not text.endswith("Z") and offset is None:
        raise ValueError(f"naive time {quoted(text)}: expected a Z or an offset from UTC")
    return _date(text, f"{seconds}.{(fraction or '').ljust(6, '0')}{offset or '+00:00'}")


def _date(text: str, in_full: str) -> datetime.datetime:
    """Parse ``in_full``, a time with microseconds and an offset; an error quotes ``text``."""
    try:
        return to_utc(datetime.datetime.fromisoformat(in_full))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"bad time {quoted(text)}: {error}") from None


def format_time(time: datetime.datetime) -> str:
    """Format ``time`` (in UTC) as in a recording."""
    return time.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def format_event(event: object, at: datetime.datetime) -> str:
    """Return the line, without its end, for ``event`` at ``at`` (in UTC).

    Raises:
        TypeError: ``event`` is no event, or one of its fields has another type.
    """
    record: dict[str, object] = {"at": format_time(at), "event": kind_of(event)}
    if isinstance(event, (MonitoringResumedEvent, SnapshotEvent)):
        record["open_channels"] = [_channel_object(channel) for channel in event.open_channels]
        record["online_peers"] = [str(peer) for peer in event.online_peers]
    else:
        fields: dict[str, object] = event._asdict()  # type: ignore[attr-defined]
        del fields["at"]
        for name, value in fields.items():
            kind = _TYPES.get(name)
            if kind is None:
                record[name] = value
            else:
                require(value, kind)  # the events do not check it
                record[name] = str(value)
    return json.dumps(record)


def _channel_object(channel: OpenChannel | tuple[OutPoint, Vertex]) -> dict[str, object]:
    point, peer = channel
    names: dict[str, object] = {"channel_point": str(point), "peer": str(peer)}
    active = activity(channel)
    return names if active is None else {**names, "active": active}


def kind_of(event: object) -> str:
    """Return the name of an event's type in recordings.

    Raises:
        TypeError: ``event`` is no event.
    """
    kind = _NAMES.get(type(event))
    if kind is None:
        raise TypeError(f"{quoted(event)} is no event")
    return kind


def parse_line(text: bytes) -> tuple[datetime.datetime, object]:
    """Parse one line, and return its time and its event.

    Raises:
        ValueError: It is no line of a recording.
    """
    if len(text) > MAX_LINE_BYTES:
        raise ValueError(f"a line of more than {MAX_LINE_BYTES} bytes: {quoted(text)}")
    try:
        line = text.decode()
    except UnicodeDecodeError:
        raise ValueError(f"not UTF-8: {quoted(text)}") from None
    match = _PEER_LINE.fullmatch(line)
    if match is not None:
        time, kind, peer = match.groups()
        return _date(f"{time}Z", f"{time}+00:00"), _peer_event(kind, peer)
    record = _decode(line)
    if not isinstance(record, dict):
        raise ValueError(f"expected a JSON object, got {quoted(record)}")
    at = parse_time(_field(record, "at"))
    kind = _field(record, "event")
    parse = _EVENTS.get(kind) if isinstance(kind, str) else None
    if parse is None:
        raise ValueError(f"unknown event {quoted(kind)}: expected one of {', '.join(_EVENTS)}")
    return at, parse(record)


def _decode(line: str) -> Any:
    text = line.strip(_WHITESPACE)
    try:
        value, end = _raw_decode(text)
        if end == len(text):
            return value
    except (ValueError, RecursionError):
        pass
    what = "not JSON" if line.endswith("\n") else "not JSON, or cut off in the middle of a line"
    raise ValueError(f"{what}: {quoted(line)}")


def _field(record: dict[str, Any], name: str) -> Any:
    try:
        return record[name]
    except KeyError:
        raise ValueError(f"no field {name!r} in {quoted(record)}") from None


def _list(record: dict[str, Any], name: str) -> list[Any]:
    value = _field(record, name)
    if not isinstance(value, list):
        raise ValueError(f"expected a list as {name!r}, got {quoted(value)}")
    return value


def _text(record: dict[str, Any], name: str) -> str:
    return _as_text(_field(record, name))


def _as_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text, got {quoted(value)}")
    return value


def _optional(record: dict[str, Any], name: str, kind: type[T], what: str) -> T | None:
    value = record.get(name)
    if value is not None and type(value) is not kind:
        raise ValueError(f"expected {what} as {name!r}, got {quoted(value)}")
    return value


def _point(record: dict[str, Any]) -> OutPoint:
    return _outpoint(_text(record, "channel_point"))


def _channel(record: dict[str, Any], active: bool | None = None) -> OpenChannel:
    return _open_channel(_text(record, "channel_point"), _text(record, "peer"), active)


def _listed_channel(record: object) -> OpenChannel:
    if not isinstance(record, dict):
        raise ValueError(f"expected a channel as a JSON object, got {quoted(record)}")
    return _channel(record, _optional(record, "active", bool, "true or false"))


def _moved(record: dict[str, Any]) -> ChannelMovedEvent:
    point, peer = _channel(record)
    return ChannelMovedEvent(point, _outpoint(_text(record, "new_channel_point")), peer)


def _peer_described(record: dict[str, Any]) -> PeerDescribedEvent:
    return PeerDescribedEvent(
        _vertex(_text(record, "peer")),
        _optional(record, "alias", str, "text"),
        _optional(record, "transport", str, "text"),
    )


def _channel_described(record: dict[str, Any]) -> ChannelDescribedEvent:
    return ChannelDescribedEvent(
        _point(record),
        _optional(record, "short_channel_id", str, "text"),
        _optional(record, "capacity", int, "a whole number"),
        _optional(record, "private", bool, "true or false"),
    )


def _lists(record: dict[str, Any]) -> tuple[list[OpenChannel], list[Vertex]]:
    return (
        [_listed_channel(channel) for channel in _list(record, "open_channels")],
        [_vertex(_as_text(peer)) for peer in _list(record, "online_peers")],
    )


_EVENTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "monitoring_started": lambda record: MonitoringResumedEvent(*_lists(record)),
    "snapshot": lambda record: SnapshotEvent(*_lists(record)),
    "peer_online": lambda record: PeerOnlineEvent(_vertex(_text(record, "peer"))),
    "peer_offline": lambda record: PeerOfflineEvent(_vertex(_text(record, "peer"))),
    "channel_opened": lambda record: OpenChannelEvent(*_channel(record)),
    "channel_closed": lambda record: ClosedChannelEvent(*_channel(record)),
    "channel_moved": _moved,
    "channel_active": lambda record: ActiveChannelEvent(_point(record)),
    "channel_inactive": lambda record: InactiveChannelEvent(_point(record)),
    "peer_described": _peer_described,
    "channel_described": _channel_described,
    "monitoring_stopped": lambda _: MonitoringPausedEvent(),
}

# The fields that are written as text; all others are written as they are.
_TYPES: dict[str, type] = {
    "peer": Vertex,
    "channel_point": OutPoint,
    "new_channel_point": OutPoint,
}

# The fields of an event and of its line have the same names.
_NAMES: dict[type, str] = {
    MonitoringResumedEvent: "monitoring_started",
    SnapshotEvent: "snapshot",
    PeerOnlineEvent: "peer_online",
    PeerOfflineEvent: "peer_offline",
    OpenChannelEvent: "channel_opened",
    ClosedChannelEvent: "channel_closed",
    ChannelMovedEvent: "channel_moved",
    ActiveChannelEvent: "channel_active",
    InactiveChannelEvent: "channel_inactive",
    PeerDescribedEvent: "peer_described",
    ChannelDescribedEvent: "channel_described",
    MonitoringPausedEvent: "monitoring_stopped",
}


def _check_order(before: Line | None, line: Line, stopped: bool) -> None:
    """Raise ``ValueError`` if ``line`` may not follow ``before``."""
    if before is None:
        if not isinstance(line.event, MonitoringResumedEvent):
            raise ValueError("a recording begins with a monitoring_started")
        return
    if line.at < before.at:
        raise ValueError(
            f"time runs backwards: {format_time(line.at)} after {format_time(before.at)}"
        )
    if stopped and not isinstance(line.event, (*TIMELESS, MonitoringResumedEvent)):
        raise ValueError("after a monitoring_stopped: expected a monitoring_started")
