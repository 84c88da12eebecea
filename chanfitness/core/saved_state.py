"""Saved state of the accounts: rows of integers, text and bytes.

Periods and positions are whole microseconds; dates are microseconds since 1970, UTC. The
accounts create these rows and are restored from them; the storage writes and reads them.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

from .blind_spans import CAUSES

NO_GAPS = "[]"  # the common case, which needs no parsing
_position = itemgetter(0)
MICROSECOND = datetime.timedelta(microseconds=1)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


class PeerRow(NamedTuple):
    """A peer with a channel, open or closed. ``online_since`` is None while it is offline."""

    key: bytes
    uptime: int
    online_since: int | None
    since_position: int
    since_stretch: int
    flap_count: int
    flap_position: int | None
    flap_stretch: int | None
    alias: str | None = None
    transport: str | None = None


class ChannelRow(NamedTuple):
    """A channel that is open, or (with ``left`` and ``closed``) may come back.

    ``gaps``: the position pairs between which it was absent, as JSON. ``closed``: a date.
    ``closed_unseen``: 1 if it was found missing, without a close event. ``active``: 1, 0, or
    None if not known. ``mark``: the uptime at which it became inactive; ``unusable`` counts
    up to it. ``activity_from``: the position from which its activity is known; None: from the
    beginning. ``former_ids``: short channel ids, separated by spaces.
    """

    channel_point: str
    key: bytes
    opened_position: int
    opened_stretch: int
    lived_from: int
    uptime_before: int
    left: int | None
    uptime_left: int | None
    gaps: str
    closed: int | None
    closed_unseen: int
    active: int | None = None
    unusable: int = 0
    mark: int | None = None
    activity_from: int | None = None
    short_channel_id: str | None = None
    former_ids: str = ""
    capacity: int | None = None
    private: int | None = None


class ClosedRow(NamedTuple):
    """The final figures of a closed channel; ``closed_unseen`` as of a :class:`ChannelRow`.

    ``unusable``: None if its activity is known for a part of its life only. ``alias``: its
    peer's.
    """

    channel_point: str
    key: bytes
    opened: int
    closed: int
    lifetime: int
    uptime: int
    closed_unseen: int
    unusable: int | None = None
    short_channel_id: str | None = None
    alias: str | None = None


class CheckpointRow(NamedTuple):
    """The sums of a day of thinned changes.

    ``uptime``, ``outages``: from here to the oldest kept change. ``longest``: the longest
    outage that began between here and the next checkpoint, or that change; 0 without one.
    """

    position: int
    stretch: int
    uptime: int
    outages: int
    longest: int


class HistoryRows(NamedTuple):
    """Changes of a peer, or of a channel's activity, from number ``begin`` on.

    ``key``: the peer's key, or the channel point. ``anew``: whether to delete the changes
    saved before. ``first``: the number of the oldest kept change. ``columns``: the positions
    of the changes and their segments; of a channel also the uptime until each change.
    ``online``: the state after the last change. ``checkpoints``: all of them.
    """

    key: bytes | str
    anew: bool
    first: int
    begin: int
    columns: Sequence[Sequence[int]]
    online: bool
    checkpoints: Sequence[CheckpointRow]

    @property
    def changes(self) -> list[tuple[int, ...]]:
        """``columns`` as rows, one for each change."""
        return list(zip(*self.columns, strict=True))


class CauseRow(NamedTuple):
    """A part of the blind time before a segment (see :mod:`chanfitness.core.blind_spans`).

    ``number``: the part's, from 0. ``since``: a date.
    """

    stretch: int
    number: int
    since: int
    cause: str | None
    peers: int | None


class OutageRow(NamedTuple):
    """A transport outage; its end is None while it lasts."""

    transport: str
    peers: int
    first_position: int
    first_stretch: int
    end_position: int | None
    end_stretch: int | None

    def instants(self) -> list[tuple[int, int]]:
        """Return its begin, and its end if it has ended."""
        first = self.first_position, self.first_stretch
        if self.end_position is None or self.end_stretch is None:
            return [first]
        return [first, (self.end_position, self.end_stretch)]


class Flush(NamedTuple):
    """The changes since the last flush, as of ``heartbeat``.

    ``anchors``: number, position and date of segments. ``causes``: of the blind times before
    segments. ``anchors_anew``: whether these two replace all saved ones.
    ``forgotten``: keys of peers to delete with their histories, before all else.
    ``moved``: old and new channel points, to apply before ``channels``. ``gone``: points
    without a channel from now on. ``closed``: channels that closed for good.
    ``everything``: whether it has the whole state, to replace all that was saved.
    ``stopped``: whether it is the last flush of a stopped store. ``outages``: all transport
    outages, or None if unchanged.
    """

    heartbeat: int
    position: int
    anchors: Sequence[tuple[int, int, int]]
    anchors_anew: bool
    forgotten: Sequence[bytes]
    peers: Sequence[PeerRow]
    moved: Sequence[tuple[str, str]]
    channels: Sequence[ChannelRow]
    gone: Sequence[str]
    closed: Sequence[ClosedRow]
    histories: Sequence[HistoryRows]
    activities: Sequence[HistoryRows]
    everything: bool
    causes: Sequence[CauseRow] = ()
    stopped: bool = False
    outages: Sequence[OutageRow] | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether it has nothing but the passed time, and perhaps ``causes``."""
        rows = self[self._fields.index("anchors_anew") : self._fields.index("causes")]
        return len(self.anchors) <= 1 and not any(rows) and self.outages is None


