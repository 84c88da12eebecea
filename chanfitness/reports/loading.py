"""Loader of a database's figures, into the snapshot type of a running store."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from ..checks import require
from ..core.blind_spans import BlindSpan
from ..core.history_window import ChannelHistory
from ..core.overview import ClosedChannel, Overview
from ..core.queries import RetentionSettings
from ..core.restore import as_of_the_heartbeat
from ..core.saved_state import MICROSECOND, ClosedRow, int_to_date
from ..core.windows import Window, over_window, over_windows
from ..errors import ChanFitnessError, StorageError
from ..recording.format import format_time
from ..storage.sqlite import read, typed_errors
from ..wire import OutPoint, Vertex

_KEEP_ALL = RetentionSettings(
    history=datetime.timedelta.max, history_limit=sys.maxsize, stored=True
)


def load_database(
    path: str, window: Window = None, *, closed: bool = True, **what: Any
) -> Overview:
    """Load the figures of a database, as of its last heartbeat; a store may be writing it.

    Args:
        path: The file, which is only read.
        window: As for :meth:`Database.between`.
        closed: Whether to load closed channels.
        **what: Passed to :meth:`Database.between`.

    Returns:
        The snapshot.

    Raises:
        StorageError: The file cannot be used, or nothing was saved in it.
        ChanFitnessError: ``since`` is not before the heartbeat.
    """
    return Database(path, closed=closed).between(window, **what)


def load_windows(
    path: str,
    windows: Sequence[Window],
    *,
    closed: bool = True,
    only: Callable[[Overview], Overview] = lambda overview: overview,
) -> list[Overview]:
    """Load the figures of a database over several windows, reading the file once.

    Args:
        path: The file, which is only read.
        windows: The windows.
        closed: Whether to load closed channels.
        only: Restricts the snapshot, so that only the histories of its rest are computed.

    Returns:
        A snapshot for each window.

    Raises:
        StorageError: The file cannot be used, or nothing was saved in it.
    """
    database = Database(path, closed=closed)
    return database.over(windows, only(database.overview))


class Database:
    """The accounts in a database, as of its last heartbeat.

    Args:
        path: The file, which is only read.
        closed: Whether to load closed channels.

    Attributes:
        overview: The snapshot without histories.

    Raises:
        StorageError: The file cannot be used, or nothing was saved in it.
    """

    def __init__(self, path: str, *, closed: bool = True) -> None:
        self._path = path
        saved, rows = read(path)
        if saved is None:
            raise StorageError(f"{path}: nothing was saved yet")
        with typed_errors(path):
            self._ledger, self._now = as_of_the_heartbeat(saved, _KEEP_ALL)
            self.overview = self._ledger.overview(self._now)._replace(
                outages=None,  # peers without history would have counts too
                blind_spans=self._ledger.list_blind(self._now),
                filled_in=self._ledger.list_filled_in(),
                closed=tuple(closed_channels(rows)) if closed else (),
            )
        self._kept = {row.key for row in saved.histories}
        self._peers = {info.channel_point: info.peer for info in self.overview.channels}

    def history(
        self, point: OutPoint, window: Window, until: datetime.datetime | None = None
    ) -> ChannelHistory | None:
        """Return the history of an open channel; None if its peer's changes were not kept."""
        if not self._is_kept(self._peers[point]):
            return None
        return self._ledger.channel_history(self._now, point, window, until)

    def over(self, windows: Sequence[Window], overview: Overview | None = None) -> list[Overview]:
        """Return ``overview`` (by default the whole one) over each window."""
        with typed_errors(self._path):
            return over_windows(windows, overview or self.overview, self.history)

    def between(
        self,
        window: Window = None,
        *,
        since: datetime.datetime | None = None,
        until: datetime.datetime | None = None,
        histories: bool = True,
        outages: bool = False,
    ) -> Overview:
        """Return the overview over one window.

        Args:
            window: Length of the time before the heartbeat that the figures of open channels
                and the blind spans cover; None: all time. Channels whose peers' changes were not
                kept have figures over all time.
            since: Start of that time, instead of ``window``.
            until: End of that time; None: the heartbeat.
            histories: Whether to load the history of each channel. A window needs it.
            outages: Whether to load the outages of each peer.

        Raises:
            ChanFitnessError: ``since`` is not before the heartbeat.
        """
        as_of = self.overview.as_of
        if since is not None:
            if since >= as_of:
                raise ChanFitnessError(
                    f"{self._path} remembers nothing from {format_time(since)} on: it ends at"
                    f" {format_time(as_of)}"
                )
            window = as_of - since
        if until is not None and until >= as_of:
            until = None
        with typed_errors(self._path):
            return self._between(window, until, histories=histories, outages=outages)

    def _between(
        self,
        window: Window,
        until: datetime.datetime | None,
        *,
        histories: bool,
        outages: bool,
    ) -> Overview:
        overview = self.overview._replace(window=window, until=until)
        overview = overview._replace(
            blind_spans=_within(overview, overview.blind_spans),
            filled_in=_within(overview, overview.filled_in),
        )
        if histories:
            of_channel = partial(self.history, window=window, until=until)
            overview = over_window(window, until, overview, of_channel)
            overview = overview._replace(closed_histories=self._closed_histories(overview))
        if outages:
            found = self._ledger.list_outages(self._now, window, until)
            kept = (outage for outage in found if self._is_kept(outage.peer))
            overview = overview._replace(peer_outages=tuple(kept))
        return overview

    def _closed_histories(self, overview: Overview) -> tuple[ChannelHistory | None, ...]:
        if not overview.closed:
            return ()
        known = self._ledger.closed_histories(self._now, overview.window, overview.until)
        return tuple(
            known.get((each.channel_point, each.closed)) if self._is_kept(each.peer) else None
            for each in overview.closed
        )

    def _is_kept(self, peer: Vertex) -> bool:
        return bytes(peer) in self._kept


def _within(overview: Overview, spans: Iterable[BlindSpan]) -> tuple[BlindSpan, ...]:
    """Return the spans that overlap the window of a snapshot."""
    since, until = overview.since, overview.until
    return tuple(
        span
        for span in spans
        if (until is None or span.start < until)
        and (since is None or span.end is None or span.end > since)
    )


def closed_channels(rows: Iterable[ClosedRow]) -> Iterator[ClosedChannel]:
    """Yield the closed channels of rows of a database."""
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
