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
  the channel cannot be used, as when its close has begun. The live table says for how long the
  peer has been offline, and marks private channels.
- FLAPS: how often the peer's state changed. Of a window, how often it did within it; else of
  all time, old changes counting less, as in lnd.
- 1D, 7D, 30D: the peer's share online of that time before the snapshot.
- TREND: its share online of the last seven days less that of the time before, in percentage
  points.
- TRANSPORT: how this node reaches the peer.
- NOTE: "unseen" of a channel that was found missing, and no event told that it closed.

Programs get all of them; a person gets the names first, with keys cut, and the columns
that have a head. A column for a new figure is one :class:`Column`, in each list in which it
is to be. A peer's shares are those of :mod:`chanfitness.reports.peers`.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..core.blind_spans import BlindSpan
from ..core.channel import ChannelInfo
from ..core.history_window import ChannelHistory, Outage
from ..core.overview import ClosedChannel, Overview
from ..core.peer_outages import PeerOutage
from ..core.peerlog import PeerInfo
from ..core.windows import Window
from ..terminal.cells import cut_end
from ..terminal.colours import RED, YELLOW, share_colour
from ..terminal.formatting import (
    Cut,
    cut,
    cut_point,
    duration,
    points,
    short_alias,
    short_key,
    short_point,
)
from ..wire import OutPoint
from .notes import partial_rows, unknown_usable, unknown_usable_of_closed, unlisted_outages
from .peers import (
    RECENT,
    PeerFigures,
    badness,
    change_count,
    online_ratio,
    peer_figures,
    usable_ratio,
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
        return "inactive" if self.peer.online and is_inactive else _state(self.peer.online)

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


def _state(online: bool) -> str:
    return "online" if online else "offline"


def _first_unit(state: str | datetime.timedelta) -> str:
    return state if isinstance(state, str) else duration(state).split()[0]


def _live_frame(private: str, offline: str) -> Callable[[Row], str]:
    """What the live table has before the state of a private channel, and of an offline peer."""

    def frame(row: Row) -> str:
        state = "{}" if row.offline_for is None else offline + "{}"
        return private + state if row.is_private else state

    return frame


def _marked_sum(row: Row) -> str:
    return "{}*" if row.is_of_window and row.is_partial else "{}"


def _marked(row: Row) -> str:
    return "{}*" if row.is_partial else "{}"


def _of_share(_: Row, ratio: float | None) -> str:
    return share_colour(ratio)


def _of_state(_: Row, state: object) -> str:
    return {False: RED, "offline": RED, "inactive": YELLOW}.get(state, "")


def _of_peer_state(row: Row, _: object) -> str:
    return "" if row.peer is None or row.peer.online else RED


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
_ONLINE = Column(
    "uptime_ratio",
    lambda row: row.channel.uptime_ratio,
    "ONLINE",
    frame=_marked_sum,
    colour=_of_share,
)
_USABLE = Column(
    "usable_ratio",
    lambda row: row.channel.usable_ratio,
    "USABLE",
    frame=_marked_sum,
    colour=_of_share,
)
_STATE = Column("online", lambda row: row.peer.online, "STATE", _state, colour=_of_state)
LIVE_STATE = _STATE._replace(
    get=lambda row: row.state if row.offline_for is None else row.offline_for,
    text=None,
    frame=_live_frame("private, ", "offline "),
)
SHORT_STATE = LIVE_STATE._replace(text=_first_unit, frame=_live_frame("p ", "off "))
_STATE_SINCE = Column("since", lambda row: row.peer.since, "SINCE")
_OUTAGES = Column("outages", lambda row: row.outages, "OUTAGES", frame=_marked)
_LONGEST = Column(
    "longest_outage_seconds",
    lambda row: row.history and row.history.longest_outage,
    "LONGEST",
    frame=_marked,
)
_FLAPS = Column("flap_count", lambda row: row.flaps, "FLAPS", frame=_marked_sum)
_LAST_SEEN = Column("last_seen", lambda row: row.last_seen, "LAST SEEN", colour=_of_peer_state)
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
CAPACITY = Column(
    "capacity", lambda row: row.channel.capacity, "CAPACITY", lambda satoshi: f"{satoshi:,} sat"
)
_DESCRIPTION = (
    ALIAS,
    SHORT_ID,
    _TRANSPORT,
    Column("active", lambda row: row.channel.active),
    *USABLE_SUMS,
    CAPACITY,
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
    _STATE_SINCE,
    _FLAPS,
    Column("last_flap", lambda row: row.peer.last_flap, "LAST FLAP"),
)
PEER_DESCRIPTION = (ALIAS, _TRANSPORT)
_, _, _STATE_SINCE, _, LAST_FLAP = PEER_STATE
_PEER_FIGURES = (
    _ONLINE._replace(get=lambda row: online_ratio(row.channels)),
    _USABLE._replace(get=lambda row: usable_ratio(row.channels)),
    _OUTAGES,
    _LONGEST,
    _FLAPS,
)


def _recent_share(number: int) -> Column:
    """The share online of one of ``RECENT``."""
    days = f"{RECENT[number].days}d"
    return Column(
        f"uptime_ratio_{days}",
        lambda row: row.recent[number] and row.recent[number].uptime_ratio,
        days.upper(),
        frame=lambda row: "{}" if row.recent[number].complete else "{}*",
        colour=_of_share,
    )


RECENT_SHARES = tuple(map(_recent_share, range(len(RECENT))))
TREND = Column("trend", lambda row: row.trend, "TREND", points)
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
            offline_for=_offline_for(peers[info.peer], overview),
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


def _offline_for(peer: PeerInfo, overview: Overview) -> datetime.timedelta | None:
    return None if peer.online else overview.as_of - peer.since


def _badness(row: Row) -> tuple[object, ...]:
    assert isinstance(row.channel, ChannelInfo)
    ratio = row.channel.uptime_ratio
    return ratio is None, ratio, row.channel.channel_point


def _outages(overview: Overview) -> list[Row]:
    """The newest first; those that last to the end of what is asked for are the newest."""

    def age(outage: PeerOutage) -> tuple[bool, datetime.datetime]:
        return outage.end in (None, overview.until), outage.start

    return [Row(outage=each) for each in sorted(overview.peer_outages, key=age, reverse=True)]


def _peers(overview: Overview, *further: Overview) -> list[Row]:
    """The offline ones first, and the worst of each; those without a channel last."""
    figures = peer_figures(overview, further)
    points = [info.channel_point for info in overview.channels]
    outages = dict(zip(points, overview.outages or (), strict=False))
    rows = [_peer(info, figures.get(info.peer), outages, overview) for info in overview.peers]
    return sorted(rows, key=_peer_badness)


def _peer(
    info: PeerInfo,
    figures: PeerFigures | None,
    outages: Mapping[OutPoint, int],
    overview: Overview,
) -> Row:
    if figures is None:
        return Row(peer=info, is_of_window=overview.window is not None)
    (first, history), *_ = figures.channels
    return Row(
        peer=info,
        history=history,
        counted_outages=outages.get(first.channel_point),
        is_of_window=overview.window is not None,
        channels=[channel for channel, _ in figures.channels],
        recent=figures.recent,
        trend=figures.trend,
    )


def _peer_badness(row: Row) -> tuple[object, ...]:
    assert row.peer is not None
    return not row.channels, row.peer.online, badness(row.channels)


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
"""Of a recording."""
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
RUNNING = TOTALS._replace(
    columns=[*TOTALS.columns, _STATE, _STATE_SINCE, _OUTAGES, BLIND, COMPLETE],
)
"""Of a running store, over all time: with the state of each channel's peer, and since when."""
LIVE = TOTALS._replace(
    shown=[*_ALL_NAMES, LIVE_STATE, _LIFETIME, _ONLINE, _USABLE, _OUTAGES, _FLAPS]
)
LIVE_SHORT = LIVE._replace(shown=[SHORT_STATE if c is LIVE_STATE else c for c in LIVE.shown])
"""The same with states in fewer cells: ``off 3h``, and ``p`` of a private channel."""
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
    [
        _PEER,
        *PEER_DESCRIPTION,
        _STATE,
        _STATE_SINCE,
        *_PEER_FIGURES,
        _CHANNEL_COUNT,
        LAST_FLAP,
        *RECENT_SHARES,
        TREND,
        COMPLETE,
        _SINCE._replace(name="figures_since"),
    ],
    _peers,
    2,
    lambda overview, *further: partial_rows(overview, *further) + unknown_usable(overview),
    [
        ALIAS,
        _PEER,
        _TRANSPORT,
        _STATE,
        _STATE_SINCE,
        *_PEER_FIGURES,
        *RECENT_SHARES,
        TREND,
        _CHANNEL_COUNT,
    ],
    (*RECENT, None),
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