class Saved(NamedTuple):
    """The whole saved state; ``stopped`` is None if an earlier version saved it."""

    heartbeat: int
    position: int
    anchors: Sequence[tuple[int, int, int]]
    peers: Sequence[PeerRow]
    channels: Sequence[ChannelRow]
    histories: Sequence[HistoryRows]
    activities: Sequence[HistoryRows] = ()
    causes: Sequence[CauseRow] = ()
    stopped: int | None = None
    outages: Sequence[OutageRow] = ()


def microseconds(time: datetime.timedelta) -> int:
    """Return a period or a position in whole microseconds."""
    return time // MICROSECOND


def date_to_int(date: datetime.datetime) -> int:
    """Return a date in microseconds since 1970."""
    return (date - _EPOCH) // MICROSECOND


def int_to_date(number: int) -> datetime.datetime:
    """Return the date ``number`` microseconds since 1970; ``ValueError`` if out of range."""
    try:
        return _EPOCH + number * MICROSECOND
    except OverflowError as error:
        raise ValueError(f"a date out of range: {number} microseconds") from error


def closed_row(row: ChannelRow, opened: int, alias: str | None) -> ClosedRow:
    """Return the final figures of a closed channel; ``opened`` is a date."""
    assert row.left is not None
    assert row.uptime_left is not None
    assert row.closed is not None
    uptime = row.uptime_left - row.uptime_before
    unusable = row.unusable if row.mark is None else row.unusable + (uptime - row.mark)
    return ClosedRow(
        row.channel_point,
        row.key,
        opened,
        row.closed,
        row.left - row.lived_from,
        uptime,
        row.closed_unseen,
        unusable if row.activity_from is None else None,
        row.short_channel_id,
        alias,
    )


def check(saved: Saved) -> None:
    """Raise ``ValueError`` for a state that no store can have saved."""
    end = saved.position
    numbers = [saved.heartbeat, end, *(number for anchor in saved.anchors for number in anchor)]
    histories = [*saved.histories, *saved.activities]
    for history in histories:
        numbers.append(history.first)
        numbers += chain.from_iterable(history.columns)
        numbers += chain.from_iterable(history.checkpoints)
    if not set(map(type, numbers)) <= {int}:
        raise ValueError("a number that is not whole")
    if any(
        (row.left is None, row.uptime_left is None) != (row.closed is None,) * 2
        for row in saved.channels
    ):
        raise ValueError("a channel both open and closed")
    if any(row.cause not in (None, *CAUSES) for row in saved.causes):
        raise ValueError("an unknown cause")
    if any((row.active == 0) is (row.mark is None) for row in saved.channels):
        raise ValueError("an inactive channel without a mark, or an active one with a mark")
    inactive = {row.channel_point for row in saved.channels if row.active == 0}
    if any(history.online is (history.key in inactive) for history in saved.activities):
        raise ValueError("a channel's activity differs from the end of its history")
    counts = [row.flap_count for row in saved.peers] + [row.peers for row in saved.outages]
    counts += [row.peers or 0 for row in saved.causes]
    if any(count < 0 for count in counts):
        raise ValueError("a count below zero")
    if not all(_add_up(history) for history in histories):
        raise ValueError("checkpoints that do not add up")
    segments = {number for number, _, _ in saved.anchors}
    segments.add(max(segments, default=-1) + 1)  # events of blind time have the next segment
    instants = [(position, number) for number, position, _ in saved.anchors]
    instants += [(row.since_position, row.since_stretch) for row in saved.peers]
    instants += [(row.flap_position or 0, row.flap_stretch or 0) for row in saved.peers]
    instants += [(row.online_since or 0, 0) for row in saved.peers]
    instants += [(row.opened_position, row.opened_stretch) for row in saved.channels]
    instants += [(row.left or 0, 0) for row in saved.channels]
    instants += [(0, row.stretch) for row in saved.causes]
    instants += [instant for row in saved.outages for instant in row.instants()]
    instants += [(row.activity_from or 0, 0) for row in saved.channels]
    instants += [(row.position, row.stretch) for each in histories for row in each.checkpoints]
    positions, used = map(list, zip(*instants, strict=True))
    orders: list[Sequence[int]] = [[position for _, position, _ in saved.anchors]]
    orders += [_moments_of(row.gaps, end) for row in saved.channels]
    orders += [list(map(_position, row.instants())) for row in saved.outages]
    for history in histories:  # millions of changes: a Python loop over each would be slow
        at, segment, *uptimes = history.columns or ((), ())
        positions += at
        used += segment
        orders += [at, *([0, *each, end] for each in uptimes)]
    in_time = min(positions) >= 0 and max(positions) <= end
    if not (saved.anchors and in_time and segments.issuperset(used)):
        raise ValueError("a moment that the store has not seen")
    if any(list(order) != sorted(order) for order in orders):
        raise ValueError("moments that are not in order")


def _add_up(history: HistoryRows) -> bool:
    """Return whether the checkpoints' sums fit the times between them and the first change."""
    uptime = outages = 0
    until = history.columns[0][0] if history.columns else 0
    for row in reversed(history.checkpoints):
        up, gone, length = row.uptime - uptime, row.outages - outages, until - row.position
        if not (0 <= up <= length and 0 <= row.longest <= length - up and gone >= 0):
            return False
        uptime, outages, until = row.uptime, row.outages, row.position
    return True


def _moments_of(gaps: str, end: int) -> list[int]:
    """Return the positions in a channel's gaps, checked to lie on the timeline."""
    if gaps == NO_GAPS:
        return []
    try:
        moments = [moment for left, back in json.loads(gaps) for moment in (left, back)]
    except (TypeError, RecursionError) as error:
        raise ValueError("gaps that are not pairs") from error
    if not all(type(moment) is int and 0 <= moment <= end for moment in moments):
        raise ValueError("a gap that the store has not seen")
    return moments
