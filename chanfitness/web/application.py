"""WSGI applications and server for a running store: page, metrics, JSON and health check.

``serve(store, ("127.0.0.1", 9790))`` starts the server; needs ``chanfitness[web]``.
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

_SHARE = 9  # a page is kept for at least this many times as long as its rendering took
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
    """Serve the page of ``store`` at ``http://HOST:PORT/``, in a thread, until ``close()``.

    The server also has ``/metrics`` for Prometheus, ``/api/channels`` (the JSON of
    ``chanfitness show``) and ``/healthz`` (200 if the store answers, else 503).

    Args:
        store: A store that keeps history; it need not be started yet.
        address: Host and port, as returned by :func:`chanfitness.exporter.parse_address`.
        title: The page's title.
        allowed_hosts: As for :func:`chanfitness.exporter.serve`.
        password: Required for all paths but ``/healthz``; None: no password. Browsers send it
            unencrypted: use a TLS proxy where others can listen.

    Returns:
        The running server. Its ``close()`` ends it and may be called from any thread.

    Raises:
        OSError: The address cannot be listened on.
        TypeError: ``address`` or ``allowed_hosts`` has the wrong type.
        ValueError: The address or a host name is invalid.
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
    """Return the applications by path. They are not thread-safe."""
    site = _Site(store, title, clock)
    return {
        "/": _or_unavailable(site.page),
        "/api/channels": _or_unavailable(site.channels),
        HEALTH: _or_unavailable(site.health),
        "/metrics": metrics(store),
    }


class _Site:
    """The applications; each raises ``ChanFitnessError`` if the store does not answer."""

    def __init__(
        self, store: ChannelEventStore, title: str | None, clock: Callable[[], float]
    ) -> None:
        self._snapshots = Snapshots(store, clock)
        self._title = title
        self._clock = clock
        self._shown: Mapping[str, Overview] | None = None  # the snapshots in the page
        self._page = b""
        self._tag = ""
        self._until = 0.0  # when the next page may be rendered

    def page(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer with the page, or with 304 if the client's copy is current."""
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
        """Answer with the JSON of ``chanfitness show``, as of now."""
        overview = self._snapshots.latest(of_now=True)[ALL]
        start_response("200 OK", [("Content-Type", "application/json")])
        return [report(CHANNELS, overview, SystemClock().now()).render("json", None).encode()]

    def health(self, _: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer with 200 if the store answers."""
        self._snapshots.latest()
        start_response("200 OK", [("Content-Type", _PLAIN)])
        return [b"ok\n"]


def _or_unavailable(application: WSGIApplication) -> WSGIApplication:
    """Wrap an application to answer 503 with the reason if the store does not answer."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return application(environ, start_response)
        except ChanFitnessError as error:
            start_response("503 Service Unavailable", [("Content-Type", _PLAIN)])
            return [f"{error}\n".encode()]

    return answer
