"""A Prometheus exporter: each scrape asks a store one question.

``serve(store, ("127.0.0.1", 9789))`` listens for it; a registry of your own takes
``registry.register(Collector(store))``. Needs the extra ``chanfitness[prometheus]``.
Scrapes are answered one at a time; those that wait together share one answer.
Labels are hex keys and channel points, and the name that you give the node, escaped. What a
node or a peer told of itself is a label of the ``..._info`` series alone, escaped, too.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .checks import extra, printable, quoted
from .core.channel import ChannelInfo
from .core.overview import Overview
from .errors import ChanFitnessError
from .http.address import AllowedHosts, listen, parse_address, parse_hosts
from .http.server import Server
from .logs import Log
from .store import ChannelEventStore

with extra("prometheus"):
    from prometheus_client import CollectorRegistry, make_wsgi_app
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
    from prometheus_client.metrics_core import Metric

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["Collector", "Server", "application", "parse_address", "serve"]

logger = Log(__name__)

ANSWER_SECONDS = 4.0
"""How long a scrape waits for the store, unless told otherwise.

Prometheus gives up after 10, and a scrape may first have to wait for another one.
"""

_LABEL_CHARACTERS = 80
_OPEN_METRICS = "application/openmetrics-text"


class Collector:
    """A collector of the metrics of one store.

    ``store``: asked once a scrape, for all. ``node``: the value of the label
    ``node``, for fleets; without it there is no such label. ``timeout``: seconds
    of real time to wait for the store's answer.

    A store that does not run or does not answer in time has ``chanfitness_up 0``
    and nothing else. One in blind time has it too, beside the figures, which
    stand still. Peers without a channel are left out, or strangers who connect
    could make any number of series. Safe from any thread.
    """

    def __init__(
        self, store: ChannelEventStore, *, node: str | None = None, timeout: float = ANSWER_SECONDS
    ) -> None:
        if not 0 <= timeout < math.inf:
            raise ValueError(f"bad timeout {quoted(timeout)}: expected 0 or more seconds")
        self._store = store
        self._node = None if node is None else _label(node)
        self._timeout = timeout
        self._lock = threading.Lock()  # guards what follows
        self._blind = 0.0

    def describe(self) -> Iterable[Metric]:
        """The metric families without samples, for ``register``: nothing is asked."""
        return _Families(self._node).all

    def collect(self) -> Iterable[Metric]:
        """The metric families of a scrape, as of one moment."""
        families = _Families(self._node)
        try:
            overview = self._store.get_overview(timeout=self._timeout)
        except ChanFitnessError as error:
            logger.debug("no answer for Prometheus: %s", quoted(error))
            families.add(families.up, 0)
        else:
            families.add(families.up, overview.sees)
            families.add(families.blind, self._never_less(overview.blind.total_seconds()))
            families.add_channels_and_peers(overview)
        return families.all

    def _never_less(self, blind: float) -> float:
        """Running maximum, so that the counter never decreases.

        Blind time can decrease, by the jitter of the clock or when that is set back.
        """
        with self._lock:
            self._blind = max(self._blind, blind)
            return self._blind


class _Families:
    """The metric families of one scrape."""

    def __init__(self, node: str | None) -> None:
        labels = [] if node is None else ["node"]
        self._node = [] if node is None else [node]
        of_channel, of_peer = [*labels, "channel_point", "peer"], [*labels, "peer"]
        self.up = GaugeMetricFamily(
            "chanfitness_up", "1 while the store answers and sees its node, else 0.", labels=labels
        )
        self.blind = CounterMetricFamily(
            "chanfitness_blind_seconds",
            "Time in which nothing was seen: neither lifetime nor uptime of any channel.",
            labels=labels,
        )
        self._lifetime = GaugeMetricFamily(
            "chanfitness_channel_lifetime_seconds",
            "How long the channel has been known, blind time left out.",
            labels=of_channel,
        )
        self._uptime = GaugeMetricFamily(
            "chanfitness_channel_uptime_seconds",
            "How much of the channel's lifetime its peer was online.",
            labels=of_channel,
        )
        self._ratio = GaugeMetricFamily(
            "chanfitness_channel_uptime_ratio",
            "Uptime by lifetime, 0 to 1; absent while the lifetime is zero.",
            labels=of_channel,
        )
        self._usable = GaugeMetricFamily(
            "chanfitness_channel_usable_seconds",
            "How much of the channel's uptime it was not inactive.",
            labels=of_channel,
        )
        self._usable_ratio = GaugeMetricFamily(
            "chanfitness_channel_usable_ratio",
            "Usable time by lifetime, 0 to 1; absent while that is zero, or if it is not known.",
            labels=of_channel,
        )
        self._active = GaugeMetricFamily(
            "chanfitness_channel_active",
            "1 while the channel is active, 0 while it is not; absent if the node never said.",
            labels=of_channel,
        )
        self._channel_info = GaugeMetricFamily(
            "chanfitness_channel_info",
            "1; the labels describe the channel, empty if that is not known.",
            labels=[*of_channel, "short_channel_id", "private"],
        )
        self._peer_info = GaugeMetricFamily(
            "chanfitness_peer_info",
            "1; the labels describe the peer of a channel, empty if that is not known.",
            labels=[*of_peer, "alias", "transport"],
        )
        self._online = GaugeMetricFamily(
            "chanfitness_peer_online", "1 while the peer of a channel is online.", labels=of_peer
        )
        self._flaps = GaugeMetricFamily(
            "chanfitness_peer_flaps",
            "How often the peer of a channel went on or offline, old changes counting less.",
            labels=of_peer,
        )
        self._transport = GaugeMetricFamily(
            "chanfitness_transport_up",
            "0 while this node's way to peers of the transport is lost, else 1.",
            labels=[*labels, "transport"],
        )
        self.all: list[Metric] = [
            self.up,
            self.blind,
            self._lifetime,
            self._uptime,
            self._ratio,
            self._usable,
            self._usable_ratio,
            self._active,
            self._channel_info,
            self._online,
            self._flaps,
            self._peer_info,
            self._transport,
        ]

    def add(
        self, family: GaugeMetricFamily | CounterMetricFamily, value: float, *labels: str
    ) -> None:
        """One sample."""
        family.add_metric([*self._node, *labels], value)

    def add_channels_and_peers(self, overview: Overview) -> None:
        """The samples of each channel, and of each peer that has one."""
        for info in overview.channels:
            self._add_channel(info)
        for peer in overview.peers:
            if peer.channels:
                key = str(peer.peer)
                self.add(self._online, peer.online, key)
                self.add(self._flaps, peer.flap_count, key)
                self.add(self._peer_info, 1, key, printable(peer.alias or ""), peer.transport or "")
        for transport, is_up in overview.transports:
            self.add(self._transport, is_up, transport)

    def _add_channel(self, info: ChannelInfo) -> None:
        labels = str(info.channel_point), str(info.peer)
        self.add(self._lifetime, info.lifetime.total_seconds(), *labels)
        self.add(self._uptime, info.uptime.total_seconds(), *labels)
        self.add(self._usable, info.usable.total_seconds(), *labels)
        private = "" if info.private is None else str(info.private).lower()
        self.add(self._channel_info, 1, *labels, info.short_channel_id or "", private)
        for family, value in (
            (self._ratio, info.uptime_ratio),
            (self._usable_ratio, info.usable_ratio),
            (self._active, info.active),
        ):
            if value is not None:
                self.add(family, value, *labels)


def _label(text: str) -> str:
    """``text``, escaped and cut, as a label shows it."""
    return ascii(text[:_LABEL_CHARACTERS])[1:-1]


def serve(
    store: ChannelEventStore,
    address: tuple[str, int],
    *,
    node: str | None = None,
    allowed_hosts: Iterable[str] = (),
) -> Server:
    """Let Prometheus scrape ``store`` at ``http://HOST:PORT/metrics``, until ``close()``.

    Everyone who reaches the address can read which channels the node has: let it be a
    loopback address, or one that only Prometheus reaches. A request for another host
    name than that of ``address``, loopback names, and ``allowed_hosts`` is refused; at
    0.0.0.0 or ``::``, any IP address and this machine's own names are taken too.

    ``address``: host and port, as of :func:`parse_address`. ``node``: as for
    :class:`Collector`. Raises ``OSError`` that names the address if it cannot be
    listened on, and ``TypeError`` or ``ValueError`` for a bad address or host name.
    """
    hosts, metrics = parse_hosts(allowed_hosts), application(store, node=node)
    listener = listen(address)
    return Server(
        listener,
        {"/metrics": metrics, "/": metrics},
        AllowedHosts(address[0], listener, hosts),
    )


def application(store: ChannelEventStore, *, node: str | None = None) -> WSGIApplication:
    """The metrics of ``store`` as a WSGI application, in either of Prometheus' formats.

    ``node``: as for :class:`Collector`.
    """
    registry = CollectorRegistry()
    registry.register(Collector(store, node=node))
    scrape: WSGIApplication = make_wsgi_app(registry)

    def metrics(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # The library fails for some headers, each of which would be a line in our log.
        is_open = _OPEN_METRICS in environ.get("HTTP_ACCEPT", "")
        return scrape({**environ, "HTTP_ACCEPT": _OPEN_METRICS if is_open else ""}, start_response)

    return metrics
