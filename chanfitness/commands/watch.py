"""Watching a node: a store is told what happens there, and what it says is shown.

Threads: the store's loop and whoever logs only put what is to be done into a
queue, and ring. One thread, the one that called :func:`watch`, does it: it
alone writes the recording and whatever is shown.
"""

from __future__ import annotations

import datetime
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, Protocol

from ..alerts.alerts import Alerts
from ..clock import Clock, SteadyClock, to_utc
from ..config import Config
from ..core.overview import Overview
from ..errors import ChanFitnessError, NodeError
from ..events import MonitoringPausedEvent, MonitoringResumedEvent
from ..logs import Log, logged_time
from ..periods import KEPT, OWN_OUTAGE, outage_settings
from ..recording.recorder import Recorder
from ..storage.sqlite import SqliteStorage
from ..store import ChannelEventStore
from ..terminal.nonblocking_output import NonblockingOutput
from ..terminal.wakeup import Wakeup
from .log_records import logging_to

logger = Log(__name__)

_START_TIMEOUT = 0.3  # seconds, for a start that goes on while all ends
_SOON = 0.1  # seconds until an event is in the table; more of them are shown together


class Node(Protocol):
    """A node that can be watched.

    It sees from a ``MonitoringResumedEvent`` to the next ``MonitoringPausedEvent``; a
    recording begins with the first of them.
    """

    @property
    def fault(self) -> NodeError | None:
        """What ended it for good, or None. Once it is set, an event is put or logged."""

    def config(self, **options: Any) -> Config:
        """A store's config of this node, with ``options`` of :class:`Config` besides."""

    def close(self) -> object:
        """Let go of the node."""


class Closing(Protocol):
    """What has a ``close()``."""

    def close(self) -> object:
        """End it."""


class View(Protocol):
    """Shows what happens. For one thread; no call waits, but ``close``.

    ``interval``: seconds after which it wants to show how things stand, or None.
    ``outputs``: where it writes; when the first has an error, nobody looks on.
    """

    interval: float | None
    outputs: Sequence[NonblockingOutput]

    def event(self, event: object, at: datetime.datetime) -> object:
        """Show what was handled ``at`` (UTC)."""

    def message(self, text: str, at: datetime.datetime) -> object:
        """Show what was logged ``at`` (UTC): lines that may hold anything."""

    def show(self, overview: Overview) -> object:
        """Show how things stand."""

    def close(self, saved: str) -> object:
        """Show what is left, within a moment, and end; ``saved``: where all was saved."""


def watch(
    node: Node,
    view: View,
    wakeup: Wakeup,
    *,
    storage: SqliteStorage | None = None,
    recorder: Recorder | None = None,
    serve: Callable[[ChannelEventStore], Closing] | None = None,
    own_outage: datetime.timedelta | None = OWN_OUTAGE,
    alerts: Alerts | None = None,
) -> None:
    """Watch ``node`` until ``wakeup.received`` is set; then end all of these but the wakeup.

    ``wakeup`` is entered; whoever sets ``received`` rings it. ``serve`` is called
    with the store before it starts; what it returns is closed in the end.
    ``own_outage``: as for :func:`~chanfitness.periods.outage_settings`. ``alerts``: look at the
    store, and are stopped before it.

    Raises ``NodeError`` if the node refuses us for good, whatever else keeps the
    store from starting, and ``OSError`` if nobody looks on any more
    (``BrokenPipeError``) or if the recording could not be written to its end.
    """
    settings = outage_settings(own_outage) | {"storage": storage}
    _Watch(node, view, wakeup, settings, recorder=recorder, serve=serve, alerts=alerts).run()


