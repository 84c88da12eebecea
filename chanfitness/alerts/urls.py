"""Notification services by URL, with the ``apprise`` library in a process of its own.

A URL holds secrets. The process gets it by its input, where no list of processes shows it, and
what it logs, which may show it, is dropped. A service that hangs holds up that process, which
is ended.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from ..checks import extra
from ..errors import ChanFitnessError
from .apprise_process import BAD_URL, DELIVERED
from .command import Runner, UndeliveredError
from .messages import BLIND, MORE, OWN_OUTAGE, PEER_BACK, TRANSPORT_OUTAGE, UNSAVED, Message

TITLE = "chanfitness"

_PROGRAM = "from chanfitness.alerts.apprise_process import main; main()"
_SCHEME = re.compile(r"[a-z][a-z0-9]{1,15}://")
_GRAVE = (BLIND, OWN_OUTAGE, TRANSPORT_OUTAGE, UNSAVED)


class AppriseUrl:
    """Delivers messages to the service that a URL of apprise names.

    ``number``: by which ``name``, which is shown, tells it from others. Raises ``ValueError``,
    which does not show the URL, for one that apprise does not know, and
    ``ModuleNotFoundError`` without the extra ``alerts``. For one message at a time;
    :meth:`abort` is safe from any thread.
    """

    def __init__(self, url: str, number: int = 1) -> None:
        with extra("alerts"):
            if importlib.util.find_spec("apprise") is None:
                raise ModuleNotFoundError(name="apprise")
        self.name = f"url-{number}"
        self._url = url
        self._runner = Runner([sys.executable, "-c", _PROGRAM])
        status = self._run(None)
        if status == BAD_URL:
            scheme = _SCHEME.match(url)
            known = "" if scheme is None else f", which begins with {scheme[0]}"
            raise ValueError(
                f"apprise cannot use URL {number} of those for alerts{known}: expected one"
                " like ntfy://TOPIC or mailto://USER:PASSWORD@HOST"
            )
        if status != DELIVERED:
            raise ChanFitnessError(f"apprise cannot be run: it ended with status {status}")

    def __call__(self, message: Message) -> None:
        """Deliver; ``UndeliveredError`` if the service did not take it."""
        if self._run(message) != DELIVERED:
            raise UndeliveredError("the service did not take it, or cannot be reached")

    def abort(self) -> None:
        """Break off the delivery that goes on, and each that is begun from here on."""
        self._runner.abort()

    def _run(self, message: Message | None) -> int:
        given = {"url": self._url}
        if message is not None:
            given |= {"title": TITLE, "body": message.text, "type": _type(message.kind)}
        return self._runner.run(json.dumps(given).encode())


def _type(kind: str) -> str:
    """A type of notification, as apprise calls it."""
    if kind == PEER_BACK or kind.endswith("_end"):
        return "success"
    if kind == MORE:
        return "info"
    return "failure" if kind in _GRAVE else "warning"


def read_urls(values: Sequence[str], variable: str | None) -> list[str]:
    """The URLs of ``--alert-to`` and of the environment variable, which has some, with spaces.

    ``@FILE`` among the values stands for the URLs in a file: one a line; lines with # are
    left out. Raises ``ChanFitnessError`` for a file that cannot be read.
    """
    urls: list[str] = []
    for value in values:
        urls += _lines_of(value[1:]) if value.startswith("@") else [value]
    return urls + (variable or "").split()


def _lines_of(path: str) -> list[str]:
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ChanFitnessError(f"{path}: cannot be read for alerts: {error.strerror}") from None
    except ValueError:
        raise ChanFitnessError(f"{path}: no text with URLs for alerts") from None
    urls = [line.strip() for line in lines]
    return [url for url in urls if url and not url.startswith("#")]
