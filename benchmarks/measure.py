"""Measurements on noisy machines: each figure beside a floor of the same run.

A figure and its floor take turns, round by round, so that both suffer the same disturbances.
The result is the median of the rounds, with the quartiles as its spread. Ratios are taken
within each round.
"""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import NamedTuple, TypeVar

from typing_extensions import Self

T = TypeVar("T")

SECONDS, BYTES, PER_SECOND = "seconds", "bytes", "a second"


class Spread(NamedTuple):
    """A median and its quartiles."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Return the spread of at least two values."""
        return cls(*statistics.quantiles(values, n=4, method="inclusive"))

    def inverse(self) -> Spread:
        """Return the rates of a spread of seconds."""
        return Spread(1 / self.high, 1 / self.median, 1 / self.low)


class Figure(NamedTuple):
    """A cost and its floor, both in ``unit``.

    ``ratio``: cost by floor, or floor by cost if the unit is ``PER_SECOND``, so that more is
    always worse.
    """

    name: str
    size: str
    unit: str
    cost: Spread
    floor_name: str
    floor: Spread
    ratio: Spread


class Point(NamedTuple):
    """A cost at one size."""

    size: int
    cost: Spread


class Curve(NamedTuple):
    """The growth of a cost with a size, as a power of the size.

    The ``exponent`` is fitted to the ``points`` from the size ``fitted_from`` on; at smaller
    sizes constant costs may outweigh those that grow.
    """

    name: str
    against: str
    unit: str
    points: tuple[Point, ...]
    fitted_from: int
    exponent: float


def timed(count: int, work: Callable[[], object]) -> float:
    """Return the seconds an operation takes, if ``work`` does ``count`` of them."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) / count


def latencies(count: int, operation: Callable[[], object]) -> list[float]:
    """Return the seconds of each of ``count`` operations, sorted."""
    now = time.perf_counter
    taken = []
    for _ in repeat(None, count):
        begun = now()
        operation()
        taken.append(now() - begun)
    return sorted(taken)


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return a percentile of sorted values."""
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)]


def take_turns(rounds: int, works: Sequence[Callable[[], T]]) -> list[list[T]]:
    """Call the works in turns, and return the results of each."""
    results: list[list[T]] = [[] for _ in works]
    for _ in range(rounds):
        for work, returned in zip(works, results, strict=True):
            gc.collect()
            returned.append(work())
    return results


def figure(
    name: str,
    size: str,
    costs: Sequence[float],
    floor_name: str,
    floors: Sequence[float],
    *,
    unit: str = SECONDS,
) -> Figure:
    """Return the figure of costs and floors of the same rounds."""
    ratio = Spread.of([cost / floor for cost, floor in zip(costs, floors, strict=True)])
    cost, floor = Spread.of(costs), Spread.of(floors)
    if unit == PER_SECOND:
        cost, floor = cost.inverse(), floor.inverse()
    return Figure(name, size, unit, cost, floor_name, floor, ratio)


def curve(
    name: str,
    against: str,
    sizes: Sequence[int],
    costs: Sequence[Sequence[float]],
    *,
    fitted: int = 0,
    unit: str = SECONDS,
) -> Curve:
    """Return the curve of costs at sizes, fitted to its last ``fitted`` points; 0: to all."""
    points = tuple(
        Point(size, Spread.of(values)) for size, values in zip(sizes, costs, strict=True)
    )
    last = points[-fitted:]
    return Curve(name, against, unit, points, last[0].size, exponent(last))


def exponent(points: Sequence[Point]) -> float:
    """Return the slope of the medians on logarithmic axes, by least squares."""
    slope, _ = statistics.linear_regression(
        [math.log(point.size) for point in points],
        [math.log(point.cost.median) for point in points],
    )
    return slope
