"""Steps of the interpreter in the accounting, a cost that does not depend on the machine."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

import chanfitness.core

_FOLDER = chanfitness.core.__path__[0]


class CountedSteps:
    """Counts the steps in the accounting. A loop in C, such as a dict's copy, is one step.

    ``steps``: Python's instructions. ``calls``: by the name of the called function.
    """

    def __init__(self, function: Callable[[], object]) -> None:
        self.steps = 0
        self.calls: Counter[str] = Counter()
        before = sys.gettrace()
        sys.settrace(self._called)
        try:
            function()
        finally:
            sys.settrace(before)

    def _called(self, frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        if not frame.f_code.co_filename.startswith(_FOLDER):
            return None
        self.calls[frame.f_code.co_name] += 1
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return self._stepped

    def _stepped(self, _: FrameType, event: str, __: Any) -> Callable[..., Any]:
        self.steps += event == "opcode"
        return self._stepped
