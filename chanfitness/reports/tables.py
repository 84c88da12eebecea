"""Table definitions: the columns and rows of each table, in order.

All tables (of ``show``, of ``replay``, the live one), in all formats, share these columns. Their
heads in text:

- ALIAS: the name that the peer gives itself; any text, and not unique.
- SHORT ID: the channel's short channel id.
- LIFETIME: how long the channel was seen, without blind time.
- UPTIME: how much of the lifetime the channel's peer was online.
- ONLINE: uptime as a share of the lifetime, in percent.
- USABLE: usable time as a share of the lifetime, in percent; "-" if it is unknown.
- STATE: whether the peer is online now; "inactive" if the peer is online but the channel cannot
  be used, for example because it is closing. The live table adds for how long the peer has been
  offline, and marks private channels.
- FLAPS: the number of changes of the peer's state within the window; without a window, of all
  time, with older changes weighing less, as in lnd.
- 1D, 7D, 30D: the peer's share online in that time before the snapshot.
- TREND: the peer's share online in the last seven days minus its share in the time before, in
  percentage points.
- TRANSPORT: how this node reaches the peer.
- NOTE: "unseen" if the channel was found missing without a close event.

JSON and CSV have all columns; text has the names first, with keys cut, and the columns with a
head. To add a figure, define a :class:`Column` and add it to the lists of its tables. Peers'
figures follow :mod:`chanfitness.reports.peers`.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from operator import attrgetter

from ..core.channel import ChannelInfo
from ..core.history_window import ChannelHistory
from ..core.overview import Overview
from ..core.peer_outages import PeerOutage
from ..core.peerlog import PeerInfo
from ..wire import OutPoint
from . import columns
from .notes import partial_rows, unknown_usable, unknown_usable_of_closed, unlisted_outages
from .peers import (
    RECENT,
    PeerFigures,
    badness,
    peer_figures,
)
from .rows import Column, Row, Table


def _channels(overview: Overview) -> list[Row]:
    """Return the channels, the lowest share online first, those without a lifetime last."""
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
    """Whether a channel opened after the requested time."""
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
    """Return the outages, newest first; those that last come before all others."""

    def age(outage: PeerOutage) -> tuple[bool, datetime.datetime]:
        return outage.end in (None, overview.until), outage.start

    return [Row(outage=each) for each in sorted(overview.peer_outages, key=age, reverse=True)]


def _peers(overview: Overview, *further: Overview) -> list[Row]:
    """Return the peers: offline before online, worst first, those without a channel last."""
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
        return Row(peer=info, is_of_window=overview.is_of_window)
    (first, history), *_ = figures.channels
    return Row(
        peer=info,
        history=history,
        counted_outages=outages.get(first.channel_point),
        is_of_window=overview.is_of_window,
        channels=[channel for channel, _ in figures.channels],
        recent=figures.recent,
        trend=figures.trend,
    )


def _peer_badness(row: Row) -> tuple[object, ...]:
    assert row.peer is not None
    return not row.channels, row.peer.online, badness(row.channels)


def _closed(overview: Overview) -> list[Row]:
    """Return the closed channels in order of closing."""
    return [Row(channel) for channel in overview.closed]


def _blind_spans(overview: Overview) -> list[Row]:
    """Return the blind and the filled-in spans, in order of time."""
    spans = sorted((*overview.blind_spans, *overview.filled_in), key=attrgetter("start"))
    return [Row(blind=span) for span in spans]


TOTALS = Table(
    "channels",
    "open channel",
    [*columns.NAMES, *columns.SUMS, *columns.DESCRIPTION],
    _channels,
    len(columns.ALL_NAMES),
    unknown_usable,
    [*columns.ALL_NAMES, *columns.SUMS, columns.USABLE],
)
"""Channels of a recording."""
CHANNELS = TOTALS._replace(
    columns=[
        *columns.NAMES,
        *columns.SUMS,
        columns.SINCE,
        columns.COMPLETE,
        columns.BLIND,
        columns.OUTAGES,
        columns.LONGEST,
        columns.FLAPS,
        columns.LAST_SEEN,
        *columns.DESCRIPTION,
        columns.UNTIL,
    ],
    notes=lambda overview: partial_rows(overview) + unknown_usable(overview),
    shown=[
        *columns.ALL_NAMES,
        *columns.SUMS,
        columns.USABLE,
        columns.OUTAGES,
        columns.LONGEST,
        columns.FLAPS,
        columns.LAST_SEEN,
    ],
)
RUNNING = TOTALS._replace(
    columns=[
        *TOTALS.columns,
        columns.STATE,
        columns.STATE_SINCE,
        columns.OUTAGES,
        columns.BLIND,
        columns.COMPLETE,
    ],
)
"""Channels of a running store, over all time, with the state of each channel's peer."""
LIVE = TOTALS._replace(
    shown=[
        *columns.ALL_NAMES,
        columns.LIVE_STATE,
        columns.LIFETIME,
        columns.ONLINE,
        columns.USABLE,
        columns.OUTAGES,
        columns.FLAPS,
    ]
)
LIVE_SHORT = LIVE._replace(
    shown=[columns.SHORT_STATE if c is columns.LIVE_STATE else c for c in LIVE.shown]
)
"""``LIVE`` with shorter states: ``off 3h``, and ``p`` for a private channel."""
OUTAGES = Table(
    "outages",
    "outage",
    [
        columns.OF_PEER_OUTAGE[0],
        columns.ALIAS,
        columns.OF_PEER_OUTAGE[1],
        *columns.SPAN,
        Column("cut_end", lambda row: row.is_cut_at_the_end),
    ],
    _outages,
    3,
    unlisted_outages,
    [columns.ALIAS, *columns.OF_PEER_OUTAGE, *(column for column in columns.SPAN if column.head)],
    is_dated=True,
)
PEERS = Table(
    "peers",
    "peer",
    [
        columns.PEER,
        *columns.PEER_DESCRIPTION,
        columns.STATE,
        columns.STATE_SINCE,
        *columns.PEER_FIGURES,
        columns.CHANNEL_COUNT,
        columns.LAST_FLAP,
        *columns.RECENT_SHARES,
        columns.TREND,
        columns.COMPLETE,
        columns.SINCE._replace(name="figures_since"),
    ],
    _peers,
    2,
    lambda overview, *further: partial_rows(overview, *further) + unknown_usable(overview),
    [
        columns.ALIAS,
        columns.PEER,
        columns.TRANSPORT,
        columns.STATE,
        columns.STATE_SINCE,
        *columns.PEER_FIGURES,
        *columns.RECENT_SHARES,
        columns.TREND,
        columns.CHANNEL_COUNT,
    ],
    (*RECENT, None),
)
CLOSED = Table(
    "closed_channels",
    "closed channel",
    [
        *columns.NAMES,
        *columns.SUMS,
        Column("opened", lambda row: row.channel.opened),
        *columns.CLOSE,
        columns.ALIAS,
        columns.SHORT_ID,
        *columns.USABLE_SUMS,
    ],
    _closed,
    len(columns.ALL_NAMES),
    unknown_usable_of_closed,
    [*columns.ALL_NAMES, *columns.SUMS, columns.USABLE, *columns.CLOSE],
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
