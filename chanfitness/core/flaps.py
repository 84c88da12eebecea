"""Flaps: how often a peer's state changed, as lnd counts it.

Each change that was seen counts one. Old flaps count less: when the *period*
or more has passed since the last flap, the count is multiplied by the *factor*
to the power of the periods that passed, and cut to a whole number. lnd does so
at the next flap (``chanfitness``, ``cooldownFlapCount``: 0.95 and 8 hours); here
it is done also whenever the count is shown. Pure.
"""

from __future__ import annotations

import datetime
from typing import NamedTuple

FACTOR = 0.95
PERIOD = datetime.timedelta(hours=8)
_ZERO = datetime.timedelta(0)


class Cooldown(NamedTuple):
    """How flaps grow old."""

    factor: float = FACTOR
    period: datetime.timedelta = PERIOD

    def cooled(self, count: int, elapsed: datetime.timedelta) -> int:
        """What is left of ``count`` when the last flap is ``elapsed`` ago."""
        if elapsed < self.period:
            return count
        return int(count * self.factor ** (elapsed / self.period))
