"""What of a node's answer cannot be used."""

from __future__ import annotations

from typing_extensions import Self

from ..logs import Log

MAXIMUM_SHOWN = 10


class SkippedEntries:
    """Logs why something is left out: for the first few, and for the rest their number.

    So a list of nonsense costs few lines of the log, however long it is.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._count = 0

    def because(self, reason: str, *arguments: object) -> None:
        """Leave one out; ``reason`` is a format for ``arguments``, as for a log."""
        self._count += 1
        if self._count <= MAXIMUM_SHOWN:
            self._log.warning(reason, *arguments)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._count > MAXIMUM_SHOWN:
            self._log.warning("and %d more of that answer", self._count - MAXIMUM_SHOWN)
