"""Loggers that raise nothing: a handler that raises costs its record, and nothing else.

Handlers are other people's code. One that asks the store, say, raises where it runs on
the loop's own thread; what was being done there goes on all the same.

It is not enough that each change is complete before it is logged. The loop, the
storage's writer and the threads of nodes and servers log where nothing above them
catches: a handler that raises there would end the thread, and with it the accounts,
or what is written of them.
"""

from __future__ import annotations

import datetime
import logging
from contextlib import suppress
from functools import partialmethod


def logged_time(time: datetime.datetime) -> str:
    """``time`` (in UTC) as log lines have it: ``2026-11-22T11:18:33Z``."""
    return time.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


class Log:
    """A logger, as :class:`logging.Logger` has it, that raises no ``Exception``.

    Its methods take a format, its arguments, and ``exc_info``. Safe from any thread.
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
            with suppress(Exception):  # it has nowhere else to say so
                self._logger.error("a log handler failed", exc_info=error, stacklevel=stacklevel)

    def debug(self, text: str, *arguments: object) -> None:
        """As the others; where nobody listens, which is the common case, it costs little."""
        if self._logger.isEnabledFor(logging.DEBUG):
            self._log(logging.DEBUG, text, *arguments, stacklevel=3)

    info = partialmethod(_log, logging.INFO)
    warning = partialmethod(_log, logging.WARNING)
    error = partialmethod(_log, logging.ERROR)
    critical = partialmethod(_log, logging.CRITICAL)
    exception = partialmethod(_log, logging.ERROR, exc_info=True)
