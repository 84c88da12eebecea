"""Starting threads in a way that an interrupt cannot leave half done."""

from __future__ import annotations

import _thread
import threading


class Latch:
    """An event that is set once, and can be waited for in a handler that interrupts a wait for it.

    ``threading.Event`` takes a lock to wait, which such a handler would wait for.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._lock = _thread.allocate_lock()
        self._lock.acquire()

    def set(self) -> None:
        """Let all go on that wait. For one thread, once."""
        self._is_set = True
        self._lock.release()

    def wait(self) -> None:
        """Return when it is set."""
        if not self._is_set:
            self._lock.acquire()
            self._lock.release()


def start(thread: threading.Thread) -> None:
    """Start ``thread``, and return when it runs. Raises ``RuntimeError`` if it cannot.

    ``Thread.start()`` waits for the new thread under a lock that an interrupt (Ctrl-C)
    can leave locked, and then the new thread hangs for good. So it is called in a bare
    thread, where no interrupt is raised; here one can only end the wait.
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
    """Start ``thread``, note what that raised, and release the lock."""
    try:
        thread.start()
    except BaseException as error:
        failures.append(error)
    finally:
        is_over.release()
