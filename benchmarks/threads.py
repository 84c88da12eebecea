"""Threads that cannot make a benchmark hang.

All are daemons, and are joined with a timeout, because some threads cannot be told to end: one
that waits to put into a full queue without a reader, or one whose queue a Ctrl-C in a ``put``
left locked.
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
    """Run each work in a thread; ``end``, called after the body, makes the works end."""
    threads = _started(works)
    try:
        yield
    finally:
        end()
        for thread in threads:
            thread.join(_LONG_ENOUGH)


def together(works: Sequence[Callable[[], object]]) -> None:
    """Run each work in a thread, and wait for all of them."""
    for thread in _started(works):
        thread.join()
