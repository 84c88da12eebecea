"""Tables of figures: their columns, their rows, and the order of both.

Each table (of ``show``, of ``replay``, the live one), in each format, is made of these
columns. Their heads in text:

- ALIAS: the name that the peer gives itself; any text, and nobody's alone.
- SHORT ID: the channel's short channel id.
- LIFETIME: for how long the channel was seen, blind time left out.
- UPTIME: for how much of its lifetime the channel's peer was online.
- ONLINE: the uptime's share of the lifetime, in percent.
- USABLE: the share in which the channel could be used, too; "-" if that is not known.
- STATE: whether the peer is online now; of a channel, "inactive" if the peer is online and
  the channel cannot be used.
- TRANSPORT: how this node reaches the peer.
- NOTE: "unseen" of a channel that was found missing, and no event told that it closed.

Programs get all of them; a person gets the names first, with keys cut, and the columns
that have a head. A column for a new figure is one :class:`Column`, in each list in which it
is to be.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..core.blind_spans import BlindSpan
from ..core.channel import ChannelInfo
from ..core.history_window import ChannelHistory, Outage
from ..core.overview import ClosedChannel, Overview
from ..core.peer_outages import PeerOutage
from ..core.peerlog import PeerInfo
from ..terminal.cells import cut_end
from ..terminal.formatting import Cut, cut, cut_point, short_alias, short_key, short_point
from .notes import partial_rows, unknown_usable, unknown_usable_of_closed, unlisted_outages

SHORTEST_UNUSABLE = datetime.timedelta(seconds=1)
"""Shorter spans are not shown: each reconnect has some milliseconds before it is active."""


class Row(NamedTuple):
    """All that a line of a table can tell; None: it is not about that, or it is not known.

    ``counted_outages``: how many the channel's peer had. ``last_seen``: when the peer was
    seen online last, which may be the moment of the snapshot. ``is_of_window``: whether the
    sums of ``channel`` are to be those of a window's ``history``.
    """

    channel: ChannelInfo | ClosedChannel | ChannelHistory | None = None
    peer: PeerInfo | None = None
    history: ChannelHistory | None = None
    outage: Outage | PeerOutage | None = None
    counted_outages: int | None = None
    last_seen: datetime.datetime | None = None
    is_of_window: bool = False
    blind: BlindSpan | None = None

    @property
    def outages(self) -> int | None:
        """How many outages there were; None if that is not known."""
        return self.counted_outages if self.history is None else self.history.outage_count

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
        return "inactive" if self.peer.online and is_inactive else _state(self.peer.online)

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
    not cut. ``unknown``: what a person reads if there is no value.
    """

    name: str
    get: Callable[[Any], object]  # a column is only asked of rows that have its subject
    head: str = ""
    text: Callable[[Any], str] | None = None
    frame: Callable[[Any], str] = lambda row: "{}"
    cut: Cut | None = None
    unknown: str = "-"

    def whole(self) -> Column:
        """The same name, not cut."""
        return self._replace(text=None, cut=None)


class Table(NamedTuple):
    """A kind of rows and their columns.

    ``kind``: what JSON calls the rows. ``noun``: what a person calls one. ``rows``:
    those of a snapshot. ``shown``: the columns of text, in its order; empty: those that have a
    head. The first ``names`` of them name what a row is about. ``notes``: what a person has
    to know of the figures of a snapshot besides. ``is_dated``: whether a person reads dates as
    such, not as the time since.
    """

    kind: str
    noun: str
    columns: Sequence[Column]
    rows: Callable[[Overview], list[Row]]
    names: int = 2
    notes: Callable[[Overview], list[str]] = lambda overview: []
    shown: Sequence[Column] = ()
    is_dated: bool = False

    @property
    def text_columns(self) -> Sequence[Column]:
        """The columns that a person gets."""
        return self.shown or [column for column in self.columns if column.head]


def _state(online: bool) -> str:
    return "online" if online else "offline"


def _marked_sum(row: Row) -> str:
    return "{}*" if row.is_of_window and row.is_partial else "{}"


def _marked(row: Row) -> str:
    return "{}*" if row.is_partial else "{}"


def counted(names: Sequence[str]) -> str:
    """The first of some names, and how many more there are."""
    first, *others = names
    return f"{first} +{len(others)}" if others else first


def _short_names(names: Sequence[str]) -> str:
    return counted([short_point(name) for name in names])


def _unseen(unseen: bool) -> str:
    return "unseen" if unseen else ""


# The columns that tables share.

