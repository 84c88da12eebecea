"""Data types of tables: row, column and table."""

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
"""Shorter spans are not shown: after each reconnect a channel is inactive for milliseconds."""


class Row(NamedTuple):
    """The data of one line of a table; None where it does not apply or is unknown.

    Attributes:
        channel: The channel.
        peer: The peer, or the channel's peer.
        history: History of the channel, or of the peer's oldest channel.
        outage: The outage.
        counted_outages: Number of outages of the channel's peer.
        last_seen: When the peer was last seen online, at most the snapshot's date.
        offline_for: For how long the channel's peer has been offline; None if it is online.
        is_of_window: Whether sums should cover a window.
        blind: The blind span.
        channels: The peer's channels, oldest first.
        recent: See :class:`~chanfitness.reports.peers.PeerFigures`.
        trend: See :func:`~chanfitness.reports.peers.trend`.
        limit: The limit that the channel's share is below.
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
        """The number of outages; None if it is unknown."""
        return self.counted_outages if self.history is None else self.history.outage_count

    @property
    def flaps(self) -> int | None:
        """The number of changes of the peer's state in the window; without one, as lnd counts."""
        if self.is_of_window:
            return None if self.history is None else change_count(self.history)
        assert self.peer is not None
        return self.peer.flap_count

    @property
    def alias(self) -> str | None:
        """The peer's present alias, or its alias when the channel closed."""
        if self.peer is not None:
            return self.peer.alias
        if isinstance(self.outage, PeerOutage):
            return self.outage.alias
        return self.channel.alias if isinstance(self.channel, ClosedChannel) else None

    @property
    def state(self) -> str:
        """The peer's state, or "inactive" if the peer is online but the channel is inactive."""
        assert self.peer is not None
        is_inactive = isinstance(self.channel, ChannelInfo) and self.channel.active is False
        return "inactive" if self.peer.online and is_inactive else state_text(self.peer.online)

    @property
    def is_private(self) -> bool:
        """Whether the channel is known to be private."""
        return isinstance(self.channel, ChannelInfo) and self.channel.private is True

    @property
    def is_partial(self) -> bool:
        """Whether the figures do not cover exactly the requested time."""
        return self.is_of_window if self.history is None else not self.history.complete

    @property
    def is_cut(self) -> bool:
        """Whether the outage began before the requested time."""
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
        """Whether the outage lasted beyond the requested time."""
        return isinstance(self.outage, PeerOutage) and self.outage.cut_end


class Column(NamedTuple):
    """One figure of each row.

    Attributes:
        name: Name in JSON and CSV; periods end in ``_seconds``.
        get: Returns the value, or None if it is unknown. Called only with rows that have the
            column's subject.
        head: Heading in text; columns without one are for programs only.
        text: Formats a known value for a person; None: by its type (see
            :mod:`chanfitness.reports.formats`).
        frame: Returns the format string around a known value in text.
        cut: Cuts a name for a narrow terminal; None: it is never cut.
        colour: Returns the colour of the value on a terminal (see
            :mod:`chanfitness.terminal.colours`).
        unknown: Text for an unknown value.
    """

    name: str
    get: Callable[[Any], object]
    head: str = ""
    text: Callable[[Any], str] | None = None
    frame: Callable[[Any], str] = lambda row: "{}"
    cut: Cut | None = None
    colour: Callable[[Any, Any], str] = lambda row, value: ""
    unknown: str = "-"

    def whole(self) -> Column:
        """Return the same column with values that are never cut."""
        return self._replace(text=None, cut=None)


class Table(NamedTuple):
    """A kind of table.

    Attributes:
        kind: Key of the rows in JSON.
        noun: Name of one row in text.
        columns: Columns of JSON and CSV.
        rows: Returns the rows of a snapshot and of those over ``windows``.
        names: Number of columns, at the beginning of those in text, that name the row's subject.
        notes: Returns the footnotes of the same snapshots.
        shown: Columns of text; empty: the ``columns`` that have a head.
        windows: Windows of the further snapshots needed, besides the requested one.
        is_dated: Whether text has dates, instead of ages.
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
        """The columns of text."""
        return self.shown or [column for column in self.columns if column.head]


def state_text(online: bool) -> str:
    """Return the state of a peer as a word."""
    return "online" if online else "offline"
