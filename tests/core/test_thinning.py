"""Thinning of a peer's history, compared with a list of all its changes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanfitness.core.activity import Activity
from chanfitness.core.history import History
from chanfitness.core.saved_state import CheckpointRow, HistoryRows
from chanfitness.core.timeline import Instant

from ..support.lengths import length
from ..support.values import START

ZERO, MICROSECOND = timedelta(0), timedelta(microseconds=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVER = timedelta.max


class Kept:
    """A history, and its saved rows. Its timeline begins at ``START`` and is never blind."""

    def __init__(self, *, online: bool, limit: int, period: timedelta = EVER) -> None:
        self.now = ZERO
        self.history = History(self._instant, online)
        self.limit, self.period = limit, period
        self.changes: dict[int, tuple[int, ...]] = {}
        self.rows: HistoryRows

    @property
    def _instant(self) -> Instant:
        return self.now, 0

    def change(self, after: timedelta) -> None:
        self.now += after
        self.history.change(self._instant)

    def trim(self) -> None:
        self.history.trim(
            self._instant,
            self.limit,
            1,
            lambda instant: self.now - instant[0] >= self.period,
            lambda instant: START + instant[0],
        )

    def save(self) -> None:
        rows = self.rows = self.history.flush(b"", everything=False, end=self.history.count)
        first = self.history.count if rows.anew else rows.first
        kept: dict[int, tuple[int, ...]] = {
            n: each for n, each in self.changes.items() if first <= n < rows.begin
        }
        self.changes = kept | dict(enumerate(rows.changes, rows.begin))

    def restart(self) -> None:
        self.save()
        changes = [self.changes[number] for number in sorted(self.changes)]
        columns = list(zip(*changes, strict=True))
        self.history = History.of_rows(self.rows._replace(columns=columns, begin=self.rows.first))


class Change(NamedTuple):
    at: timedelta
    up: bool


class Told(NamedTuple):
    """A history's answers about the time from a position until now."""

    start: timedelta
    uptime: timedelta
    outages: int
    longest: timedelta | None
    listed: list[tuple[timedelta, timedelta | None]]


def told_by(kept: Kept, asked: timedelta) -> Told:
    kept.trim()
    history, now = kept.history, kept.now
    start = max(asked, history.known_from(asked)[0]) if asked < history.instant(0)[0] else asked
    thinned, longest = history.thinned(start)
    listed = [
        (gone[0], None if back is None else back[0])
        for gone, back in history.outages(start)
        if max(gone[0], start) < (now if back is None else back[0])
    ]
    lengths = [(now if back is None else back) - max(gone, start) for gone, back in listed]
    count = thinned + (history.begun(now) - history.ended(start) if start < now else 0)
    longest = max([*lengths, *([] if longest is None else [longest])], default=None)
    return Told(start, history.uptime(start, now), count, longest, listed)


