"""The accounting of one channel: when it opened, and what its peer's uptime was then.

*Lifetime* of a channel: the time since the store learned that it is open.
*Uptime* of a channel: the part of its lifetime in which its peer was online.
*Unusable*: the part of its uptime in which its source called it inactive.

Pure: positions on the store's timeline are given.
"""

from __future__ import annotations

import datetime
import json
from bisect import bisect_left, bisect_right
from operator import itemgetter
from typing import NamedTuple

from typing_extensions import Self

from ..wire import OutPoint, Vertex
from .activity import Activity
from .peerlog import PeerLog
from .saved_state import (
    MICROSECOND,
    NO_GAPS,
    ChannelRow,
    HistoryRows,
    date_to_int,
    int_to_date,
    microseconds,
)
from .timeline import Instant

_ZERO = datetime.timedelta(0)
_left, _back = itemgetter(0), itemgetter(1)
_new_tuple = tuple.__new__  # quicker than a NamedTuple's own, where it counts


class ChannelInfo(NamedTuple):
    """What the store knows of one open channel, as of one moment.

    ``unusable``: the part of ``uptime`` in which the source called the channel inactive.
    Times are exact to the microsecond, and ``0 <= usable <= uptime <= lifetime`` always.

    ``active``: True if it can be used, False if it is inactive, None if the source never
    said. ``short_channel_id`` (as "700000x1x0"), ``capacity`` (satoshi), ``private``: as
    the source described it; None: not known. ``knows_unusable``: False of a channel that
    an older version began to watch, which did not look at its activity. ``former_ids``: the
    short channel ids that it had before, as before a splice.
    """

    channel_point: OutPoint
    peer: Vertex
    lifetime: datetime.timedelta
    uptime: datetime.timedelta
    unusable: datetime.timedelta = _ZERO
    active: bool | None = None
    short_channel_id: str | None = None
    capacity: int | None = None
    private: bool | None = None
    knows_unusable: bool = True
    former_ids: tuple[str, ...] = ()

    @property
    def uptime_ratio(self) -> float | None:
        """``uptime / lifetime``, 0.0 to 1.0; ``None`` while lifetime is zero."""
        return self.uptime / self.lifetime if self.lifetime else None

    @property
    def usable(self) -> datetime.timedelta:
        """``uptime - unusable``: the peer was online, and the channel not inactive."""
        return self.uptime - self.unusable

    @property
    def usable_ratio(self) -> float | None:
        """``usable / lifetime``, 0.0 to 1.0; None while lifetime is zero, or if it is not known."""
        return self.usable / self.lifetime if self.lifetime and self.knows_unusable else None


class Closing(NamedTuple):
    """When a channel closed; ``unseen``: it was found missing, and no event told of it."""

    date: datetime.datetime
    unseen: bool


class ChannelState(NamedTuple):
    """How a channel was at one moment; ``changes``: how many its activity had."""

    left: tuple[datetime.timedelta, datetime.timedelta] | None
    lived_from: datetime.timedelta
    peer_uptime_before: datetime.timedelta
    gaps: tuple[tuple[datetime.timedelta, datetime.timedelta], ...]
    active: bool | None
    unusable: datetime.timedelta
    mark: datetime.timedelta | None
    changes: int | None

    def was_absent(self, left: datetime.timedelta, back: datetime.timedelta) -> Self:
        """The same, absent between two positions, in which its peer's uptime did not grow."""
        gaps = (*self.gaps, (left, back)) if left < back else self.gaps
        return self._replace(lived_from=self.lived_from + (back - left), gaps=gaps)


class Description(NamedTuple):
    """What a source tells of a channel; None: it did not tell."""

    short_channel_id: str | None = None
    capacity: int | None = None
    private: bool | None = None


_NO_DESCRIPTION = Description()


