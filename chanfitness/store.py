"""The channel event store, as lnd's ``chanfitness.ChannelEventStore``.

It subscribes to what happens to channels and to their peers, and answers how
long each channel has been known (its *lifetime*) and how much of that time its
peer was online (its *uptime*).

What it promises. An *item* is an event, a question, or the snapshot that
``start()`` takes; it is *put* at the moment at which a queue accepts it.

1. One order. Items of all sources, questions and ``stop()`` are handled in the
   order in which they were put. (The snapshot is first, as in lnd: what was in
   the queues before it comes after it.)
2. Time is when it was put. An item's time is read from the clock while it is
   put, in the thread that puts it, or is the event's own ``at``; what was put
   before the snapshot has the snapshot's time.
3. Time never runs backwards, whatever the clock or an ``at`` says, and an
   ``at`` is never taken to be later than the put. 0 <= uptime <= lifetime.
4. Every call returns: an answer, a typed error, or a timeout.
5. Only the loop touches peer logs. (``start()`` does before the loop exists.)
6. No polling. The idle loop makes no wake-up at all.
7. Memory follows what is open now: channels that are open, and peers that have
   a channel or are online.
8. Nothing is dropped in silence. What cannot be handled is logged with what was
   wrong, and the loop goes on.

1 and 2 hold for FIFO queues that only the store reads.
"""

from __future__ import annotations

import datetime
import logging
import os
import queue
import threading
import weakref
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeVar

from typing_extensions import Self

from .axis import Axis
from .clock import Moment, reader
from .config import Config, Subscription
from .errors import (
    AlreadyStartedError,
    ChanFitnessError,
    NotStartedError,
    RequestTimeoutError,
    ShuttingDownError,
    quoted,
)
from .events import (
    ClosedChannelEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
)
from .peerlog import ChannelInfo, PeerLogs
from .selector import Selector
from .subscribe import ENDED
from .wire import OutPoint, Vertex

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


