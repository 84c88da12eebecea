"""Delivery threads, one for each receiver, with exponential backoff for an hour."""

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
"""Called with a message's number and the receiver's name once its delivery is over.

Called on the sender's thread; must not block.
"""

LIMIT = 3600.0
"""Seconds after which a message is given up."""

_FIRST, _LONGEST = 10.0, 600.0  # the shortest and the longest backoff, in seconds


class _Waiting(NamedTuple):
    number: int
    message: Message
    since: float


class Sender:
    """Delivers messages to one receiver, in order; ``name``: its name in logs and state.

    All methods but :meth:`step` are thread-safe.
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
        # The following belongs to the thread.
        self._waiting: deque[_Waiting] = deque()
        self._is_ending = False
        self._tries = 0  # consecutive failures
        self._next_try = 0.0

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, number: int, message: Message) -> None:
        """Queue a message for delivery."""
        self._inbox.put(_Waiting(number, message, self._monotonic()))

    def withdraw(self, number: int) -> None:
        """Cancel a message, which is obsolete."""
        self._withdrawn.add(number)

    def end(self) -> None:
        """End after one try for each queued message."""
        self._inbox.put(None)

    def join(self, timeout: float) -> bool:
        """Wait at most ``timeout`` seconds for the end, and return whether it has come."""
        self._thread.join(max(timeout, 0))
        return not self._thread.is_alive()

    def abandon(self) -> int | None:
        """Abort, and return the number of the message whose delivery is uncertain, if any."""
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
        """Deliver all possible messages, and return the seconds until the next try, or None."""
        with suppress(queue.Empty):
            while True:
                self._take(self._inbox.get_nowait())
        while self._waiting and not self._is_abandoned:
            first = self._waiting[0]
            if first.number in self._withdrawn:
                self._next_try = 0.0  # the cause of its failure is probably over
            else:
                left = self._next_try - self._monotonic()
                if left > 0:
                    return left
                if not self._is_delivered(first.message, first.number):
                    continue
            self._finish()
        return None

    def _finish(self) -> None:
        """Remove the first message, which was delivered or given up."""
        first = self._waiting.popleft()
        self._withdrawn.discard(first.number)
        self._done(first.number, self.name)

    def _is_delivered(self, message: Message, number: int) -> bool:
        """Try to deliver a message, and return whether that succeeded."""
        self._trying = number
        try:
            self._tell(message)
        except Exception as error:
            if not self._is_abandoned:
                # The text of any other error may contain a secret.
                self._failed(str(error) if isinstance(error, UndeliveredError) else _name(error))
            return False
        finally:
            self._trying = None
        if self._tries:
            logger.info("alerts to %s are delivered again", self.name)
        self._tries, self._next_try = 0, 0.0
        return True

    def _failed(self, reason: str) -> None:
        """Drop messages that are too old, and schedule the next try."""
        now = self._monotonic()
        if not self._tries:
            logger.warning(
                "an alert could not be delivered to %s, trying again for an hour: %s",
                self.name,
                reason,
            )
        while self._waiting and now - self._waiting[0].since >= LIMIT:
            logger.error(
                "an alert could not be delivered to %s for an hour, dropping it: %s: %s",
                self.name,
                reason,
                self._waiting[0].message.text,
            )
            self._finish()
        self._next_try = now + min(_FIRST * 2 ** min(self._tries, 10), _LONGEST)
        self._tries += 1


def _name(error: Exception) -> str:
    return type(error).__name__
