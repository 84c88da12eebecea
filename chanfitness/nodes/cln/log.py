"""Log handler that writes to lightningd's log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from ...checks import extra, printable, quoted
from .output import Output

with extra("cln"):
    from pyln.client.plugin import PluginLogHandler  # type: ignore[import-untyped]


class NodeLog(logging.Handler):
    """Writes log records by ``log(text, level)``: one line each, escaped."""

    def __init__(self, log: Callable[[str, str], object]) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record. Never raise: there is no other place to log an error."""
        with suppress(Exception):
            self._log(_one_line(record), _level(record.levelno))


def log_to(output: Output) -> None:
    """Replace pyln's log handler, which escapes nothing, by :class:`NodeLog`."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler, PluginLogHandler):
            root.removeHandler(handler)
    root.addHandler(NodeLog(output.log))
    logging.getLogger("chanfitness").setLevel(logging.INFO)


def _level(number: int) -> str:
    """Return lightningd's name of a logging level."""
    if number >= logging.ERROR:
        return "broken"
    if number >= logging.WARNING:
        return "unusual"
    return "info" if number >= logging.INFO else "debug"


def _one_line(record: logging.LogRecord) -> str:
    text = record.getMessage()
    if record.exc_info and record.exc_info[1] is not None:
        error, traceback = record.exc_info[1:]
        text += f": {quoted(error)}"
        while traceback is not None:
            text += f" < {traceback.tb_frame.f_code.co_name}:{traceback.tb_lineno}"
            traceback = traceback.tb_next
    return printable(text)
