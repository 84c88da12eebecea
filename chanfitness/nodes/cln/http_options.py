"""The plugin's options for HTTP, and the servers that they ask for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from ...logs import Log
from ...store import ChannelEventStore
from ...web.serving import Service, services

logger = Log("chanfitness.nodes.cln")

_METRICS, _PAGE = "chanfitness-prometheus", "chanfitness-web"
_PASSWORD_FILE = "chanfitness-web-password-file"


def add_http_options(plugin: Any) -> None:
    """Declare the options to a pyln ``Plugin``."""
    plugin.add_option(
        _METRICS,
        None,
        "Serve Prometheus metrics at this [HOST:]PORT; default host: 127.0.0.1",
    )
    plugin.add_option(
        _PAGE,
        None,
        "Serve a web page and the metrics at this [HOST:]PORT; default host: 127.0.0.1",
    )
    plugin.add_option(
        _PASSWORD_FILE, None, "Require the password in this file's first line for the page"
    )


def services_of(option: Callable[[str], str | None]) -> list[Service]:
    """Return the services that the options ask for. Raise as ``services``.

    ``option``: returns the value of an option.
    """
    return services(option(_METRICS), option(_PAGE), password_file=option(_PASSWORD_FILE))


def start_all(wanted: list[Service], store: ChannelEventStore) -> ExitStack:
    """Start the services, and log those that cannot be. Closing the stack ends them."""
    servers = ExitStack()
    for service in wanted:
        try:
            server = service.start(store)
        except OSError as error:
            logger.error("no %s: %s", service.name, error)
        else:
            servers.callback(server.close)
            logger.info("%s", service.where(server))
    return servers
