"""What lightningd recorded while nothing was seen, read and made an event for a store."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import NamedTuple

from ...clock import Clock
from ...core.overview import Overview
from ...events import BackfillEvent
from ...logs import Log, logged_time
from .backfill import backfill
from .listings import NO_RECORD, ListingClient, Record
from .messages import Listing
from .network_events import BrokenRecordError

logger = Log(__name__)


class _Past(NamedTuple):
    known: Overview
    since: datetime.datetime
    record: Record


class RecordedPast:
    """Fills in the blind time before a snapshot, as far as lightningd ran in it. For one thread.

    ``started``: called with the date now, returns when lightningd started, or None if that
    is not known.

    Time in which lightningd did not answer a question is not filled in: it may have been
    frozen.
    """

    def __init__(
        self,
        listings: ListingClient,
        clock: Clock,
        started: Callable[[datetime.datetime], datetime.datetime | None],
    ) -> None:
        self._listings = listings
        self._now = clock.now
        self._started = started
        self._silent_at: datetime.datetime | None = None
        self._past: _Past | None = None
        listings.on_silence = self.note_silence

    def note_silence(self) -> None:
        """A question was not answered."""
        self._silent_at = self._now()

    def read(self, known: Overview) -> bool | None:
        """Read what was recorded since a store saw last; ``known``: what it knows.

        Returns whether there is something to fill in, or None without an answer. It may
        take a while.
        """
        self._past = None
        since = self._ran_since(known)
        if since is None:
            return False
        last = self._listings.latest_event()
        if last is None or last == NO_RECORD:
            return None if last is None else False
        record = self._listings.recorded_since(since, last)
        if record is not None:
            self._past = _Past(known, since, record)
        elif not self._listings.is_answered:
            return None
        return self._past is not None

    def event_until(self, latest: int, now: Listing) -> BackfillEvent | None:
        """What is to be filled in, up to the network event number ``latest``.

        ``now``: what is listed. None if there is nothing, or no answer.
        """
        if self._past is None:
            return None
        known, since, record = self._past
        longer = self._listings.recorded_after(record, latest)
        if longer is None:
            return None
        try:
            event = backfill(known, since, longer.events, now)
        except BrokenRecordError as error:
            logger.info("what happened while nothing was seen stays unknown: %s", error)
            return None
        logger.info("filled in by lightningd's record: from %s on", logged_time(since))
        return event

    def _ran_since(self, known: Overview) -> datetime.datetime | None:
        """From when on, since the store saw last, lightningd ran for all that is known.

        None if that cannot be told, or if the store never saw.
        """
        seen_until, now = known.seen_until, self._now()
        started = self._started(now)
        if seen_until is None or started is None:
            return None
        since = max(seen_until, started)
        was_silent = self._silent_at is not None and self._silent_at >= since
        return None if was_silent or since >= now else since
