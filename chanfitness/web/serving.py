"""What is served of a running store over HTTP, as options ask for it: its metrics, its page.

The extras that serve are imported once something is to be served.
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
    """A server: where it listens, and its end."""

    port: int

    def close(self) -> object:
        """Listen no more."""


class Service(NamedTuple):
    """What is to be served.

    ``name``: in words. ``host``: where. ``start``: begins to serve a store, or raises
    ``OSError``. ``has_page``: whether there is a page, or the metrics alone.
    """

    name: str
    host: str
    start: Callable[[ChannelEventStore], Running]
    has_page: bool = False

    def where(self, server: Running) -> str:
        """Says at which URLs a server of it is asked."""
        url = f"http://{format_address(self.host, server.port)}"
        return f"a page at {url}/, " * self.has_page + f"metrics at {url}/metrics"


def services(
    metrics: str | None,
    page: str | None,
    *,
    password_file: str | None = None,
    allowed_hosts: Iterable[str] = (),
) -> list[Service]:
    """The services that are asked for.

    Args:
        metrics: Where the metrics are served, ``[HOST:]PORT``; None: nowhere but beside a page.
        page: Where the page is; if both are one address, one server has both.
        password_file: Of the page.
        allowed_hosts: As for :func:`chanfitness.exporter.serve`.

    Raises:
        ValueError: What was given cannot be used.
        ChanFitnessError: A password is given, and no page.
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
