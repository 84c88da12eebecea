"""Interval arithmetic: outages and lifetimes without the blind spans in them."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence

from ..core.blind_spans import ALL, BlindSpan

_ZERO = datetime.timedelta(0)

Part = tuple[datetime.datetime, datetime.datetime | None, datetime.timedelta]
"""A span of time: its start, its end (None: it lasts), and how much of it was seen."""


def concerning(blind: Iterable[BlindSpan], transport: str | None) -> list[BlindSpan]:
    """Return the blind spans of all peers and of those reached by ``transport``."""
    return [span for span in blind if span.of in (ALL, transport)]


def seen_parts(
    spans: Iterable[Part], blind: Sequence[BlindSpan], now: datetime.datetime
) -> list[Part]:
    """Return the spans without the blind spans in them.

    While a transport was lost, not every peer of it was blind. From each span, therefore, either
    all blind spans or only those of all peers are cut out, whichever leaves its seen time. If
    neither does, the span is left whole.
    """
    if not blind:
        return list(spans)
    of_all = [span for span in blind if span.of == ALL]
    found: list[Part] = []
    for span in spans:
        begin, end, seen = span
        if (end or now) - begin == seen:
            found.append(span)
            continue
        cut = (list(without(span, each, now)) for each in (blind, of_all))
        found += next((parts for parts in cut if sum_seen(parts) == seen), [span])
    return found


def sum_seen(parts: Iterable[Part]) -> datetime.timedelta:
    """Return the total seen time of parts."""
    return sum((seen for _, _, seen in parts), _ZERO)


def without(span: Part, blind: Sequence[BlindSpan], now: datetime.datetime) -> Iterator[Part]:
    """Yield the parts of a span between blind spans; only the last part may have no end."""
    begin, end, _ = span
    for each in blind:
        over = each.end or now
        if over <= begin or (end is not None and each.start >= end):
            continue
        if each.start > begin:
            yield begin, each.start, each.start - begin
        begin = over
    if begin < (end or now):
        yield begin, end, (end or now) - begin


def merged(parts: Iterable[Part], now: datetime.datetime) -> list[Part]:
    """Return the union of parts, as parts that neither overlap nor touch."""
    found: list[tuple[datetime.datetime, datetime.datetime]] = []
    for begin, end in sorted((begin, end or now) for begin, end, _ in parts):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((begin, end))
    return [(begin, end, end - begin) for begin, end in found]
