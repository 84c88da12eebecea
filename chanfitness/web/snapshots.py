"""Rate-limited cache of a running store's snapshots."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from ..core.overview import Overview
from ..errors import ChanFitnessError
from ..store import ChannelEventStore
from .figures import ALL, windows

ANSWER_SECONDS = 4.0
"""Timeout of a query to the store."""

_SECONDS_BETWEEN = 1.0  # the least time between two queries
_WANTED_SECONDS = 2.0  # current sums are expected to be wanted again within this time
_STALE_SECONDS = 60.0  # figures expire after this time even if nothing happened
_SHARE = 9  # the pause after a query, as a multiple of the time that it took


class Snapshots:
    """The latest snapshots of a store, one over each window of the page. Not thread-safe.

    ``clock``: returns monotonic seconds.
    """

    def __init__(
        self, store: ChannelEventStore, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._clock = clock
        self._windows = windows()
        self._latest: dict[str, Overview] = {}
        self._error: ChanFitnessError | None = None  # of the last query
        self._due = self._taken = self._wanted_until = -math.inf

    def latest(self, *, of_now: bool = False) -> dict[str, Overview]:
        """Return the snapshots by range; with ``of_now``, with sums at most a second old.

        Raises:
            ChanFitnessError: The store does not answer.
        """
        now = self._clock()
        if of_now:
            self._wanted_until = now + _WANTED_SECONDS
        limit = _SECONDS_BETWEEN if now < self._wanted_until else _STALE_SECONDS
        is_old = now - self._taken >= limit
        if now >= self._due or (of_now and is_old):
            self._ask(now, self._latest.get(ALL) if not is_old else None)
        if self._error is not None:
            raise self._error
        return self._latest

    def _ask(self, now: float, unless: Overview | None) -> None:
        spent = 0.0
        try:
            found = self._store.get_overviews(
                [*self._windows.values()], unless=unless, timeout=ANSWER_SECONDS
            )
        except ChanFitnessError as error:
            self._error = error.with_traceback(None)
        else:
            self._error, spent = None, self._clock() - now
            if found:
                self._latest, self._taken = dict(zip(self._windows, found, strict=True)), now
        self._due = self._clock() + max(_SECONDS_BETWEEN, _SHARE * spent)
