"""This node's own outage: when all peers go at once, it was nobody's fault but ours.

A node whose line is dead notices so peer by peer, over a minute or so. If three
or more peers are online, and all go offline within a period, and none is seen
online between, then it was this node's own network. What happened since the
first of these offline events is *undecided* for so long: until a peer is seen
online, or the period is over, or all have gone. If all have gone, it is undone.

As peers go one after the other the first event moves along: those that are
older than the period were outages of their own.

Pure: the timeline is given.
"""

from __future__ import annotations

import datetime
from collections import deque
from typing import NamedTuple

from .history import History
from .peerlog import Absence, Channel, PeerLog, PeerState
from .timeline import Instant, Timeline
from .unsaved import UnsavedChanges

FEWEST = 3


class Went(NamedTuple):
    """A peer went offline; ``state`` is how its log was before."""

    at: Instant
    log: PeerLog
    state: PeerState


class Opened(NamedTuple):
    """A channel opened, or came back from an ``absence``.

    ``began``: if its peer's history began with it, whether the peer was online.
    """

    at: Instant
    channel: Channel
    absence: Absence | None
    began: bool | None


class Closed(NamedTuple):
    """A channel closed."""

    at: Instant
    channel: Channel


class OutageDetector:
    """What is undecided. Not thread-safe: the loop owns it."""

    def __init__(self, timeline: Timeline, period: datetime.timedelta) -> None:
        self._timeline = timeline
        self._period = period
        self.online = 0  # how many peers are
        self._records: deque[Went | Opened | Closed] = deque()  # the first is a Went

    def note(self, record: Went | Opened | Closed) -> None:
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

    @property
    def is_open(self) -> bool:
        """Whether what happened since :attr:`first` may yet have to be undone."""
        self._forget_old(self._timeline.instant())
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

    def undo(self, unsaved_changes: UnsavedChanges | None) -> None:
        """Go back to when the first peer went: from there on nothing was seen."""
        first = self.first
        self._timeline.go_back(first[0])
        for _, log, state in self.went:
            log.go_back(state, first)
            if unsaved_changes is not None:
                unsaved_changes.touch(log)
        for record in self.of_channels:
            if isinstance(record, Opened):
                _open_at(first, record)
            elif unsaved_changes is not None:
                unsaved_changes.close_earlier(record.channel)
        self.clear()

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


def _open_at(first: Instant, opened: Opened) -> None:
    """Let a channel that opened begin, unseen, where the timeline went back to."""
    _, channel, absence, online = opened
    position, segment = first
    begin, log = (position, segment + 1), channel.log
    channel.begin_at(begin, absence)
    log.since = min(log.since, first)
    if online is not None and log.history is not None:
        log.history = History(begin, online)
