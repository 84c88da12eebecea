"""Loader of a database's figures, as the snapshot that a running store answers with."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterable, Iterator, Sequence

from ..checks import require
from ..core.history_window import ChannelHistory
from ..core.ledger import Ledger
from ..core.queries import ClosedChannel, Overview, RetentionSettings
from ..core.restore import as_of_the_heartbeat
from ..core.saved_state import MICROSECOND, ClosedRow, int_to_date
from ..core.timeline import Instant
from ..errors import StorageError
from ..storage.sqlite import read, typed_errors
from ..wire import OutPoint, Vertex

_KEEP_ALL = RetentionSettings(
    history=datetime.timedelta.max, history_limit=sys.maxsize, stored=True
)


def load_database(
    path: str,
    window: datetime.timedelta | None = None,
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
    windows: Sequence[datetime.timedelta | None],
    *,
    histories: bool = True,
    closed: bool = True,
) -> list[Overview]:
    """As :func:`load_database` over each of some windows, the longest first; it is read once."""
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
        if not histories:
            return [overview]
        kept = {row.key for row in saved.histories}
        found = [
            _over_each(windows, ledger, now, info.channel_point)
            if bytes(info.peer) in kept
            else [None] * len(windows)
            for info in overview.channels
        ]
        return [
            _over(window, overview, [each[number] for each in found])
            for number, window in enumerate(windows)
        ]


def _over_each(
    windows: Iterable[datetime.timedelta | None], ledger: Ledger, now: Instant, point: OutPoint
) -> list[ChannelHistory | None]:
    """A channel's history over windows, the longest first."""
    found: list[ChannelHistory | None] = []
    last: ChannelHistory | None = None
    for window in windows:
        if last is None or window is None or not _is_within(last, window):
            last = ledger.channel_history(now, point, window)
        found.append(last)
    return found


def _is_within(history: ChannelHistory, window: datetime.timedelta) -> bool:
    """Whether all of a channel's life lies in a window, so that its history is the same."""
    return history.complete and history.end - history.start <= window


def _over(
    window: datetime.timedelta | None,
    overview: Overview,
    histories: Sequence[ChannelHistory | None],
) -> Overview:
    """The snapshot over a window."""
    if window is not None:
        overview = _with_sums_of(histories, overview)._replace(window=window)
    return overview._replace(histories=tuple(histories))


def _with_sums_of(histories: Iterable[ChannelHistory | None], overview: Overview) -> Overview:
    """The snapshot, with its channels' sums over the window of their ``histories``."""
    channels = [
        info
        if history is None
        else info._replace(
            lifetime=history.lifetime,
            uptime=history.uptime,
            unusable=history.unusable,
            knows_unusable=history.knows_unusable,
        )
        for info, history in zip(overview.channels, histories, strict=True)
    ]
    return overview._replace(channels=tuple(channels))


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