ALIAS = Column("alias", lambda row: row.alias, "ALIAS", short_alias, cut=cut_end)
SHORT_ID = Column("short_channel_id", lambda row: row.channel.short_channel_id, "SHORT ID")
NAMES = (
    Column(
        "channel_point",
        lambda row: row.channel.channel_point,
        "CHANNEL POINT",
        lambda point: short_point(str(point)),
        cut=cut_point,
    ),
    Column(
        "peer", lambda row: row.channel.peer, "PEER", lambda peer: short_key(str(peer)), cut=cut
    ),
)
_PEER = NAMES[1]._replace(get=lambda row: row.peer.peer)
_ALL_NAMES = (ALIAS, SHORT_ID, *NAMES)

_LIFETIME = Column(
    "lifetime_seconds", lambda row: row.channel.lifetime, "LIFETIME", frame=_marked_sum
)
_ONLINE = Column("uptime_ratio", lambda row: row.channel.uptime_ratio, "ONLINE", frame=_marked_sum)
_USABLE = Column("usable_ratio", lambda row: row.channel.usable_ratio, "USABLE", frame=_marked_sum)
_STATE = Column("online", lambda row: row.peer.online, "STATE", _state)
_CHANNEL_STATE = _STATE._replace(get=lambda row: row.state, text=None)
_OUTAGES = Column("outages", lambda row: row.outages, "OUTAGES", frame=_marked)
_LONGEST = Column(
    "longest_outage_seconds",
    lambda row: row.history and row.history.longest_outage,
    "LONGEST",
    frame=_marked,
)
_FLAPS = Column("flap_count", lambda row: row.peer.flap_count, "FLAPS")
_LAST_SEEN = Column("last_seen", lambda row: row.last_seen, "LAST SEEN")
_SINCE = Column("since", lambda row: row.history and row.history.start)
_UNTIL = Column("until", lambda row: row.history and row.history.end)
_TRANSPORT = Column("transport", lambda row: row.peer.transport, "TRANSPORT")

SUMS = (
    _LIFETIME,
    Column("uptime_seconds", lambda row: row.channel.uptime, "UPTIME", frame=_marked_sum),
    _ONLINE,
)
USABLE_SUMS = (
    Column("usable_seconds", lambda row: row.channel.usable),
    Column("unusable_seconds", lambda row: row.channel.unusable),
    _USABLE,
)
_DESCRIPTION = (
    ALIAS,
    SHORT_ID,
    _TRANSPORT,
    Column("active", lambda row: row.channel.active),
    *USABLE_SUMS,
    Column("capacity", lambda row: row.channel.capacity),
    Column("private", lambda row: row.channel.private),
)
COMPLETE = Column("complete", lambda row: not row.is_partial)
OUTAGE_COUNT = Column("outage_count", lambda row: row.history.outage_count)
BLIND = Column("blind_seconds", lambda row: row.history and row.history.blind)
SPAN = (
    Column(
        "start",
        lambda row: row.outage.start,
        "START",
        frame=lambda row: "before {}" if row.is_cut else "{}",
    ),
    Column(
        "end",
        lambda row: row.outage.end,
        "END",
        frame=lambda row: "after {}" if row.is_cut_at_the_end else "{}",
        unknown="lasts",
    ),
    Column("duration_seconds", lambda row: row.outage.duration, "OFFLINE"),
    Column("cut", lambda row: row.is_cut),
)
PEER_STATE = (
    _PEER,
    _STATE,
    Column("since", lambda row: row.peer.since, "SINCE"),
    _FLAPS,
    Column("last_flap", lambda row: row.peer.last_flap, "LAST FLAP"),
)
PEER_DESCRIPTION = (ALIAS, _TRANSPORT)
_OF_PEER_OUTAGE = (
    NAMES[1]._replace(get=lambda row: row.outage.peer),
    Column(
        "channels", lambda row: list(row.outage.channels), "CHANNELS", _short_names, cut=cut_end
    ),
)
_CHANNEL_COUNT = Column("channels", lambda row: len(row.peer.channels), "CHANNELS")
_CLOSE = (
    Column("closed", lambda row: row.channel.closed, "CLOSED"),
    Column("closed_unseen", lambda row: row.channel.closed_unseen, "NOTE", _unseen),
)


# The rows of each table, in its order.


def _channels(overview: Overview) -> list[Row]:
    """The worst first: by the share online, those that never lived last."""
    peers = {info.peer: info for info in overview.peers}
    unknown = (None,) * len(overview.channels)
    rows = [
        Row(
            info,
            peers[info.peer],
            history,
            counted_outages=outages,
            last_seen=_last_seen(peers[info.peer], overview),
            is_of_window=overview.is_of_window,
        )
        for info, history, outages in zip(
            overview.channels,
            overview.histories or unknown,
            overview.outages or unknown,
            strict=True,
        )
        if not _is_later(history, overview)
    ]
    return sorted(rows, key=_badness)


