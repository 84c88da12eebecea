"""lightningd's log, for what is logged here."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from ...checks import extra, printable, quoted
from .output import Output

with extra("cln"):
    from pyln.client.plugin import PluginLogHandler  # type: ignore[import-untyped]


class NodeLog(logging.Handler):
    """Writes what is logged to lightningd's log: one line each, escaped.

    ``log(text, level)`` writes it.
    """

    def __init__(self, log: Callable[[str, str], object]) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Never raises: what cannot be written has nowhere else to go."""
        with suppress(Exception):
            self._log(_one_line(record), _level(record.levelno))


def log_to(output: Output) -> None:
    """Log to lightningd's log, in place of pyln's handler, which escapes nothing."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler, PluginLogHandler):
            root.removeHandler(handler)
    root.addHandler(NodeLog(output.log))
    logging.getLogger("chanfitness").setLevel(logging.INFO)


def _level(number: int) -> str:
    """A level of logging, as lightningd calls it."""
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
