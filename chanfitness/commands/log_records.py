"""Redirection of all log records to one function."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Say = Callable[[str, int, datetime.datetime], object]
"""Called with the message of a log record, its level, and its date (UTC)."""


class _Handler(logging.Handler):
    """Passes log records to a function."""

    def __init__(self, say: Say) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("chanfitness: %(message)s"))
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        try:
            at = datetime.datetime.fromtimestamp(record.created, datetime.timezone.utc)
            self._say(self.format(record), record.levelno, at)
        except Exception:
            self.handleError(record)


@contextmanager
def logging_to(say: Say) -> Iterator[None]:
    """Send all log records to ``say``, and nowhere else."""
    root, handler = logging.getLogger(), _Handler(say)
    before = root.handlers[:]
    for each in before:
        root.removeHandler(each)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        for each in before:
            root.addHandler(each)
