"""The points at which CPython checks for signals, each reached on purpose.

A signal's handler runs, and Ctrl-C is raised, at the entry of a function and after the return
of a call: these are the events of a profiler.
"""

from __future__ import annotations

import _weakrefset
import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

_POINTS = ("call", "return", "c_return")
_PASSED_OVER = (__file__, _weakrefset.__file__)  # errors in a weak reference's callback are dropped


class SignalPoints:
    """Calls ``do`` at the point ``number``, counted from 0, of the code that runs inside it.

    ``do`` may raise, as the handler of Ctrl-C does. ``passed``: the number of points.
    """

    def __init__(self, number: int, do: Callable[[], object]) -> None:
        self._number = number
        self._do = do
        self.passed = 0

    def run(self, function: Callable[[], object]) -> None:
        self._frame = sys._getframe()
        gc.disable()  # errors in a finalizer that a collection calls are dropped too
        sys.setprofile(self._on_event)
        try:
            function()
        finally:
            sys.setprofile(None)
            gc.enable()

    def _on_event(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "return" and frame.f_back is self._frame:
            return  # the code is over, and this event is the caller's
        if event in _POINTS and frame.f_code.co_filename not in _PASSED_OVER:
            self.passed += 1
            if self.passed == self._number + 1:
                sys.setprofile(None)  # a handler is not interrupted itself
                self._do()


def interrupt() -> None:
    """Raise as the handler of Ctrl-C."""
    raise KeyboardInterrupt
