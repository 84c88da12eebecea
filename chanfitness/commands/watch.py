"""Runner of ``chanfitness watch``: feeds a store from a node, and records and shows its events.

The store's loop and threads that log only put callbacks into a queue, and ring. The thread
that called :func:`watch` runs them: it alone writes the recording and the output.
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

_START_TIMEOUT = 0.3  # seconds to wait at the end for a start that is not over
_SOON = 0.1  # seconds from an event to the next table, which shows all events until then


class Node(Protocol):
    """A node to watch.

    It sees from each ``MonitoringResumedEvent`` to the next ``MonitoringPausedEvent``. Its
    first event is a ``MonitoringResumedEvent``, with which a recording begins.
    """

    @property
    def fault(self) -> NodeError | None:
        """The error that ended it for good, or None. After it an event or a log record comes."""

    def config(self, **options: Any) -> Config:
        """Return a store's config for this node, with these further options of ``Config``."""

    def close(self) -> object:
        """Disconnect from the node."""


class Closing(Protocol):
    """A resource with a ``close()``."""

    def close(self) -> object:
        """Release it."""


class View(Protocol):
    """Output of events and figures. For one thread; no call but ``close`` waits.

    ``interval``: seconds between two calls of ``show``, or None. ``outputs``: where it
    writes; an error of the first ends the command.
    """

    interval: float | None
    outputs: Sequence[NonblockingOutput]

    def event(self, event: object, at: datetime.datetime) -> object:
        """Show an event that the store handled ``at`` (UTC)."""

    def message(self, text: str, at: datetime.datetime) -> object:
        """Show lines logged ``at`` (UTC), which may contain any characters."""

    def show(self, overview: Overview) -> object:
        """Show the present figures."""

    def close(self, saved: str) -> object:
        """Write the rest of the output, without waiting long; ``saved``: where it was saved."""


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
    """Watch ``node`` until ``wakeup.received`` is set; then close all arguments but the wakeup.

    Args:
        node: The node.
        view: Shows the events and the figures.
        wakeup: An entered wake-up; the caller rings it after setting ``received``.
        storage: Where the store saves.
        recorder: Records the events.
        serve: Called with the store before its start; its result is closed at the end.
        own_outage: As for :func:`~chanfitness.periods.outage_settings`.
        alerts: Started with the store, and stopped before it.

    Raises:
        NodeError: The node refuses for good.
        ChanFitnessError: The store cannot start.
        OSError: The output is closed (``BrokenPipeError``), or the recording could not be
            written completely.
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
        self._has_started = False  # whether the start is over, also if it failed
        self._refusal: BaseException | None = None  # why it failed
        self._early: list[tuple[object, datetime.datetime]] | None = []  # events before the start
        self._sees = False
        self._latest = datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)
        self._recording_fails = False
        self._alarmed = False  # whether a critical record, perhaps of the store's end, was logged

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
        """Start the store, in a thread of its own since the node may not answer."""
        try:
            store.start()
        except BaseException as error:
            self._refusal = error
        self._has_started = True
        self._wakeup.ring()

    # In the thread of watch().

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
                store.get_overview()  # raises if the store has ended
                self._alarmed = False

    def _wait(self, timeout: float | None) -> bool:
        """Wait, and run the queued callbacks. Return whether there were any."""
        self._wakeup.wait(timeout, self._view.outputs)
        error = self._view.outputs[0].error
        if error is not None:
            raise error
        return self._do()

    def _do(self) -> bool:
        count = self._to_do.qsize()  # later callbacks ring again
        for _ in range(count):
            self._to_do.get()()
        return bool(count)

    def _happened(self, event: object, at: datetime.datetime) -> None:
        """Record and show an event, but only once the store has started and answers."""
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
        if fault is None or str(fault) not in text:  # the fault is raised and shown once
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
    """Return where a stopped store saved everything, or why not."""
    if storage is None:
        return "not saved: no --db"
    if storage.unsaved_since is None:
        return f"saved in {storage.path}"
    return f"not saved in {storage.path} since {logged_time(storage.unsaved_since)}"
