"""Delivery: a thread for each receiver, which tries again with backoff for an hour."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from ..logs import Log
from .command import UndeliveredError
from .messages import Message

logger = Log(__name__)

Tell = Callable[[Message], object]
"""Delivers a message, or raises. It may have a ``name``, and ``abort()`` to end a delivery."""

Done = Callable[[int, str], object]
"""Is told that a message, by its number, is no more to be delivered to the receiver of this name.

Called on the sender's thread; must not wait.
"""

LIMIT = 3600.0
"""Seconds for which a delivery is tried again."""

_FIRST, _LONGEST = 10.0, 600.0  # seconds between two tries


class _Waiting(NamedTuple):
    number: int
    message: Message
    since: float


class Sender:
    """Delivers messages to one receiver, in order. ``name``: what logs and the state call it.

    All methods but :meth:`step` are safe from any thread.
    """

    def __init__(
        self,
        tell: Tell,
        name: str,
        done: Done,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._tell, self._done, self._monotonic = tell, done, monotonic
        self._inbox: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._withdrawn: set[int] = set()
        self._is_abandoned = False
        self._thread = threading.Thread(target=self._run, name=f"chanfitness-{name}", daemon=True)
        self._trying: int | None = None
        # What follows belongs to the thread.
        self._waiting: deque[_Waiting] = deque()
        self._is_ending = False
        self._tries = 0  # that failed, since one did not
        self._next_try = 0.0

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def put(self, number: int, message: Message) -> None:
        """Deliver this after what was put before."""
        self._inbox.put(_Waiting(number, message, self._monotonic()))

    def withdraw(self, number: int) -> None:
        """Do not try to deliver this any more: it is overtaken."""
        self._withdrawn.add(number)

    def end(self) -> None:
        """Try what was put and not tried yet, and end."""
        self._inbox.put(None)

    def join(self, timeout: float) -> bool:
        """Wait for the end, for so many seconds at most; whether it has come."""
        self._thread.join(max(timeout, 0))
        return not self._thread.is_alive()

    def abandon(self) -> int | None:
        """Break off. Returns the message that is being delivered: nobody knows whether it is."""
        self._is_abandoned, trying = True, self._trying
        abort = getattr(self._tell, "abort", None)
        if abort is not None:
            abort()
        return trying

    # The thread.

    def _run(self) -> None:
        wait: float | None = None
        while not self._is_ending:
            with suppress(queue.Empty):
                self._take(self._inbox.get(timeout=wait))
            wait = self.step()

    def _take(self, item: _Waiting | None) -> None:
        if item is None:
            self._is_ending = True
        else:
            self._waiting.append(item)

    def step(self) -> float | None:
        """Deliver what can be delivered now. Returns the seconds until the next try, or None."""
        with suppress(queue.Empty):
            while True:
                self._take(self._inbox.get_nowait())
        while self._waiting and not self._is_abandoned:
            first = self._waiting[0]
            if first.number in self._withdrawn:
                self._next_try = 0.0  # what kept it from being delivered is over, most likely
            else:
                left = self._next_try - self._monotonic()
                if left > 0:
                    return left
                if not self._is_delivered(first.message, first.number):
                    continue
            self._finish()
        return None

    def _finish(self) -> None:
        """The first that waits is delivered, or is not to be."""
        first = self._waiting.popleft()
        self._withdrawn.discard(first.number)
        self._done(first.number, self.name)

    def _is_delivered(self, message: Message, number: int) -> bool:
        """Try to deliver; whether that is done."""
        self._trying = number
        try:
            self._tell(message)
        except Exception as error:
            if not self._is_abandoned:
                # Another's error may hold a secret.
                self._failed(str(error) if isinstance(error, UndeliveredError) else _name(error))
            return False
        finally:
            self._trying = None
        if self._tries:
            logger.info("alerts to %s are delivered again", self.name)
        self._tries, self._next_try = 0, 0.0
        return True

    def _failed(self, reason: str) -> None:
        """Drop what is too old, and wait before the next try."""
        now = self._monotonic()
        if not self._tries:
            logger.warning(
                "an alert could not be delivered to %s, tried again for an hour: %s",
                self.name,
                reason,
            )
        while self._waiting and now - self._waiting[0].since >= LIMIT:
            logger.error(
                "an alert could not be delivered to %s for an hour, and is dropped: %s: %s",
                self.name,
                reason,
                self._waiting[0].message.text,
            )
            self._finish()
        self._next_try = now + min(_FIRST * 2 ** min(self._tries, 10), _LONGEST)
        self._tries += 1


def _name(error: Exception) -> str:
    return type(error).__name__
