"""Seeds of the random tests: fixed in ``make test``, new in each ``make stress``.

The first seed is printed at the start; a failing test prints its own. ``CHANFITNESS_SEED=n``
replays one, exactly except for threads and processes. Tests with hypothesis do not use these
seeds: hypothesis prints the failing example.
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
    """Yield seeds without end; if one is to be replayed, always that.

    For tests of many threads, which are not repeatable.
    """
    return repeat(SEED) if _GIVEN is not None else count(SEED)


def different_seeds(number: int) -> Sequence[int]:
    """Return so many seeds; if one is to be replayed, that alone."""
    return range(SEED, SEED + (number if _GIVEN is None else 1))


@contextmanager
def replayable(seed: int) -> Iterator[None]:
    """Add the seed to an error."""
    try:
        yield
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise AssertionError(f"CHANFITNESS_SEED={seed} replays it: {what}") from error
