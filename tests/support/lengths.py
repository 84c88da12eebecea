"""How long the long tests are: short in ``make test``, whole in ``make stress``."""

from __future__ import annotations

import os
from collections.abc import Callable

Record = Callable[[str, int | str], None]
"""What notes a figure of a long test, which is said at the end: ``record_property``."""

STRESS = os.environ.get("CHANFITNESS_STRESS") == "1"


def length(short: int, full: int) -> int:
    return full if STRESS else short
