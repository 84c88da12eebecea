"""SVG paths of time spans on an axis of 720 pixels.

Spans are drawn where they were, to a tenth of a pixel, without buckets. A span shorter than a
pixel is one pixel wide. Spans less than a pixel apart are merged into one shape, a histogram: each
pixel's height is the share of its time that the spans cover.

A band is nine units high, which keeps paths short: a page may have thousands.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

WIDTH, HEIGHT = 720, 9
HALF = HEIGHT / 2
_ZERO = datetime.timedelta(0)
_TOPS = [str(HEIGHT - high) for high in range(HEIGHT + 1)]
_COVERED = 1 - 1e-9  # the share of a pixel covered throughout, allowing for rounding

Time = tuple[datetime.datetime, datetime.datetime | None, datetime.timedelta]
"""A span of time: its start, its end (None: it lasts), and how much of it counts."""


class Times(NamedTuple):
    """Spans of time in order; ``begun`` and ``over``: their bounds in seconds before now."""

    times: Sequence[Time]
    begun: Sequence[float]
    over: Sequence[float]

    @classmethod
    def before(cls, now: datetime.datetime, times: Sequence[Time]) -> Times:
        """Return spans that end at ``now`` at the latest."""
        return cls(
            times,
            [(now - begin).total_seconds() for begin, _, _ in times],
            [0.0 if end is None else (now - end).total_seconds() for _, end, _ in times],
        )


class Axis(NamedTuple):
    """The time that a band covers; it is not empty, and ends now."""

    begin: datetime.datetime
    end: datetime.datetime

    def x(self, at: datetime.datetime) -> float:
        """Return the position of an instant, in pixels."""
        share = (at - self.begin) / (self.end - self.begin)
        return min(max(share, 0.0), 1.0) * WIDTH

    def spans(self, times: Times) -> Spans:
        """Return the positions of spans, clipped to the start of the axis."""
        scale = WIDTH / (self.end - self.begin).total_seconds()
        return Spans(
            times.times,
            [x if (x := WIDTH - ago * scale) > 0 else 0.0 for ago in times.begun],
            [x if (x := WIDTH - ago * scale) > 0 else 0.0 for ago in times.over],
        )


class Spans(NamedTuple):
    """Spans of time in order, with their positions on an axis in pixels."""

    times: Sequence[Time]
    lefts: Sequence[float]
    rights: Sequence[float]


class Shape(NamedTuple):
    """The path of one or more spans; ``seen``: how much of their time counts."""

    path: str
    times: Sequence[Time]
    seen: datetime.timedelta


def coverage(spans: Spans) -> list[float]:
    """Return the share of each pixel of the axis that the spans cover."""
    shares = [0.0] * (WIDTH + 1)
    for left, right in zip(spans.lefts, spans.rights, strict=True):
        first, last = int(left), int(right)
        if first == last:
            shares[first] += right - left
        else:
            shares[first] += first + 1 - left
            shares[last] += right - last
            if last - first > 1:
                shares[first + 1 : last] = [1.0] * (last - first - 1)
    return shares[:WIDTH]


def shapes(spans: Spans, shares: Sequence[float], height: float = HEIGHT) -> list[Shape]:
    """Return the shapes of spans, each on the baseline; ``shares``: their :func:`coverage`."""
    made = []
    for group in _groups(spans):
        times = spans.times[group.begin : group.end]
        left, _, path = _outline(spans, group, shares, height)
        made.append(Shape(f"M{number(left)} {HEIGHT}{path}", times, sum_seen(times)))
    return made


def one_shape(spans: Spans, shares: Sequence[float], seen: datetime.timedelta) -> Shape:
    """Return all spans as one shape with a short path; ``seen``: how much of them counts."""
    path, at = [f"M0 {HEIGHT}"], 0
    for group in _groups(spans):
        left, width, outline = _outline(spans, group, shares, HEIGHT)
        tenths = round(left * 10)
        path += f"m{number((tenths - at) / 10)} 0", outline
        at = tenths + round(width * 10)
    return Shape("".join(path), spans.times, seen)


def thinned(axis: Axis, time: Time) -> Shape:
    """Return the shape of a span whose counted time is spread evenly, its dates being unknown."""
    begin, end, seen = time
    left, right = axis.x(begin), axis.x(end or axis.end)
    high = _high(seen / max((end or axis.end) - begin, seen), HEIGHT)
    path = f"M{number(left)} {HEIGHT}V{HEIGHT - high}h{number(max(right - left, 1))}V{HEIGHT}"
    return Shape(path, [time], seen)


def sum_seen(times: Iterable[Time]) -> datetime.timedelta:
    """Return how much of the spans counts in total."""
    return sum((seen for _, _, seen in times), _ZERO)


class _Group(NamedTuple):
    """Adjacent spans, by index from ``begin`` to ``end``, and the pixels they cover."""

    begin: int
    end: int
    first: int
    past: int


def _groups(spans: Spans) -> Iterator[_Group]:
    begin = first = past = index = 0
    for index, (left, right) in enumerate(zip(spans.lefts, spans.rights, strict=True)):
        pixel, last = int(left), int(right)
        if pixel > past or not index:
            if index:
                yield _Group(begin, index, first, past)
            begin, first = index, min(pixel, WIDTH - 1)
            past = first + 1
        if last >= past:
            past = last + (right > last)
    if spans.lefts:
        yield _Group(begin, index + 1, first, past)


def _outline(
    spans: Spans, group: _Group, shares: Sequence[float], height: float
) -> tuple[float, float, str]:
    """Return a group's left edge and width, in tenths of pixels, and its path from there."""
    begin, end, first, past = group
    if end - begin > 1:
        return first, past - first, _histogram(shares[first:past], height)
    left, right = spans.lefts[begin], spans.rights[begin]
    if right - left < 1:
        left = right = min(left, past - 1)
    left = round(left, 1)
    width = max(round(right, 1) - left, 1)
    return left, width, f"V{number(HEIGHT - height)}h{number(width)}V{HEIGHT}"


def _histogram(shares: Iterable[float], height: float) -> str:
    return _steps([_TOPS[_high(share, height)] for share in shares])


def _steps(tops: Iterable[str]) -> str:
    """Return the path along the tops of pixels, beginning and ending at the baseline."""
    path, top, wide = [], str(HEIGHT), 0
    for now in tops:
        if now != top:
            path.append(f"h{wide}V{now}" if wide else f"V{now}")
            top, wide = now, 0
        wide += 1
    return "".join([*path, f"h{wide}V{HEIGHT}"])


def _high(share: float, height: float) -> int:
    """Return the height of a pixel; only a pixel covered throughout has the full height."""
    if share > _COVERED:
        return int(height)
    return min(round(share * height), int(height) - 1) or 1


def area(values: Sequence[float], most: float) -> str:
    """Return the path of the area under one value per pixel; ``most`` has the band's height."""
    return f"M0 {HEIGHT}{_steps([number(HEIGHT - HEIGHT * value / most) for value in values])}"


def number(value: float) -> str:
    """Return a coordinate as text, rounded to tenths."""
    return f"{round(value, 1):g}"
