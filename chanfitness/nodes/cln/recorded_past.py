"""Backfill of blind time from lightningd's record."""

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
    """Fills in the part of the blind time before a snapshot in which lightningd ran.

    Time in which lightningd did not answer a question is not filled in: it may have been
    frozen. For one thread.

    ``started``: called with the present date, returns when lightningd started, or None.
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
        """Note that a question was not answered."""
        self._silent_at = self._now()

    def read(self, known: Overview) -> bool | None:
        """Read the record since a store saw last; ``known``: its overview. May take a while.

        Return whether there is time to fill in, or None without an answer.
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
        """Return the backfill up to network event ``latest``; None if empty or unanswered.

        ``now``: the present lists.
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
            logger.info("cannot fill in the unseen time, it stays blind: %s", error)
            return None
        logger.info("filled in the time from %s on by lightningd's record", logged_time(since))
        return event

    def _ran_since(self, known: Overview) -> datetime.datetime | None:
        """Return since when, after the store saw last, lightningd has been running.

        None if that is not known, or if the store never saw.
        """
        seen_until, now = known.seen_until, self._now()
        started = self._started(now)
        if seen_until is None or started is None:
            return None
        since = max(seen_until, started)
        was_silent = self._silent_at is not None and self._silent_at >= since
        return None if was_silent or since >= now else since
