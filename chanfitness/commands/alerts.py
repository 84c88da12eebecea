"""Alerts on the command line: receivers by options, and their test."""

from __future__ import annotations

import argparse
import logging
import os

from ..alerts.alerts import AFTER, Alerts
from ..alerts.command import URLS_VARIABLE, Command, UndeliveredError
from ..alerts.draft import Rules
from ..alerts.messages import Message
from ..alerts.replaying import ReplayedAlerts
from ..alerts.samples import samples
from ..alerts.urls import AppriseUrl, read_urls
from ..errors import ChanFitnessError
from ..logs import logged_time
from ..storage.sqlite import SqliteStorage

logger = logging.getLogger(__name__)

_EXPECTED = f"expected --alert-command, --alert-to, or URLs in ${URLS_VARIABLE}"

Receiver = Command | AppriseUrl


def receivers(options: argparse.Namespace, *, shows_errors: bool = False) -> list[Receiver]:
    """Return the receivers; raise ``ValueError`` or ``ChanFitnessError`` for bad options."""
    found: list[Receiver] = []
    if options.alert_command is not None:
        found.append(Command(options.alert_command, shows_errors=shows_errors))
    urls = read_urls(options.alert_to, os.environ.get(URLS_VARIABLE))
    return found + [AppriseUrl(url, number) for number, url in enumerate(urls, 1)]


def alerts_of(options: argparse.Namespace, storage: SqliteStorage | None) -> Alerts | None:
    """Return the requested alerts, or None; raise as :func:`receivers`."""
    tell = receivers(options)
    if not tell:
        if options.alert_after is not None:
            raise ChanFitnessError(f"--alert-after without a receiver: {_EXPECTED}")
        return None
    after = AFTER if options.alert_after is None else options.alert_after
    return Alerts(*tell, after=after, without=options.alert_without, storage=storage)


def replayed_alerts(options: argparse.Namespace) -> ReplayedAlerts | None:
    """Return the requested alerts of a replay, or None; raise ``ValueError`` for a bad option."""
    after = options.alert_after
    if after is None:
        if options.alert_command is not None:
            raise ChanFitnessError("--alert-command needs --alert-after")
        return None
    tell = _log if options.alert_command is None else Command(options.alert_command)
    return ReplayedAlerts(tell, Rules(after, frozenset(options.alert_without)))


def _log(message: Message) -> None:
    logger.info("%s %s: %s", logged_time(message.at), message.kind, message.text)


def send_samples(options: argparse.Namespace) -> None:
    """Send one alert of each kind; raise ``ChanFitnessError`` if one is not delivered."""
    found = receivers(options, shows_errors=True)
    if not found:
        raise ChanFitnessError(f"no receiver of alerts: {_EXPECTED}")
    failures = []
    for message in samples(frozenset(options.alert_without)):
        for receiver in found:
            try:
                receiver(message)
            except UndeliveredError as error:
                failures.append(f"{message.kind} to {receiver.name}: {error}")
            else:
                logger.info("%s to %s: delivered", message.kind, receiver.name)
    if failures:
        raise ChanFitnessError(f"undelivered alerts: {'; '.join(failures)}")
