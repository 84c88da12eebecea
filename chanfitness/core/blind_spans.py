"""Blind spans: the times in which nothing was seen, their causes and peer counts.

Time blind for all channels lies between two segments of the timeline. It has *parts* if its
cause changed meanwhile, as at a stop while the source was lost. Pure.
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
    """Time in which channels were not seen. Dates are in UTC.

    Args:
        start: When it began.
        end: When it ended; None while it lasts.
        duration: Its length, up to now while it lasts.
        of: The channels concerned: "all", or the name of a transport, for the channels of
            peers reached by it.
        cause: Why nothing was seen:

            - "stopped": the store had been stopped.
            - "killed": the store had ended without a stop, as in a crash.
            - "source": the source of events did not see its node.
            - "own outage": this node's own network was lost.
            - "transport outage": this node's way to one transport was lost.
            - "suspended": the machine slept.
            - "starting": the node was not seen yet.
            - "filled in": the source was away, and the events of that time were filled in
              from the node's own record. Not blind time: ``duration`` is zero.
            - None: an earlier version did not save the cause.
        peers: The number of peers that had a channel or went offline; None if the cause is
            not known.
    """

    start: datetime.datetime
    end: datetime.datetime | None
    duration: datetime.timedelta
    of: str
    cause: str | None
    peers: int | None


class BlindTime(NamedTuple):
    """Time between two segments of the timeline, or since the last of them."""

    number: int  # of the segment after it
    start: datetime.datetime
    end: datetime.datetime


class BlindPart(NamedTuple):
    """A part of a blind time, from the date ``since``; the first begins with the blind time.

    With the cause "filled in" it is not blind: it begins where the blind time ends, and
    ends at ``since``.
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
        """Continue the blind time before segment ``number`` with this cause."""
        parts = self._parts.setdefault(number, [])
        if not parts or parts[-1].cause != cause:
            parts.append(BlindPart(since, cause, peers))

    def since(self, number: int) -> list[tuple[int, list[BlindPart]]]:
        """Return the parts of blind times by segment, from segment ``number`` on."""
        return [item for item in self._parts.items() if item[0] >= number]

    def spans(self, time: BlindTime, *, lasts: bool = False) -> list[BlindSpan]:
        """Return the spans of a blind time that are not empty; ``lasts``: it is not over."""
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
        """Return the filled-in spans of segment ``number``, which begins at ``start``."""
        return [
            BlindSpan(start, max(part.since, start), datetime.timedelta(0), ALL, *part[1:])
            for part in self._parts.get(number, ())
            if part.cause == FILLED_IN
        ]

    def merge(self, times: Sequence[BlindTime]) -> None:
        """Merge blind times into the last of them, with the cause of the longest span."""
        if len(times) < 2:
            return
        spans = [span for time in times for span in self.spans(time)]
        for time in times:
            self._parts.pop(time.number, None)
        if spans:
            longest = max(spans, key=attrgetter("duration"))
            self.add(times[-1].number, longest.start, longest.cause, longest.peers)
