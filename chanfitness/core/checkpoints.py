"""Daily checkpoints that replace a history's thinned changes.

A *checkpoint* is the first thinned change of a UTC day, with the sums until then. A window
may begin at a checkpoint without loss: its sums are the present ones minus the
checkpoint's. Pure.
"""

from __future__ import annotations

import datetime
from bisect import bisect_left
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import NamedTuple

from typing_extensions import Self

from .saved_state import MICROSECOND, CheckpointRow
from .timeline import Instant

_position = attrgetter("position")


class Checkpoint(NamedTuple):
    """The first thinned change of a UTC day; times in microseconds.

    ``uptime`` and ``outages`` count until this change, from an origin that all checkpoints of
    a history share. ``longest``: the longest outage that began between this checkpoint and
    the next (or the oldest kept change); 0 if none did.
    """

    position: int
    segment: int
    uptime: int
    outages: int
    longest: int

    @property
    def instant(self) -> Instant:
        return self.position * MICROSECOND, self.segment


class Checkpoints:
    """The checkpoints of one history, the oldest first. Not thread-safe."""

    __slots__ = ("_all", "_outages")

    def __init__(self) -> None:
        self._all: list[Checkpoint] = []
        self._outages = 0  # until the oldest kept change

    def __len__(self) -> int:
        return len(self._all)

    @property
    def last(self) -> Instant | None:
        """The instant of the newest checkpoint, or None."""
        return self._all[-1].instant if self._all else None

    def segments(self) -> set[int]:
        """Return the segments of all checkpoints."""
        return {each.segment for each in self._all}

    def add(self, position: int, segment: int, uptime: int) -> None:
        """Add a checkpoint, with the uptime until it."""
        self._all.append(Checkpoint(position, segment, uptime, self._outages, 0))

    def count(self, outages: int, longest: int) -> None:
        """Count thinned outages that follow the newest checkpoint."""
        position, segment, uptime, before, so_far = self._all[-1]
        self._all[-1] = Checkpoint(position, segment, uptime, before, max(so_far, longest))
        self._outages += outages

    def drop_old(self, is_old: Callable[[Instant], bool]) -> None:
        """Drop old checkpoints but the last of them, with which the known time may begin."""
        while len(self._all) > 1 and is_old(self._all[1].instant):
            del self._all[0]

    def first_from(self, position: datetime.timedelta) -> Instant | None:
        """Return the instant of the first checkpoint not before ``position``, or None."""
        index = self._index(position // MICROSECOND)
        return self._all[index].instant if index < len(self._all) else None

    def uptime(self, position: int) -> int:
        """Return the uptime until the checkpoint at ``position``."""
        return self._all[self._index(position)].uptime

    def outages(
        self, start: datetime.timedelta, end: datetime.timedelta | None = None
    ) -> tuple[int, datetime.timedelta | None]:
        """Return the number of thinned outages in a part of the time, and the longest duration.

        ``end``: a checkpoint, or later than the last one; None: now.
        """
        begin, stop = self._index(start // MICROSECOND), len(self._all)
        if end is not None:
            stop = self._index(end // MICROSECOND)
        until = self._all[stop].outages if stop < len(self._all) else self._outages
        count = until - self._all[begin].outages if begin < stop else 0
        since = self._all[begin:stop]
        return count, max(each.longest for each in since) * MICROSECOND if count else None

    def rows(self, uptime: int) -> list[CheckpointRow]:
        """Return the database rows; ``uptime``: until the oldest kept change."""
        return [
            CheckpointRow(
                each.position,
                each.segment,
                uptime - each.uptime,
                self._outages - each.outages,
                each.longest,
            )
            for each in self._all
        ]

    @classmethod
    def of_rows(cls, rows: Iterable[CheckpointRow]) -> Self:
        """Return the saved checkpoints, with the oldest kept change as origin of their sums."""
        checkpoints = cls()
        checkpoints._all = [
            Checkpoint(row.position, row.stretch, -row.uptime, -row.outages, row.longest)
            for row in rows
        ]
        return checkpoints

    def _index(self, position: int) -> int:
        return bisect_left(self._all, position, key=_position)
