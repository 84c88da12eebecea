"""The channel event store, as lnd's ``chanfitness.ChannelEventStore``.

It subscribes to what happens to channels and to their peers, and answers how
long each channel has been known (its *lifetime*) and how much of that time its
peer was online (its *uptime*).

What it promises stands, numbered, above the loop's code in
:mod:`chanfitness.core.loop`. Here is the life cycle, and how the loop is asked.
"""

from __future__ import annotations

import atexit
import datetime
import os
import queue
import threading
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from typing import Concatenate, NoReturn, ParamSpec, TypeVar

from typing_extensions import Self

from .checks import quoted
from .clock import Moment, reader
from .config import NOT_YET_KNOWN, Config, Subscription
from .core.flaps import Cooldown
from .core.history import ChannelHistory
from .core.ledger import Ledger
from .core.loop import Loop, Question
from .core.peerlog import ChannelInfo, PeerInfo
from .core.queries import Overview, RetentionSettings
from .core.restore import restore
from .core.saved_state import Saved
from .core.selector import ENDED, Selector
from .core.timeline import Timeline
from .errors import (
    AlreadyStartedError,
    ChanFitnessError,
    NotStartedError,
    RequestTimeoutError,
    ShuttingDownError,
)
from .events import OpenChannel
from .logs import Log
from .storage.sqlite import SqliteStorage, typed_errors
from .wire import OutPoint, Vertex

logger = Log(__name__)

P = ParamSpec("P")
T = TypeVar("T")


_NEW, _STARTING, _RUNNING, _STOPPED = "new", "starting", "running", "stopped"