def _is_later(history: ChannelHistory | None, overview: Overview) -> bool:
    """Whether a channel opened after the time that is asked for."""
    until = overview.until
    return history is not None and history.complete and until is not None and history.start >= until


def _last_seen(peer: PeerInfo, overview: Overview) -> datetime.datetime | None:
    if peer.online:
        return overview.seen_until
    return peer.since if peer.last_flap is not None else None


def _badness(row: Row) -> tuple[object, ...]:
    assert isinstance(row.channel, ChannelInfo)
    ratio = row.channel.uptime_ratio
    return ratio is None, ratio, row.channel.channel_point


def _outages(overview: Overview) -> list[Row]:
    """The newest first; those that last to the end of what is asked for are the newest."""

    def age(outage: PeerOutage) -> tuple[bool, datetime.datetime]:
        return outage.end in (None, overview.until), outage.start

    return [Row(outage=each) for each in sorted(overview.peer_outages, key=age, reverse=True)]


def _peers(overview: Overview) -> list[Row]:
    """Those that flap most first."""
    infos = sorted(overview.peers, key=lambda info: -info.flap_count)
    return [Row(peer=info) for info in infos]


def _closed(overview: Overview) -> list[Row]:
    """In order of closing."""
    return [Row(channel) for channel in overview.closed]


def _blind_spans(overview: Overview) -> list[Row]:
    """In order of time."""
    return [Row(blind=span) for span in overview.blind_spans]


TOTALS = Table(
    "channels",
    "open channel",
    [*NAMES, *SUMS, *_DESCRIPTION],
    _channels,
    len(_ALL_NAMES),
    unknown_usable,
    [*_ALL_NAMES, *SUMS, _USABLE],
)
"""Of a recording or a running store."""
CHANNELS = TOTALS._replace(
    columns=[
        *NAMES,
        *SUMS,
        _SINCE,
        COMPLETE,
        BLIND,
        _OUTAGES,
        _LONGEST,
        _FLAPS,
        _LAST_SEEN,
        *_DESCRIPTION,
        _UNTIL,
    ],
    notes=lambda overview: partial_rows(overview) + unknown_usable(overview),
    shown=[*_ALL_NAMES, *SUMS, _USABLE, _OUTAGES, _LONGEST, _FLAPS, _LAST_SEEN],
)
LIVE = TOTALS._replace(
    shown=[*_ALL_NAMES, _CHANNEL_STATE, _LIFETIME, _ONLINE, _USABLE, _OUTAGES, _FLAPS]
)
OUTAGES = Table(
    "outages",
    "outage",
    [
        _OF_PEER_OUTAGE[0],
        ALIAS,
        _OF_PEER_OUTAGE[1],
        *SPAN,
        Column("cut_end", lambda row: row.is_cut_at_the_end),
    ],
    _outages,
    3,
    unlisted_outages,
    [ALIAS, *_OF_PEER_OUTAGE, *(column for column in SPAN if column.head)],
    is_dated=True,
)
PEERS = Table(
    "peers",
    "peer",
    [*PEER_STATE, *PEER_DESCRIPTION, _CHANNEL_COUNT],
    _peers,
    2,
    shown=[ALIAS, *PEER_STATE, _CHANNEL_COUNT, _TRANSPORT],
)
CLOSED = Table(
    "closed_channels",
    "closed channel",
    [
        *NAMES,
        *SUMS,
        Column("opened", lambda row: row.channel.opened),
        *_CLOSE,
        ALIAS,
        SHORT_ID,
        *USABLE_SUMS,
    ],
    _closed,
    len(_ALL_NAMES),
    unknown_usable_of_closed,
    [*_ALL_NAMES, *SUMS, _USABLE, *_CLOSE],
)
BLIND_SPANS = Table(
    "blind",
    "blind span",
    [
        Column("start", lambda row: row.blind.start, "START"),
        Column("end", lambda row: row.blind.end, "END", unknown="lasts"),
        Column("duration_seconds", lambda row: row.blind.duration, "BLIND"),
        Column("of", lambda row: row.blind.of, "OF"),
        Column("cause", lambda row: row.blind.cause, "CAUSE"),
        Column("peers", lambda row: row.blind.peers, "PEERS"),
    ],
    _blind_spans,
    is_dated=True,
)
