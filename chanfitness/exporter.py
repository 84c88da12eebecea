"""Prometheus exporter.

``serve(store, ("127.0.0.1", 9789))`` starts a server for scrapes; to use your own registry, call
``registry.register(Collector(store))``. Needs ``chanfitness[prometheus]``.

Each scrape is one query to the store. Scrapes are answered one at a time; those queued together
share one answer. Labels are hex keys, channel points, and the name that you give the node. Text
chosen by nodes and peers is a label of the ``..._info`` series only. All labels are escaped.
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
"""Default timeout of a scrape's query to the store.

Prometheus gives up after 10 seconds, and a scrape may have to wait for another one first.
"""

_LABEL_CHARACTERS = 80
_OPEN_METRICS = "application/openmetrics-text"


class Collector:
    """A collector of the metrics of one store. Thread-safe.

    A store that is not running or does not answer in time has only ``chanfitness_up 0``. In blind
    time ``chanfitness_up`` is 0 too, and the figures stand still. Peers without a channel are left
    out: strangers who connect could create any number of series otherwise.

    Args:
        store: The store; each scrape queries it once.
        node: Value of the label ``node``, for fleets; None: no such label.
        timeout: Seconds of real time to wait for the store's answer.

    Raises:
        ValueError: The timeout is negative, infinite or not a number.
    """

    def __init__(
        self, store: ChannelEventStore, *, node: str | None = None, timeout: float = ANSWER_SECONDS
    ) -> None:
        if not 0 <= timeout < math.inf:
            raise ValueError(f"bad timeout {quoted(timeout)}: expected 0 or more seconds")
        self._store = store
        self._node = None if node is None else _label(node)
        self._timeout = timeout
        self._lock = threading.Lock()  # guards _blind
        self._blind = 0.0

    def describe(self) -> Iterable[Metric]:
        """Return the metric families without samples, for ``register``.

        Does not query the store.

        Returns:
            The families.
        """
        return _Families(self._node).all

    def collect(self) -> Iterable[Metric]:
        """Return the metric families of a scrape, as of one instant.

        Returns:
            The families; only ``chanfitness_up`` has a sample if the store does not answer.
        """
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
        """Return the running maximum, so that the counter never decreases.

        Blind time itself can decrease, when the clock jitters or is set back.
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
            "Time in which the node was not seen, which is neither lifetime nor uptime.",
            labels=labels,
        )
        self._lifetime = GaugeMetricFamily(
            "chanfitness_channel_lifetime_seconds",
            "How long the channel has been known, without blind time.",
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
            "How much of the channel's uptime the channel was usable.",
            labels=of_channel,
        )
        self._usable_ratio = GaugeMetricFamily(
            "chanfitness_channel_usable_ratio",
            "Usable time by lifetime, 0 to 1; absent while the lifetime is zero, or if unknown.",
            labels=of_channel,
        )
        self._active = GaugeMetricFamily(
            "chanfitness_channel_active",
            "1 while the channel is active, 0 while it is inactive; absent if unknown.",
            labels=of_channel,
        )
        self._channel_info = GaugeMetricFamily(
            "chanfitness_channel_info",
            "Always 1; the labels describe the channel and are empty if unknown.",
            labels=[*of_channel, "short_channel_id", "private"],
        )
        self._peer_info = GaugeMetricFamily(
            "chanfitness_peer_info",
            "Always 1; the labels describe the peer of a channel and are empty if unknown.",
            labels=[*of_peer, "alias", "transport"],
        )
        self._online = GaugeMetricFamily(
            "chanfitness_peer_online", "1 while the peer of a channel is online.", labels=of_peer
        )
        self._flaps = GaugeMetricFamily(
            "chanfitness_peer_flaps",
            "How often the peer of a channel went online or offline; older changes count less.",
            labels=of_peer,
        )
        self._transport = GaugeMetricFamily(
            "chanfitness_transport_up",
            "0 while this node cannot reach peers over the transport, else 1.",
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
        """Add a sample."""
        family.add_metric([*self._node, *labels], value)

    def add_channels_and_peers(self, overview: Overview) -> None:
        """Add the samples of all channels, of peers with a channel, and of transports."""
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
    """Return ``text`` escaped and cut for a label."""
    return ascii(text[:_LABEL_CHARACTERS])[1:-1]


def serve(
    store: ChannelEventStore,
    address: tuple[str, int],
    *,
    node: str | None = None,
    allowed_hosts: Iterable[str] = (),
) -> Server:
    """Serve the metrics of ``store`` at ``http://HOST:PORT/metrics``, until ``close()``.

    All clients that reach the address can read which channels the node has: use a loopback
    address, or one that only Prometheus reaches. Requests for host names other than that of
    ``address``, loopback names and ``allowed_hosts`` are refused. At 0.0.0.0 or ``::``, any IP
    address and this machine's own names are allowed too.

    Args:
        store: The store; it need not be started yet.
        address: Host and port, as returned by :func:`parse_address`.
        node: As for :class:`Collector`.
        allowed_hosts: Further host names and IP addresses, without ports.

    Returns:
        The running server. Its ``close()`` ends it and may be called from any thread.

    Raises:
        OSError: The address, which the message names, cannot be listened on.
        TypeError: ``address`` or ``allowed_hosts`` has the wrong type.
        ValueError: The address or a host name is invalid.
    """
    hosts, metrics = parse_hosts(allowed_hosts), application(store, node=node)
    listener = listen(address)
    return Server(
        listener,
        {"/metrics": metrics, "/": metrics},
        AllowedHosts(address[0], listener, hosts),
    )


def application(store: ChannelEventStore, *, node: str | None = None) -> WSGIApplication:
    """Return a WSGI application with the metrics of ``store``.

    Args:
        store: The store.
        node: As for :class:`Collector`.

    Returns:
        The application, which answers in the text format or as OpenMetrics.
    """
    registry = CollectorRegistry()
    registry.register(Collector(store, node=node))
    scrape: WSGIApplication = make_wsgi_app(registry)

    def metrics(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # The library raises for some Accept headers, and each error would be logged.
        is_open = _OPEN_METRICS in environ.get("HTTP_ACCEPT", "")
        return scrape({**environ, "HTTP_ACCEPT": _OPEN_METRICS if is_open else ""}, start_response)

    return metrics
