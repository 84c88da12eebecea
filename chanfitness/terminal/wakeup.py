"""Wake-ups by signals, threads and writable outputs."""

from __future__ import annotations

import math
import select
import signal
import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress
from types import FrameType

from typing_extensions import Self

from .nonblocking_output import NonblockingOutput


class InterruptedBySignalError(Exception):
    """A signal requested the end of the command."""

    def __init__(self, number: int) -> None:
        self.signal = number


class Wakeup:
    """A wake-up for one waiting thread, which any thread can ring. Used as a context manager.

    ``received``: the number of the signal that requested the end, or None.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._rung = False  # since the last wait; saves the system calls of repeated rings

    def __enter__(self) -> Self:
        self._wake_up, self._noticed = socket.socketpair()
        self._wake_up.setblocking(False)
        self._noticed.setblocking(False)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._wake_up.close()
        self._noticed.close()

    def ring(self) -> None:
        """End the current or the next ``wait``. Thread-safe; also allowed after the exit."""
        if not self._rung:
            self._rung = True
            with suppress(OSError):  # full, which wakes the waiter too; or closed
                self._noticed.send(b"\0")

    def wait(self, timeout: float | None, outputs: Iterable[NonblockingOutput] = ()) -> None:
        """Return after a ring, a signal, a write to an output, or ``timeout`` seconds.

        The waiting thread then sees everything done before the ring.
        """
        alive = {output.fileno(): output for output in outputs if output.error is None}
        poll = select.poll()
        poll.register(self._wake_up, select.POLLIN)
        for descriptor, output in alive.items():
            poll.register(descriptor, output.wanted())
        ready = dict(poll.poll(None if timeout is None else math.ceil(timeout * 1000)))
        if ready.pop(self._wake_up.fileno(), None) is not None:
            self._wake_up.recv(4096)
            self._rung = False
        for descriptor, events in list(ready.items())[:1]:  # outputs may share a pipe
            alive[descriptor].go_on(events)


class Signals(Wakeup):
    """A wake-up during which signals only set a flag and end a wait."""

    def __init__(self, numbers: Sequence[signal.Signals] = (signal.SIGINT, signal.SIGTERM)) -> None:
        super().__init__()
        self._numbers = numbers

    def __enter__(self) -> Self:
        super().__enter__()
        self._fd_before = signal.set_wakeup_fd(self._noticed.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._note) for number in self._numbers}
        return self

    def __exit__(self, *exc_info: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._fd_before)
        super().__exit__(*exc_info)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = number

    def wait_for(self, readable: int) -> None:
        """Wait until ``readable`` is readable; raise ``InterruptedBySignalError`` on a signal."""
        if self.received is None:
            select.select([readable, self._wake_up.fileno()], [], [])
        self.check()

    def check(self) -> None:
        """Raise ``InterruptedBySignalError`` after a signal."""
        if self.received is not None:
            raise InterruptedBySignalError(self.received)
