"""The accounting of one peer: its state and its total uptime.

The figures are those of lnd's ``chanfitness`` at the commit that first stored channels by
peer, but from totals instead of logs: a peer has one running uptime, a channel keeps the
value at its opening, and an answer is the difference of the two. A question costs O(1), and
an event takes no memory.

Pure: no thread, no lock, no clock. ``at`` is a position on the store's timeline
(:mod:`chanfitness.core.timeline`), ``now`` an instant; neither is ever before the previous
one. Blind time needs no rule here, because the timeline stands still in it.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, NamedTuple

from typing_extensions import Self

from ..wire import OutPoint, Vertex
from .history import History
from .saved_state import MICROSECOND, HistoryRows, PeerRow, microseconds
from .timeline import Instant

if TYPE_CHECKING:
    from .channel import Channel

_ZERO = datetime.timedelta(0)
_new_tuple = tuple.__new__  # faster than the NamedTuple's own


class PeerInfo(NamedTuple):
    """The figures of one peer, as of one moment.

    Args:
        peer: The peer's public key.
        online: Whether the peer is online.
        since: When the present state began, as far as it was seen (UTC).
        flap_count: The number of changes of state; old changes count less, as in lnd.
        last_flap: When the state changed last (UTC); None: never.
        channels: The open channels, in order of opening.
        alias: The name that the peer gives itself, any text; None: unknown.
        transport: How this node reaches the peer, one of ``events.TRANSPORTS``; None: unknown.
    """

    peer: Vertex
    online: bool
    since: datetime.datetime
    flap_count: int
    last_flap: datetime.datetime | None
    channels: tuple[OutPoint, ...]
    alias: str | None = None
    transport: str | None = None


class PeerState(NamedTuple):
    """The state of a peer's log at one moment; ``changes``: the length of its history."""

    uptime: datetime.timedelta
    online_since: datetime.timedelta | None
    since: Instant
    flap_count: int
    last_flap: Instant | None
    changes: int | None


class PeerLog:
    """The account of one peer. Not thread-safe: the loop owns it."""

    __slots__ = (
        "_online_since",
        "_uptime",
        "alias",
        "changes_seen",
        "channels",
        "closed",
        "flap_count",
        "history",
        "last_flap",
        "peer",
        "seen_offline",
        "since",
        "transport",
    )

    def __init__(self, peer: Vertex, since: Instant) -> None:
        self.peer = peer
        self._uptime = _ZERO
        self._online_since: datetime.timedelta | None = None
        self.channels: dict[Channel, None] = {}  # the open ones, in order of opening
        self.closed = 0  # the number of closed channels that may come back
        self.since = since  # when the present state began
        self.seen_offline = False  # whether it was offline when it was last seen
        self.changes_seen = 0  # the number since the last unseen change
        self.flap_count = 0  # as of last_flap
        self.last_flap: Instant | None = None
        self.history: History | None = None
        self.alias: str | None = None
        self.transport: str | None = None

    @property
    def is_online(self) -> bool:
        return self._online_since is not None

    @property
    def is_saved(self) -> bool:
        """Whether a database keeps the peer: it has a channel, or one may come back."""
        return bool(self.channels or self.closed)

    def online(self, now: Instant) -> bool:
        """Set the peer online. Return whether that is a change."""
        if self._online_since is not None:
            return False
        self._online_since, _ = self.since = now
        return True

    def offline(self, now: Instant) -> bool:
        """Set the peer offline. Return whether that is a change."""
        if self._online_since is None:
            return False
        self._uptime += now[0] - self._online_since
        self._online_since = None
        self.since = now
        return True

    def uptime(self, at: datetime.timedelta) -> datetime.timedelta:
        """Return the peer's total uptime at a position."""
        if self._online_since is None:
            return self._uptime
        return self._uptime + (at - self._online_since)

    def was_offline(self, now: Instant) -> bool:
        """Return whether the peer was offline when last seen; its history may begin ``now``."""
        history = self.history
        if history is None or history.online or history.instant(0) == now:
            return self.seen_offline
        return True

    def state(self) -> PeerState:
        """Return the present state."""
        history = self.history
        count = None if history is None else history.count
        since, flapped = self.since, self.last_flap
        return _new_tuple(
            PeerState,
            (self._uptime, self._online_since, since, self.flap_count, flapped, count),
        )

    def go_back(self, state: PeerState, at: Instant) -> None:
        """Restore an earlier state, which was online; offline, unseen, from ``at`` on."""
        self.seen_offline, self.changes_seen = False, 0
        self._uptime, self._online_since, _, self.flap_count, self.last_flap, changes = state
        self.offline(at)
        if self.history is not None and changes is not None and self.history.count > changes:
            self.history.undo()

    def row(self, state: PeerState) -> PeerRow:
        """Return the database row of a state."""
        return PeerRow(
            bytes(self.peer),
            microseconds(state.uptime),
            None if state.online_since is None else microseconds(state.online_since),
            microseconds(state.since[0]),
            state.since[1],
            state.flap_count,
            None if state.last_flap is None else microseconds(state.last_flap[0]),
            None if state.last_flap is None else state.last_flap[1],
            self.alias,
            self.transport,
        )

    def flush_history(self, everything: bool, state: PeerState) -> HistoryRows:
        """Return the unsaved changes of its history, as of a state."""
        if self.history is None or state.changes is None:
            return HistoryRows(bytes(self.peer), True, 0, 0, [], False, [])
        return self.history.flush(bytes(self.peer), everything, state.changes)

    @classmethod
    def of_row(cls, row: PeerRow) -> Self:
        """Return the log of a database row."""
        log = cls(Vertex(row.key), (row.since_position * MICROSECOND, row.since_stretch))
        log._uptime = row.uptime * MICROSECOND
        log.seen_offline = row.online_since is None
        if row.online_since is not None:
            log._online_since = row.online_since * MICROSECOND
        log.flap_count = row.flap_count
        if row.flap_position is not None and row.flap_stretch is not None:
            log.last_flap = row.flap_position * MICROSECOND, row.flap_stretch
        log.alias, log.transport = row.alias, row.transport
        return log
