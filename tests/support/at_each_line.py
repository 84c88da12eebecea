"""An action at a given line of the code under test, in the thread that runs it.

It stands for another thread without a common lock, or for a signal: they may act between any
two lines.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class AtLine:
    """Calls ``do`` before line ``number``, counted over all lines in files of ``folder``.

    ``happened``: whether so many lines ran.
    """

    def __init__(self, folder: str, number: int, do: Callable[[], object]) -> None:
        self._folder, self._left, self._do = folder, number, do
        self.happened = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count the lines of this thread."""
        before = sys.gettrace()
        sys.settrace(self._trace)
        try:
            yield
        finally:
            sys.settrace(before)

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if self._folder not in frame.f_code.co_filename or self.happened:
            return None
        if event == "line" and not _leaves_a_with(frame):
            self._left -= 1
            if self._left == 0:
                self.happened = True
                self._do()
        return self._trace


def _leaves_a_with(frame: FrameType) -> bool:
    """Return whether the line may end a ``with``, where Python lets nothing interrupt."""
    text = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
    return text.lstrip().startswith("with ")
