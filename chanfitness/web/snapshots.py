"""Snapshots of a running store, taken once a second at most, whoever looks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from ..core.overview import Overview
from ..errors import ChanFitnessError
from ..store import ChannelEventStore
from .figures import ALL, windows

ANSWER_SECONDS = 4.0
"""How long the store may take to answer."""

_SECONDS_BETWEEN = 1.0  # two questions
_WANTED_SECONDS = 2.0  # for so long figures of now are wanted again
_STALE_SECONDS = 60.0  # after these the figures are old, though nothing happened
_SHARE = 9  # the store is left alone for so many times what a question took


class Snapshots:
    """The latest snapshots of a store, one over each window of the page. For one thread.

    ``clock``: seconds that only increase.
    """

    def __init__(
        self, store: ChannelEventStore, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._clock = clock
        self._windows = windows()
        self._latest: dict[str, Overview] = {}
        self._error: ChanFitnessError | None = None  # of the last question
        self._due = self._taken = self._wanted_until = -math.inf

    def latest(self, *, of_now: bool = False) -> dict[str, Overview]:
        """By range: how things are; with ``of_now`` the sums are of now, too.

        Raises ``ChanFitnessError`` if the store does not answer.
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
