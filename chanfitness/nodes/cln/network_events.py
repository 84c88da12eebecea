"""Reader of lightningd's record of network events: connects and disconnects of peers.

Since v25.12 lightningd keeps each connect, disconnect, failed connect and ping, dated in
whole seconds, for 30 days unless ``autoclean-networkevents-age`` says otherwise. Their
numbers have no gaps, even over its restarts: a missing number is a deleted event. lightningd
does not record its own stop, so a restart shows only as connects without disconnects.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ...checks import quoted
from ...wire import Vertex

CONNECT, DISCONNECT = "connect", "disconnect"

PAGE = 1000
"""Number of events in one question."""

_SUBSYSTEM, _INDEX = "networkevents", "created"
_FIELDS = {_SUBSYSTEM: [{"created_index": True, "timestamp": True, "peer_id": True, "type": True}]}
_WAIT_FIELDS = {_INDEX: True, _SUBSYSTEM: {"type": True}}
_SECOND = datetime.timedelta(seconds=1)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_LAST_SECOND = 253402300799  # of the year 9999

Ask = Callable[[str, dict[str, object], object], object]
"""Calls a method with parameters and the wanted fields, and returns the result."""


class BrokenRecordError(ValueError):
    """Events are missing in the record."""


class NetworkEvent(NamedTuple):
    """A network event. ``at``: its second (UTC). ``kind``: lightningd's name of its type."""

    number: int
    at: datetime.datetime
    peer: Vertex
    kind: str

    def happened(self, noticed: datetime.datetime) -> datetime.datetime:
        """Return the time of an event ``noticed`` at a time: that time, if within a second."""
        return noticed if noticed - self.at < _SECOND else self.at


class Latest(NamedTuple):
    """The number of the latest event, and its kind; None if earlier events may be new, too."""

    number: int
    kind: str | None


def wait_for(ask: Ask, number: int) -> Latest:
    """Wait until lightningd has recorded event ``number``; with 0 return at once."""
    params: dict[str, object] = {"subsystem": _SUBSYSTEM, "indexname": _INDEX, "nextvalue": number}
    answer = ask("wait", params, _WAIT_FIELDS)
    latest = answer.get(_INDEX) if isinstance(answer, dict) else None
    if not isinstance(answer, dict) or type(latest) is not int or latest < number:
        raise ValueError(f"expected the number of an event, got {quoted(answer)}")
    details = answer.get(_SUBSYSTEM)
    kind = details.get("type") if isinstance(details, dict) and latest == number else None
    return Latest(latest, kind if isinstance(kind, str) else None)


def read_events(ask: Ask, first: int, last: int) -> Iterator[NetworkEvent]:
    """Yield the connects and disconnects from number ``first`` to ``last``, read by pages.

    Raise ``BrokenRecordError`` if an event between them is missing.
    """
    while first <= last:
        page = _page(ask, first, PAGE)
        numbers = [event.number for event in page]
        if not numbers or numbers != [*range(first, first + len(numbers))]:
            raise BrokenRecordError(f"events after number {first} are not kept any more")
        yield from (
            event for event in page if event.kind in (CONNECT, DISCONNECT) and event.number <= last
        )
        first = numbers[-1] + 1


def first_since(ask: Ask, since: datetime.datetime, last: int) -> int:
    """Return the number of the first event in or after the second of ``since``.

    ``last``: the latest event's number. If events before that second are no longer kept,
    return the number of a missing event.
    """
    second = since.replace(microsecond=0)
    low, high = 1, last + 1
    while low < high:
        middle = (low + high) // 2
        page = _page(ask, middle, 1)  # the first kept event with at least this number
        if not page or page[0].at >= second:
            high = middle
        else:
            low = page[0].number + 1
    return low


def _page(ask: Ask, first: int, limit: int) -> list[NetworkEvent]:
    params: dict[str, object] = {"index": _INDEX, "start": first, "limit": limit}
    answer = ask("listnetworkevents", params, _FIELDS)
    events = answer.get(_SUBSYSTEM) if isinstance(answer, dict) else None
    if not isinstance(events, list):
        raise ValueError(f"expected a list of network events, got {quoted(answer)}")
    return [_event(each) for each in events]


def _event(entry: object) -> NetworkEvent:
    if isinstance(entry, dict):
        number, second, peer, kind = (
            entry.get(name) for name in ("created_index", "timestamp", "peer_id", "type")
        )
        if (
            type(number) is int
            and type(second) is int
            and 0 <= second <= _LAST_SECOND
            and isinstance(peer, str)
            and isinstance(kind, str)
        ):
            at = _EPOCH + datetime.timedelta(seconds=second)
            return NetworkEvent(number, at, Vertex.parse(peer), kind)
    raise ValueError(f"expected a network event, got {quoted(entry)}")
