"""Sessions: the thread and queues of one start of a store, taken down exactly once.

A start can fail or be interrupted anywhere, before or after its loop has begun. Each start
therefore has its own session: a loop that begins too late finds its session claimed, and
ends.
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
    """The session has ended and answers no more questions."""


class Session:
    """The resources of one start, released once, by the loop or by that start.

    ``undo`` releases them; :meth:`claim` decides who calls it. Safe from any thread, except
    ``timeline`` and ``ledger``, which belong to the loop once it runs.
    """

    def __init__(self, read: Callable[[], Moment]) -> None:
        self.selector = Selector(read)
        self.undo = ExitStack()
        self.quit = threading.Event()  # set when no more questions will be answered
        self.thread: threading.Thread | None = None
        self.ident: int | None = None  # of the loop's thread
        self.starter: int | None = threading.get_ident()  # the thread in start()
        self.is_launching = False  # from here on start() waits for nothing
        self.is_launched = False  # whether the thread runs or has run
        self.launched = threads.Latch()  # set when is_launched is final
        self.has_storage = False
        self.is_abandoned = False  # whether its start failed
        self.timeline: Timeline
        self.ledger: Ledger
        self._claims = [self.undo]
        self._joining = threading.RLock()  # Thread.join() from two threads may raise
        self._is_joining = False  # guarded by _joining

    def claim(self) -> ExitStack | None:
        """Return ``undo`` to the first caller, None to all others."""
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
        """Release the resources of a failed start, at any point of it."""
        undo = self.claim()
        if undo is not None:  # the loop has not begun; it would end at once
            undo.close()
            self.quit.set()
        else:
            self.selector.end()
        if not self.is_launched:
            self.is_launched = undo is None  # otherwise there may be no thread to join
            self.launched.set()
        self.join()

    def join(self) -> None:
        """Wait until the loop's thread has ended, if there was one.

        Return at once in a signal handler that interrupts another call of this method.
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

        Raise the errors of that call, ``RequestTimeoutError`` after ``timeout`` seconds, or
        :class:`EndedError`.
        """
        question = Question(answer, arguments)
        self.selector.post(question)
        # The loop sets quit and then fails the questions left. This caller has put its
        # question before it looks at quit. So one of the two sees the other.
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
            raise error  # with the loop's frames; no one else has a reference
        finally:
            del error  # its traceback refers to this frame: a reference cycle
