"""Recordings as a source: a real store, fed by a file and with the file's clock."""

from __future__ import annotations

import datetime
import os
import queue
from collections.abc import Iterable
from typing import Any, NamedTuple

from ..clock import ManualClock
from ..config import Config
from ..core.peerlog import ChannelInfo
from ..core.saved_state import int_to_date
from ..errors import RecordingError
from ..events import MonitoringResumedEvent
from ..storage.sqlite import SqliteStorage
from ..storage.sqlite import read as read_database
from ..store import ChannelEventStore
from .format import Line, format_time, read

_BACKLOG = 4096


class Replayed(NamedTuple):
    """What the store said at the end: ``as_of`` is in UTC."""

    as_of: datetime.datetime
    channels: list[ChannelInfo]


class _Feed:
    """Both subscriptions of the store: one bounded queue."""

    def __init__(self) -> None:
        self.updates: queue.Queue[Any] = queue.Queue(_BACKLOG)

    def cancel(self) -> None:
        pass


def replay(
    lines: Iterable[bytes],
    file: str,
    at: datetime.datetime | None = None,
    *,
    storage: SqliteStorage | None = None,
    history: datetime.timedelta | None = None,
    own_outage: datetime.timedelta | None = None,
) -> Replayed:
    """Feed a recording through a store, and ask it as of the last line.

    ``lines`` and ``file`` as for :func:`chanfitness.recording.format.read`. ``at``: ask
    as of this moment instead (an aware datetime; lines at exactly that time
    count, later ones are not read). ``storage``, ``history``, ``own_outage``: as in
    ``Config``; the last heartbeat is the last line's time.

    Raises ``RecordingError`` for a line that cannot be used, for an ``at`` before
    the first line or after the last, and for a recording that begins before the
    storage's last heartbeat.
    """
    recording = read(lines, file)
    first = next(recording)
    if at is not None and at < first.at:
        raise RecordingError(
            file, first.number, f"begins at {format_time(first.at)}, after the time asked for"
        )
    if storage is not None:
        _refuse_what_was_counted(storage, file, first)
    clock, feed = ManualClock(first.at), _Feed()
    with _store(
        first, clock, feed, storage=storage, history=history, own_outage=own_outage
    ) as store:
        last = first
        for line in recording:
            if at is not None and line.at > at:
                break
            clock.set(line.at)
            feed.updates.put(line.event)
            last = line
        else:
            if at is not None and last.at < at:
                raise RecordingError(
                    file, last.number, f"ends at {format_time(last.at)}, before the time asked for"
                )
        if at is not None:
            clock.set(at)
        return Replayed(clock.now(), store.list_channels())


def _refuse_what_was_counted(storage: SqliteStorage, file: str, first: Line) -> None:
    """A recording that begins before the database ends would be counted twice."""
    if os.path.exists(os.path.realpath(storage.path)):  # which takes "a.db/" for "a.db"
        saved, _ = read_database(storage.path)
        if saved is not None and first.at < int_to_date(saved.heartbeat):
            heartbeat = format_time(int_to_date(saved.heartbeat))
            raise RecordingError(
                file,
                first.number,
                f"begins at {format_time(first.at)}, and {storage.path} has all until {heartbeat}",
            )


def _store(first: Line, clock: ManualClock, feed: _Feed, **settings: Any) -> ChannelEventStore:
    snapshot = first.event
    assert isinstance(snapshot, MonitoringResumedEvent)
    feed.updates.put(snapshot)  # tells of all peers, also of those without a channel
    online = set(snapshot.online_peers)
    return ChannelEventStore(
        Config(
            subscribe_channel_events=lambda: feed,
            subscribe_peer_events=lambda: feed,
            get_open_channels=lambda: snapshot.open_channels,
            is_peer_online=lambda peer: peer in online,
            clock=clock,
            **settings,
        )
    )
