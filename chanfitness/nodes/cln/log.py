"""lightningd's log, for what is logged here."""

from __future__ import annotations

import logging
from contextlib import suppress

from ...checks import extra, printable, quoted

with extra("cln"):
    from pyln.client import Plugin  # type: ignore[import-untyped]
    from pyln.client.plugin import PluginLogHandler  # type: ignore[import-untyped]


class NodeLog(logging.Handler):
    """Writes what is logged to lightningd's log: one line each, escaped."""

    def __init__(self, plugin: Plugin) -> None:
        super().__init__()
        self._plugin = plugin

    def emit(self, record: logging.LogRecord) -> None:
        """Never raises: what cannot be written has nowhere else to go."""
        with suppress(Exception):
            self._plugin.log(_one_line(record), _level(record.levelno))


def log_to(plugin: Plugin) -> None:
    """Log to lightningd's log, in place of pyln's handler, which escapes nothing."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler, PluginLogHandler):
            root.removeHandler(handler)
    root.addHandler(NodeLog(plugin))
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
