"""The page of a running store, served: beside it its metrics, its figures, and its health.

``serve(store, ("127.0.0.1", 9790))`` serves it; needs ``chanfitness[web]``.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from ..clock import SystemClock
from ..core.overview import Overview
from ..errors import ChanFitnessError
from ..exporter import application as metrics
from ..http.address import AllowedHosts, listen, parse_hosts
from ..http.password import Password
from ..http.server import HEALTH, Server
from ..reports.formats import report
from ..reports.tables import CHANNELS
from ..store import ChannelEventStore
from .figures import ALL, page_figures
from .page import page_html, page_policy
from .snapshots import Snapshots

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_SHARE = 9  # a page is shown for so many times what it took to make it
_PLAIN, _HTML = "text/plain; charset=utf-8", "text/html; charset=utf-8"
_HEADERS = [("Content-Security-Policy", f"{page_policy(live=True)}; frame-ancestors 'none'")]


def serve(
    store: ChannelEventStore,
    address: tuple[str, int],
    *,
    title: str | None = None,
    allowed_hosts: Iterable[str] = (),
    password: Password | None = None,
) -> Server:
    """Serve the page of ``store`` at ``http://HOST:PORT/``, until ``close()``.

    There are also ``/metrics`` for Prometheus, ``/api/channels`` (the JSON of ``chanfitness
    show``) and ``/healthz`` (200 if the store answers, else 503).

    Args:
        store: One that keeps history; it need not have started yet.
        address: Host and port, as of :func:`chanfitness.exporter.parse_address`.
        title: The page's title.
        allowed_hosts: As for :func:`chanfitness.exporter.serve`.
        password: What must be given for all but ``/healthz``; None: nothing. It is sent as
            it is: where others can listen, TLS belongs in front.

    Raises:
        OSError: The address cannot be listened on.
        TypeError: What was given is no address, or no list of hosts.
        ValueError: The address or a host name is none.
    """
    hosts = parse_hosts(allowed_hosts)
    listener = listen(address)
    return Server(
        listener,
        applications(store, title=title),
        AllowedHosts(address[0], listener, hosts),
        password,
    )


def applications(
    store: ChannelEventStore,
    *,
    title: str | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Mapping[str, WSGIApplication]:
    """What is served, by path. For one thread."""
    site = _Site(store, title, clock)
    return {
        "/": _if_it_answers(site.page),
        "/api/channels": _if_it_answers(site.channels),
        HEALTH: _if_it_answers(site.health),
        "/metrics": metrics(store),
    }


class _Site:
    """The applications, each of which raises ``ChanFitnessError`` if the store does not answer."""

    def __init__(
        self, store: ChannelEventStore, title: str | None, clock: Callable[[], float]
    ) -> None:
        self._snapshots = Snapshots(store, clock)
        self._title = title
        self._clock = clock
        self._shown: Mapping[str, Overview] | None = None  # what the page is made of
        self._page = b""
        self._tag = ""
        self._until = 0.0  # when another may be made

    def page(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The page, or, to who has it already, that it is still the same."""
        overviews = self._snapshots.latest()
        if overviews is not self._shown and (self._shown is None or self._clock() >= self._until):
            self._make_page(overviews)
        headers = [*_HEADERS, ("ETag", self._tag)]
        if environ.get("HTTP_IF_NONE_MATCH") == self._tag:
            start_response("304 Not Modified", headers)
            return []
        start_response("200 OK", [*headers, ("Content-Type", _HTML)])
        return [self._page]

    def _make_page(self, overviews: Mapping[str, Overview]) -> None:
        begun = self._clock()
        tag = f'"{secrets.token_hex(8)}"'
        figures = page_figures(overviews, overviews[ALL].blind_spans)
        self._page = page_html(figures, title=self._title, tag=tag).encode()
        self._shown, self._tag = overviews, tag
        now = self._clock()
        self._until = now + _SHARE * (now - begun)

    def channels(self, _: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The JSON of ``chanfitness show``, as of now."""
        overview = self._snapshots.latest(of_now=True)[ALL]
        start_response("200 OK", [("Content-Type", "application/json")])
        return [report(CHANNELS, overview, SystemClock().now()).render("json", None).encode()]

    def health(self, _: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Whether the store answers."""
        self._snapshots.latest()
        start_response("200 OK", [("Content-Type", _PLAIN)])
        return [b"ok\n"]


def _if_it_answers(application: WSGIApplication) -> WSGIApplication:
    """The application, or why the store does not answer."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return application(environ, start_response)
        except ChanFitnessError as error:
            start_response("503 Service Unavailable", [("Content-Type", _PLAIN)])
            return [f"{error}\n".encode()]

    return answer
