"""A queue that hands its items straight over to the one who watches it.

An ordinary ``queue.Queue`` keeps an item until it is taken, and a watcher has to be told
of it besides: two hand-overs. A :class:`WatchableQueue` that is watched needs one.
"""

from __future__ import annotations

import queue
import sys
import threading
from typing import Any, Final, Protocol

from typing_extensions import final

from ..clock import Moment


@final
class _Ended:
    def __repr__(self) -> str:
        return "subscribe.ENDED"


ENDED: Final = _Ended()
"""The last item of a subscription that was cancelled, or whose server stopped."""


BACKLOG = 5_000
"""With so many entries that wait, a publisher leaves the processor to the watcher."""


class Barrier:
    """An item that is reached once all that was put before it was handled."""

    def __init__(self) -> None:
        self.reached = threading.Event()


class Watcher(Protocol):
    """Whom a watchable queue hands its items over to."""

    def note(self, entry: tuple[Any, Any, Any]) -> None:
        """Take (item, moment, queue). Never blocks."""

    def read(self) -> Moment:
        """Read the clock."""

    def backlog(self) -> int:
        """How many entries wait for the watcher."""

    def is_here(self) -> bool:
        """Whether this is the thread of the watcher."""


class WatchableQueue(queue.Queue[Any]):
    """An unbounded queue whose items go straight to the one who watches it.

    Without a watcher it is an ordinary queue. After :data:`ENDED` nothing more is put, and
    nothing after a shutdown. ``mutex``: a ``threading.RLock``, which several queues may
    share. A put never waits, and a plain ``with`` takes the mutex, which an interrupt
    cannot leave locked.
    """

    def __init__(self, mutex: Any) -> None:
        super().__init__()
        self.reset(mutex)

    def reset(self, mutex: Any) -> None:
        """Take another mutex, and be watched by nobody: nobody uses the queue meanwhile."""
        self.mutex = mutex
        self.not_empty = threading.Condition(mutex)
        self.not_full = threading.Condition(mutex)
        self.all_tasks_done = threading.Condition(mutex)
        self.has_ended = False  # nothing more is put
        self.watcher: Watcher | None = None  # guarded, as all else here, by the mutex

    def put(self, item: object, block: bool = True, timeout: float | None = None) -> None:
        """Add ``item``, unless nothing more is to be put."""
        with self.mutex:
            if item is not ENDED:
                self.accept(item)
            elif not self.has_ended:
                self._add_last()
                self.has_ended = True

    def accept(self, item: object) -> bool:
        """Add ``item``; the mutex is held. Returns whether the watcher is far behind."""
        watcher = self.watcher
        if watcher is None or self.has_ended:
            self._keep(item)
            return False
        watcher.note((item, watcher.read(), self))
        return watcher.backlog() > BACKLOG and not watcher.is_here()

    def _add_last(self) -> None:
        if self.watcher is None:
            self._keep(ENDED)
        else:
            self.watcher.note((ENDED, None, self))

    def _keep(self, item: object) -> None:
        if not self.has_ended:
            self.queue.append(item)
            self.unfinished_tasks += 1
            self.not_empty.notify()

    def give_back(self, items: list[Any]) -> None:
        """Be an ordinary queue again, with ``items`` that were not handled; the mutex is held."""
        self.watcher = None
        for item in items:
            if isinstance(item, Barrier):
                item.reached.set()
            else:
                self.queue.append(item)
                self.unfinished_tasks += 1
                self.not_empty.notify()

    def is_held_here(self) -> bool:
        """Whether this thread holds the mutex: it is in the middle of a put."""
        try:
            self.not_empty.notify(0)
        except RuntimeError:  # as the documentation of Condition says
            return False
        return True

    def join(self) -> None:
        """Wait until all that was put before was handled."""
        barrier = Barrier()
        with self.mutex:
            watcher = self.watcher
            if watcher is not None:
                watcher.note((barrier, None, self))
        if watcher is not None:
            barrier.reached.wait()
        super().join()

    if sys.version_info >= (3, 13):

        def shutdown(self, immediate: bool = False) -> None:
            """As of any queue; what was handed over to a watcher is handled all the same."""
            with self.mutex:
                super().shutdown(immediate)
                if self.watcher is not None and not self.has_ended:
                    self._add_last()
                self.has_ended = True
