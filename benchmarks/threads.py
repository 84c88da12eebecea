"""Threads that leave nothing behind that hangs.

All are daemons, and where the body of ``beside`` ends they are waited for only so
long: one that puts into a queue that nobody empties any more cannot be told to end,
nor one whose queue a Ctrl-C in the middle of a ``put`` left locked for good.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

_LONG_ENOUGH = 5.0  # seconds


def _started(works: Sequence[Callable[[], object]]) -> list[threading.Thread]:
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    return threads


@contextmanager
def beside(works: Sequence[Callable[[], object]], end: Callable[[], object]) -> Iterator[None]:
    """A thread for each of these works; they are told to ``end`` whatever happens in the body."""
    threads = _started(works)
    try:
        yield
    finally:
        end()
        for thread in threads:
            thread.join(_LONG_ENOUGH)


def together(works: Sequence[Callable[[], object]]) -> None:
    """Do these at once, each in a thread, until all are done."""
    for thread in _started(works):
        thread.join()
