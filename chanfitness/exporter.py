"""Prometheus reads a store: each scrape is one question.

``serve(store, ("127.0.0.1", 9789))`` listens for it; a registry of your own takes
``registry.register(Collector(store))``. Needs the extra ``chanfitness[prometheus]``.
Labels are hex keys and channel points, and the name that you give the node,
escaped: nothing that a peer sends.
"""

from __future__ import annotations

import ipaddress
import math
import re
import threading
from collections.abc import Iterable

from .accounts import Overview
from .errors import ChanFitnessError, extra, quoted
from .logs import Log
from .scrapes import Server, listen
from .store import ChannelEventStore

with extra("prometheus"):
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
    from prometheus_client.metrics_core import Metric

__all__ = ["Collector", "Server", "parse_address", "serve"]

logger = Log(__name__)

ANSWER_SECONDS = 5.0
"""How long a scrape waits for the store, unless told otherwise; Prometheus gives up at 10."""

_LABEL_CHARACTERS = 80
_HOST_LABEL = "[0-9A-Za-z_-]{1,63}"
_ADDRESS = re.compile(
    r"(?:\[(?P<ipv6>[0-9A-Za-z:.%]+)\]:"
    rf"|(?P<host>{_HOST_LABEL}(?:\.{_HOST_LABEL})*):)?"
    r"(?P<port>[0-9]{1,5})"
)


class Collector:
    """What Prometheus is told of one store.

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
        """The most blind time that was told: a counter that falls counts as begun anew.

        It can fall, by the jitter of the clock or when that is set back.
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
        self._online = GaugeMetricFamily(
            "chanfitness_peer_online", "1 while the peer of a channel is online.", labels=of_peer
        )
        self._flaps = GaugeMetricFamily(
            "chanfitness_peer_flap_count",
            "How often the peer of a channel went on or offline, old changes counting less.",
            labels=of_peer,
        )
        self.all: list[Metric] = [
            self.up,
            self.blind,
            self._lifetime,
            self._uptime,
            self._ratio,
            self._online,
            self._flaps,
        ]

    def add(
        self, family: GaugeMetricFamily | CounterMetricFamily, value: float, *labels: str
    ) -> None:
        """One sample."""
        family.add_metric([*self._node, *labels], value)

    def add_channels_and_peers(self, overview: Overview) -> None:
        """The samples of each channel, and of each peer that has one."""
        for info in overview.channels:
            labels = str(info.channel_point), str(info.peer)
            self.add(self._lifetime, info.lifetime.total_seconds(), *labels)
            self.add(self._uptime, info.uptime.total_seconds(), *labels)
            if info.uptime_ratio is not None:
                self.add(self._ratio, info.uptime_ratio, *labels)
        for peer in overview.peers:
            if peer.channels:
                self.add(self._online, peer.online, str(peer.peer))
                self.add(self._flaps, peer.flap_count, str(peer.peer))


def parse_address(text: str) -> tuple[str, int]:
    """The host and port of ``[HOST:]PORT``; the host is 127.0.0.1 unless given.

    An IPv6 address stands in brackets: ``[::1]:9789``. Port 0 is any that is
    free. Raises ``ValueError`` for what is neither.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > 65535 or not _is_ipv6(match["ipv6"] or "::"):
        raise ValueError(
            f"bad address {quoted(text)}: expected PORT, HOST:PORT or [IPV6]:PORT, port 0 to 65535"
        )
    return match["ipv6"] or match["host"] or "127.0.0.1", int(match["port"])


def _is_ipv6(text: str) -> bool:
    try:
        return bool(ipaddress.IPv6Address(text).compressed)
    except ValueError:
        return False


def _label(text: str) -> str:
    """``text``, escaped and cut, as a label shows it."""
    return ascii(text[:_LABEL_CHARACTERS])[1:-1]


def serve(store: ChannelEventStore, address: tuple[str, int], *, node: str | None = None) -> Server:
    """Let Prometheus scrape ``store`` at ``http://HOST:PORT/metrics``, until ``close()``.

    Whoever reaches the address can read which channels the node has: let it be a
    loopback address, or one that only Prometheus reaches. ``node``: as for
    :class:`Collector`. Raises ``OSError`` that names the address if it cannot be
    listened on.
    """
    registry = CollectorRegistry()
    registry.register(Collector(store, node=node))
    return Server(listen(*address), registry)
