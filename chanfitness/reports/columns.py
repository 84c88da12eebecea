"""Column definitions shared by the tables: value, JSON name, heading and text of each figure."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence

from ..terminal.cells import cut_end
from ..terminal.colours import RED, YELLOW, share_colour
from ..terminal.formatting import (
    cut,
    cut_point,
    duration,
    points,
    short_alias,
    short_key,
    short_point,
)
from .peers import (
    RECENT,
    online_ratio,
    usable_ratio,
)
from .rows import Column, Row, state_text


def _first_unit(state: str | datetime.timedelta) -> str:
    return state if isinstance(state, str) else duration(state).split()[0]


def _live_frame(private: str, offline: str) -> Callable[[Row], str]:
    """Return the frame that prefixes states of private channels and of offline peers."""

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


def first_and_more(names: Sequence[str]) -> str:
    """Return the first name, and the number of further ones as ``+2``."""
    first, *others = names
    return f"{first} +{len(others)}" if others else first


def _short_names(names: Sequence[str]) -> str:
    return first_and_more([short_point(name) for name in names])


def _unseen(unseen: bool) -> str:
    return "unseen" if unseen else ""


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
PEER = NAMES[1]._replace(get=lambda row: row.peer.peer)
ALL_NAMES = (ALIAS, SHORT_ID, *NAMES)

LIFETIME = Column(
    "lifetime_seconds", lambda row: row.channel.lifetime, "LIFETIME", frame=_marked_sum
)
ONLINE = Column(
    "uptime_ratio",
    lambda row: row.channel.uptime_ratio,
    "ONLINE",
    frame=_marked_sum,
    colour=_of_share,
)
USABLE = Column(
    "usable_ratio",
    lambda row: row.channel.usable_ratio,
    "USABLE",
    frame=_marked_sum,
    colour=_of_share,
)
STATE = Column("online", lambda row: row.peer.online, "STATE", state_text, colour=_of_state)
LIVE_STATE = STATE._replace(
    get=lambda row: row.state if row.offline_for is None else row.offline_for,
    text=None,
    frame=_live_frame("private, ", "offline "),
)
SHORT_STATE = LIVE_STATE._replace(text=_first_unit, frame=_live_frame("p ", "off "))
STATE_SINCE = Column("since", lambda row: row.peer.since, "SINCE")
OUTAGES = Column("outages", lambda row: row.outages, "OUTAGES", frame=_marked)
LONGEST = Column(
    "longest_outage_seconds",
    lambda row: row.history and row.history.longest_outage,
    "LONGEST",
    frame=_marked,
)
FLAPS = Column("flap_count", lambda row: row.flaps, "FLAPS", frame=_marked_sum)
LAST_SEEN = Column("last_seen", lambda row: row.last_seen, "LAST SEEN", colour=_of_peer_state)
SINCE = Column("since", lambda row: row.history and row.history.start)
UNTIL = Column("until", lambda row: row.history and row.history.end)
TRANSPORT = Column("transport", lambda row: row.peer.transport, "TRANSPORT")

SUMS = (
    LIFETIME,
    Column("uptime_seconds", lambda row: row.channel.uptime, "UPTIME", frame=_marked_sum),
    ONLINE,
)
USABLE_SUMS = (
    Column("usable_seconds", lambda row: row.channel.usable),
    Column("unusable_seconds", lambda row: row.channel.unusable),
    USABLE,
)
CAPACITY = Column(
    "capacity", lambda row: row.channel.capacity, "CAPACITY", lambda satoshi: f"{satoshi:,} sat"
)
DESCRIPTION = (
    ALIAS,
    SHORT_ID,
    TRANSPORT,
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
    PEER,
    STATE,
    STATE_SINCE,
    FLAPS,
    Column("last_flap", lambda row: row.peer.last_flap, "LAST FLAP"),
)
PEER_DESCRIPTION = (ALIAS, TRANSPORT)
_, _, STATE_SINCE, _, LAST_FLAP = PEER_STATE
PEER_FIGURES = (
    ONLINE._replace(get=lambda row: online_ratio(row.channels)),
    USABLE._replace(get=lambda row: usable_ratio(row.channels)),
    OUTAGES,
    LONGEST,
    FLAPS,
)


def _recent_share(number: int) -> Column:
    """Return the column of the share online over one of ``RECENT``."""
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
OF_PEER_OUTAGE = (
    NAMES[1]._replace(get=lambda row: row.outage.peer),
    Column(
        "channels", lambda row: list(row.outage.channels), "CHANNELS", _short_names, cut=cut_end
    ),
)
CHANNEL_COUNT = Column("channels", lambda row: len(row.peer.channels), "CHANNELS")
CLOSE = (
    Column("closed", lambda row: row.channel.closed, "CLOSED"),
    Column("closed_unseen", lambda row: row.channel.closed_unseen, "NOTE", _unseen),
)
