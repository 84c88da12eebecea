"""The plugin's options for HTTP, and what is served as they ask."""

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
    """Declare them, to a pyln ``Plugin``."""
    plugin.add_option(
        _METRICS,
        None,
        "[HOST:]PORT at which Prometheus may scrape; HOST is 127.0.0.1 unless given",
    )
    plugin.add_option(
        _PAGE,
        None,
        "[HOST:]PORT of a page to look at, with the metrics beside it; HOST as for Prometheus",
    )
    plugin.add_option(
        _PASSWORD_FILE, None, "The page asks for the password in this file's first line"
    )


def services_of(option: Callable[[str], str | None]) -> list[Service]:
    """What is to be served. ``option``: returns the value of an option. Raises as ``services``."""
    return services(option(_METRICS), option(_PAGE), password_file=option(_PASSWORD_FILE))


def start_all(wanted: list[Service], store: ChannelEventStore) -> ExitStack:
    """Serve the store as far as that can be; what is returned ends it."""
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