class Remembered:
    """All changes, in a list."""

    def __init__(self, online: bool, limit: int, period: timedelta) -> None:
        self._all = [Change(ZERO, online)]
        self._limit, self._period = limit, period

    def change(self, at: timedelta) -> None:
        last = self._all[-1]
        if last.up or last.at < at:
            self._all.append(Change(at, not last.up))
        elif len(self._all) > 1:
            del self._all[-1]
        else:
            self._all[0] = Change(at, True)

    def tell(self, asked: timedelta, now: timedelta) -> Told:
        settled = self._all[:-1] if self._all[1:] and self._all[-1] == (now, False) else self._all
        kept, thinned = settled[-self._limit :], settled[: -self._limit]
        days = {each.at // DAY: each for each in reversed(thinned)}
        marks = [*sorted(days.values()), *kept]
        old = [each for each in marks if now - each.at >= self._period]
        marks = marks[marks.index(old[-1]) :] if old else marks
        oldest = next(each for each in marks if each in kept)
        later = [each.at for each in marks if each.at >= asked]
        start = asked if asked >= oldest.at else later[0]
        spans = pairwise([*self._all, Change(now, False)])
        cut = [(max(each.at, start), end.at, each) for each, end in spans if end.at > start]
        outages = [(end - begin, each.at, end) for begin, end, each in cut if not each.up]
        outages = [each for each in outages if each[0]]
        return Told(
            start,
            sum((end - begin for begin, end, each in cut if each.up), ZERO),
            len(outages),
            max((seen for seen, _, _ in outages), default=None),
            [
                (gone, None if self._is_last(gone) else back)
                for _, gone, back in outages
                if back > oldest.at or self._is_last(gone)
            ],
        )

    def _is_last(self, gone: timedelta) -> bool:
        return self._all[-1] == (gone, False)


DEEDS = st.lists(
    st.one_of(
        st.sampled_from([ZERO, MICROSECOND, HOUR, HOUR, 7 * HOUR, DAY, 3 * DAY]),
        st.sampled_from(["wait", "ask", "trim", "save", "restart"]),
    ),
    max_size=60,
)


@settings(max_examples=length(1000, 50_000))
@given(
    online=st.booleans(),
    limit=st.integers(1, 6),
    period=st.sampled_from([EVER, EVER, 10 * DAY, DAY, HOUR, ZERO]),
    deeds=DEEDS,
    share=st.floats(0, 1),
)
def test_answers_are_exact_and_independent_of_the_moment_of_thinning(
    *,
    online: bool,
    limit: int,
    period: timedelta,
    deeds: list[timedelta | str],
    share: float,
) -> None:
    kept = Kept(online=online, limit=limit, period=period)
    remembered = Remembered(online, limit, period)
    for deed in [*deeds, "ask"]:
        if isinstance(deed, timedelta):
            kept.change(deed)
            remembered.change(kept.now)
        elif deed == "wait":
            kept.now += 5 * HOUR
        elif deed == "ask":
            for asked in (ZERO, kept.now * share, kept.now):
                assert told_by(kept, asked) == remembered.tell(asked, kept.now)
            assert len(kept.history) <= limit + 1  # the last one may still be taken back
        else:
            getattr(kept, deed)()


# Outages of no length.


def test_an_outage_of_no_length_that_an_older_version_kept_is_dropped() -> None:
    columns = [(0, 5, 5, 8, 9), (0, 0, 0, 0, 0)]
    history = History.of_rows(HistoryRows(b"", False, 3, 3, columns, True, []))
    assert len(history) == 3
    assert list(history.outages(ZERO)) == [((8 * MICROSECOND, 0), (9 * MICROSECOND, 0))]
    rows = history.flush(b"", everything=False, end=history.count)
    assert (rows.anew, rows.changes) == (True, [(0, 0), (8, 0), (9, 0)])


def test_a_saved_outage_of_no_length_is_taken_back() -> None:
    kept = Kept(online=True, limit=9)
    for after in (HOUR, HOUR, HOUR):
        kept.change(after)
    kept.save()
    kept.change(ZERO)
    kept.restart()
    assert told_by(kept, ZERO).listed == [(HOUR, 2 * HOUR)]


# Memory.


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
def test_a_kept_change_takes_16_bytes_at_most() -> None:
    before = tracemalloc.get_traced_memory()[0]
    kept = Kept(online=True, limit=100_000)
    for _ in range(99_999):
        kept.change(MICROSECOND)
    assert tracemalloc.get_traced_memory()[0] - before <= 16 * len(kept.history)


@pytest.mark.usefixtures("traced")
def test_a_kept_change_of_activity_takes_25_bytes_at_most() -> None:
    """21 bytes, and the reserve of the arrays."""
    before = tracemalloc.get_traced_memory()[0]
    activity = Activity((ZERO, 0), 0)
    for number in range(1, 100_000):
        activity.change((number * MICROSECOND, 0), number)
    assert tracemalloc.get_traced_memory()[0] - before <= 25 * len(activity)


@pytest.mark.usefixtures("traced")
def test_a_kept_change_takes_16_bytes_at_most_while_as_many_are_thinned() -> None:
    limit, before = 20_000, tracemalloc.get_traced_memory()[0]
    kept = Kept(online=True, limit=limit)
    largest = 0
    for number in range(4 * limit):
        kept.change(MICROSECOND)
        if number % 64 == 0:
            kept.trim()
            largest = max(tracemalloc.get_traced_memory()[0] - before, largest)
    assert largest <= 16 * limit + 16 * 1024


def test_a_day_of_thinned_changes_leaves_one_checkpoint() -> None:
    kept = Kept(online=True, limit=1)
    for _ in range(40 * 24):
        kept.change(HOUR)
    kept.trim()
    kept.save()
    assert [row.position * MICROSECOND // DAY for row in kept.rows.checkpoints] == list(range(40))
    assert kept.rows.checkpoints[-1] == CheckpointRow(
        39 * DAY // MICROSECOND, 0, 12 * HOUR // MICROSECOND, 12, HOUR // MICROSECOND
    )


def test_checkpoints_are_by_utc_days() -> None:
    assert datetime.combine(START.date(), datetime.min.time(), START.tzinfo) == START