class Channel:
    """One channel: when it opened, and what its peer's uptime was then.

    One that is absent for a while lives on afterwards as if it had opened later
    by as much: ``_lived_from`` and ``_peer_uptime_before`` are moved. One that is open is
    absent while its peer is awaited. One that closed is absent, in case it comes back;
    ``closing`` is None while it is open.

    While it is inactive ``_mark`` is what its uptime was when it became so: what came since
    is unusable. ``activity`` is None until it was inactive once, or if no history is kept;
    ``activity_from``: the position from which on its activity is known, None: all its life.
    """

    __slots__ = (
        "_left",
        "_lived_from",
        "_mark",
        "_peer_uptime_before",
        "_unusable",
        "active",
        "activity",
        "activity_from",
        "closing",
        "description",
        "former_ids",
        "gaps",
        "log",
        "opened",
        "peer",
        "point",
    )

    def __init__(self, point: OutPoint, peer: Vertex, log: PeerLog, opened: Instant) -> None:
        self.point = point
        self.peer = peer
        self.log = log
        self.gaps: tuple[tuple[datetime.timedelta, datetime.timedelta], ...] = ()
        self._left: tuple[datetime.timedelta, datetime.timedelta] | None = None
        self.closing: Closing | None = None
        self.opened = opened
        self._lived_from, _ = opened
        self._peer_uptime_before = log.uptime(self._lived_from)
        self.active: bool | None = None
        self._unusable = _ZERO  # but what came since the mark
        self._mark: datetime.timedelta | None = None
        self.activity: Activity | None = None
        self.activity_from: datetime.timedelta | None = None
        self.description = _NO_DESCRIPTION
        self.former_ids: tuple[str, ...] = ()  # short channel ids that it had before

    def info(self, at: datetime.timedelta) -> ChannelInfo:
        """Its figures; if it is absent, those with which it left."""
        peer_uptime = self.log.uptime(at)
        if self._left is not None:
            at, peer_uptime = self._left
        lifetime, uptime = at - self._lived_from, peer_uptime - self._peer_uptime_before
        unusable = self._unusable if self._mark is None else self._unusable + (uptime - self._mark)
        return _new_tuple(
            ChannelInfo,
            (
                self.point,
                self.peer,
                lifetime,
                uptime,
                unusable,
                self.active,
                *self.description,
                self.activity_from is None,
                self.former_ids,
            ),
        )

    def uptime(self, at: datetime.timedelta) -> datetime.timedelta:
        """Its uptime so far; if it is absent, that with which it left."""
        peer_uptime = self.log.uptime(at) if self._left is None else self._left[1]
        return peer_uptime - self._peer_uptime_before

    def set_active(self, active: bool, now: Instant) -> bool:
        """It can be used from ``now`` on, or not. Returns whether it is time to trim activity."""
        self.active = active
        uptime = self.uptime(now[0])
        if self._mark is not None and active:
            self._unusable += uptime - self._mark
            self._mark = None
        elif self._mark is None and not active:
            self._mark = uptime
        activity = self.activity
        if activity is None:
            if not active and self.log.history is not None:
                self.activity = Activity(now, microseconds(uptime))
            return False
        if activity.count == 1 and activity.instant(0)[0] == now[0]:
            self.activity = None  # it was inactive for no time
            return False
        return activity.online is not active and activity.change(now, microseconds(uptime))

    def begin_activity(self, now: Instant) -> bool:
        """Keep its activity from ``now`` on. Returns whether there was any before."""
        at, _ = now
        if self.active is not False and not self.info(at).unusable:
            return False
        uptime, online = microseconds(self.uptime(at)), self.active is not False
        self.activity = Activity.not_kept_until(now, uptime, online=online)
        return True

    def describe(
        self, short_channel_id: str | None, capacity: int | None, private: bool | None
    ) -> bool:
        """Take in what is told; None leaves what was known. Returns whether that is new."""
        before = self.description
        described = Description(
            before.short_channel_id if short_channel_id is None else short_channel_id,
            before.capacity if capacity is None else capacity,
            before.private if private is None else private,
        )
        former = before.short_channel_id
        if former is not None and former != described.short_channel_id:
            self.former_ids = (*(each for each in self.former_ids if each != former), former)
        self.description = described
        return described != before

    def state(self) -> ChannelState:
        """How it is now."""
        changes = None if self.activity is None else self.activity.count
        return ChannelState(
            self._left,
            self._lived_from,
            self._peer_uptime_before,
            self.gaps,
            self.active,
            self._unusable,
            self._mark,
            changes,
        )

    def go_back(self, state: ChannelState) -> None:
        """It is as it was at ``state``."""
        self._left, self._lived_from, self._peer_uptime_before, self.gaps = state[:4]
        self.active, self._unusable, self._mark, changes = state[4:]
        if changes is None:
            self.activity = None
        while self.activity is not None and changes is not None and self.activity.count > changes:
            self.activity.undo()

    def begin_at(self, opened: Instant) -> None:
        """It opened at ``opened`` instead, and has been there since."""
        at, _ = self.opened = opened
        self.go_back(ChannelState(None, at, self.log.uptime(at), (), None, _ZERO, None, None))

    def leave(self, at: datetime.timedelta) -> None:
        """It is absent from here on, if it was not before."""
        if self._left is None:
            self._left = at, self.log.uptime(at)

    def come_back(self, at: datetime.timedelta) -> None:
        """It is there again, with the figures with which it left."""
        assert self._left is not None
        left, uptime_left = self._left
        self._left = None
        self._lived_from += at - left
        self._peer_uptime_before += self.log.uptime(at) - uptime_left
        if left < at:
            self.gaps += ((left, at),)

    def go_back_to(self, at: datetime.timedelta) -> None:
        """The timeline goes back: what left later has not."""
        if self._left is not None and self._left[0] > at:
            self._left = None

    def stay(self, until: datetime.timedelta | None = None) -> None:
        """It was there all the while, or ``until`` a position."""
        self._left = None
        if until is not None:
            self.leave(until)

    def forget_gaps(self) -> None:
        """Forget the gaps before all time of which sums are known."""
        history = self.log.history
        known_from = None if history is None else history.known_from(_ZERO)[0]
        self.gaps = tuple(
            gap for gap in self.gaps if known_from is not None and gap[1] > known_from
        )

    def absent_within(
        self, start: datetime.timedelta, end: datetime.timedelta
    ) -> list[tuple[datetime.timedelta, datetime.timedelta]]:
        """Its gaps, as far as they lie between two positions."""
        gaps = self.gaps if self._left is None else (*self.gaps, (self._left[0], end))
        first = bisect_right(gaps, start, key=_back)
        last = bisect_left(gaps, end, key=_left)
        return [(max(left, start), min(back, end)) for left, back in gaps[first:last]]

    def row(self, state: ChannelState) -> ChannelRow:
        """What is saved of it, as of ``state``."""
        left, uptime_left = state.left or (None, None)
        return ChannelRow(
            str(self.point),
            bytes(self.peer),
            microseconds(self.opened[0]),
            self.opened[1],
            microseconds(state.lived_from),
            microseconds(state.peer_uptime_before),
            None if left is None else microseconds(left),
            None if uptime_left is None else microseconds(uptime_left),
            json.dumps([[microseconds(each) for each in gap] for gap in state.gaps]),
            None if self.closing is None else date_to_int(self.closing.date),
            int(self.closing is not None and self.closing.unseen),
            None if state.active is None else int(state.active),
            microseconds(state.unusable),
            None if state.mark is None else microseconds(state.mark),
            None if self.activity_from is None else microseconds(self.activity_from),
            self.description.short_channel_id,
            " ".join(self.former_ids),
            self.description.capacity,
            None if self.description.private is None else int(self.description.private),
        )

    def flush_activity(self, everything: bool, state: ChannelState) -> HistoryRows:
        """The changes that were not saved yet, as of ``state``."""
        if self.activity is None or state.changes is None:
            return HistoryRows(str(self.point), True, 0, 0, [], False, [])
        return self.activity.flush(str(self.point), everything, state.changes)

    @classmethod
    def of_row(cls, row: ChannelRow, log: PeerLog) -> Self:
        """The channel that was saved."""
        opened = row.opened_position * MICROSECOND, row.opened_stretch
        channel = cls(OutPoint.parse(row.channel_point), log.peer, log, opened)
        channel._lived_from = row.lived_from * MICROSECOND
        channel._peer_uptime_before = row.uptime_before * MICROSECOND
        if row.left is not None and row.uptime_left is not None:
            channel._left = row.left * MICROSECOND, row.uptime_left * MICROSECOND
        if row.closed is not None:
            channel.closing = Closing(int_to_date(row.closed), bool(row.closed_unseen))
        if row.gaps != NO_GAPS:
            gaps = json.loads(row.gaps)
            channel.gaps = tuple((left * MICROSECOND, back * MICROSECOND) for left, back in gaps)
        channel.active = None if row.active is None else bool(row.active)
        channel._unusable = row.unusable * MICROSECOND
        if row.mark is not None:
            channel._mark = row.mark * MICROSECOND
        if row.activity_from is not None:
            channel.activity_from = row.activity_from * MICROSECOND
        private = None if row.private is None else bool(row.private)
        channel.description = Description(row.short_channel_id, row.capacity, private)
        channel.former_ids = tuple(row.former_ids.split())
        return channel

    @property
    def is_absent(self) -> bool:
        return self._left is not None

    @property
    def left(self) -> datetime.timedelta | None:
        """The position from which it is absent; None: it is there."""
        return None if self._left is None else self._left[0]
