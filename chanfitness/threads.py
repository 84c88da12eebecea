"""Thread start and a latch that are safe from interrupts (Ctrl-C)."""

from __future__ import annotations

import _thread
import threading


class Latch:
    """An event that is set once, and that a signal's handler can wait for.

    The wait of a ``threading.Event`` holds a lock: a handler that interrupts it and waits too
    would wait for that lock for ever.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._lock = _thread.allocate_lock()
        self._lock.acquire()

    def set(self) -> None:
        """Wake all waiting threads. May be called once."""
        self._is_set = True
        self._lock.release()

    def wait(self) -> None:
        """Wait until it is set."""
        if not self._is_set:
            self._lock.acquire()
            self._lock.release()


def start(thread: threading.Thread) -> None:
    """Start ``thread`` and wait until it runs; raise ``RuntimeError`` if it cannot.

    ``Thread.start()`` waits for the new thread under a lock that an interrupt can leave
    locked; the new thread then hangs for good. Therefore another thread calls it, since only
    the main thread is interrupted. An interrupt here ends the wait alone.
    """
    failures: list[BaseException] = []
    is_over = _thread.allocate_lock()
    is_over.acquire()
    _thread.start_new_thread(start_and_tell, (thread, failures, is_over))
    is_over.acquire()
    if failures:
        raise failures.pop()


def start_and_tell(
    thread: threading.Thread, failures: list[BaseException], is_over: _thread.LockType
) -> None:
    """Start ``thread``, collect the error if it fails, and release ``is_over``."""
    try:
        thread.start()
    except BaseException as error:
        failures.append(error)
    finally:
        is_over.release()
