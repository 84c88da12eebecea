"""HTTP services of a running store, selected by options: metrics and page.

The modules that need extras are imported only when a service is requested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple, Protocol

from ..errors import ChanFitnessError
from ..http.address import format_address, parse_address, parse_hosts
from ..http.password import read_password
from ..store import ChannelEventStore


class Running(Protocol):
    """A running server."""

    port: int

    def close(self) -> object:
        """Stop listening."""


class Service(NamedTuple):
    """A service to be started.

    Attributes:
        name: Name for messages.
        host: Host to listen on.
        start: Starts to serve a store; raises ``OSError`` if it cannot listen.
        has_page: Whether it serves the page, or the metrics only.
    """

    name: str
    host: str
    start: Callable[[ChannelEventStore], Running]
    has_page: bool = False

    def where(self, server: Running) -> str:
        """Return the URLs of a running server in words."""
        url = f"http://{format_address(self.host, server.port)}"
        return f"a page at {url}/, " * self.has_page + f"metrics at {url}/metrics"


def services(
    metrics: str | None,
    page: str | None,
    *,
    password_file: str | None = None,
    allowed_hosts: Iterable[str] = (),
) -> list[Service]:
    """Return the requested services.

    Args:
        metrics: Address of the metrics, ``[HOST:]PORT``; None: only together with a page.
        page: Address of the page; if it is that of the metrics, one server has both.
        password_file: File with the page's password.
        allowed_hosts: As for :func:`chanfitness.exporter.serve`.

    Raises:
        ValueError: An address, a host or the password file is invalid.
        ChanFitnessError: A password is given without a page.
        ModuleNotFoundError: An extra is not installed.
    """
    hosts = list(allowed_hosts)
    parse_hosts(hosts)
    if page is None and password_file is not None:
        raise ChanFitnessError("a password is of no use without a page: give its address, too")
    found = []
    if metrics is not None and (page is None or parse_address(metrics) != parse_address(page)):
        found.append(_metrics(parse_address(metrics), hosts))
    if page is not None:
        found.append(_page(parse_address(page), hosts, password_file))
    return found


def _metrics(address: tuple[str, int], hosts: list[str]) -> Service:
    from ..exporter import serve  # noqa: PLC0415

    return Service("metrics", address[0], partial(serve, address=address, allowed_hosts=hosts))


def _page(address: tuple[str, int], hosts: list[str], password_file: str | None) -> Service:
    from .application import serve  # noqa: PLC0415

    password = None if password_file is None else read_password(password_file)
    start = partial(serve, address=address, allowed_hosts=hosts, password=password)
    return Service("page", address[0], start, has_page=True)
