"""Tables of figures: their columns, their rows, and the order of both.

Each table (of ``show``, of ``replay``, the live one), in each format, is made of these
columns. Their heads in text:

- LIFETIME: for how long the channel was seen, blind time left out.
- UPTIME: for how much of its lifetime the channel's peer was online.
- ONLINE: the uptime's share of the lifetime, in percent.
- STATE: whether the peer is online now.

A column for a new figure is one :class:`Column`, in each list in which it is to be.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..core.history import ChannelHistory, Outage
from ..core.peerlog import ChannelInfo, PeerInfo
from ..core.queries import ClosedChannel, Overview


class Row(NamedTuple):
    """All that a line of a table can tell; None: it is not about that, or it is not known.

    ``kept_outages``: how many are kept of the channel's peer. ``last_seen``: when the
    peer was online last, which may be the moment of the snapshot.
    """

    channel: ChannelInfo | ClosedChannel | ChannelHistory | None = None
    peer: PeerInfo | None = None
    history: ChannelHistory | None = None
    outage: Outage | None = None
    kept_outages: int | None = None
    last_seen: datetime.datetime | None = None

    @property
    def outages(self) -> int | None:
        """How many outages there were; None if that is not known."""
        return self.kept_outages if self.history is None else len(self.history.outages)


class Column(NamedTuple):
    """One figure of each row.

    ``name``: in JSON and CSV; a period's ends in ``_seconds``. ``get``: its value;
    None: not known. ``head``: in text; a column without one is for programs alone.
    ``text``: how a person reads a value that is known; None: as its type is read
    (see :mod:`chanfitness.reports.formats`). ``spare``: left out where a terminal
    has no room for it.
    """

    name: str
    get: Callable[[Any], object]  # a column is only asked of rows that have its subject
    head: str = ""
    text: Callable[[Any], str] | None = None
    spare: bool = False


class Table(NamedTuple):
    """A kind of rows and their columns.

    ``kind``: what JSON calls the rows. ``noun``: what a person calls one. ``rows``:
    those of a snapshot. The first ``names`` columns name what a row is about.
    """

    kind: str
    noun: str
    columns: Sequence[Column]
    rows: Callable[[Overview], list[Row]]
    names: int = 2


def _state(online: bool) -> str:
    return "online" if online else "offline"


# The columns that tables share.

_LIFETIME = Column("lifetime_seconds", lambda row: row.channel.lifetime, "LIFETIME")
_ONLINE = Column("uptime_ratio", lambda row: row.channel.uptime_ratio, "ONLINE")
_PEER = Column("peer", lambda row: row.peer.peer, "PEER")
_STATE = Column("online", lambda row: row.peer.online, "STATE", _state)
_OUTAGES = Column("outages", lambda row: row.outages, "OUTAGES")
_FLAPS = Column("flap_count", lambda row: row.peer.flap_count, "FLAPS")

NAMES = (
    Column("channel_point", lambda row: row.channel.channel_point, "CHANNEL POINT"),
    Column("peer", lambda row: row.channel.peer, "PEER"),
)
SUMS = (
    _LIFETIME,
    Column("uptime_seconds", lambda row: row.channel.uptime, "UPTIME", spare=True),
    _ONLINE,
)
BLIND = Column("blind_seconds", lambda row: row.history and row.history.blind)
SPAN = (
    Column("start", lambda row: row.outage.start, "START"),
    Column("end", lambda row: row.outage.end, "END"),
    Column("duration_seconds", lambda row: row.outage.duration, "OFFLINE"),
)
PEER_STATE = (
    _PEER,
    _STATE,
    Column("since", lambda row: row.peer.since, "SINCE"),
    _FLAPS,
    Column("last_flap", lambda row: row.peer.last_flap, "LAST FLAP"),
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
            kept_outages=outages,
            last_seen=_last_seen(peers[info.peer], overview.as_of),
        )
        for info, history, outages in zip(
            overview.channels,
            overview.histories or unknown,
            overview.outages or unknown,
            strict=True,
        )
    ]
    return sorted(rows, key=_badness)


def _last_seen(peer: PeerInfo, as_of: datetime.datetime) -> datetime.datetime | None:
    if peer.online:
        return as_of
    return peer.since if peer.last_flap is not None else None


def _badness(row: Row) -> tuple[object, ...]:
    assert isinstance(row.channel, ChannelInfo)
    ratio = row.channel.uptime_ratio
    return ratio is None, ratio, row.channel.channel_point


def _outages(overview: Overview) -> list[Row]:
    """Those of the worst channel first, in order of time."""
    return [
        row._replace(outage=outage)
        for row in _channels(overview)
        if row.history is not None
        for outage in row.history.outages
    ]


def _peers(overview: Overview) -> list[Row]:
    """Those that flap most first."""
    infos = sorted(overview.peers, key=lambda info: -info.flap_count)
    return [Row(peer=info) for info in infos]


def _closed(overview: Overview) -> list[Row]:
    """In order of closing."""
    return [Row(channel) for channel in overview.closed]


TOTALS = Table("channels", "open channel", [*NAMES, *SUMS], _channels)
"""Of a recording or a running store."""
CHANNELS = TOTALS._replace(
    columns=[
        *NAMES,
        *SUMS,
        BLIND,
        _OUTAGES,
        Column(
            "longest_outage_seconds",
            lambda row: row.history and row.history.longest_outage,
            "LONGEST",
        ),
        _FLAPS,
        Column("last_seen", lambda row: row.last_seen, "LAST SEEN"),
    ]
)
LIVE = TOTALS._replace(columns=[*NAMES, _STATE, _LIFETIME, _ONLINE, _OUTAGES, _FLAPS])
OUTAGES = Table("outages", "outage", [*NAMES, *SPAN], _outages)
PEERS = Table(
    "peers",
    "peer",
    [*PEER_STATE, Column("channels", lambda row: len(row.peer.channels), "CHANNELS")],
    _peers,
    names=1,
)
CLOSED = Table(
    "closed_channels",
    "closed channel",
    [
        *NAMES,
        *SUMS,
        Column("opened", lambda row: row.channel.opened),
        Column("closed", lambda row: row.channel.closed, "CLOSED"),
    ],
    _closed,
)
