"""The accounting of one channel.

*Lifetime*: the time since the store learned that the channel is open.
*Uptime*: the part of its lifetime in which its peer was online.
*Unusable*: the part of its uptime in which its source called it inactive.

A channel is *absent* while its figures stand still: while its peer is awaited, or after it
closed, in case it comes back. When it returns, the time between is a *gap*, which is neither
lifetime nor uptime. The *mark* of an inactive channel is its uptime when it became inactive.

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
_new_tuple = tuple.__new__  # faster than the NamedTuple's own


class ChannelInfo(NamedTuple):
    """The figures of one open channel, as of one moment.

    Times are exact to the microsecond. Always ``0 <= usable <= uptime <= lifetime``.

    Args:
        channel_point: The channel's funding output.
        peer: The channel's peer.
        lifetime: The time since the store learned that the channel is open, without blind time.
        uptime: The part of ``lifetime`` in which the peer was online.
        unusable: The part of ``uptime`` in which the source called the channel inactive.
        active: False if the channel is inactive; None if the source never said.
        short_channel_id: As "700000x1x0"; None: unknown.
        capacity: In satoshi; None: unknown.
        private: Whether the channel is unannounced; None: unknown.
        knows_unusable: False if ``unusable`` lacks time watched by an older version, which
            did not record activity.
        former_ids: The earlier short channel ids, as before a splice.
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
        """``uptime / lifetime``, 0.0 to 1.0; None while lifetime is zero."""
        return self.uptime / self.lifetime if self.lifetime else None

    @property
    def usable(self) -> datetime.timedelta:
        """``uptime - unusable``: the time with the peer online and the channel not inactive."""
        return self.uptime - self.unusable

    @property
    def usable_ratio(self) -> float | None:
        """``usable / lifetime``, 0.0 to 1.0; None while lifetime is zero, or if it is unknown."""
        return self.usable / self.lifetime if self.lifetime and self.knows_unusable else None


class Closing(NamedTuple):
    """The close of a channel; ``unseen``: it was found missing, without a close event."""

    date: datetime.datetime
    unseen: bool


class ChannelState(NamedTuple):
    """The state of a channel at one moment, to go back to.

    ``left``: the position at which it became absent, and its peer's uptime then. ``changes``:
    the number of changes in its activity.
    """

    left: tuple[datetime.timedelta, datetime.timedelta] | None
    lived_from: datetime.timedelta
    peer_uptime_before: datetime.timedelta
    gaps: tuple[tuple[datetime.timedelta, datetime.timedelta], ...]
    active: bool | None
    unusable: datetime.timedelta
    mark: datetime.timedelta | None
    changes: int | None

    def was_absent(self, left: datetime.timedelta, back: datetime.timedelta) -> Self:
        """Return the state with a gap in which the peer's uptime did not grow."""
        gaps = (*self.gaps, (left, back)) if left < back else self.gaps
        return self._replace(lived_from=self.lived_from + (back - left), gaps=gaps)


class Description(NamedTuple):
    """A source's description of a channel; None: unknown."""

    short_channel_id: str | None = None
    capacity: int | None = None
    private: bool | None = None


_NO_DESCRIPTION = Description()


