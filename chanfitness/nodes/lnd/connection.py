"""Connection to lnd: two streams, calls and signs of life, in one queue.

Messages are passed on undecoded. The messages of a stream keep their order. One thread uses a
connection; only :meth:`Connection.abandon` may be called from any.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from ...clock import Clock, reader
from ..inbox import Inbox
from ..signs_of_life import ANSWER_SECONDS, ASK_SECONDS, LISTS_PERIOD, SignsOfLife, elapsed
from .calls import Answer, Calls, Metadata
from .errors import AbandonedError, Code, DisconnectedError
from .settings import Credentials

CHANNEL_EVENTS, PEER_EVENTS = "SubscribeChannelEvents", "SubscribePeerEvents"
LIST_CHANNELS, LIST_PEERS = "ListChannels", "ListPeers"

LISTS_DUE = "lists due"
"""Returned by :meth:`Connection.next` once an hour, in place of a stream."""

NEWCOMERS_DUE = "newcomers due"
"""Returned within ``LOOK_SECONDS`` after :meth:`Connection.expect_newcomers`."""

LOOK_SECONDS = 10.0
"""Seconds at least between two listings of newcomers."""

_LOOKS = round(ASK_SECONDS / LOOK_SECONDS)  # between two questions for a sign of life

LIST_SECONDS = 300
"""Seconds that lnd may take for a list, which may be big and the network slow."""

_SILENCE = (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.CANCELLED)
"""Codes that may mean no answer at all. All others are signs of life."""

_DUE = ((LISTS_DUE, b""), (NEWCOMERS_DUE, b""))
_NO_FIELDS = b""  # an empty request message


class Connection:
    """A connection, made at the first call; ``close()`` ends it.

    ``clock``: dates the signs of life. ``inbox``: an empty queue, in which the thread that asks
    for signs of life waits for its end.
    """

    def __init__(
        self,
        target: str,
        credentials: Credentials,
        clock: Clock,
        inbox: Inbox,
    ) -> None:
        self.signs = SignsOfLife(clock)
        self.signs.note()
        self._read_clock = reader(clock)
        self._inbox = inbox
        self._metadata: list[Metadata] = [("macaroon", credentials.macaroon)]
        self._calls = Calls(target, credentials.certificate)
        self._arrivals: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._is_abandoned = False
        self._expects_newcomers = threading.Event()

    def subscribe(self) -> None:
        """Begin both streams and the questions for signs of life."""
        for stream in (CHANNEL_EVENTS, PEER_EVENTS):
            self._calls.begin(
                _path(stream),
                _NO_FIELDS,
                self._metadata,
                partial(self._pass_on, stream),
                self._arrivals.put,
            )
        self._start("calls", self._follow)
        self._start("GetState", self._ask_for_signs)

    def ask(
        self,
        method: str,
        meanwhile: Callable[[str, bytes], object],
        request: bytes = _NO_FIELDS,
    ) -> bytes:
        """Call a method and return the answer; pass stream messages to ``meanwhile`` until then.

        Raise ``DisconnectedError`` if the call or a stream fails, a stream ends, or lnd gives
        no sign of life; ``AbandonedError`` after :meth:`abandon`.
        """
        self._calls.begin_unary(_path(method), request, self._metadata, self._arrivals.put)
        due = time.monotonic() + LIST_SECONDS
        put_off = []
        while not isinstance(arrival := self._take(due), Answer):
            if arrival in _DUE:
                put_off.append(arrival)
            else:
                meanwhile(*arrival)
        for each in put_off:
            self._arrivals.put(each)
        if arrival.end.code is not Code.OK:
            raise arrival.end
        if not self.signs.note():
            raise _too_late()
        return arrival.message

    def next(self) -> tuple[str, bytes]:
        """Wait for and return a stream's message, ``LISTS_DUE`` or ``NEWCOMERS_DUE``.

        Raise ``DisconnectedError`` once a stream has ended or lnd gives no sign of life,
        ``AbandonedError`` after :meth:`abandon`.
        """
        arrival: tuple[str, bytes] = self._take()
        return arrival

    def expect_newcomers(self) -> None:
        """Make ``NEWCOMERS_DUE`` come soon, once for all calls until then."""
        self._expects_newcomers.set()

    def abandon(self) -> None:
        """Make current and future waits raise ``AbandonedError``."""
        self._is_abandoned = True
        self._arrivals.put(None)

    def close(self) -> None:
        """End all calls, and wait for the connection's threads."""
        self._inbox.put(None)
        self._calls.close()
        for thread in self._threads:
            thread.join()
        self._calls.discard()

    def _take(self, due: float | None = None) -> Any:
        """Return the next arrival; raise ``DisconnectedError`` if there is none by ``due``."""
        try:
            timeout = None if due is None else max(due - time.monotonic(), 0)
            arrival = self._arrivals.get(timeout=timeout)
        except queue.Empty:
            raise DisconnectedError(Code.DEADLINE_EXCEEDED, "no answer") from None
        if self._is_abandoned:
            raise AbandonedError
        if isinstance(arrival, DisconnectedError):
            raise arrival
        return arrival

    # The connection's threads.

    def _start(self, name: str, do: Callable[..., DisconnectedError], *arguments: object) -> None:
        thread = threading.Thread(
            target=self._run, args=[do, *arguments], name=f"chanfitness-lnd-{name}", daemon=True
        )
        thread.start()
        self._threads.append(thread)

    def _run(self, do: Callable[..., DisconnectedError], *arguments: object) -> None:
        end = DisconnectedError(None, "a thread of the connection died")
        try:
            end = do(*arguments)
        finally:
            self._arrivals.put(end)

    def _follow(self) -> DisconnectedError:
        """Receive lnd's messages until the connection ends."""
        self._calls.run()
        return DisconnectedError(None, "it was closed")

    def _pass_on(self, stream: str, message: bytes) -> None:
        self._arrivals.put((stream, message) if self.signs.note() else _too_late())

    def _ask_for_signs(self) -> DisconnectedError:
        """Ask for signs of life until one is missing; put ``LISTS_DUE`` once an hour."""
        listed = self._read_clock()
        while self._is_time_to_ask():
            self.signs.expect()
            end = self._ask_for_state()
            if end.code not in _SILENCE:
                if not self.signs.note():
                    return _too_late()
            elif self.signs.silent_since() is not None:  # the streams were silent, too
                return DisconnectedError(None, f"no sign of life (GetState: {end})")
            now = self._read_clock()
            if elapsed(listed, now) >= LISTS_PERIOD:
                listed = now
                self._arrivals.put((LISTS_DUE, b""))
        return DisconnectedError(None, "it was closed")

    def _ask_for_state(self) -> DisconnectedError:
        """Call ``GetState``, without a macaroon, which it does not need; return how it ended."""
        answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        call = self._calls.begin_unary("/lnrpc.State/GetState", _NO_FIELDS, [], answers.put)
        try:
            return answers.get(timeout=ANSWER_SECONDS).end
        except queue.Empty:
            self._calls.cancel(call)
            return DisconnectedError(Code.DEADLINE_EXCEEDED, "no answer")

    def _is_time_to_ask(self) -> bool:
        """Wait for the next question, and put ``NEWCOMERS_DUE``; False once closed."""
        for _ in range(_LOOKS):
            try:
                self._inbox.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                self._tell_of_newcomers()
            else:
                return False
        return True

    def _tell_of_newcomers(self) -> None:
        if self._expects_newcomers.is_set():
            self._expects_newcomers.clear()  # before the listing: later newcomers need another
            self._arrivals.put((NEWCOMERS_DUE, b""))


def _path(method: str) -> str:
    return f"/lnrpc.Lightning/{method}"


def _too_late() -> DisconnectedError:
    return DisconnectedError(None, "no sign of life for a while: it or this process was frozen")
