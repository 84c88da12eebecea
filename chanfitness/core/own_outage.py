"""This node's own outage: when all peers go at once, it was nobody's fault but ours.

A node whose line is dead notices so peer by peer, over a minute or so. If three
or more peers are online, and all go offline within a period, and none is seen
online between, then it was this node's own network. What happened since the
first of these offline events is *undecided* for so long: until a peer is seen
online, or the period is over, or all have gone. If all have gone, it is undone.

As peers go one after the other the first event moves along: those that are
older than the period were outages of their own. A peer that was seen to reconnect and goes
again within the period goes *on its own account*: it is none of the three, and the
outage does not begin with it.

Pure: the instants are arguments.
"""

from __future__ import annotations

import datetime
from collections import deque
from collections.abc import Mapping

from .peerlog import PeerLog
from .rollback import Closed, Opened, Record, Said, Went
from .timeline import Instant

FEWEST = 3
_new_tuple = tuple.__new__  # quicker than a NamedTuple's own, where it counts
_ZERO, _MICROSECOND = datetime.timedelta(0), datetime.timedelta(microseconds=1)


class OutageDetector:
    """What is undecided. Not thread-safe: the loop owns it.

    ``online``: how many peers are, which the caller counts.
    """

    def __init__(self, period: datetime.timedelta) -> None:
        self._period = period
        self._records: deque[Record] = deque()  # the first is a Went that counts

    def went(self, at: Instant, log: PeerLog) -> Went:
        """A peer that is online goes."""
        alone = log.changes_seen > 1 and self._is_within(log.since, at)
        record: Went = _new_tuple(Went, (at, log, log.state(), alone))
        self.add(record)
        return record

    def add(self, record: Went) -> None:
        """A peer goes, so."""
        self._forget_old(record.at)
        if self._records or not record.alone:
            self._records.append(record)

    def forget(self, log: PeerLog) -> None:
        """A peer that went is none of them."""
        self._records = deque(each for each in self._records if not _is_of(each, log))
        self._begin_with_one_that_counts()

    def replace(self, records: Mapping[Record, Record]) -> None:
        """Take some records for others."""
        self._records = deque(records.get(each, each) for each in self._records)

    def note(self, record: Opened | Closed | Said) -> None:
        """Something happened to a channel, which may have to be undone."""
        self._forget_old(record.at)
        if self._records:
            self._records.append(record)

    @property
    def has_begun(self) -> bool:
        """Whether anything is undecided."""
        return bool(self._records)

    def clear(self) -> None:
        """All that happened until now was as it seemed."""
        self._records.clear()

    def is_certain(self, online: int) -> bool:
        """Whether all have gone, and so it was this node's own network."""
        return not online and len(self._counted) >= FEWEST

    def is_open(self, now: Instant, online: int) -> bool:
        """Whether what happened since :attr:`first` may yet have to be undone."""
        self._forget_old(now)
        return now[0] < self.open_until(now, online)

    def open_until(self, now: Instant, online: int) -> datetime.timedelta:
        """The position from which on nothing is undecided, if no more happens; zero if never."""
        going = [record.at for record in self._counted if record.at[1] == now[1]]
        needed = max(FEWEST - online, 1)
        if not online or len(going) < needed:
            return _ZERO
        return going[-needed][0] + self._period + _MICROSECOND

    @property
    def first(self) -> Instant:
        """When the first peer went."""
        return self._records[0].at

    @property
    def gone(self) -> list[Went]:
        """The peers that went, the first to go first."""
        return [record for record in self._records if isinstance(record, Went)]

    @property
    def of_channels(self) -> list[Opened | Closed]:
        """The channels that opened or closed since the first peer went."""
        return [record for record in self._records if isinstance(record, (Opened, Closed))]

    @property
    def said(self) -> list[Said]:
        """What was said of channels' activity since the first peer went."""
        return [record for record in self._records if isinstance(record, Said)]

    def take(self) -> tuple[Instant, list[Record]]:
        """When the first peer went, and all that happened since; it is decided then."""
        first, records = self.first, list(self._records)
        self.clear()
        return first, records

    @property
    def _counted(self) -> list[Record]:
        return [record for record in self._records if _counts(record)]

    def _forget_old(self, now: Instant) -> None:
        """Forget what was too long ago, or before the machine slept."""
        records = self._records
        while records and not self._is_within(records[0].at, now):
            records.popleft()
            self._begin_with_one_that_counts()

    def _begin_with_one_that_counts(self) -> None:
        while self._records and not _counts(self._records[0]):
            self._records.popleft()

    def _is_within(self, earlier: Instant, now: Instant) -> bool:
        return earlier[1] == now[1] and now[0] - earlier[0] <= self._period


def _counts(record: Record) -> bool:
    return isinstance(record, Went) and not record.alone


def _is_of(record: Record, log: PeerLog) -> bool:
    return isinstance(record, Went) and record.log is log
