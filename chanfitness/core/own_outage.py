"""This node's own outage: when all peers go at once, it was nobody's fault but ours.

A node whose line is dead notices so peer by peer, over a minute or so. If three
or more peers are online, and all go offline within a period, and none is seen
online between, then it was this node's own network. What happened since the
first of these offline events is *undecided* for so long: until a peer is seen
online, or the period is over, or all have gone. If all have gone, it is undone.

As peers go one after the other the first event moves along: those that are
older than the period were outages of their own.

Pure: the instants are arguments.
"""

from __future__ import annotations

import datetime
from collections import deque

from .rollback import Closed, Opened, Record, Went
from .timeline import Instant

FEWEST = 3


class OutageDetector:
    """What is undecided. Not thread-safe: the loop owns it."""

    def __init__(self, period: datetime.timedelta) -> None:
        self._period = period
        self.online = 0  # how many peers are
        self._records: deque[Record] = deque()  # the first is a Went

    def note(self, record: Record) -> None:
        """Something happened that may have to be undone, now or never."""
        self._forget_old(record.at)
        if self._records or isinstance(record, Went):
            self._records.append(record)

    def clear(self) -> None:
        """All that happened until now was as it seemed."""
        self._records.clear()

    @property
    def is_certain(self) -> bool:
        """Whether all have gone, and so it was this node's own network."""
        return not self.online and len(self.went) >= FEWEST

    def is_open(self, now: Instant) -> bool:
        """Whether what happened since :attr:`first` may yet have to be undone."""
        self._forget_old(now)
        return bool(self.online and self._records) and self.online + len(self.went) >= FEWEST

    @property
    def first(self) -> Instant:
        """When the first peer went."""
        return self._records[0].at

    @property
    def went(self) -> list[Went]:
        """The peers that went, the first to go first."""
        return [record for record in self._records if isinstance(record, Went)]

    @property
    def of_channels(self) -> list[Opened | Closed]:
        """The channels that opened or closed since the first peer went."""
        return [record for record in self._records if not isinstance(record, Went)]

    def take(self) -> tuple[Instant, list[Record]]:
        """When the first peer went, and all that happened since; it is decided then."""
        first, records = self.first, list(self._records)
        self.clear()
        return first, records

    def _forget_old(self, now: Instant) -> None:
        """Forget what was too long ago, or before the machine slept."""
        position, segment = now
        while self._records:
            first = self._records[0]
            if (
                isinstance(first, Went)
                and first.at[1] == segment
                and position - first.at[0] <= self._period
            ):
                break
            self._records.popleft()
