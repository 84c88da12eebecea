"""Waits of callers until the store sees its node.

Each wait has its own queue, as a question has, so that an interrupted caller delays no other.
"""

from __future__ import annotations

import queue

from .timeline import Timeline

Wait = queue.SimpleQueue[bool]


class SightWaits:
    """The waits for sight. Not thread-safe: the loop owns it."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._waits: dict[Wait, None] = {}
        timeline.on_resume = self._see

    def __len__(self) -> int:
        return len(self._waits)

    def begin(self) -> Wait | None:
        """Return a queue that gets True at the resume, or False at the end; None if not paused."""
        if not self._timeline.paused:
            return None
        wait: Wait = queue.SimpleQueue()
        self._waits[wait] = None
        return wait

    def forget(self, wait: Wait) -> None:
        """End a caller's wait."""
        self._waits.pop(wait, None)

    def end(self) -> None:
        """End all waits with False."""
        self._answer(sees=False)

    def _see(self) -> None:
        self._answer(sees=True)

    def _answer(self, *, sees: bool) -> None:
        while self._waits:
            self._waits.popitem()[0].put(sees)
