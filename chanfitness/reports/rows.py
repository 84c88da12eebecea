"""Row, column, table: the types that tables are made of."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..core.blind_spans import BlindSpan
from ..core.channel import ChannelInfo
from ..core.history_window import ChannelHistory, Outage
from ..core.overview import ClosedChannel
from ..core.peer_outages import PeerOutage
from ..core.peerlog import PeerInfo
from ..core.windows import Window
from ..terminal.formatting import (
    Cut,
)
from .peers import (
    PeerFigures,
    change_count,
)

SHORTEST_UNUSABLE = datetime.timedelta(seconds=1)
"""Shorter spans are not shown: each reconnect has some milliseconds before it is active."""


class Row(NamedTuple):
    """All that a line of a table can tell; None: it is not about that, or it is not known.

    ``counted_outages``: how many the channel's peer had. ``last_seen``: when the peer was
    seen online last, which may be the moment of the snapshot. ``offline_for``: for how long the
    channel's peer has been offline; None: it is online. ``is_of_window``: whether the sums of
    ``channel`` are to be those of a window's ``history``. ``channels``: the peer's,
    the first to open first. ``recent`` and ``trend``: see
    :class:`~chanfitness.reports.peers.PeerFigures`. ``limit``: the share that the channel's is
    below.
    """

    channel: ChannelInfo | ClosedChannel | ChannelHistory | None = None
    peer: PeerInfo | None = None
    history: ChannelHistory | None = None
    outage: Outage | PeerOutage | None = None
    counted_outages: int | None = None
    last_seen: datetime.datetime | None = None
    offline_for: datetime.timedelta | None = None
    is_of_window: bool = False
    blind: BlindSpan | None = None
    channels: Sequence[ChannelInfo] = ()
    recent: Sequence[ChannelHistory | None] = PeerFigures().recent
    trend: float | None = None
    limit: float | None = None

    @property
    def outages(self) -> int | None:
        """How many outages there were; None if that is not known."""
        return self.counted_outages if self.history is None else self.history.outage_count

    @property
    def flaps(self) -> int | None:
        """How often the peer's state changed: in a window, or in all as lnd counts it."""
        if self.is_of_window:
            return None if self.history is None else change_count(self.history)
        assert self.peer is not None
        return self.peer.flap_count

    @property
    def alias(self) -> str | None:
        """The alias of the peer, as of now or when the channel closed."""
        if self.peer is not None:
            return self.peer.alias
        if isinstance(self.outage, PeerOutage):
            return self.outage.alias
        return self.channel.alias if isinstance(self.channel, ClosedChannel) else None

    @property
    def state(self) -> str:
        """That of the peer, and of the channel if that is what the peer is online for."""
        assert self.peer is not None
        is_inactive = isinstance(self.channel, ChannelInfo) and self.channel.active is False
        return "inactive" if self.peer.online and is_inactive else state_text(self.peer.online)

    @property
    def is_private(self) -> bool:
        """Whether the channel is known to be private."""
        return isinstance(self.channel, ChannelInfo) and self.channel.private is True

    @property
    def is_partial(self) -> bool:
        """Whether the figures are not of just the time that was asked for."""
        return self.is_of_window if self.history is None else not self.history.complete

    @property
    def is_cut(self) -> bool:
        """Whether the outage began before what was asked for."""
        if isinstance(self.outage, PeerOutage):
            return self.outage.cut
        history = self.history
        return (
            history is not None
            and history.first_outage_began is not None
            and self.outage is history.outages[0]
        )

    @property
    def is_cut_at_the_end(self) -> bool:
        """Whether the outage lasted when what was asked for ended."""
        return isinstance(self.outage, PeerOutage) and self.outage.cut_end


class Column(NamedTuple):
    """One figure of each row.

    ``name``: in JSON and CSV; a period's ends in ``_seconds``. ``get``: its value;
    None: not known. ``head``: in text; a column without one is for programs alone.
    ``text``: how a person reads a value that is known; None: as its type is read
    (see :mod:`chanfitness.reports.formats`). ``frame``: what a person reads around a value
    that is known, as a format. ``cut``: cuts a name where a terminal is narrow; None: it is
    not cut. ``colour``: that of the row's value on a terminal (see
    :mod:`chanfitness.terminal.colours`). ``unknown``: what a person reads if there is no value.
    """

    name: str
    get: Callable[[Any], object]  # a column is only asked of rows that have its subject
    head: str = ""
    text: Callable[[Any], str] | None = None
    frame: Callable[[Any], str] = lambda row: "{}"
    cut: Cut | None = None
    colour: Callable[[Any, Any], str] = lambda row, value: ""
    unknown: str = "-"

    def whole(self) -> Column:
        """The same name, not cut."""
        return self._replace(text=None, cut=None)


class Table(NamedTuple):
    """A kind of rows and their columns.

    ``kind``: what JSON calls the rows. ``noun``: what a person calls one. ``rows``:
    those of a snapshot. ``shown``: the columns of text, in its order; empty: those that have a
    head. The first ``names`` of them name what a row is about. ``notes``: what a person has
    to know of the figures of a snapshot besides. ``windows``: over which snapshots are wanted
    beside the one that was asked for; rows and notes are made of them all. ``is_dated``: whether
    a person reads dates as such, not as the time since.
    """

    kind: str
    noun: str
    columns: Sequence[Column]
    rows: Callable[..., list[Row]]
    names: int = 2
    notes: Callable[..., list[str]] = lambda overview: []
    shown: Sequence[Column] = ()
    windows: Sequence[Window] = ()
    is_dated: bool = False

    @property
    def text_columns(self) -> Sequence[Column]:
        """The columns that a person gets."""
        return self.shown or [column for column in self.columns if column.head]


def state_text(online: bool) -> str:
    """The state of a peer, in a word."""
    return "online" if online else "offline"
