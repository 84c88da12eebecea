"""Reusable threads, because to make one costs as much as a whole run.

They are bare threads: those of ``threading`` are made of objects that the tests replace.
"""

from __future__ import annotations

import _thread
from collections.abc import Callable

from typing_extensions import Self


class Worker:
    """A thread that runs its ``task`` whenever its ``baton`` is released."""

    def __init__(self) -> None:
        self.task: Callable[[], object] | None = None  # None: end
        self.baton = _thread.allocate_lock()
        self.baton.acquire()
        self._ended = _thread.allocate_lock()
        self._ended.acquire()
        _thread.start_new_thread(self._work, ())

    def _work(self) -> None:
        while True:
            self.baton.acquire()
            if self.task is None:
                break
            self.task()
        self._ended.release()

    def end(self) -> None:
        self.task = None
        self.baton.release()
        self._ended.acquire()


class Threads:
    """As many workers as are needed at once. On exit, the idle ones end."""

    def __init__(self) -> None:
        self._idle: list[Worker] = []

    def borrow(self) -> Worker:
        return self._idle.pop() if self._idle else Worker()

    def give_back(self, worker: Worker) -> None:
        """Take a worker back, which may be busy until it next waits for its baton."""
        self._idle.append(worker)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._idle:
            worker.end()
