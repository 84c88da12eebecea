"""A queue that hands its items straight over to the one who watches it.

An ordinary ``queue.Queue`` keeps an item until it is taken, and a watcher has to be told
of it besides: two hand-overs. A :class:`WatchableQueue` that is watched needs one.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable
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


_Sink = tuple[Callable[[tuple[Any, Any, Any]], object], Callable[[], Moment], Callable[[], int]]
"""The watcher's ``note``, ``read`` and ``backlog``."""


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
        # Guarded, as all else here, by the mutex.
        self.has_ended = False  # nothing more is put
        self.watcher: Watcher | None = None
        self._sink: _Sink | None = None  # of the watcher, until the end

    def hand_over_to(self, watcher: Watcher) -> None:
        """Be watched from here on."""
        self.watcher = watcher
        if not self.has_ended:
            self._sink = watcher.note, watcher.read, watcher.backlog

    def put(self, item: object, block: bool = True, timeout: float | None = None) -> None:
        """Add ``item``, unless nothing more is to be put."""
        with self.mutex:
            if item is not ENDED:
                self.accept(item)
            else:
                self._end()

    def accept(self, item: object) -> bool:
        """Add ``item``; the mutex is held. Returns whether the watcher is far behind."""
        sink = self._sink
        if sink is None:
            if not self.has_ended:
                self._keep(item)
            return False
        note, read, backlog = sink  # one look-up for three: this is where events spend their time
        note((item, read(), self))
        return backlog() > BACKLOG and self.watcher is not None and not self.watcher.is_here()

    def _end(self) -> None:
        if not self.has_ended:
            if self.watcher is None:
                self._keep(ENDED)
            else:
                self.watcher.note((ENDED, None, self))
            self.has_ended, self._sink = True, None

    def _keep(self, item: object) -> None:
        self.queue.append(item)
        self.unfinished_tasks += 1
        self.not_empty.notify()

    def give_back(self, items: list[Any]) -> None:
        """Be an ordinary queue again, with ``items`` that were not handled; the mutex is held."""
        self.watcher = self._sink = None
        for item in items:
            if isinstance(item, Barrier):
                item.reached.set()
            else:
                self._keep(item)

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
                if self.watcher is not None:
                    self._end()
                self.has_ended = True
