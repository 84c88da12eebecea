"""Blind spans: when nothing was seen, why, and how many peers that concerns.

Blind time of all is the time between two segments of the timeline. It has *parts* if its
cause changed meanwhile: a stop while the source was lost, say. Pure.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from itertools import accumulate
from operator import attrgetter
from typing import NamedTuple

ALL = "all"
STOPPED, KILLED, SOURCE = "stopped", "killed", "source"
OWN_OUTAGE, TRANSPORT_OUTAGE = "own outage", "transport outage"
SUSPENDED, STARTING = "suspended", "starting"
FILLED_IN = "filled in"

CAUSES = (STOPPED, KILLED, SOURCE, OWN_OUTAGE, TRANSPORT_OUTAGE, SUSPENDED, STARTING, FILLED_IN)


class BlindSpan(NamedTuple):
    """Time in which channels were not seen; dates are in UTC.

    ``end`` is None while it lasts; ``duration``: until now, then. ``of``: the channels that
    it was blind for: "all", or those of peers that are reached by a transport, which it
    names. ``cause``:

    - "stopped", "killed": the store was not running; it had been stopped, or it had not.
    - "source": the source of events did not see its node.
    - "own outage": this node's own network was lost.
    - "transport outage": this node's way to one transport was lost.
    - "suspended": the machine slept.
    - "starting": the node was not seen yet.
    - "filled in": the source was away, and what happened then was filled in from a record of
      its node. It is told in its place, and is no blind time: ``duration`` is zero.
    - None: an earlier version did not keep it.

    ``peers``: how many had a channel, or went; None where the cause is not known.
    """

    start: datetime.datetime
    end: datetime.datetime | None
    duration: datetime.timedelta
    of: str
    cause: str | None
    peers: int | None


class BlindTime(NamedTuple):
    """Time between two segments of the timeline, or since the last of them."""

    number: int  # of the segment that follows, or is to follow
    start: datetime.datetime
    end: datetime.datetime


class BlindPart(NamedTuple):
    """A part of a blind time, ``since`` a date; the first begins with it, whatever its date.

    One that was filled in is none: it begins where that time ends, and ``since`` is its end.
    """

    since: datetime.datetime
    cause: str | None
    peers: int | None


class BlindCauses:
    """The causes of blind times, by the number of the segment that follows. The loop owns it."""

    def __init__(self) -> None:
        self._parts: dict[int, list[BlindPart]] = {}

    def add(
        self, number: int, since: datetime.datetime, cause: str | None, peers: int | None
    ) -> None:
        """The blind time before segment ``number`` goes on with this cause."""
        parts = self._parts.setdefault(number, [])
        if not parts or parts[-1].cause != cause:
            parts.append(BlindPart(since, cause, peers))

    def since(self, number: int) -> list[tuple[int, list[BlindPart]]]:
        """The parts of the blind times before segments, from this number on."""
        return [item for item in self._parts.items() if item[0] >= number]

    def spans(self, time: BlindTime, *, lasts: bool = False) -> list[BlindSpan]:
        """The spans of a blind time, without those of no length; ``lasts``: it is not over."""
        number, start, end = time
        parts = [part for part in self._parts.get(number, ()) if part.cause != FILLED_IN]
        parts = parts or [BlindPart(start, None, None)]
        begins = [start, *(min(part.since, end) for part in parts[1:])]
        begins = list(accumulate(begins, max))
        spans = [
            BlindSpan(begin, until, until - begin, ALL, part.cause, part.peers)
            for part, begin, until in zip(parts, begins, [*begins[1:], end], strict=True)
        ]
        last = spans.pop()
        spans = [span for span in spans if span.duration]
        if lasts:
            last = last._replace(end=None)
        return [*spans, last] if lasts or last.duration else spans

    def filled_in(self, number: int, start: datetime.datetime) -> list[BlindSpan]:
        """What was filled in from ``start`` on, where segment ``number`` begins."""
        return [
            BlindSpan(start, max(part.since, start), datetime.timedelta(0), ALL, *part[1:])
            for part in self._parts.get(number, ())
            if part.cause == FILLED_IN
        ]

    def merge(self, times: Sequence[BlindTime]) -> None:
        """Take some blind times for one, that before the last segment: as the longest span."""
        if len(times) < 2:
            return
        spans = [span for time in times for span in self.spans(time)]
        for time in times:
            self._parts.pop(time.number, None)
        if spans:
            longest = max(spans, key=attrgetter("duration"))
            self.add(times[-1].number, longest.start, longest.cause, longest.peers)
