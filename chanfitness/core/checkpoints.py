"""Checkpoints: what is left of a peer's thinned changes, one a UTC day.

A checkpoint is the first thinned change of its day, with the sums until there. A window
may begin at one and lose nothing: its sums are differences of the checkpoint's and the
present ones. Pure.
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

    ``uptime`` and ``outages`` are counted until here, from an origin that all checkpoints
    of a history share. ``longest``: the longest outage that began between here and the
    next checkpoint, or the oldest kept change; 0: none did.
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
    """Those of one history, the oldest first. Not thread-safe."""

    __slots__ = ("_all", "_outages")

    def __init__(self) -> None:
        self._all: list[Checkpoint] = []
        self._outages = 0  # until the oldest kept change

    def __len__(self) -> int:
        return len(self._all)

    @property
    def last(self) -> Instant | None:
        """When the newest is; None if there is none."""
        return self._all[-1].instant if self._all else None

    def segments(self) -> set[int]:
        """In which segments they were seen."""
        return {each.segment for each in self._all}

    def add(self, position: int, segment: int, uptime: int) -> None:
        """The oldest kept change becomes one, with the uptime until there."""
        self._all.append(Checkpoint(position, segment, uptime, self._outages, 0))

    def count(self, outages: int, longest: int) -> None:
        """So many outages after the newest are thinned."""
        position, segment, uptime, before, so_far = self._all[-1]
        self._all[-1] = Checkpoint(position, segment, uptime, before, max(so_far, longest))
        self._outages += outages

    def drop_old(self, is_old: Callable[[Instant], bool]) -> None:
        """Drop the old ones but the last of them, from which a history may yet have to begin."""
        while len(self._all) > 1 and is_old(self._all[1].instant):
            del self._all[0]

    def first_from(self, position: datetime.timedelta) -> Instant | None:
        """When the first is that is not before ``position``; None if there is none."""
        index = self._index(position // MICROSECOND)
        return self._all[index].instant if index < len(self._all) else None

    def uptime(self, position: int) -> int:
        """The uptime until the checkpoint at ``position``."""
        return self._all[self._index(position)].uptime

    def outages(
        self, start: datetime.timedelta, end: datetime.timedelta | None = None
    ) -> tuple[int, datetime.timedelta | None]:
        """How many outages from ``start`` on were thinned, and how long the longest was.

        ``end``: where a checkpoint is, or later; None: now.
        """
        begin, stop = self._index(start // MICROSECOND), len(self._all)
        if end is not None:
            stop = self._index(end // MICROSECOND)
        until = self._all[stop].outages if stop < len(self._all) else self._outages
        count = until - self._all[begin].outages if begin < stop else 0
        since = self._all[begin:stop]
        return count, max(each.longest for each in since) * MICROSECOND if count else None

    def rows(self, uptime: int) -> list[CheckpointRow]:
        """What is saved of them; ``uptime``: until the oldest kept change."""
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
        """Those that were saved, of a history whose uptime counts from its oldest kept change."""
        checkpoints = cls()
        checkpoints._all = [
            Checkpoint(row.position, row.stretch, -row.uptime, -row.outages, row.longest)
            for row in rows
        ]
        return checkpoints

    def _index(self, position: int) -> int:
        return bisect_left(self._all, position, key=_position)
