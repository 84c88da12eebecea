"""Bands: times as shapes on an axis of 720 pixels, each the data of an SVG path.

Times stand where they were, to a tenth of a pixel; nothing is put into buckets. One that is
shorter than a pixel is one pixel wide. Where there is no pixel between two they are one
shape, a histogram: each of its pixels is as high as the share of it that the times cover.

A band is nine units high, so that paths are short: there may be thousands on a page.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

WIDTH, HEIGHT = 720, 9
HALF = HEIGHT / 2
_ZERO = datetime.timedelta(0)
_TOPS = [str(HEIGHT - high) for high in range(HEIGHT + 1)]
_COVERED = 1 - 1e-9  # the share of a pixel that is covered from end to end, but for rounding

Time = tuple[datetime.datetime, datetime.datetime | None, datetime.timedelta]
"""From when to when (None: it lasts), and how much of that counts."""


class Times(NamedTuple):
    """Times in order; ``begun`` and ``over``: how many seconds before now."""

    times: Sequence[Time]
    begun: Sequence[float]
    over: Sequence[float]

    @classmethod
    def before(cls, now: datetime.datetime, times: Sequence[Time]) -> Times:
        """Times before now, none of which lasts longer."""
        return cls(
            times,
            [(now - begin).total_seconds() for begin, _, _ in times],
            [0.0 if end is None else (now - end).total_seconds() for _, end, _ in times],
        )


class Axis(NamedTuple):
    """The time that a band shows, up to now; it is not empty."""

    begin: datetime.datetime
    end: datetime.datetime

    def x(self, at: datetime.datetime) -> float:
        """Where a moment is, in pixels."""
        share = (at - self.begin) / (self.end - self.begin)
        return min(max(share, 0.0), 1.0) * WIDTH

    def spans(self, times: Times) -> Spans:
        """Where times are; what was before the axis begins is where it begins."""
        scale = WIDTH / (self.end - self.begin).total_seconds()
        return Spans(
            times.times,
            [x if (x := WIDTH - ago * scale) > 0 else 0.0 for ago in times.begun],
            [x if (x := WIDTH - ago * scale) > 0 else 0.0 for ago in times.over],
        )


class Spans(NamedTuple):
    """Times in order, and where they are on an axis."""

    times: Sequence[Time]
    lefts: Sequence[float]
    rights: Sequence[float]


class Shape(NamedTuple):
    """One or more times as a path; ``seen``: how much of them counts, together."""

    path: str
    times: Sequence[Time]
    seen: datetime.timedelta


def coverage(spans: Spans) -> list[float]:
    """The share of each pixel of an axis that times cover."""
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
    """The shapes of times, each on the ground; ``shares``: their :func:`coverage`."""
    made = []
    for group in _groups(spans):
        times = spans.times[group.begin : group.end]
        left, _, path = _outline(spans, group, shares, height)
        made.append(Shape(f"M{number(left)} {HEIGHT}{path}", times, sum_seen(times)))
    return made


def one_shape(spans: Spans, shares: Sequence[float], seen: datetime.timedelta) -> Shape:
    """All times as one shape, with a short path; ``seen``: how much of them counts."""
    path, at = [f"M0 {HEIGHT}"], 0
    for group in _groups(spans):
        left, width, outline = _outline(spans, group, shares, HEIGHT)
        tenths = round(left * 10)
        path += f"m{number((tenths - at) / 10)} 0", outline
        at = tenths + round(width * 10)
    return Shape("".join(path), spans.times, seen)


def thinned(axis: Axis, time: Time) -> Shape:
    """The shape of a time within which so much counts, of which is not known when it was."""
    begin, end, seen = time
    left, right = axis.x(begin), axis.x(end or axis.end)
    high = _high(seen / max((end or axis.end) - begin, seen), HEIGHT)
    path = f"M{number(left)} {HEIGHT}V{HEIGHT - high}h{number(max(right - left, 1))}V{HEIGHT}"
    return Shape(path, [time], seen)


def sum_seen(times: Iterable[Time]) -> datetime.timedelta:
    """How much of times counts, together."""
    return sum((seen for _, _, seen in times), _ZERO)


class _Group(NamedTuple):
    """Times with no pixel between them, ``begin`` to ``end``, and their pixels."""

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
    """Where a group begins on the ground, in tenths, how wide it is, and its path from there."""
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
    """The path along the tops of pixels, from the ground and back to it."""
    path, top, wide = [], str(HEIGHT), 0
    for now in tops:
        if now != top:
            path.append(f"h{wide}V{now}" if wide else f"V{now}")
            top, wide = now, 0
        wide += 1
    return "".join([*path, f"h{wide}V{HEIGHT}"])


def _high(share: float, height: float) -> int:
    """How high a pixel is: only one that is covered from end to end has the full height."""
    if share > _COVERED:
        return int(height)
    return min(round(share * height), int(height) - 1) or 1


def area(values: Sequence[float], most: float) -> str:
    """The path of an area under one value a pixel; ``most`` is as high as a band."""
    return f"M0 {HEIGHT}{_steps([number(HEIGHT - HEIGHT * value / most) for value in values])}"


def number(value: float) -> str:
    """A coordinate, to the tenth."""
    return f"{round(value, 1):g}"