class _Watch:
    def __init__(
        self,
        node: Node,
        view: View,
        wakeup: Wakeup,
        settings: dict[str, Any],
        *,
        recorder: Recorder | None,
        serve: Callable[[ChannelEventStore], Closing] | None,
        alerts: Alerts | None,
    ) -> None:
        self._node, self._view, self._wakeup = node, view, wakeup
        self._settings, self._recorder, self._serve = settings, recorder, serve
        self._alerts = alerts
        self._to_do: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._starter: threading.Thread | None = None
        self._has_started = False  # or has failed to, for this reason:
        self._refusal: BaseException | None = None
        self._early: list[tuple[object, datetime.datetime]] | None = []  # events before the start
        self._sees = False
        self._latest = datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)
        self._recording_fails = False
        self._alarmed = False  # whether something was logged that may be the store's end

    def run(self) -> None:
        with ExitStack() as at_end:
            at_end.callback(self._close)
            at_end.callback(self._do)
            at_end.enter_context(logging_to(partial(self._later, self._logged)))
            if self._recorder is not None:
                at_end.enter_context(self._recorder)
            at_end.callback(self._let_go)
            self._watch(at_end)

    def _watch(self, at_end: ExitStack) -> None:
        config = self._node.config(
            clock=SteadyClock(),
            history=KEPT,
            on_event=self._on_event,
            **self._settings,
        )
        store = ChannelEventStore(config)
        if self._serve is not None:
            at_end.callback(self._serve(store).close)
        starter = threading.Thread(
            target=self._start, args=[store], name="chanfitness-start", daemon=True
        )
        starter.start()
        self._starter = starter
        at_end.callback(self._stop, store, config.clock)
        if self._alerts is not None:
            at_end.enter_context(self._alerts.of(store))
        while self._wakeup.received is None and not self._has_started:
            self._wait(None)
        early, self._early = self._early, None
        for event, at in early or ():
            self._happened(event, at)
        if self._refusal is not None:
            raise self._refusal
        if self._wakeup.received is None:
            self._look_on(store)

    # In other threads.

    def _on_event(self, event: object, at: datetime.datetime) -> None:
        self._later(self._happened, event, at)
        if self._alerts is not None:
            self._alerts.on_event(event, at)

    def _later(self, do: Callable[..., object], *arguments: object) -> None:
        self._to_do.put(partial(do, *arguments))
        self._wakeup.ring()

    def _start(self, store: ChannelEventStore) -> None:
        """Start the store: in a thread of its own, as a node may let us wait."""
        try:
            store.start()
        except BaseException as error:
            self._refusal = error
        self._has_started = True
        self._wakeup.ring()

    # What happens.

    def _look_on(self, store: ChannelEventStore) -> None:
        interval, due = self._view.interval, time.monotonic()
        while self._wakeup.received is None:
            if self._node.fault is not None:
                raise self._node.fault
            now = time.monotonic()
            if interval is not None and now >= due:
                self._view.show(store.get_overview())
                due = now + interval
            if self._wait(None if interval is None else due - now):
                due = min(due, time.monotonic() + _SOON)
            if self._alarmed:
                store.get_overview()  # or why there is none any more
                self._alarmed = False

    def _wait(self, timeout: float | None) -> bool:
        """Wait, and do what there is to do; whether something was."""
        self._wakeup.wait(timeout, self._view.outputs)
        error = self._view.outputs[0].error
        if error is not None:
            raise error
        return self._do()

    def _do(self) -> bool:
        count = self._to_do.qsize()  # what comes meanwhile rings again
        for _ in range(count):
            self._to_do.get()()
        return bool(count)

    def _happened(self, event: object, at: datetime.datetime) -> None:
        """Record and show an event; not before the store answers whoever saw it."""
        if self._early is not None:
            self._early.append((event, at))
            return
        self._latest = at
        self._sees = not isinstance(event, MonitoringPausedEvent) and (
            self._sees or isinstance(event, MonitoringResumedEvent)
        )
        if self._recorder is not None:
            self._record(self._recorder, event, at)
        self._view.event(event, at)

    def _record(self, recorder: Recorder, event: object, at: datetime.datetime) -> None:
        try:
            recorder.write(event, at)
        except (OSError, ChanFitnessError) as error:
            if not self._recording_fails:
                logger.error("cannot record, going on in memory: %s", error)
            self._recording_fails = True
        else:
            if self._recording_fails:
                logger.warning("recording again, nothing is missing")
            self._recording_fails = False

    def _logged(self, text: str, level: int, at: datetime.datetime) -> None:
        fault = self._node.fault
        if fault is None or str(fault) not in text:  # that is raised, too
            self._view.message(text, at)
        self._alarmed |= level >= logging.CRITICAL

    def _stop(self, store: ChannelEventStore, clock: Clock) -> None:
        now = to_utc(clock.now())
        store.stop()
        self._do()
        if self._sees:
            self._happened(MonitoringPausedEvent(), max(now, self._latest))

    def _close(self) -> None:
        self._view.close(_where_saved(self._settings["storage"]))

    def _let_go(self) -> None:
        self._node.close()
        if self._starter is not None:
            self._starter.join(_START_TIMEOUT)


def _where_saved(storage: SqliteStorage | None) -> str:
    """Where a store that has stopped saved all that it saw, if it did."""
    if storage is None:
        return "not saved: no --db"
    if storage.unsaved_since is None:
        return f"saved in {storage.path}"
    return f"not saved in {storage.path} since {logged_time(storage.unsaved_since)}"
