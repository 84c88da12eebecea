"""Measuring on noisy machines: every figure beside a floor taken in the same run.

Subject and floor take turns, round by round, so what disturbs one disturbs the
other; the figures are medians over the rounds, with the ratio's quartiles.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable
from typing import NamedTuple

Timed = Callable[[], float]
"""Runs once, and returns the seconds that one operation took."""


class Figure(NamedTuple):
    """One line of the table."""

    name: str
    seconds: float
    floor_name: str
    floor: float
    ratio: float
    low: float
    high: float

    def __str__(self) -> str:
        return (
            f"{self.name:<46} {_humane(self.seconds):>9}   {self.floor_name:<30}"
            f" {_humane(self.floor):>9}   {self.ratio:5.2f}  ({self.low:.2f} to {self.high:.2f})"
        )


def compare(name: str, subject: Timed, floor_name: str, floor: Timed, rounds: int) -> Figure:
    """Let subject and floor take turns for so many rounds."""
    subjects, floors = [], []
    for _ in range(rounds):
        gc.collect()
        floors.append(floor())
        gc.collect()
        subjects.append(subject())
    ratios = [each / below for each, below in zip(subjects, floors, strict=True)]
    low, ratio, high = statistics.quantiles(ratios, n=4)
    return Figure(
        name, statistics.median(subjects), floor_name, statistics.median(floors), ratio, low, high
    )


def _humane(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.2f} {unit}"
    return f"{seconds * 1e9:.0f} ns"
