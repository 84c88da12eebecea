"""One start of a store: its thread, its queues, and how all of that ends, exactly once.

A start can fail or be interrupted anywhere, and its loop may have begun by then or not.
So each start has a session of its own: a loop that begins too late finds that its
session was claimed, and ends.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from .. import threads
from ..clock import Moment
from ..errors import RequestTimeoutError
from .ledger import Ledger
from .loop import Question
from .selector import Selector
from .timeline import Timeline


class EndedError(Exception):
    """The session has ended, and answers no more."""


class Session:
    """What one start makes, and takes back in the end: once, by the loop or by that start.

    ``undo`` takes it back; who does so asks :meth:`claim` for it. Safe from any thread, but
    that ``timeline`` and ``ledger`` belong to the loop once it runs.
    """

    def __init__(self, read: Callable[[], Moment]) -> None:
        self.selector = Selector(read)
        self.undo = ExitStack()
        self.quit = threading.Event()  # set when no question will be answered any more
        self.thread: threading.Thread | None = None
        self.ident: int | None = None  # of the loop's thread
        self.starter: int | None = threading.get_ident()  # the thread in start()
        self.is_launching = False  # what is left of start() takes no time
        self.is_launched = False  # the thread runs, or has run
        self.launched = threads.Latch()  # is set when that is known
        self.has_storage = False
        self.is_abandoned = False  # by a start that failed
        self.timeline: Timeline
        self.ledger: Ledger
        self._claims = [self.undo]
        self._joining = threading.RLock()  # one at a time: Thread.join() of two may raise
        self._is_joining = False  # guarded by _joining

    def claim(self) -> ExitStack | None:
        """What takes everything back, for the first who asks; None for all others."""
        try:
            return self._claims.pop()
        except IndexError:
            return None

    def launch(self, thread: threading.Thread) -> None:
        """Start the loop's thread."""
        self.thread = thread
        self.is_launching = True
        threads.start(thread)
        self.is_launched = True
        self.launched.set()

    def abandon(self) -> None:
        """Take back a start that failed, wherever it was."""
        undo = self.claim()
        if undo is not None:  # the loop has not begun, and if it does, it ends at once
            undo.close()
            self.quit.set()
        else:
            self.selector.end()
        if not self.is_launched:
            self.is_launched = undo is None  # else there may be no thread to join
            self.launched.set()
        self.join()

    def join(self) -> None:
        """Return when the loop's thread has ended, if there was one.

        In a signal's handler that interrupts another call of it, return at once.
        """
        with self._joining:
            if self._is_joining:  # by this thread
                return
            self._is_joining = True
            try:
                if self.is_launched and self.thread is not None:
                    self.thread.join()
            finally:
                self._is_joining = False

    def ask(
        self, timeout: float | None, answer: Callable[..., Any], arguments: tuple[object, ...]
    ) -> Any:
        """Have the loop call ``answer(ledger, now, *arguments)``, and return the result.

        Raises what that raises, ``RequestTimeoutError``, or :class:`EndedError`.
        """
        question = Question(answer, arguments)
        self.selector.post(question)
        # The loop sets quit and then fails what is left; here the question was
        # put and then quit is looked at: one of the two sees the other.
        try:
            if self.quit.is_set():
                result, error = question.response.get_nowait()
            else:
                result, error = question.response.get(timeout=timeout)
        except queue.Empty:
            if self.quit.is_set():
                raise EndedError from None
            raise RequestTimeoutError(f"no answer within {timeout} seconds") from None
        if error is None:
            return result
        try:
            raise error  # with the loop's frames; this caller alone has it
        finally:
            del error  # which refers to this frame
