"""The interface of a thread's inbox, which tests replace to let time pass in no time."""

from __future__ import annotations

from typing import Any, Protocol


class Inbox(Protocol):
    """The methods of a ``queue.SimpleQueue`` that a node's threads use."""

    def put(self, item: Any) -> None:
        """Add an item. Never blocks."""

    def get(self, *, timeout: float | None) -> Any:
        """Take the next item out; ``queue.Empty`` after so many seconds without one."""

    def qsize(self) -> int:
        """How many items there are."""
