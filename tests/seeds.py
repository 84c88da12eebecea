"""The seeds of the long tests: the same at each ``make test``, new ones at each ``make stress``.

The first is printed when the tests begin; ``CHANFITNESS_SEED=n`` replays one.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, repeat

from .lengths import STRESS

_GIVEN = os.environ.get("CHANFITNESS_SEED")

if _GIVEN is not None:
    SEED = int(_GIVEN)
elif STRESS:
    SEED = random.SystemRandom().randrange(10**9)
else:
    SEED = 1


def seeds() -> Iterator[int]:
    """One after the other, for ever; but if one is to be replayed, always that."""
    return repeat(SEED) if _GIVEN is not None else count(SEED)


@contextmanager
def replayable(seed: int) -> Iterator[None]:
    """What fails, fails with its seed."""
    try:
        yield
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise AssertionError(f"CHANFITNESS_SEED={seed} replays it: {what}") from error
