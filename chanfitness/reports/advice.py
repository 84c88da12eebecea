"""Outlier detection: channels whose availability is unusually low for this node.

A channel *stands out* if its share is below Tukey's lower fence, the *limit*: the lower
quartile, minus 1.5 times the interquartile range, of the shares of all channels seen for at
least 28 days. A channel's share is its share usable, or its peer's share online if the share
usable is unknown. LAST 7D is this share over the last seven days, TREND the difference between
it and the share before. The table is evidence for a person who considers closing a channel; it
recommends nothing. Pure functions.
"""

from __future__ import annotations

import datetime
import statistics
from typing import NamedTuple

from ..core.channel import ChannelInfo
from ..core.history_window import ChannelHistory
from ..core.overview import Overview
from .columns import (
    ALIAS,
    CAPACITY,
    NAMES,
    PEER_STATE,
    RECENT_SHARES,
    SHORT_ID,
    SUMS,
    TREND,
    USABLE_SUMS,
)
from .event_lines import counted
from .notes import partial_rows, unknown_usable
from .peers import RECENT, WEEK, trend
from .rows import Column, Row, Table

LEAST_SEEN = datetime.timedelta(days=28)
"""Channels seen for less time are left out."""
LEAST_CHANNELS = 4
"""Minimum number of channels to compare."""


class Comparison(NamedTuple):
    """The channels that were seen for long enough.

    Attributes:
        numbers: Their indices in the snapshot.
        limit: Tukey's lower fence; None if there are too few channels.
    """

    numbers: list[int]
    limit: float | None


def compare(overview: Overview) -> Comparison:
    """Return the channels to compare and their limit, from a snapshot over all time."""
    channels = overview.channels
    numbers = [number for number, info in enumerate(channels) if info.lifetime >= LEAST_SEEN]
    if len(numbers) < LEAST_CHANNELS:
        return Comparison(numbers, None)
    shares = [_share(channels[number]) for number in numbers]
    lower, _, upper = statistics.quantiles(shares, n=4, method="inclusive")
    return Comparison(numbers, lower - 1.5 * (upper - lower))


def _share(info: ChannelInfo) -> float:
    """Return the share that is compared; the lifetime must not be zero."""
    return _good_time(info) / info.lifetime


def _good_time(info: ChannelInfo) -> datetime.timedelta:
    return info.usable if info.knows_unusable else info.uptime


def outlying(overview: Overview, *further: Overview) -> list[Row]:
    """Return the channels that stand out, worst first; ``further``: see ``ADVICE``."""
    numbers, limit = compare(overview)
    if limit is None:
        return []
    shares = {number: _share(overview.channels[number]) for number in numbers}
    below = sorted((share, number) for number, share in shares.items() if share < limit)
    return [_row(number, limit, overview, *further) for _, number in below]


def _row(number: int, limit: float, overview: Overview, *further: Overview) -> Row:
    info, histories = overview.channels[number], overview.histories
    row = Row(
        info,
        next(each for each in overview.peers if each.peer == info.peer),
        None if histories is None else histories[number],
        limit=limit,
    )
    for recent in further:
        assert recent.histories is not None
        of_windows = [recent.histories[number] if each == WEEK else None for each in RECENT]
        row = row._replace(
            recent=of_windows, trend=trend(info, recent.channels[number], _good_time)
        )
    return row


def _recent_share(row: Row) -> float | None:
    history = row.recent[RECENT.index(WEEK)]
    if history is None:
        return None
    assert isinstance(row.channel, ChannelInfo)
    return history.usable_ratio if row.channel.knows_unusable else history.uptime_ratio


def back_within(history: ChannelHistory) -> datetime.timedelta | None:
    """Return the 90th percentile of the durations of the ended outages that are kept.

    None if there are fewer than two.
    """
    ended = [outage.duration.total_seconds() for outage in history.outages if outage.end]
    if len(ended) < 2:
        return None
    *_, ninth = statistics.quantiles(ended, n=10, method="inclusive")
    return datetime.timedelta(seconds=ninth)


def notes(overview: Overview, *further: Overview) -> list[str]:
    """Return notes on how to read the rows, and on the channels left out."""
    (numbers, limit), rows = compare(overview), outlying(overview)
    told = [*_verdict(len(numbers), limit, rows), *_left_out(len(overview.channels) - len(numbers))]
    return told + partial_rows(overview, *further) + unknown_usable(overview) if rows else told


def _verdict(compared: int, limit: float | None, rows: list[Row]) -> list[str]:
    seen = f"{_were(compared)} seen for {LEAST_SEEN.days} days or more"
    if limit is None:
        return [f"{seen}: with fewer than {LEAST_CHANNELS} it cannot be told which stand out."]
    if not rows:
        return [f"{seen}, and none of them stands out."]
    verdict = (
        f"They stand out among this node's channels: {seen}, and those listed could be used for"
        " less than LIMIT. Whether that is a reason to close one is yours to judge."
    )
    is_forced = any(row.peer is not None and not row.peer.online for row in rows)
    return [verdict, *(["offline now: a close would be a forced one"] if is_forced else [])]


def _left_out(count: int) -> list[str]:
    if not count:
        return []
    seen = f"{_were(count)} seen for less than {LEAST_SEEN.days} days"
    return [f"{seen} and {'is' if count == 1 else 'are'} left out"]


def _were(count: int) -> str:
    return f"{counted(count, 'channel')} {'was' if count == 1 else 'were'}"


_SHARES = (SUMS[2], USABLE_SUMS[2])
_STATE = PEER_STATE[1]._replace(text=lambda online: "online" if online else "offline now")
_SEEN = (
    Column("limit_ratio", lambda row: row.limit, "LIMIT"),
    RECENT_SHARES[RECENT.index(WEEK)]._replace(
        name="recent_ratio", head="LAST 7D", get=_recent_share
    ),
    TREND,
    Column(
        "mean_outage_seconds",
        lambda row: row.history and row.history.mean_time_to_repair,
        "MEAN OUTAGE",
        frame=lambda row: "{}*" if row.is_partial else "{}",
    ),
    Column("gone_since", lambda row: None if row.peer.online else row.peer.since, "GONE SINCE"),
    Column(
        "back_within_seconds",
        lambda row: row.history and back_within(row.history),
        "BACK WITHIN",
    ),
)

ADVICE = Table(
    "advice",
    "outlying channel",
    [*NAMES, SUMS[0], SUMS[2], ALIAS, SHORT_ID, USABLE_SUMS[2], CAPACITY, _STATE, *_SEEN],
    outlying,
    4,
    notes,
    [ALIAS, SHORT_ID, *NAMES, _STATE, SUMS[0], *_SHARES, *_SEEN, CAPACITY],
    (WEEK,),
)
"""Made from a snapshot over all time and one over the last seven days."""
