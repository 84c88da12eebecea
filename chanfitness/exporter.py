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
import selectors
import socket
import threading
from collections.abc import Iterable
from contextlib import suppress

from typing_extensions import Self

from .checks import extra, quoted
from .core.queries import Overview
from .errors import ChanFitnessError
from .logs import Log
from .store import ChannelEventStore

with extra("prometheus"):
    from prometheus_client import CollectorRegistry, MetricsHandler
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
    from prometheus_client.metrics_core import Metric

__all__ = ["Collector", "Server", "parse_address", "serve"]

logger = Log(__name__)

ANSWER_SECONDS = 5.0
"""How long a scrape waits for the store, unless told otherwise; Prometheus gives up at 10."""

CLIENT_SECONDS = 10.0
"""How long a client may keep silent, or may not read, before it is cut off."""
MAXIMUM_CLIENTS = 32
"""At once; the oldest is cut off for the next."""
BACK_OFF_SECONDS = 1.0
"""When the process has no file or thread left for a client, others get time to free some."""

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


class _Handler(MetricsHandler):
    """Answers one client; every path is ``/metrics``. Logs nothing."""

    timeout = CLIENT_SECONDS
    server_version = "chanfitness"
    sys_version = ""


class Server:
    """Answers scrapes of ``registry`` on ``listener``, until :meth:`close`.

    ``port``: where it listens. As a context manager it closes itself. All its
    threads are daemon threads: a script that forgets ``close()`` still exits.
    """

    def __init__(self, listener: socket.socket, registry: CollectorRegistry) -> None:
        self.port: int = listener.getsockname()[1]
        self._listener = listener
        self._handler = _Handler.factory(registry)
        self._closing, self._close = socket.socketpair()  # readable when the other end is closed
        self._lock = threading.Lock()  # guards changes of what follows
        self._clients: dict[socket.socket, None] = {}  # oldest first
        self._joining = threading.Lock()  # one at a time: Thread.join() of two at once may raise
        listener.setblocking(False)  # a client may be gone before it is accepted
        self._thread = threading.Thread(target=self._run, name="chanfitness-scrapes", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more, and cut off whoever is connected. Safe from any thread.

        Returns when nothing listens any more. A scrape that still waits for the
        store is not waited for. A second call does nothing.
        """
        with self._joining:
            self._close.close()
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _run(self) -> None:
        with self._listener, self._closing, selectors.DefaultSelector() as selector:
            selector.register(self._closing, selectors.EVENT_READ)
            selector.register(self._listener, selectors.EVENT_READ)
            while self._closing not in (each.fileobj for each, _ in selector.select()):
                try:
                    self._accept()
                except (BlockingIOError, ConnectionError):
                    pass  # it has gone again
                except (OSError, RuntimeError) as error:  # no file or no thread is left
                    logger.warning("could not take a client: %s", quoted(error))
                    selector.unregister(self._listener)
                    selector.select(BACK_OFF_SECONDS)
                    selector.register(self._listener, selectors.EVENT_READ)
        with self._lock:
            for client in self._clients:
                _cut_off(client)

    def _accept(self) -> None:
        client, address = self._listener.accept()
        with self._lock:
            if len(self._clients) == MAXIMUM_CLIENTS:
                oldest = next(iter(self._clients))
                del self._clients[oldest]
                _cut_off(oldest)
            self._clients[client] = None
        try:
            threading.Thread(
                target=self._answer, args=(client, address), name="chanfitness-scrape", daemon=True
            ).start()
        except BaseException:
            self._forget(client)
            raise

    def _answer(self, client: socket.socket, address: object) -> None:
        try:
            self._handler(client, address, self)
        except OSError as error:
            logger.debug("a client was cut off: %s", quoted(error))
        except Exception as error:
            logger.warning("could not answer a client: %s", quoted(error))
        finally:
            self._forget(client)

    def _forget(self, client: socket.socket) -> None:
        with self._lock:
            self._clients.pop(client, None)
        client.close()


def _cut_off(client: socket.socket) -> None:
    """End a connection; its thread then finds that it has ended."""
    with suppress(OSError):  # the client may have done so
        client.shutdown(socket.SHUT_RDWR)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; ``OSError`` that names the address if it cannot."""
    try:
        ((family, *_, resolved), *_) = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return socket.create_server(resolved, family=family)
    except OSError as error:
        shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        reason = (error.strerror or str(error)).partition(" (while")[0]
        raise OSError(error.errno, f"cannot listen on {shown}: {reason}") from None


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
