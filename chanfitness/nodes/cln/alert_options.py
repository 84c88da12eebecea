"""The plugin's options for alerts, and the alerts that they ask for."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ...alerts.alerts import AFTER, Alerts
from ...alerts.command import URLS_VARIABLE, Command
from ...alerts.messages import KINDS
from ...alerts.urls import AppriseUrl, read_urls
from ...periods import parse_period
from ...storage.sqlite import SqliteStorage

_AFTER, _COMMAND = "chanfitness-alert-after", "chanfitness-alert-command"
_TO, _WITHOUT = "chanfitness-alert-to", "chanfitness-alert-without"


def add_alert_options(plugin: Any) -> None:
    """Declare them, to a pyln ``Plugin``."""
    plugin.add_option(
        _AFTER, None, "Alert when a peer was seen to be offline for so long; 6h unless given"
    )
    plugin.add_option(
        _COMMAND, None, "Run this for each alert, without a shell; it reads a line of JSON"
    )
    plugin.add_option(
        _TO,
        None,
        "Deliver alerts to this URL (see apprise); @FILE: to those in a file, one a line; also to"
        f" those in ${URLS_VARIABLE}",
        multi=True,
    )
    plugin.add_option(_WITHOUT, None, f"No alerts of this kind: {', '.join(KINDS)}", multi=True)


def alerts_of(option: Callable[[str], object], storage: SqliteStorage) -> Alerts | None:
    """The alerts that are asked for; None: none are.

    ``option``: returns the value of an option. Raises ``ValueError`` or ``ChanFitnessError``
    for one that cannot be used; of those that may hold secrets neither shows the value.
    """
    after, command = option(_AFTER), option(_COMMAND)
    tell: list[Command | AppriseUrl] = []
    if command is not None:
        if not isinstance(command, str):
            raise ValueError(f"bad {_COMMAND}: expected a program and its arguments")
        tell.append(Command(command))
    urls = read_urls(_texts(_TO, option(_TO)), os.environ.get(URLS_VARIABLE))
    tell += [AppriseUrl(url, number) for number, url in enumerate(urls, 1)]
    if not tell:
        if after is not None:
            raise ValueError(f"{_AFTER}, and nobody to alert: expected {_COMMAND} or {_TO}")
        return None
    try:
        period = AFTER if after is None else parse_period(after)
        without = _texts(_WITHOUT, option(_WITHOUT))
        return Alerts(*tell, after=period, without=without, storage=storage)
    except ValueError as error:
        raise ValueError(f"chanfitness-alert options: {error}") from None


def _texts(name: str, value: object) -> list[str]:
    """What an option has that may be given more than once."""
    values = value if isinstance(value, list) else [] if value is None else [value]
    texts = [each for each in values if isinstance(each, str)]
    if len(texts) < len(values):
        raise ValueError(f"bad {name}: expected text")
    return texts
