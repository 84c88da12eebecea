"""A ledger of one peer, and sums over each unit of time.

There are no totals: a unit is six hours, its events come at its start, and each figure is
counted over its units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby, zip_longest
from typing import NamedTuple

from chanfitness import ChannelHistory, OpenChannel, OutPoint, Vertex
from chanfitness.core.history_window import Outage
from chanfitness.core.ledger import Ledger
from chanfitness.core.peer_outages import PeerOutage
from chanfitness.core.queries import RetentionSettings
from chanfitness.core.timeline import Instant, Timeline

from .values import ALICE, CHANNEL_1, CHANNEL_2, START

UNIT = timedelta(hours=6)
CHANNELS = (CHANNEL_1, CHANNEL_2)
NOTHING, TURN, SEE, USE, FIRST, SECOND = range(6)
"""Kinds of events. TURN: the peer goes offline or online. SEE: monitoring pauses or resumes. USE:
the first channel becomes inactive or active. FIRST, SECOND: a channel opens, closes or returns."""


class Unit(NamedTuple):
    seen: bool
    online: bool
    active: bool
    there: frozenset[OutPoint]


class Run(NamedTuple):
    """Consecutive seen units with the same state; blind units may lie between."""

    units: list[int]
    end: int | None


class UnitSums:
    """Plays the events, and computes the expected answers."""

    def __init__(self, happens: Iterable[int], limit: int = 10_000) -> None:
        self._timeline = Timeline(START)
        retention = RetentionSettings(timedelta(days=3650), limit, stored=True)
        self.ledger = Ledger(self._timeline, retention)
        self._seen = self._online = self._active = True
        self._there: set[OutPoint] = {CHANNEL_1}
        self.opened = {CHANNEL_1: 0}
        self.closed: dict[OutPoint, int] = {}
        self.units: list[Unit] = []
        self.ledger.resume(self.now, *self._lists())
        for what in happens:
            self._happens(what)
            self.units.append(Unit(self._seen, self._online, self._active, frozenset(self._there)))

    @property
    def now(self) -> Instant:
        return self._timeline.advance(self.date(len(self.units)))

    def date(self, unit: int) -> datetime:
        return START + unit * UNIT

    def _lists(self) -> tuple[list[OpenChannel], list[Vertex]]:
        channels = [OpenChannel(point, ALICE) for point in CHANNELS if point in self._there]
        return channels, [ALICE] if self._online else []

    def _happens(self, what: int) -> None:
        now = self.now
        if what == TURN:
            self._online = not self._online
            tell = self.ledger.peer_online if self._online else self.ledger.peer_offline
            tell(now, ALICE)
        elif what == SEE:
            self._seen = not self._seen
            if self._seen:
                self.ledger.resume(now, *self._lists())
            else:
                self.ledger.pause(now)
        elif what == USE and self._seen and CHANNEL_1 in self._there:
            self._active = not self._active
            self.ledger.set_active(now, CHANNEL_1, self._active)
        elif what in (FIRST, SECOND) and self._seen:
            self._opens_or_closes(CHANNELS[what - FIRST], now)

    def _opens_or_closes(self, point: OutPoint, now: Instant) -> None:
        if point in self._there:
            self._there.remove(point)
            self.ledger.close_channel(now, point, ALICE)
            self.closed[point] = len(self.units)
        else:
            self._there.add(point)
            self.ledger.open_channel(now, point, ALICE)
            self.opened.setdefault(point, len(self.units))
            self.closed.pop(point, None)

    # The expected answers of a ledger.

    def asked(self, point: OutPoint, begin: int, end: int) -> tuple[int, int]:
        """Return start and end of the requested history."""
        begin = max(begin, self.opened[point])
        return begin, max(begin, min(end, self.closed.get(point, end)))

    def history(self, point: OutPoint, begin: int, end: int) -> ChannelHistory:
        """Return the expected history of a channel between two units, if all of it is known."""
        units = [number for number in range(begin, end) if self._is_there(number, point)]
        up = [number for number in units if self.units[number].online]
        unusable = [number for number in up if self._is_unusable(number, point)]
        outages = list(self._within(self.down, units, begin, end))
        spans = [
            Outage(self.date(max(run.units[0], begin)), self._end(run, end), seen * UNIT)
            for run, seen in self._within(
                list(self._runs(self._unusable_of(point))), units, begin, end
            )
        ]
        first = outages[0][0].units[0] if outages else begin
        return ChannelHistory(
            self.date(begin),
            self.date(end),
            len(units) * UNIT,
            len(up) * UNIT,
            (end - begin - len(units)) * UNIT,
            tuple(
                Outage(self.date(max(run.units[0], begin)), self._end(run, end), seen * UNIT)
                for run, seen in outages
            ),
            first_outage_began=self.date(first) if first < begin else None,
            unusable=len(unusable) * UNIT,
            unusable_spans=tuple(spans),
        )

    def outages(self, begin: int, end: int) -> list[tuple[object, ...]]:
        """Return the peer's outages: begin, channels, start, end, duration, whether it is cut."""
        found: list[tuple[object, ...]] = []
        for run in self.down:
            parts = []
            for point in self.opened:
                since, until = self.asked(point, begin, end)
                units = [each for each in run.units if since <= each < until]
                units = [each for each in units if self._is_there(each, point)]
                if units:
                    back = len(self.units) if run.end is None else run.end
                    parts.append((str(point), max(run.units[0], since), min(back, until), units))
            if parts:
                start, last = min(part[1] for part in parts), max(part[2] for part in parts)
                lasts = run.end is None or run.end > last
                is_now = lasts and end == last == len(self.units) and self._is_open(parts)
                found.append(
                    (
                        self.date(run.units[0]),
                        sorted(part[0] for part in parts),
                        self.date(start),
                        None if is_now else self.date(last),
                        len({unit for part in parts for unit in part[3]}) * UNIT,
                        run.units[0] < start,
                        lasts and not is_now,
                    )
                )
        return found

    def _is_open(self, parts: Iterable[tuple[str, int, int, list[int]]]) -> bool:
        return any(part[0] not in map(str, self.closed) for part in parts)

    @property
    def down(self) -> list[Run]:
        """Return when the peer was offline."""
        return list(self._runs(lambda number: not self.units[number].online))

    def _runs(self, is_so: Callable[[int], bool]) -> Iterator[Run]:
        seen = [number for number, unit in enumerate(self.units) if unit.seen]
        runs = [(so, list(units)) for so, units in groupby(seen, is_so)]
        for (so, units), following in zip_longest(runs, runs[1:]):
            if so:
                yield Run(units, None if following is None else following[1][0])

    def _within(
        self, runs: Iterable[Run], units: list[int], begin: int, end: int
    ) -> Iterator[tuple[Run, int]]:
        for run in runs:
            seen = len(set(run.units).intersection(units))
            if seen:
                yield run, seen

    def _end(self, run: Run, end: int) -> datetime | None:
        return None if run.end is None or run.end > end else self.date(run.end)

    def _is_there(self, number: int, point: OutPoint) -> bool:
        return self.units[number].seen and point in self.units[number].there

    def _is_unusable(self, number: int, point: OutPoint) -> bool:
        return point == CHANNEL_1 and self.units[number].online and not self.units[number].active

    def _unusable_of(self, point: OutPoint) -> Callable[[int], bool]:
        return lambda number: self._is_unusable(number, point)


def told(outage: PeerOutage) -> tuple[object, ...]:
    """Return an outage in the form of :meth:`UnitSums.outages`."""
    return (
        outage.began,
        sorted(outage.channels),
        outage.start,
        outage.end,
        outage.duration,
        outage.cut,
        outage.cut_end,
    )
