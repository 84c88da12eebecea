"""Waits for sight: callers that wait until the timeline goes on.

Each has a queue of its own, as a question has: whatever interrupts one holds up no other.
"""

from __future__ import annotations

import queue

from .timeline import Timeline

Wait = queue.SimpleQueue[bool]


class SightWaits:
    """Who waits for the store to see its node. Not thread-safe: the loop owns it."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._waits: dict[Wait, None] = {}
        timeline.on_resume = self._see

    def __len__(self) -> int:
        return len(self._waits)

    def begin(self) -> Wait | None:
        """A queue that gets True when the store sees, or False at the end; None: it sees."""
        if not self._timeline.paused:
            return None
        wait: Wait = queue.SimpleQueue()
        self._waits[wait] = None
        return wait

    def forget(self, wait: Wait) -> None:
        """A caller does not wait any more."""
        self._waits.pop(wait, None)

    def end(self) -> None:
        """Nothing will be seen any more."""
        self._answer(sees=False)

    def _see(self) -> None:
        self._answer(sees=True)

    def _answer(self, *, sees: bool) -> None:
        while self._waits:
            self._waits.popitem()[0].put(sees)
