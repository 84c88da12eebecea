"""Loggers that raise nothing: a handler that raises costs its record, and nothing else.

Handlers are other people's code. One that asks the store, say, raises where it runs on
the loop's own thread; what was being done there goes on all the same.

It is not enough that each change is complete before it is logged. The loop, the
storage's writer and the threads of nodes and servers log where nothing above them
catches: a handler that raises there would end the thread, and with it the accounts,
or what is written of them.
"""

from __future__ import annotations

import logging
from contextlib import suppress


class Log:
    """A logger, as :class:`logging.Logger` has it, that raises no ``Exception``.

    Safe from any thread.
    """

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, text: str, *arguments: object) -> None:
        """Log at this level; ``text`` is a format for ``arguments``."""
        self._log(logging.DEBUG, text, arguments)

    def info(self, text: str, *arguments: object) -> None:
        """As :meth:`debug`."""
        self._log(logging.INFO, text, arguments)

    def warning(self, text: str, *arguments: object, exc_info: BaseException | None = None) -> None:
        """As :meth:`debug`; with ``exc_info``, its traceback too."""
        self._log(logging.WARNING, text, arguments, exc_info)

    def error(self, text: str, *arguments: object, exc_info: BaseException | None = None) -> None:
        """As :meth:`warning`."""
        self._log(logging.ERROR, text, arguments, exc_info)

    def critical(
        self, text: str, *arguments: object, exc_info: BaseException | None = None
    ) -> None:
        """As :meth:`warning`."""
        self._log(logging.CRITICAL, text, arguments, exc_info)

    def exception(self, text: str, *arguments: object) -> None:
        """As :meth:`error`, with the exception that is being handled."""
        self._log(logging.ERROR, text, arguments, True)

    def _log(
        self,
        level: int,
        text: str,
        arguments: tuple[object, ...],
        exc_info: BaseException | bool | None = None,
    ) -> None:
        try:
            self._logger.log(level, text, *arguments, exc_info=exc_info, stacklevel=3)
        except Exception as error:
            with suppress(Exception):  # it has nowhere else to say so
                self._logger.error("a log handler failed", exc_info=error, stacklevel=3)
