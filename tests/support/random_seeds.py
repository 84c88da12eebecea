"""The seeds of the random tests: the same at each ``make test``, new ones at each ``make stress``.

The first is printed when the tests begin; what fails says its own, or has the first.
``CHANFITNESS_SEED=n`` replays one: exactly, but for threads and processes, which do
not do the same twice. Tests with hypothesis have none of these seeds: hypothesis
prints what failed.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
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
    """One after the other, for ever; but if one is to be replayed, always that.

    For tests of many threads, which do not do the same each time.
    """
    return repeat(SEED) if _GIVEN is not None else count(SEED)


def different_seeds(number: int) -> Sequence[int]:
    """So many; but if one is to be replayed, that alone."""
    return range(SEED, SEED + (number if _GIVEN is None else 1))


@contextmanager
def replayable(seed: int) -> Iterator[None]:
    """What fails, fails with its seed."""
    try:
        yield
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise AssertionError(f"CHANFITNESS_SEED={seed} replays it: {what}") from error
