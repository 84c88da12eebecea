"""Receivers for notification services, with the ``apprise`` library in a subprocess.

URLs contain secrets. The subprocess reads its URL from standard input, which no process list
shows, and its logs, which may show the URL, are dropped. If a service hangs, the subprocess is
killed.
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
    """Delivers messages to the service of an apprise URL.

    For one message at a time; only :meth:`abort` is thread-safe.

    Args:
        url: The URL, which is never shown.
        number: Number of the URL, by which logs and errors name it.

    Raises:
        ValueError: Apprise does not know such a URL.
        ChanFitnessError: Apprise cannot be run.
        ModuleNotFoundError: The extra ``alerts`` is not installed.
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
        """Deliver a message, and block until the service has accepted it.

        Args:
            message: The message.

        Raises:
            UndeliveredError: The service refused it, or could not be reached.
        """
        if self._run(message) != DELIVERED:
            raise UndeliveredError("the service refused it, or could not be reached")

    def abort(self) -> None:
        """Abort the current delivery and any started later. Thread-safe."""
        self._runner.abort()

    def _run(self, message: Message | None) -> int:
        given = {"url": self._url}
        if message is not None:
            given |= {"title": TITLE, "body": message.text, "type": _type(message.kind)}
        return self._runner.run(json.dumps(given).encode())


def _type(kind: str) -> str:
    """Return apprise's notification type of a kind."""
    if kind == PEER_BACK or kind.endswith("_end"):
        return "success"
    if kind == MORE:
        return "info"
    return "failure" if kind in _GRAVE else "warning"


def read_urls(values: Sequence[str], variable: str | None) -> list[str]:
    """Return the URLs of ``--alert-to`` and of the environment variable.

    Args:
        values: URLs, or ``@FILE`` for a file with a URL per line; lines with # are comments.
        variable: URLs separated by spaces, or None.

    Raises:
        ChanFitnessError: A file cannot be read.
    """
    urls: list[str] = []
    for value in values:
        urls += _lines_of(value[1:]) if value.startswith("@") else [value]
    return urls + (variable or "").split()


def _lines_of(path: str) -> list[str]:
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ChanFitnessError(f"{path}: cannot read URLs for alerts: {error.strerror}") from None
    except ValueError:
        raise ChanFitnessError(f"{path}: bad file of URLs for alerts: not UTF-8 text") from None
    urls = [line.strip() for line in lines]
    return [url for url in urls if url and not url.startswith("#")]
