"""Detector of this node's own outages: all peers go offline at once.

A node without a network connection notices it peer by peer, over a minute or so. If three or
more peers are online, all go offline within a period, and none is seen online between, the
fault was this node's own. Events since the first of these offline events are *undecided* until
a peer is seen online, the period is over, or all peers are offline. In the last case they are
undone.

The first event moves along: an offline event older than the period was a peer's own outage. A
peer that was seen to reconnect and goes again within the period goes *on its own account*: it
is not one of the three, and the outage does not begin with it.

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
_new_tuple = tuple.__new__  # faster than the NamedTuple's own
_ZERO, _MICROSECOND = datetime.timedelta(0), datetime.timedelta(microseconds=1)


class OutageDetector:
    """The undecided events. Not thread-safe: the loop owns it.

    ``online``, an argument of some methods, is the number of peers online.
    """

    def __init__(self, period: datetime.timedelta) -> None:
        self._period = period
        self._records: deque[Record] = deque()  # begins with a Went that counts

    def went(self, at: Instant, log: PeerLog) -> Went:
        """Add the offline event of a peer whose log still has it online. Return the record."""
        alone = log.changes_seen > 1 and self._is_within(log.since, at)
        record: Went = _new_tuple(Went, (at, log, log.state(), alone))
        self.add(record)
        return record

    def add(self, record: Went) -> None:
        """Add a peer's offline event."""
        self._forget_old(record.at)
        if self._records or not record.alone:
            self._records.append(record)

    def forget(self, log: PeerLog) -> None:
        """Remove the offline events of a peer."""
        self._records = deque(each for each in self._records if not _is_of(each, log))
        self._drop_until_counted()

    def replace(self, records: Mapping[Record, Record]) -> None:
        """Replace some records by others."""
        self._records = deque(records.get(each, each) for each in self._records)

    def note(self, record: Opened | Closed | Said) -> None:
        """Add a change of a channel, if anything is undecided."""
        self._forget_old(record.at)
        if self._records:
            self._records.append(record)

    @property
    def has_begun(self) -> bool:
        """Whether anything is undecided."""
        return bool(self._records)

    def clear(self) -> None:
        """Let all undecided events stand as they are."""
        self._records.clear()

    def is_certain(self, online: int) -> bool:
        """Return whether all peers went: this node's own outage."""
        return not online and len(self._counted) >= FEWEST

    def is_open(self, now: Instant, online: int) -> bool:
        """Return whether anything is undecided at an instant."""
        self._forget_old(now)
        return now[0] < self.open_until(now, online)

    def open_until(self, now: Instant, online: int) -> datetime.timedelta:
        """Return the position at which, without further events, all is decided; zero if it is."""
        going = [record.at for record in self._counted if record.at[1] == now[1]]
        needed = max(FEWEST - online, 1)
        if not online or len(going) < needed:
            return _ZERO
        return going[-needed][0] + self._period + _MICROSECOND

    @property
    def first(self) -> Instant:
        """The instant of the first offline event."""
        return self._records[0].at

    @property
    def gone(self) -> list[Went]:
        """The offline events, in order."""
        return [record for record in self._records if isinstance(record, Went)]

    @property
    def of_channels(self) -> list[Opened | Closed]:
        """The opened and closed channels since the first offline event."""
        return [record for record in self._records if isinstance(record, (Opened, Closed))]

    @property
    def said(self) -> list[Said]:
        """The changes of channels' activity since the first offline event."""
        return [record for record in self._records if isinstance(record, Said)]

    def take(self) -> tuple[Instant, list[Record]]:
        """Remove and return all records, with the instant of the first."""
        first, records = self.first, list(self._records)
        self.clear()
        return first, records

    @property
    def _counted(self) -> list[Record]:
        return [record for record in self._records if _counts(record)]

    def _forget_old(self, now: Instant) -> None:
        """Forget events older than the period, or before a suspend of the machine."""
        records = self._records
        while records and not self._is_within(records[0].at, now):
            records.popleft()
            self._drop_until_counted()

    def _drop_until_counted(self) -> None:
        while self._records and not _counts(self._records[0]):
            self._records.popleft()

    def _is_within(self, earlier: Instant, now: Instant) -> bool:
        return earlier[1] == now[1] and now[0] - earlier[0] <= self._period


def _counts(record: Record) -> bool:
    return isinstance(record, Went) and not record.alone


def _is_of(record: Record, log: PeerLog) -> bool:
    return isinstance(record, Went) and record.log is log
