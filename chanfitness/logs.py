"""Loggers that never raise.

Handlers are foreign code. One that asks the store, for example, raises on the loop's own
thread. The loop, the storage's writer and the threads of nodes and servers log where no
caller catches the error: it would end the thread, and with it the accounting or the writing.
"""

from __future__ import annotations

import datetime
import logging
from contextlib import suppress
from functools import partialmethod


def logged_time(time: datetime.datetime) -> str:
    """Format ``time`` (in UTC) for a log line: ``2026-11-22T11:18:33Z``."""
    return time.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


class Log:
    """A :class:`logging.Logger` whose methods raise no ``Exception``. Safe from any thread.

    The methods take a format, its arguments, and ``exc_info``. An error in a handler loses
    this one record.
    """

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def _log(
        self,
        level: int,
        text: str,
        *arguments: object,
        exc_info: BaseException | bool | None = None,
        stacklevel: int = 2,
    ) -> None:
        try:
            self._logger.log(level, text, *arguments, exc_info=exc_info, stacklevel=stacklevel)
        except Exception as error:
            with suppress(Exception):  # nowhere is left to report it
                self._logger.error("a log handler failed", exc_info=error, stacklevel=stacklevel)

    def debug(self, text: str, *arguments: object) -> None:
        """Log at level DEBUG; cheap while that level is disabled, the common case."""
        if self._logger.isEnabledFor(logging.DEBUG):
            self._log(logging.DEBUG, text, *arguments, stacklevel=3)

    info = partialmethod(_log, logging.INFO)
    warning = partialmethod(_log, logging.WARNING)
    error = partialmethod(_log, logging.ERROR)
    critical = partialmethod(_log, logging.CRITICAL)
    exception = partialmethod(_log, logging.ERROR, exc_info=True)
