"""Recordings as a source: a real store, fed by files and with the files' clock."""

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
    """Looks on while a recording is replayed; what it raises ends the replay."""

    def before(self, store: ChannelEventStore, clock: ManualClock, at: datetime.datetime) -> object:
        """All before ``at`` was told. It may move the clock on, as far as that."""

    def after(self, event: object, at: datetime.datetime) -> object:
        """An event is told now, at ``at``."""

    def end(self, store: ChannelEventStore) -> object:
        """All was told, and the clock is where the replay ends."""


_BATCH = 4096  # lines that wait to be handled, at most


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
    """Feed a recording through a store, and ask it as of the last line.

    ``lines`` and ``file`` as for :func:`chanfitness.recording.format.read`. ``at``: ask
    as of this moment instead (an aware datetime; lines at exactly that time
    count, later ones are not read). ``following``: the recordings that come after this
    one, in order; what lies between two is blind time. ``storage``, ``history``,
    ``own_outage``, ``return_grace``: as in ``Config``; the last heartbeat is the last line's time.
    ``observer``: looks on.

    Raises ``RecordingError`` for a line that cannot be used, for an ``at`` before
    the first line or after the last, and for a recording that begins before the
    storage's last heartbeat or before the one that it follows ends;
    ``ShuttingDownError`` if the store's loop dies.
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
    """Tells a store of lines until the end, or ``until`` a moment; ``is_over``: it was reached."""

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
        """The lines of one recording. Raises ``ShuttingDownError`` if the loop has died."""
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
                self._store.list_channels()  # waits until all is handled, or says why it is not

    def go_on_with(self, file: str, lines: Iterable[Line]) -> None:
        """The lines of a recording that follows: until it begins, nothing is seen."""
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
        """The moment that is asked for, if the lines went so far."""
        if not self.is_over and self._last.at < at:
            raise RecordingError(
                self._file,
                self._last.number,
                f"ends at {format_time(self._last.at)}, before the time asked for",
            )
        if self._observer is not None:
            self._observer.before(self._store, self._clock, at)
        self._clock.set(at)


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
