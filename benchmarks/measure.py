"""Measuring on noisy machines: every figure beside a floor taken in the same run.

What is compared takes turns, round by round, so what disturbs one disturbs the
other. Of the rounds the median counts, and the quartiles are its spread; a ratio
is taken in each round, between neighbours.
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
    """A median between its quartiles."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """The quartiles of at least two values."""
        return cls(*statistics.quantiles(values, n=4, method="inclusive"))

    def inverse(self) -> Spread:
        """Of so many seconds each, so many a second."""
        return Spread(1 / self.high, 1 / self.median, 1 / self.low)


class Figure(NamedTuple):
    """What something costs, of what size it was, and its floor.

    ``unit`` is of ``cost`` and ``floor``. ``ratio``: cost by floor, and of what is
    counted ``a second`` floor by cost: more is worse in either case.
    """

    name: str
    size: str
    unit: str
    cost: Spread
    floor_name: str
    floor: Spread
    ratio: Spread


class Point(NamedTuple):
    """What something costs at one size."""

    size: int
    cost: Spread


class Curve(NamedTuple):
    """How a cost grows with something: as its ``exponent``-th power.

    That is fitted to ``points`` from the size ``fitted_from`` on: below it, what
    any size costs may outweigh what grows.
    """

    name: str
    against: str
    unit: str
    points: tuple[Point, ...]
    fitted_from: int
    exponent: float


def timed(count: int, work: Callable[[], object]) -> float:
    """Seconds that each of ``count`` operations took that ``work`` does."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) / count


def latencies(count: int, operation: Callable[[], object]) -> list[float]:
    """Seconds that each of so many operations took, the shortest first."""
    now = time.perf_counter
    taken = []
    for _ in repeat(None, count):
        begun = now()
        operation()
        taken.append(now() - begun)
    return sorted(taken)


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The value that ``percent`` of these are not above."""
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)]


def take_turns(rounds: int, works: Sequence[Callable[[], T]]) -> list[list[T]]:
    """Let these take turns; what each of them returned, round by round."""
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
    """The line of the table that costs and floors of the same rounds make."""
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
    """The curve that the costs at these sizes make, fitted to its last so many points or all."""
    points = tuple(
        Point(size, Spread.of(values)) for size, values in zip(sizes, costs, strict=True)
    )
    last = points[-fitted:]
    return Curve(name, against, unit, points, last[0].size, exponent(last))


def exponent(points: Sequence[Point]) -> float:
    """The slope of the line through the medians, both axes logarithmic, by least squares."""
    slope, _ = statistics.linear_regression(
        [math.log(point.size) for point in points],
        [math.log(point.cost.median) for point in points],
    )
    return slope
