"""Loader of a database's figures, as the snapshot that a running store answers with."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence

from ..checks import require
from ..core.history_window import ChannelHistory
from ..core.overview import ClosedChannel, Overview
from ..core.queries import RetentionSettings
from ..core.restore import as_of_the_heartbeat
from ..core.saved_state import MICROSECOND, ClosedRow, int_to_date
from ..core.windows import Window, over_windows
from ..errors import StorageError
from ..storage.sqlite import read, typed_errors
from ..wire import OutPoint, Vertex

_KEEP_ALL = RetentionSettings(
    history=datetime.timedelta.max, history_limit=sys.maxsize, stored=True
)


def load_database(
    path: str,
    window: Window = None,
    *,
    histories: bool = True,
    closed: bool = True,
) -> Overview:
    """Load what a database remembers, as of its last heartbeat; also while a store writes it.

    Args:
        path: The file, which is left as it is.
        window: How much time before the heartbeat the figures of open channels are
            of; None: all. A channel whose peer's changes were not kept has those of all.
        histories: Whether to load the history of each open channel. A window needs it.
        closed: Whether to load the channels that closed.

    Raises:
        StorageError: The file cannot be used, or nothing was saved in it.
    """
    (overview,) = load_windows(path, [window], histories=histories, closed=closed)
    return overview


def load_windows(
    path: str,
    windows: Sequence[Window],
    *,
    histories: bool = True,
    closed: bool = True,
    only: Callable[[Overview], Overview] = lambda overview: overview,
) -> list[Overview]:
    """As :func:`load_database` over each of some windows; it is read once.

    ``only``: what of the snapshot is wanted, so that no other history is computed.
    """
    saved, closed_rows = read(path)
    if saved is None:
        raise StorageError(f"{path}: nothing was saved yet")
    with typed_errors(path):
        ledger, now = as_of_the_heartbeat(saved, _KEEP_ALL)
        overview = ledger.overview(now)._replace(
            outages=None,  # some are of peers without history
            blind_spans=ledger.list_blind(now),
        )
        if closed:
            overview = overview._replace(closed=tuple(closed_channels(closed_rows)))
    overview = only(overview)  # what it raises says nothing of the file
    if not histories:
        return [overview]
    with typed_errors(path):
        kept = {row.key for row in saved.histories}
        peers = {info.channel_point: bytes(info.peer) for info in overview.channels}

        def history(point: OutPoint, window: Window) -> ChannelHistory | None:
            return ledger.channel_history(now, point, window) if peers[point] in kept else None

        return over_windows(windows, overview, history)


def closed_channels(rows: Iterable[ClosedRow]) -> Iterator[ClosedChannel]:
    """The closed channels of these rows of a database."""
    for row in rows:
        require(row.channel_point, str)
        yield ClosedChannel(
            row.channel_point,
            Vertex(row.key),
            row.lifetime * MICROSECOND,
            row.uptime * MICROSECOND,
            int_to_date(row.opened),
            int_to_date(row.closed),
            bool(row.closed_unseen),
            None if row.unusable is None else row.unusable * MICROSECOND,
            row.short_channel_id,
            row.alias,
        )
