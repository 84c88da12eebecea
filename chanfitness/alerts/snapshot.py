"""Snapshots of a node's peers and channels at one instant, the input of the rules."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import NamedTuple

from ..core.blind_spans import OWN_OUTAGE, TRANSPORT_OUTAGE
from ..core.channel import ChannelInfo
from ..core.peerlog import PeerInfo
from ..errors import ChannelNotFoundError, HistoryDisabledError
from ..storage.sqlite import SqliteStorage
from ..store import ChannelEventStore
from ..wire import OutPoint

PAST = datetime.timedelta(days=30)
"""The time whose outages of the same peer an outage is compared with."""

_ZERO = datetime.timedelta(0)


class TransportOutage(NamedTuple):
    """An outage of this node's connection to a transport, with the number of its peers."""

    transport: str
    since: datetime.datetime
    peers: int


class Snapshot(NamedTuple):
    """The state of a node.

    Attributes:
        now: Date of the snapshot (UTC).
        sees: Whether the node is seen.
        blind: Total blind time of all peers.
        seen_until: End of the last time in which the node was seen; None: now or never.
        peers: The peers.
        channels: The open channels.
        own_outage: Start of the present outage of this node's network, or None.
        transport_outages: The present outages of transports.
        moved: New channel points after splices, by the old ones.
        unsaved_since: Since when saving has failed, or None.
        unsaved_reason: The error of saving, or None.
    """

    now: datetime.datetime
    sees: bool
    blind: datetime.timedelta
    seen_until: datetime.datetime | None
    peers: tuple[PeerInfo, ...] = ()
    channels: tuple[ChannelInfo, ...] = ()
    own_outage: datetime.datetime | None = None
    transport_outages: tuple[TransportOutage, ...] = ()
    moved: Mapping[str, str] = {}
    unsaved_since: datetime.datetime | None = None
    unsaved_reason: str | None = None


class Past(NamedTuple):
    """A summary of a channel's outages in a window before now, in seen time.

    Attributes:
        window: Length of the time in which outages are known.
        present: Length of the present outage, or zero.
        longest: Length of the longest earlier one, or None.
    """

    window: datetime.timedelta
    present: datetime.timedelta
    longest: datetime.timedelta | None


def take_snapshot(
    store: ChannelEventStore,
    storage: SqliteStorage | None = None,
    *,
    timeout: float | None = None,
) -> Snapshot:
    """Take a snapshot of ``store``; raise as its queries do."""
    overview = store.get_overview(timeout=timeout)
    lasting = [span for span in store.list_blind(timeout=timeout) if span.end is None]
    own_outages = [span.start for span in lasting if span.cause == OWN_OUTAGE]
    return Snapshot(
        overview.as_of,
        overview.sees,
        overview.blind,
        None if overview.sees else overview.seen_until,
        overview.peers,
        overview.channels,
        min(own_outages, default=None),
        tuple(
            TransportOutage(span.of, span.start, span.peers or 0)
            for span in lasting
            if span.cause == TRANSPORT_OUTAGE
        ),
        unsaved_since=None if storage is None else storage.unsaved_since,
        unsaved_reason=None if storage is None else storage.failure,
    )


def past_of(store: ChannelEventStore, point: OutPoint) -> Past | None:
    """Return the outages of a channel; None if no history is kept, or the channel is closed."""
    try:
        history = store.get_history(point, window=PAST)
    except (HistoryDisabledError, ChannelNotFoundError):
        return None
    present, over = _ZERO, []
    for outage in history.outages:
        if outage.end is None:
            present = outage.duration
        else:
            over.append(outage.duration)
    if history.longest_thinned is not None:
        over.append(history.longest_thinned)
    return Past(history.end - history.start, present, max(over, default=None))
