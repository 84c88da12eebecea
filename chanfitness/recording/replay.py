"""Recordings as a source: a real store, fed by a file and with the file's clock."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable
from itertools import chain
from typing import Any, NamedTuple

from ..clock import ManualClock
from ..config import NOT_YET_KNOWN, Config
from ..core.peerlog import ChannelInfo
from ..core.saved_state import int_to_date
from ..errors import RecordingError
from ..storage.sqlite import SqliteStorage
from ..storage.sqlite import read as read_database
from ..store import ChannelEventStore
from ..subscribe import Server
from .format import Line, format_time, read

_BATCH = 4096  # lines that wait to be handled, at most


class Replayed(NamedTuple):
    """What the store said at the end: ``as_of`` is in UTC."""

    as_of: datetime.datetime
    channels: list[ChannelInfo]


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
    clock, source = ManualClock(first.at), Server[object]()
    with _store(source, clock, storage=storage, history=history, own_outage=own_outage) as store:
        last = first
        for line in chain([first], recording):
            if at is not None and line.at > at:
                break
            clock.set(line.at)
            source.send_update(line.event)
            last = line
            if not line.number % _BATCH:
                store.list_channels()  # waits until all is handled; raises if it cannot be
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
    if os.path.exists(storage.path):
        saved, _ = read_database(storage.path)
        if saved is not None and first.at < int_to_date(saved.heartbeat):
            heartbeat = format_time(int_to_date(saved.heartbeat))
            raise RecordingError(
                file,
                first.number,
                f"begins at {format_time(first.at)}, and {storage.path} has all until {heartbeat}",
            )


def _store(source: Server[object], clock: ManualClock, **settings: Any) -> ChannelEventStore:
    subscription = source.subscribe()
    return ChannelEventStore(
        Config(
            subscribe_channel_events=lambda: subscription,
            subscribe_peer_events=lambda: subscription,
            get_open_channels=lambda: NOT_YET_KNOWN,  # the first line says it
            clock=clock,
            **settings,
        )
    )