class ChannelEventStore:
    """Knows how long each channel was open, and for how much of it its peer was up.

    All methods are safe from any thread. Use it as a context manager, or call
    ``start()`` and ``stop()``. Its one thread is a daemon thread, so a script
    that forgets ``stop()`` still exits. A store is not carried over ``fork``:
    in the child every question and ``start()`` raise ``ShuttingDownError``.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock = threading.Lock()  # guards changes of _state and of _thread
        self._state = _NEW
        self._joining = threading.RLock()  # one at a time: Thread.join() of two may raise
        self._is_joining = False  # guarded by _joining
        self._quit = threading.Event()  # set when no question will be answered any more
        self._why_stopped = "the store has stopped"
        self._thread: threading.Thread | None = None
        self._ident: int | None = None
        self._hooks = ExitStack()  # takes off what start() hooked
        _stores.add(self)
        # What follows is made by start(), and then belongs to the loop.
        self._read: Callable[[], Moment]
        self._selector: Selector
        self._timeline: Timeline
        self._ledger: Ledger

    # Starting and stopping.

    def start(self) -> None:
        """Subscribe, add the channels that are open, then start the thread.

        Raises ``AlreadyStartedError`` while starting or running,
        ``ShuttingDownError`` after ``stop()`` or if that is called meanwhile,
        ``TypeError`` for a subscription whose ``updates`` is no ``queue.Queue``,
        ``ValueError`` for one that another store watches or for a naive clock,
        and whatever the callables of the config raise. After any failure what
        was subscribed is cancelled, and unless the store was stopped
        ``start()`` may be called again.
        """
        with self._lock:
            if self._state in (_STARTING, _RUNNING):
                raise AlreadyStartedError("the store was started already")
            if self._state is _STOPPED:
                raise ShuttingDownError(self._why_stopped)
            self._state = _STARTING
        try:
            with ExitStack() as undo:
                self._open(undo)
                self._launch(undo)
            if self._config.storage is not None:
                self._begin_to_save(self._config.storage)
        finally:
            with self._lock:
                if self._state is _STARTING:
                    self._state = _NEW

    def _open(self, undo: ExitStack) -> None:
        """Subscribe and take the snapshot; ``undo`` gets what takes that back."""
        config = self._config
        saved = None
        if config.storage is not None:
            saved = config.storage.open(lambda: self._state is _STOPPED)
            undo.callback(self._close, config.storage)
        channel_events = config.subscribe_channel_events()
        undo.callback(_cancel, channel_events)
        peer_events = config.subscribe_peer_events()
        if peer_events is not channel_events:
            undo.callback(_cancel, peer_events)
        snapshot = config.get_open_channels()
        open_channels = [] if snapshot is NOT_YET_KNOWN else list(snapshot)
        online = self._online_peers(open_channels)

        self._read = reader(config.clock)
        self._selector = Selector(self._read)
        self._hooks.callback(self._selector.unwatch)
        undo.callback(self._hooks.close)
        start = self._selector.watch([channel_events.updates, peer_events.updates], ENDED)
        self._timeline, self._ledger = self._accounts(start, saved)
        if snapshot is NOT_YET_KNOWN:
            self._ledger.pause()
        else:
            self._ledger.resume(open_channels, online)

    def _accounts(self, start: Moment, saved: Saved | None) -> tuple[Timeline, Ledger]:
        config = self._config
        retention = RetentionSettings(
            config.history,
            config.history_limit,
            Cooldown(config.flap_factor, config.flap_period),
            config.storage is not None,
            config.own_outage,
        )
        if config.storage is None or saved is None:
            timeline = Timeline(start)
            return timeline, Ledger(timeline, retention)
        with typed_errors(config.storage.path):
            return restore(saved, start, retention)

    def _online_peers(self, open_channels: list[OpenChannel]) -> list[Vertex]:
        is_peer_online = self._config.is_peer_online
        if is_peer_online is None:
            return []
        peers = dict.fromkeys(peer for _, peer in open_channels)
        return [peer for peer in peers if is_peer_online(peer)]

    def _launch(self, undo: ExitStack) -> None:
        with self._lock:
            if self._state is _STOPPED:
                raise ShuttingDownError("the store was stopped while it started")
            undo_at_end = undo.pop_all()
            thread = threading.Thread(
                target=self._run, args=[undo_at_end], name="chanfitness", daemon=True
            )
            try:
                thread.start()
                self._thread, self._state = thread, _RUNNING
            except BaseException:
                self._selector.end()  # interrupted, the thread may run all the same
                undo_at_end.close()
                raise

    def _begin_to_save(self, storage: SqliteStorage) -> None:
        atexit.register(self.stop)
        try:
            storage.start(lambda everything: self._ask(None, Ledger.unsaved, everything))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Handle what was put before, then end. Final; never raises.

        Also before ``start()``, during it, twice, and by many threads at once;
        each call returns when the loop has ended, except on the loop's own
        thread or the storage's writer (in a log handler, say), during ``start()``,
        and in a signal's handler that interrupts another call of it, where it
        returns at once.
        """
        with self._lock:
            self._state = _STOPPED
        if self._thread is not None:
            self._selector.end()
            if not self._waits_for(threading.get_ident()):
                self._join(self._thread)

    def _join(self, thread: threading.Thread) -> None:
        with self._joining:
            if self._is_joining:  # by this thread, whose join() a signal's handler interrupted
                return
            self._is_joining = True
            try:
                thread.join()
            finally:
                self._is_joining = False

    def _waits_for(self, ident: int) -> bool:
        """Whether the loop does not end before this thread goes on."""
        storage = self._config.storage
        return ident == self._ident or (storage is not None and storage.is_written_by(ident))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    # Questions.

    def get_chan_info(
        self, channel_point: OutPoint, peer: Vertex | None = None, *, timeout: float | None = None
    ) -> ChannelInfo:
        """Lifetime and uptime of one channel, with ``peer`` or with anyone, as of now.

        ``timeout``: seconds of real time to wait at most; 0 never waits, None
        waits for as long as it takes.

        Raises ``PeerNotFoundError`` for a peer that has no open channel and is
        not online, ``ChannelNotFoundError`` for a channel that is not open with
        this peer, ``RequestTimeoutError``, ``NotStartedError`` before ``start()``
        has returned, and ``ShuttingDownError`` after ``stop()``.
        """
        return self._ask(timeout, Ledger.channel_info, channel_point, peer)

    def list_channels(self, *, timeout: float | None = None) -> list[ChannelInfo]:
        """Every open channel as of one instant, in order of opening.

        ``timeout`` and errors as for :meth:`get_chan_info`.
        """
        return self._ask(timeout, Ledger.list_channels)

    def get_peer_info(self, peer: Vertex, *, timeout: float | None = None) -> PeerInfo:
        """State, flaps and channels of one peer, as of now.

        ``timeout`` and errors as for :meth:`get_chan_info`.
        """
        return self._ask(timeout, Ledger.peer_info, peer)

    def list_peers(self, *, timeout: float | None = None) -> list[PeerInfo]:
        """Every peer that is online or has a channel, as of one instant.

        ``timeout`` and errors as for :meth:`get_chan_info`.
        """
        return self._ask(timeout, Ledger.list_peers)

    def get_overview(self, *, timeout: float | None = None) -> Overview:
        """All channels and all peers as of one instant, and whether the store sees.

        ``timeout`` and errors as for :meth:`get_chan_info`.
        """
        return self._ask(timeout, Ledger.overview)

    def get_history(
        self,
        channel_point: OutPoint,
        *,
        window: datetime.timedelta | None = None,
        timeout: float | None = None,
    ) -> ChannelHistory:
        """Outages and sums of one channel, of the ``window`` before now or of its life.

        Raises ``HistoryDisabledError`` unless ``Config(history=...)`` says how
        long to keep it, ``ValueError`` for a negative window; ``timeout`` and
        other errors as for :meth:`get_chan_info`.
        """
        if window is not None and window < datetime.timedelta(0):
            raise ValueError(f"bad window {window!r}: expected a period of time, or None")
        return self._ask(timeout, Ledger.channel_history, channel_point, window)

    def _ask(
        self,
        timeout: float | None,
        answer: Callable[Concatenate[Ledger, datetime.timedelta, P], T],
        *arguments: P.args,
        **_: P.kwargs,
    ) -> T:
        """Have the loop call ``answer(ledger, now, *arguments)``, and return the result."""
        if timeout is not None:
            if not timeout >= 0:
                raise ValueError(f"bad timeout {quoted(timeout)}: expected 0 or more seconds")
            timeout = min(timeout, threading.TIMEOUT_MAX)
        if self._state is not _RUNNING:
            self._refuse()
        if self._ident == threading.get_ident():
            raise ChanFitnessError("the loop's own thread cannot wait for an answer of the loop")
        question = Question(answer, arguments)
        self._selector.post(question)
        # The loop sets quit and then fails what is left; here the question was
        # put and then quit is looked at: one of the two sees the other.
        try:
            if self._quit.is_set():
                result, error = question.response.get_nowait()
            else:
                result, error = question.response.get(timeout=timeout)
        except queue.Empty:
            if self._quit.is_set():
                self._refuse()
            raise RequestTimeoutError(f"no answer within {timeout} seconds") from None
        if error is not None:
            raise type(error)(*error.args)  # one of its own for each caller's thread
        return result  # type: ignore[no-any-return]

    def _refuse(self) -> NoReturn:
        """Say why this store does not answer."""
        if self._state is _STOPPED:
            raise ShuttingDownError(self._why_stopped) from None
        raise NotStartedError("the store has not started yet")

    def _end_in_a_child(self) -> None:
        self._lock = threading.Lock()  # another thread may have held it
        self._why_stopped = f"this store runs in process {os.getppid()}, not in a child of it"
        self._state = _STOPPED
        self._thread = None
        self._hooks.close()

    # The loop's thread.

    def _run(self, undo: ExitStack) -> None:
        self._ident = threading.get_ident()
        with undo:
            fault: BaseException | None = None
            try:
                Loop(self._selector, self._timeline, self._ledger, self._config.on_event).run()
            except BaseException as error:
                fault = error
                self._why_stopped = f"the store's loop died of {quoted(error)}"
            self._hooks.close()
            with self._lock:
                self._state = _STOPPED
            self._quit.set()
            for item in self._selector.leftovers():
                if isinstance(item, Question):
                    item.response.put((None, ShuttingDownError(self._why_stopped)))
            if fault is not None:
                logger.critical("%s", self._why_stopped, exc_info=fault)

    def _close(self, storage: SqliteStorage) -> None:
        """Save for the last time; after a start that failed there is nothing to save."""
        if self._ident is None:
            storage.close()
            return
        atexit.unregister(self.stop)
        at, _ = self._timeline.instant()
        if self._selector.ended_at is not None:
            at = self._timeline.position(self._selector.ended_at)
        storage.close(lambda everything: self._ledger.last_flush(at, everything))


def _cancel(subscription: Subscription) -> None:
    try:
        subscription.cancel()
    except BaseException:
        logger.exception("could not cancel %s", quoted(subscription))


_stores: weakref.WeakSet[ChannelEventStore] = weakref.WeakSet()


def _end_all_in_a_child() -> None:
    for store in list(_stores):
        store._end_in_a_child()


# Where there is no fork, there is nothing to end.
getattr(os, "register_at_fork", dict)(after_in_child=_end_all_in_a_child)
