"""Snapshots: how a node's peers and channels are at one instant, which the rules look at."""

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
"""How far back an outage is compared with others of its peer."""

_ZERO = datetime.timedelta(0)


class TransportOutage(NamedTuple):
    """This node's way to a transport is lost, ``since`` then, for so many peers."""

    transport: str
    since: datetime.datetime
    peers: int


class Snapshot(NamedTuple):
    """How things are at ``now`` (UTC).

    ``sees``: False in blind time of all; ``blind``: how much of that there was since the store
    first began, the present included. ``seen_until``: until when the node was seen, or None.
    ``own_outage``: since when this node's own network is lost, or None.
    ``transport_outages``: those that are not over. ``moved``: new channel points, by those
    that the channels had before. ``unsaved_since``: since when nothing can be saved, or None;
    ``unsaved_reason``: why.
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
    """A channel's outages in a window before now, as far as they were seen.

    ``window``: how far back they are known. ``present``: the seen time of the one that lasts,
    zero if none does; ``longest``: of the others, or None if there was none.
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
    """Ask ``store`` how things are. Raises as its questions do."""
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
    """The outages of one channel; None if none are kept, or it is not open any more."""
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
