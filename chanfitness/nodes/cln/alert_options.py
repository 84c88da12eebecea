"""The plugin's options for alerts."""

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
    """Declare the options to a pyln ``Plugin``."""
    plugin.add_option(
        _AFTER, None, "Alert when a peer has been offline for this much seen time; default: 6h"
    )
    plugin.add_option(
        _COMMAND, None, "Run this for each alert, without a shell; its input is one line of JSON"
    )
    plugin.add_option(
        _TO,
        None,
        "Send alerts to this apprise URL, or with @FILE to the URLs in a file, one on each line;"
        f" alerts also go to the URLs in ${URLS_VARIABLE}",
        multi=True,
    )
    plugin.add_option(
        _WITHOUT, None, f"Send no alerts of this kind: {', '.join(KINDS)}", multi=True
    )


def alerts_of(option: Callable[[str], object], storage: SqliteStorage) -> Alerts | None:
    """Return the alerts that the options ask for, or None.

    ``option``: returns the value of an option. Raise ``ValueError`` or ``ChanFitnessError``
    for a value that cannot be used; they do not show values that may hold secrets.
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
            raise ValueError(f"{_AFTER} without a receiver: expected {_COMMAND} or {_TO}")
        return None
    try:
        period = AFTER if after is None else parse_period(after)
        without = _texts(_WITHOUT, option(_WITHOUT))
        return Alerts(*tell, after=period, without=without, storage=storage)
    except ValueError as error:
        raise ValueError(f"chanfitness-alert options: {error}") from None


def _texts(name: str, value: object) -> list[str]:
    """Return the values of an option that may be given more than once."""
    values = value if isinstance(value, list) else [] if value is None else [value]
    texts = [each for each in values if isinstance(each, str)]
    if len(texts) < len(values):
        raise ValueError(f"bad {name}: expected text")
    return texts
