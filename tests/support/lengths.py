"""Lengths of the long tests: short in ``make test``, full in ``make stress``."""

from __future__ import annotations

import os
from collections.abc import Callable

Record = Callable[[str, int | str], None]
"""``record_property``: notes a figure of a long test, which is printed at the end."""

STRESS = os.environ.get("CHANFITNESS_STRESS") == "1"


def length(short: int, full: int) -> int:
    return full if STRESS else short
