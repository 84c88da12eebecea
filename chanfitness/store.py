"""The channel event store, as lnd's ``chanfitness.ChannelEventStore``.

It subscribes to events of channels and of their peers. It answers how long each channel
has been known (its *lifetime*) and how much of that time its peer was online (its *uptime*).

:mod:`chanfitness.core.loop` lists its promises, numbered. This module has the life cycle of
a store, and its questions to the loop.
"""

from __future__ import annotations

import atexit
import datetime
import os
import queue
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeVar

from typing_extensions import Self

from .checks import quoted, refuse_green_threads, require_period
from .clock import Moment, reader
from .config import NOT_YET_KNOWN, Config, Subscription, checked_channels, checked_updates
from .core.blind_spans import STARTING, BlindSpan
from .core.channel import ChannelInfo
from .core.flaps import Cooldown
from .core.history_window import ChannelHistory
from .core.ledger import Ledger
from .core.loop import Loop, Question
from .core.overview import Overview
from .core.peerlog import PeerInfo
from .core.queries import RetentionSettings
from .core.restore import restore
from .core.saved_state import Saved
from .core.session import EndedError, Session
from .core.timeline import Instant, Timeline
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
    """Knows the lifetime and the uptime of each channel, as lnd's ``ChannelEventStore``.

    Use it as a context manager, or call ``start()`` and ``stop()``. All methods are safe from
    any thread. Its one thread is a daemon thread, so a script that forgets ``stop()`` still
    exits. A store does not survive ``fork``: in the child ``start()`` and all questions raise
    ``ShuttingDownError``.

    Args:
        config: Its settings.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        # Guards changes of what follows. Reentrant, for a signal handler that calls stop().
        self._lock = threading.RLock()
        self._state = _NEW
        self._session: Session | None = None  # the latest
        self._why_stopped: str | None = None  # None: by stop()
        _stores.add(self)

    def __repr__(self) -> str:
        reason = f": {self._why_stopped}" if self._why_stopped else ""
        return f"<ChannelEventStore, {self._state}{reason}>"

    # Starting and stopping.

    def start(self) -> None:
        """Subscribe, take the snapshot of open channels, then start the thread.

        After any failure, an interrupt among them, all subscriptions are cancelled.
        ``start()`` may then be called again, unless the store was stopped.

        Raises:
            AlreadyStartedError: The store is starting or running.
            ShuttingDownError: ``stop()`` was called, before or meanwhile.
            StorageError: The database cannot be used. One of these says why:
                ``StorageInUseError`` (another store writes it), ``StorageCorruptError`` (it is
                damaged, or no database of ours), ``StorageVersionError`` (a newer version
                wrote it), ``StorageUnwritableError`` (no permission, or the disk is full).
            NodeError: The node refuses us for good. Only the sources in ``chanfitness.nodes``
                raise it.
            ChanFitnessError: gevent or eventlet has replaced threads and queues.
            TypeError: ``updates`` of a subscription is no ``queue.Queue``, or the snapshot
                holds something that is no channel.
            ValueError: Another store watches the queue, or the clock returns naive times.
            Exception: Anything that a callable of the config raises.
        """
        session = Session(reader(self._config.clock))
        try:
            refuse_green_threads()
            with self._lock:
                if self._state in (_STARTING, _RUNNING):
                    raise AlreadyStartedError("the store was started already")
                if self._state is _STOPPED:
                    raise ShuttingDownError(self._reason)
                self._session, self._state = session, _STARTING
            self._open(session)
            session.launch(
                threading.Thread(target=self._run, args=[session], name="chanfitness", daemon=True)
            )
            if self._config.storage is not None:
                self._begin_to_save(self._config.storage, session)
            with self._lock:  # last, since nothing may fail once the store runs
                if self._state is _STOPPED:
                    why = self._why_stopped or "the store was stopped while it started"
                    raise ShuttingDownError(why)
                session.starter, self._state = None, _RUNNING
        except BaseException:
            if self._session is session:
                self._undo_start(session)
            raise

    def _open(self, session: Session) -> None:
        """Subscribe and take the snapshot."""
        config, undo = self._config, session.undo
        saved = None
        if config.storage is not None:
            undo.callback(self._close, config.storage, session)
            saved = self._open_storage(config.storage, session)
        channel_events = config.subscribe_channel_events()
        undo.callback(_cancel, channel_events)
        peer_events = config.subscribe_peer_events()
        if peer_events is not channel_events:
            undo.callback(_cancel, peer_events)
        updates = [checked_updates(channel_events), checked_updates(peer_events)]
        snapshot = config.get_open_channels()
        open_channels = [] if snapshot is NOT_YET_KNOWN else checked_channels(snapshot)
        online = self._online_peers(open_channels)

        undo.callback(session.selector.close)
        start = session.selector.watch(updates)
        session.timeline, session.ledger = self._accounts(start, saved)
        if snapshot is NOT_YET_KNOWN:
            logger.info("the node is not seen yet: starting blind, no time counts until it is")
            session.ledger.pause(session.timeline.instant(), STARTING)
        else:
            session.ledger.resume(session.timeline.instant(), open_channels, online)

    def _open_storage(self, storage: SqliteStorage, session: Session) -> Saved | None:
        """Open the database. Only if an interrupt ends this must the session still close it."""
        session.has_storage = True
        try:
            return storage.open(lambda: self._state is _STOPPED)
        except Exception:
            session.has_storage = False
            raise

    def _accounts(self, start: Moment, saved: Saved | None) -> tuple[Timeline, Ledger]:
        config = self._config
        retention = RetentionSettings(
            config.history,
            config.history_limit,
            Cooldown(config.flap_factor, config.flap_period),
            config.storage is not None,
            config.own_outage,
            config.return_grace,
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

    def _begin_to_save(self, storage: SqliteStorage, session: Session) -> None:
        atexit.register(self.stop)
        storage.start(lambda everything: self._answer(session, None, Ledger.flush, (everything,)))

    def _undo_start(self, session: Session) -> None:
        """Undo a start that failed at any step, so that another one is possible."""
        session.is_abandoned = self._state is not _STOPPED
        session.abandon()
        with self._lock:
            session.starter = None
            if self._state is not _STOPPED:
                self._state = _NEW

    def stop(self) -> None:
        """Handle everything that was put before, then end for good. Never raises.

        It may be called before ``start()``, during it, twice, and by many threads at once.
        Each call returns when the loop has ended. It returns at once where it would otherwise
        wait for its own caller: on the loop's thread, on the storage's writer thread (in a log
        handler, say), in a callable of the config, and in a signal handler that interrupts
        ``start()``, ``stop()`` or an update that is being sent.
        """
        with self._lock:
            self._state, session = _STOPPED, self._session
        if session is not None and session.is_launching:
            session.selector.end()
            if not self._waits_for(session):
                session.launched.wait()
                session.join()

    def _waits_for(self, session: Session) -> bool:
        """Return whether the loop cannot end before this thread goes on."""
        storage, ident = self._config.storage, threading.get_ident()
        return (
            ident in (session.ident, session.starter)
            or session.selector.is_held_here()
            or (storage is not None and storage.is_written_by(ident))
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    # Questions.

    def get_chan_info(
        self, channel_point: OutPoint, peer: Vertex | None = None, *, timeout: float | None = None
    ) -> ChannelInfo:
        """Return the lifetime and uptime of one channel, as of now.

        Args:
            channel_point: The channel.
            peer: Its peer; None: any peer.
            timeout: Seconds of real time to wait at most; 0: do not wait; None: for as long
                as it takes.

        Raises:
            PeerNotFoundError: The peer has no open channel and is not online.
            ChannelNotFoundError: The channel is not open with this peer.
            RequestTimeoutError: No answer came within ``timeout``.
            NotStartedError: ``start()`` has not returned yet.
            ShuttingDownError: The store has stopped.
            ValueError: ``timeout`` is negative.
        """
        return self._ask(timeout, Ledger.channel_info, channel_point, peer)

    def list_channels(self, *, timeout: float | None = None) -> list[ChannelInfo]:
        """Return every open channel as of one instant, in order of opening.

        ``timeout`` and errors as for :meth:`get_chan_info`.
        """
        return self._ask(timeout, Ledger.list_channels)

    def get_peer_info(self, peer: Vertex, *, timeout: float | None = None) -> PeerInfo:
        """Return the state, flaps and channels of one peer, as of now.

        ``timeout`` and errors as for :meth:`get_chan_info`.
        """
        return self._ask(timeout, Ledger.peer_info, peer)

    def list_peers(self, *, timeout: float | None = None) -> list[PeerInfo]:
        """Return every peer that is online or has a channel, as of one instant.

        ``timeout`` and errors as for :meth:`get_chan_info`.
        """
        return self._ask(timeout, Ledger.list_peers)

    def get_overview(self, *, timeout: float | None = None) -> Overview:
        """Return all channels and peers as of one instant, and whether the store sees.

        ``timeout`` and errors as for :meth:`get_chan_info`.
        """
        return self._ask(timeout, Ledger.overview)

    def get_overviews(
        self,
        windows: Sequence[datetime.timedelta | None],
        *,
        unless: Overview | None = None,
        timeout: float | None = None,
    ) -> list[Overview]:
        """Return one overview for each window, with histories, all as of one instant.

        Args:
            windows: In any order; None: all that is known.
            unless: An earlier overview. If since then nothing has changed except the time, the
                answer is an empty list, and no history is computed.
            timeout: As for :meth:`get_chan_info`.

        Raises:
            HistoryDisabledError: ``Config(history=...)`` is None.
            ValueError: A window is negative.
            ChanFitnessError: As for :meth:`get_chan_info`.
        """
        for window in windows:
            require_period("window", window, "days")
        return self._ask(timeout, Ledger.overviews, tuple(windows), unless)

    def get_history(
        self,
        channel_point: OutPoint,
        *,
        window: datetime.timedelta | None = None,
        timeout: float | None = None,
    ) -> ChannelHistory:
        """Return the outages and sums of one channel.

        Args:
            channel_point: The channel.
            window: The time before now that is asked for; None: the channel's life.
            timeout: As for :meth:`get_chan_info`.

        Raises:
            HistoryDisabledError: ``Config(history=...)`` is None.
            ValueError: The window is negative.
            ChanFitnessError: As for :meth:`get_chan_info`.
        """
        require_period("window", window, "days")
        return self._ask(timeout, Ledger.channel_history, channel_point, window)

    def list_blind(self, *, timeout: float | None = None) -> tuple[BlindSpan, ...]:
        """Return the blind times and their causes, in order.

        They are kept as long as history is. Those of all channels add up to
        ``Overview.blind``. ``timeout`` and errors as for :meth:`get_chan_info`.
        """
        return self._ask(timeout, Ledger.list_blind)

    def wait_until_seeing(self, timeout: float | None = None) -> None:
        """Wait until the store sees its node; return at once if it does.

        ``timeout`` and errors as for :meth:`get_chan_info`.
        """
        begun = time.monotonic()
        wait = self._ask(timeout, Ledger.wait_for_sight)
        session = self._session
        if wait is None or session is None:
            return
        left = None
        if timeout is not None:
            left = min(max(timeout - (time.monotonic() - begun), 0), threading.TIMEOUT_MAX)
        try:
            sees = wait.get(timeout=left)
        except queue.Empty:
            raise RequestTimeoutError(f"nothing was seen within {timeout} seconds") from None
        finally:
            session.selector.post(Question(Ledger.forget_wait, (wait,)))
        if not sees:
            self._refuse()

    def _ask(
        self,
        timeout: float | None,
        answer: Callable[Concatenate[Ledger, Instant, P], T],
        *arguments: P.args,
        **_: P.kwargs,
    ) -> T:
        """Make the loop call ``answer(ledger, now, *arguments)``, and return the result."""
        if timeout is not None:
            if not timeout >= 0:
                raise ValueError(f"bad timeout {quoted(timeout)}: expected 0 or more seconds")
            timeout = min(timeout, threading.TIMEOUT_MAX)
        if self._state is not _RUNNING:
            self._refuse()
        session = self._session
        assert session is not None
        if session.ident == threading.get_ident():
            raise ChanFitnessError("the loop's own thread cannot wait for an answer of the loop")
        return self._answer(session, timeout, answer, arguments)  # type: ignore[no-any-return]

    def _answer(
        self,
        session: Session,
        timeout: float | None,
        answer: Callable[..., Any],
        arguments: tuple[object, ...],
    ) -> Any:
        try:
            return session.ask(timeout, answer, arguments)
        except EndedError:
            self._refuse()

    def _refuse(self) -> NoReturn:
        """Raise the error that says why this store does not answer."""
        if self._state is _STOPPED:
            raise ShuttingDownError(self._reason) from None
        raise NotStartedError("the store has not started yet")

    @property
    def _reason(self) -> str:
        """The reason why the store has stopped."""
        return self._why_stopped or "the store has stopped"

    def _end_in_a_child(self) -> None:
        self._lock = threading.RLock()  # another thread may have held it
        self._why_stopped = f"this store runs in process {os.getppid()}, not in a child of it"
        self._state = _STOPPED
        session, self._session = self._session, None
        if session is not None:
            session.selector.abandon()

    # The loop's thread.

    def _run(self, session: Session) -> None:
        undo = session.claim()
        if undo is None:  # start() failed, and undoes everything itself
            return
        session.ident = threading.get_ident()
        selector, fault = session.selector, None
        with undo:
            try:
                Loop(selector, session.timeline, session.ledger, self._config.on_event).run()
            except BaseException as error:
                fault = error
                self._why_stopped = f"the store's loop died of {quoted(error)}"
            left = selector.close()
            with self._lock:
                if not session.is_abandoned:
                    self._state = _STOPPED
            session.quit.set()
            session.ledger.sight.end()
            for item in [*left, *selector.close()]:
                if isinstance(item, Question):
                    item.response.put((None, ShuttingDownError(self._reason)))
            if fault is not None:
                logger.critical("%s", self._why_stopped, exc_info=fault)

    def _close(self, storage: SqliteStorage, session: Session) -> None:
        """Close the database, after a last flush unless the start failed."""
        atexit.unregister(self.stop)
        if not session.has_storage:
            return
        if session.ident is None or session.is_abandoned:
            storage.close()
            return
        now = session.timeline.instant()
        if session.selector.ended_at is not None:
            now = session.ledger.advance(session.selector.ended_at)
        storage.close(lambda everything: session.ledger.last_flush(now, everything))


def _cancel(subscription: Subscription) -> None:
    try:
        subscription.cancel()
    except BaseException:
        logger.exception("could not cancel %s", quoted(subscription))


_stores: weakref.WeakSet[ChannelEventStore] = weakref.WeakSet()


def _end_all_in_a_child() -> None:
    for store in list(_stores):
        store._end_in_a_child()


os.register_at_fork(after_in_child=_end_all_in_a_child)