class Channel:
    """The account of one channel. Not thread-safe: the loop owns it.

    Uptime is the growth of the peer's uptime since the channel opened. A gap moves
    ``_lived_from`` and ``_peer_uptime_before`` as if the channel had opened later.

    Attributes:
        closing: None while the channel is open.
        activity: None until the channel was inactive once, or if no history is kept.
        activity_from: The position from which activity is known; None: from the opening.
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
        self._unusable = _ZERO  # without the time since the mark
        self._mark: datetime.timedelta | None = None
        self.activity: Activity | None = None
        self.activity_from: datetime.timedelta | None = None
        self.description = _NO_DESCRIPTION
        self.former_ids: tuple[str, ...] = ()  # earlier short channel ids

    def info(self, at: datetime.timedelta) -> ChannelInfo:
        """Return the channel's figures; while absent, those with which it left."""
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
        """Return the channel's uptime; while absent, that with which it left."""
        peer_uptime = self.log.uptime(at) if self._left is None else self._left[1]
        return peer_uptime - self._peer_uptime_before

    def set_active(self, active: bool, now: Instant) -> bool:
        """Change whether the channel is active. Return whether its activity is due for a trim."""
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
            self.activity = None  # it was inactive for no time: nothing to keep
            return False
        return activity.online is not active and activity.change(now, microseconds(uptime))

    def begin_activity(self, now: Instant) -> bool:
        """Begin to keep activity, if the channel was ever inactive. Return whether it was."""
        at, _ = now
        if self.active is not False and not self.info(at).unusable:
            return False
        uptime, online = microseconds(self.uptime(at)), self.active is not False
        self.activity = Activity.not_kept_until(now, uptime, online=online)
        return True

    def describe(
        self, short_channel_id: str | None, capacity: int | None, private: bool | None
    ) -> bool:
        """Update the description; None keeps the known value. Return whether it changed."""
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
        """Return the present state."""
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
        """Restore an earlier state."""
        self._left, self._lived_from, self._peer_uptime_before, self.gaps = state[:4]
        self.active, self._unusable, self._mark, changes = state[4:]
        if changes is None:
            self.activity = None
        while self.activity is not None and changes is not None and self.activity.count > changes:
            self.activity.undo()

    def begin_at(self, opened: Instant) -> None:
        """Let the channel begin anew at ``opened``, not absent."""
        at, _ = self.opened = opened
        self.go_back(ChannelState(None, at, self.log.uptime(at), (), None, _ZERO, None, None))

    def leave(self, at: datetime.timedelta) -> None:
        """Become absent, if it is not already."""
        if self._left is None:
            self._left = at, self.log.uptime(at)

    def come_back(self, at: datetime.timedelta) -> None:
        """End the absence: continue with the figures with which it left."""
        assert self._left is not None
        left, uptime_left = self._left
        self._left = None
        self._lived_from += at - left
        self._peer_uptime_before += self.log.uptime(at) - uptime_left
        if left < at:
            self.gaps += ((left, at),)

    def go_back_to(self, at: datetime.timedelta) -> None:
        """Undo an absence that began later than a position."""
        if self._left is not None and self._left[0] > at:
            self._left = None

    def stay(self, until: datetime.timedelta | None = None) -> None:
        """Undo the present absence, or let it begin at ``until``."""
        self._left = None
        if until is not None:
            self.leave(until)

    def forget_gaps(self) -> None:
        """Forget the gaps that lie before the first known sum."""
        history = self.log.history
        known_from = None if history is None else history.known_from(_ZERO)[0]
        self.gaps = tuple(
            gap for gap in self.gaps if known_from is not None and gap[1] > known_from
        )

    def absent_within(
        self, start: datetime.timedelta, end: datetime.timedelta
    ) -> list[tuple[datetime.timedelta, datetime.timedelta]]:
        """Return the gaps, cut to the time between two positions."""
        gaps = self.gaps if self._left is None else (*self.gaps, (self._left[0], end))
        first = bisect_right(gaps, start, key=_back)
        last = bisect_left(gaps, end, key=_left)
        return [(max(left, start), min(back, end)) for left, back in gaps[first:last]]

    def row(self, state: ChannelState) -> ChannelRow:
        """Return the database row of a state."""
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
        """Return the unsaved changes of its activity, as of a state."""
        if self.activity is None or state.changes is None:
            return HistoryRows(str(self.point), True, 0, 0, [], False, [])
        return self.activity.flush(str(self.point), everything, state.changes)

    @classmethod
    def of_row(cls, row: ChannelRow, log: PeerLog) -> Self:
        """Return the channel of a database row."""
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
        """The position from which the channel is absent, or None."""
        return None if self._left is None else self._left[0]
