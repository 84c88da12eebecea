"""Interface of a thread's inbox, which tests replace to simulate time."""

from __future__ import annotations

from typing import Any, Protocol


class Inbox(Protocol):
    """The methods of a ``queue.SimpleQueue`` that a node's threads use."""

    def put(self, item: Any) -> None:
        """Add an item. Never blocks."""

    def get(self, *, timeout: float | None) -> Any:
        """Remove and return the next item; raise ``queue.Empty`` after ``timeout`` seconds."""

    def qsize(self) -> int:
        """Return the number of items."""
