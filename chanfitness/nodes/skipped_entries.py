"""Rate-limited logging of unusable entries in a node's answer."""

from __future__ import annotations

from typing_extensions import Self

from ..logs import Log

MAXIMUM_SHOWN = 10


class SkippedEntries:
    """Logs why entries are skipped: a line for each of the first few, then their number."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._count = 0

    def because(self, reason: str, *arguments: object) -> None:
        """Skip one entry; ``reason`` is a log format for ``arguments``."""
        self._count += 1
        if self._count <= MAXIMUM_SHOWN:
            self._log.warning(reason, *arguments)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._count > MAXIMUM_SHOWN:
            self._log.warning("skipped %d more entries of that answer", self._count - MAXIMUM_SHOWN)
