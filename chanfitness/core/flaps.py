"""Flap counts with a cooldown, as in lnd.

A *flap* is a change of a peer's state that was seen. Old flaps count less: once the *period*
has passed since the last flap, the count is multiplied by ``factor ** periods passed`` and
cut to a whole number. lnd does this at the next flap (``cooldownFlapCount``: 0.95 and 8
hours); here it is also done whenever the count is shown. Pure.
"""

from __future__ import annotations

import datetime
from typing import NamedTuple

FACTOR = 0.95
PERIOD = datetime.timedelta(hours=8)
_ZERO = datetime.timedelta(0)


class Cooldown(NamedTuple):
    """The rate at which a flap count decreases."""

    factor: float = FACTOR
    period: datetime.timedelta = PERIOD

    def cooled(self, count: int, elapsed: datetime.timedelta) -> int:
        """Return ``count`` as it is shown when the last flap was ``elapsed`` ago."""
        if elapsed < self.period:
            return count
        return int(count * self.factor ** (elapsed / self.period))
