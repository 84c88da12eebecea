"""Recordings as a source: a real store, fed by a file and with the file's clock."""

from __future__ import annotations

import datetime
import queue
from collections.abc import Iterable
from typing import Any, NamedTuple

from .clock import ManualClock
from .config import Config
from .errors import RecordingError
from .events import PeerOnlineEvent
from .peerlog import ChannelInfo
from .recording import Line, MonitoringStarted, MonitoringStopped, format_time, read
from .store import ChannelEventStore

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


def replay(lines: Iterable[bytes], file: str, at: datetime.datetime | None = None) -> Replayed:
    """Feed a recording through a store, and ask it as of the last line.

    ``lines`` and ``file`` as for :func:`chanfitness.recording.read`. ``at``: ask
    as of this moment instead (an aware datetime; lines at exactly that time
    count, later ones are not read).

    Raises ``RecordingError`` for a line that cannot be used, and for an ``at``
    before the first line or after the last.
    """
    recording = read(lines, file)
    first = next(recording)
    if at is not None and at < first.at:
        raise RecordingError(
            file, first.number, f"begins at {format_time(first.at)}, after the time asked for"
        )
    clock, feed = ManualClock(first.at), _Feed()
    with _store(first, clock, feed) as store:
        last = first
        for line in recording:
            if at is not None and line.at > at:
                break
            clock.set(line.at)
            if not isinstance(line.event, MonitoringStopped):
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


def _store(first: Line, clock: ManualClock, feed: _Feed) -> ChannelEventStore:
    assert isinstance(first.event, MonitoringStarted)
    snapshot = first.event
    for peer in snapshot.online_peers:
        feed.updates.put(PeerOnlineEvent(peer))
    return ChannelEventStore(
        Config(
            subscribe_channel_events=lambda: feed,
            subscribe_peer_events=lambda: feed,
            get_open_channels=lambda: snapshot.open_channels,
            clock=clock,
        )
    )
