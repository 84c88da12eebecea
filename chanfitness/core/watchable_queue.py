"""Queue that passes its items directly to a watcher.

A watcher of an ordinary ``queue.Queue`` is first notified of an item, and then takes it: two
operations an item. A watched :class:`WatchableQueue` needs one.
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
"""The number of waiting entries from which a publisher yields the processor to the watcher."""


class Barrier:
    """An item whose event is set once all earlier items were handled."""

    def __init__(self) -> None:
        self.reached = threading.Event()


_Sink = tuple[Callable[[tuple[Any, Any, Any]], object], Callable[[], Moment], Callable[[], int]]
"""The watcher's ``note``, ``read`` and ``backlog``."""


class Watcher(Protocol):
    """The consumer of watchable queues."""

    def note(self, entry: tuple[Any, Any, Any]) -> None:
        """Accept an entry (item, moment, queue). Never blocks."""

    def read(self) -> Moment:
        """Read the clock."""

    def backlog(self) -> int:
        """Return the number of entries that wait for the watcher."""

    def is_here(self) -> bool:
        """Return whether this is the watcher's thread."""


class WatchableQueue(queue.Queue[Any]):
    """An unbounded queue whose items go directly to its watcher. Safe from any thread.

    Without a watcher it is an ordinary queue. Items put after :data:`ENDED` or a shutdown are
    dropped. A put never waits, and takes the mutex by a plain ``with``, which an interrupt
    cannot leave locked.

    Args:
        mutex: A ``threading.RLock``, which several queues may share.
    """

    def __init__(self, mutex: Any) -> None:
        super().__init__()
        self.reset(mutex)

    def reset(self, mutex: Any) -> None:
        """Replace the mutex and remove the watcher, while no other thread uses the queue."""
        self.mutex = mutex
        self.not_empty = threading.Condition(mutex)
        self.not_full = threading.Condition(mutex)
        self.all_tasks_done = threading.Condition(mutex)
        # The mutex guards all that follows.
        self.has_ended = False
        self.watcher: Watcher | None = None
        self._sink: _Sink | None = None  # the watcher's, until the end

    def hand_over_to(self, watcher: Watcher) -> None:
        """Pass all later items to a watcher; the mutex is held."""
        self.watcher = watcher
        if not self.has_ended:
            self._sink = watcher.note, watcher.read, watcher.backlog

    def put(self, item: object, block: bool = True, timeout: float | None = None) -> None:
        """Add ``item``; drop it after the end."""
        with self.mutex:
            if item is not ENDED:
                self.accept(item)
            else:
                self._end()

    def accept(self, item: object) -> bool:
        """Add ``item``; the mutex is held. Return whether the watcher is far behind."""
        sink = self._sink
        if sink is None:
            if not self.has_ended:
                self._keep(item)
            return False
        note, read, backlog = sink  # one attribute access for three: each event passes here
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
        """Become an ordinary queue that contains unhandled ``items``; the mutex is held."""
        self.watcher = self._sink = None
        for item in items:
            if isinstance(item, Barrier):
                item.reached.set()
            else:
                self._keep(item)

    def is_held_here(self) -> bool:
        """Return whether this thread holds the mutex, so is in the middle of a put."""
        try:
            self.not_empty.notify(0)
        except RuntimeError:  # documented: raised without the lock
            return False
        return True

    def join(self) -> None:
        """Wait until all earlier items were handled."""
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
            """Shut down, as any queue; a watcher still handles the items it was given."""
            with self.mutex:
                super().shutdown(immediate)
                if self.watcher is not None:
                    self._end()
                self.has_ended = True