class _Question:
    """A question to the loop, with a response queue of its own."""

    __slots__ = ("answer", "arguments", "response")

    def __init__(self, answer: Callable[..., Any], arguments: tuple[object, ...]) -> None:
        self.answer = answer
        self.arguments = arguments
        self.response: queue.SimpleQueue[tuple[Any, Exception | None]] = queue.SimpleQueue()


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
        self._joining = threading.Lock()  # one at a time: Thread.join() of two at once may raise
        self._quit = threading.Event()  # set when no question will be answered any more
        self._why_stopped = "the store has stopped"
        self._thread: threading.Thread | None = None
        self._ident: int | None = None
        _stores.add(self)
        # What follows is made by start(), and then belongs to the loop.
        self._read: Callable[[], Moment]
        self._selector: Selector
        self._axis: Axis
        self._logs: PeerLogs

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
        finally:
            with self._lock:
                if self._state is _STARTING:
                    self._state = _NEW

    def _open(self, undo: ExitStack) -> None:
        """Subscribe and take the snapshot; ``undo`` gets what takes that back."""
        config = self._config
        channel_events = config.subscribe_channel_events()
        undo.callback(_cancel, channel_events)
        peer_events = config.subscribe_peer_events()
        if peer_events is not channel_events:
            undo.callback(_cancel, peer_events)
        open_channels = list(config.get_open_channels())
        online = self._online_peers(open_channels)

        self._read = reader(config.clock)
        self._selector = Selector(self._read)
        undo.callback(self._selector.unwatch)
        start = self._selector.watch([channel_events.updates, peer_events.updates], ENDED)
        self._axis = Axis(start)
        self._logs = PeerLogs()
        at = self._axis.position(start)
        for peer in online:
            self._logs.peer_online(peer, at)
        for channel_point, peer in open_channels:
            self._logs.open_channel(channel_point, peer, at)

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

    def stop(self) -> None:
        """Handle what was put before, then end. Final; never raises.

        Also before ``start()``, during it, twice, and by many threads at once;
        each call returns when the loop has ended, except on the loop's own
        thread (a log handler, say) and during ``start()``, where it returns at
        once.
        """
        with self._lock:
            self._state = _STOPPED
        if self._thread is not None:
            self._selector.end()
            if self._ident != threading.get_ident():
                with self._joining:
                    self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    # Questions.

    def get_chan_info(
        self, channel_point: OutPoint, peer: Vertex, *, timeout: float | None = None
    ) -> ChannelInfo:
        """Lifetime and uptime of one channel, as of now.

        ``timeout``: seconds of real time to wait at most; 0 never waits, None
        waits for as long as it takes.

        Raises ``PeerNotFoundError`` for a peer that has no open channel and is
        not online, ``ChannelNotFoundError`` for a channel that is not open with
        this peer, ``RequestTimeoutError``, ``NotStartedError`` before ``start()``
        has returned, and ``ShuttingDownError`` after ``stop()``.
        """
        return self._ask(timeout, PeerLogs.channel_info, channel_point, peer)

    def list_channels(self, *, timeout: float | None = None) -> list[ChannelInfo]:
        """Every open channel as of one instant, in order of opening.

        ``timeout`` and errors as for :meth:`get_chan_info`.
        """
        return self._ask(timeout, PeerLogs.list_channels)

    def _ask(
        self,
        timeout: float | None,
        answer: Callable[Concatenate[PeerLogs, datetime.timedelta, P], T],
        *arguments: P.args,
        **_: P.kwargs,
    ) -> T:
        """Have the loop call ``answer(logs, now, *arguments)``, and return the result."""
        if timeout is not None:
            if not timeout >= 0:
                raise ValueError(f"bad timeout {quoted(timeout)}: expected 0 or more seconds")
            timeout = min(timeout, threading.TIMEOUT_MAX)
        if self._state is not _RUNNING:
            self._refuse()
        if self._ident == threading.get_ident():
            raise ChanFitnessError("the loop's own thread cannot wait for an answer of the loop")
        question = _Question(answer, arguments)
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
        if self._thread is not None:
            self._thread = None
            self._selector.unwatch()

    # The loop. It alone runs what follows, and nothing else touches _axis and _logs.

    def _run(self, undo: ExitStack) -> None:
        self._ident = threading.get_ident()
        with undo:
            fault: BaseException | None = None
            try:
                self._loop()
            except BaseException as error:
                fault = error
                self._why_stopped = f"the store's loop died of {quoted(error)}"
            self._selector.unwatch()
            with self._lock:
                self._state = _STOPPED
            self._quit.set()
            for item in self._selector.leftovers():
                if isinstance(item, _Question):
                    item.response.put((None, ShuttingDownError(self._why_stopped)))
            if fault is not None:
                logger.critical("%s", self._why_stopped, exc_info=fault)

    def _loop(self) -> None:
        selector, handle = self._selector, self._handle
        while not selector.ended:
            for item, moment in selector.take():
                try:
                    handle(item, moment)
                except Exception:
                    _log_unhandled(item)
            selector.done()

    def _handle(self, item: object, moment: Moment) -> None:
        logs, position = self._logs, self._axis.position
        if isinstance(item, PeerOnlineEvent):
            logs.peer_online(item.peer, position(moment, item.at))
        elif isinstance(item, PeerOfflineEvent):
            logs.peer_offline(item.peer, position(moment, item.at))
        elif isinstance(item, _Question):
            self._answer(item, moment)
        elif isinstance(item, OpenChannelEvent):
            logs.open_channel(item.channel_point, item.peer, position(moment, item.at))
        elif isinstance(item, ClosedChannelEvent):
            position(moment, item.at)
            logs.close_channel(item.channel_point, item.peer)
        elif item is ENDED:
            logger.info("a stream of events has ended: nothing more comes from it")
        else:
            raise TypeError(f"{quoted(item)} is no event")

    def _answer(self, question: _Question, moment: Moment) -> None:
        try:
            at = self._axis.position(moment)
            question.response.put((question.answer(self._logs, at, *question.arguments), None))
        except Exception as error:
            question.response.put((None, error))


def _log_unhandled(item: object) -> None:
    # A log handler that fails has nowhere to say so, and is no reason to stop.
    with suppress(Exception):
        logger.exception("could not handle %s", quoted(item))


def _cancel(subscription: Subscription) -> None:
    try:
        subscription.cancel()
    except BaseException:
        logger.exception("could not cancel %s", quoted(subscription))


_stores: weakref.WeakSet[ChannelEventStore] = weakref.WeakSet()


def _end_all_in_a_child() -> None:
    for store in list(_stores):
        store._end_in_a_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_end_all_in_a_child)
