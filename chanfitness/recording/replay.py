"""Replay of recordings: a store that gets its events and its clock from files."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable
from itertools import chain
from typing import Any, Protocol

from ..clock import ManualClock
from ..config import NOT_YET_KNOWN, Config
from ..core.overview import Overview
from ..core.saved_state import int_to_date
from ..errors import RecordingError
from ..events import MonitoringPausedEvent, MonitoringResumedEvent
from ..storage.sqlite import SqliteStorage
from ..storage.sqlite import read as read_database
from ..store import ChannelEventStore
from ..subscribe import Server
from .format import Line, format_time, read


class Observer(Protocol):
    """Callbacks of a replay. An error that one raises ends the replay."""

    def before(self, store: ChannelEventStore, clock: ManualClock, at: datetime.datetime) -> object:
        """Handle the time before the next event.

        Args:
            store: The store, with all earlier events put.
            clock: Its clock, which may be moved on, at most to ``at``.
            at: The time of the next event, in UTC.
        """

    def after(self, event: object, at: datetime.datetime) -> object:
        """Handle an event, just before it is put.

        Args:
            event: The event.
            at: Its time, in UTC.
        """

    def end(self, store: ChannelEventStore) -> object:
        """Handle the end of the replay.

        Args:
            store: The store, with all events put and its clock at the end of the replay.
        """


_BATCH = 4096  # the most lines that wait for the loop


def replay(
    lines: Iterable[bytes],
    file: str,
    at: datetime.datetime | None = None,
    *,
    following: Iterable[tuple[Iterable[bytes], str]] = (),
    storage: SqliteStorage | None = None,
    history: datetime.timedelta | None = None,
    own_outage: datetime.timedelta | None = None,
    return_grace: datetime.timedelta | None = None,
    observer: Observer | None = None,
) -> Overview:
    """Feed a recording through a store, and return its overview at the end.

    Args:
        lines: As for :func:`chanfitness.recording.format.read`.
        file: As for :func:`chanfitness.recording.format.read`.
        at: The end, an aware datetime; None: the last line's time. Lines at this time count,
            later ones are not read.
        following: More recordings, in order. The time between two of them is blind.
        storage: As in ``Config``. The last heartbeat is the last line's time.
        history: As in ``Config``.
        own_outage: As in ``Config``.
        return_grace: As in ``Config``.
        observer: Callbacks for each event and for the end.

    Returns:
        The overview as of ``at``, or of the last line.

    Raises:
        RecordingError: A line cannot be used; ``at`` is before the first line or after the
            last; or a recording begins before the storage's last heartbeat, or before the
            end of the previous recording.
        ShuttingDownError: An error ended the store's loop.
    """
    recording = read(lines, file)
    first = next(recording)
    if at is not None and at < first.at:
        raise RecordingError(
            file, first.number, f"begins at {format_time(first.at)}, after the time asked for"
        )
    if storage is not None:
        _refuse_counted_twice(storage, file, first)
    clock, source = ManualClock(first.at), Server[object]()
    settings = {"history": history, "own_outage": own_outage, "return_grace": return_grace}
    with _store(source, clock, storage=storage, **settings) as store:
        feed = _Feed(store, source, clock, at, observer)
        feed.all_of(file, chain([first], recording))
        for next_lines, next_file in following:
            if feed.is_over:
                break
            feed.go_on_with(next_file, read(next_lines, next_file))
        if at is not None:
            feed.end_at(at)
        if observer is not None:
            observer.end(store)
        return store.get_overview()


class _Feed:
    """Feeds lines to a store; ``is_over``: the time ``until`` was reached."""

    def __init__(
        self,
        store: ChannelEventStore,
        source: Server[object],
        clock: ManualClock,
        until: datetime.datetime | None,
        observer: Observer | None,
    ) -> None:
        self._store, self._source, self._clock, self._until = store, source, clock, until
        self._observer = observer
        self._file = ""
        self._last: Line
        self._sees = False
        self.is_over = False

    def all_of(self, file: str, lines: Iterable[Line]) -> None:
        """Feed the lines of one recording; raise ``ShuttingDownError`` if the loop died."""
        self._file = file
        move_clock, tell, until = self._clock.set, self._source.send_update, self._until
        observer = self._observer
        for line in lines:
            number, at, event = line
            if until is not None and at > until:
                self.is_over = True
                return
            if observer is not None:
                observer.before(self._store, self._clock, at)
                observer.after(event, at)
            move_clock(at)
            tell(event)
            self._last = line
            kind = type(event)
            if kind is MonitoringPausedEvent or kind is MonitoringResumedEvent:
                self._sees = kind is MonitoringResumedEvent
            if number % _BATCH == 0:
                self._store.list_channels()  # waits for the loop, and raises if it died

    def go_on_with(self, file: str, lines: Iterable[Line]) -> None:
        """Feed the lines of the next recording, after blind time."""
        lines = iter(lines)
        first = next(lines)
        if first.at < self._last.at:
            raise RecordingError(
                file,
                first.number,
                f"begins at {format_time(first.at)}, and {self._file} before it ends at"
                f" {format_time(self._last.at)}",
            )
        if self._sees:
            self._source.send_update(MonitoringPausedEvent())
            self._sees = False
        self.all_of(file, chain([first], lines))

    def end_at(self, at: datetime.datetime) -> None:
        """Move the clock to ``at``; raise ``RecordingError`` if the lines end before it."""
        if not self.is_over and self._last.at < at:
            raise RecordingError(
                self._file,
                self._last.number,
                f"ends at {format_time(self._last.at)}, before the time asked for",
            )
        if self._observer is not None:
            self._observer.before(self._store, self._clock, at)
        self._clock.set(at)


def _refuse_counted_twice(storage: SqliteStorage, file: str, first: Line) -> None:
    """Raise ``RecordingError`` if the recording begins before the database ends."""
    if os.path.exists(os.path.realpath(storage.path)):  # realpath() takes "a.db/" for "a.db"
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
            get_open_channels=lambda: NOT_YET_KNOWN,  # the first line has the channels
            clock=clock,
            **settings,
        )
    )
