"""Sizes of the benchmarks: full, or quick to test the benchmarks themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Sizes(NamedTuple):
    """The sizes of a run of a few seconds, if ``quick``, or of minutes."""

    quick: bool

    def of(self, count: int) -> int:
        """Return a count, or a hundredth of it."""
        return max(count // 100, 1) if self.quick else count

    def rounds(self, count: int) -> int:
        """Return the number of rounds, or 2."""
        return 2 if self.quick else count

    def along(self, sizes: Sequence[int]) -> Sequence[int]:
        """Return the sizes along a curve, or the first two."""
        return sizes[:2] if self.quick else sizes
