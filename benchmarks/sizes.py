"""How much is measured: all of it, or so little that only the benchmarks are tested."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Sizes(NamedTuple):
    """Whether it is quick, which is a few seconds; else it is a few minutes."""

    quick: bool

    def of(self, count: int) -> int:
        """So many, or a hundredth of it."""
        return max(count // 100, 1) if self.quick else count

    def rounds(self, count: int) -> int:
        """So many rounds, or two."""
        return 2 if self.quick else count

    def along(self, sizes: Sequence[int]) -> Sequence[int]:
        """The sizes along a curve, or the least two."""
        return sizes[:2] if self.quick else sizes
