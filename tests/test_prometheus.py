"""A real Prometheus scrapes the stores of two nodes, with the files of contrib/."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chanfitness import (
    ChannelEventStore,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    Overview,
)
from chanfitness.exporter import serve
from chanfitness.testing import FakeNode

from .support.prometheus import CONTRIB, Alertmanager, Prometheus, needs_contrib
from .support.stores import stop

pytestmark = needs_contrib

ALERTING = """
alerting:
  alertmanagers:
    - static_configs:
        - targets: ["{address}"]
"""
WAITED_FOR = """
  - name: waited-for
    rules:
      - alert: Scraped
        expr: count(chanfitness_peer_flaps) == 3
      - alert: Recorded
        expr: |
          count(channel:chanfitness_channel_uptime_ratio:1d) == 3
            and count(channel:chanfitness_channel_uptime_ratio:7d) == 3
            and count(chanfitness_channel_uptime_ratio) == 3
            and count(delta(chanfitness_peer_flaps[1h]) > 10) == 1
      - alert: Stopped
        expr: count(chanfitness_up) == 2 and count(chanfitness_channel_lifetime_seconds) == 2
"""
"""Alerts that notify the tests of new data in Prometheus."""


class ScrapedStore(ChannelEventStore):
    """A store whose clock advances by a second at each scrape; ``between`` delays scrapes."""

    def __init__(self, node: FakeNode) -> None:
        super().__init__(node.config)
        self._node = node
        self.between = threading.Lock()

    def get_overview(self, *, timeout: float | None = None) -> Overview:
        with self.between:
            self._node.advance(seconds=1)
            return super().get_overview(timeout=timeout)


class Fleet:
    """Two nodes: Alice has a peer online and one offline, Bob has one, and some blind time."""

    def __init__(self) -> None:
        self.alice, self.bob = FakeNode(), FakeNode()
        self.stores = [ScrapedStore(node) for node in (self.alice, self.bob)]
        for store in self.stores:
            store.start()
        self.up = self.alice.open_channel(self.alice.new_peer(online=True))
        self.down = self.alice.open_channel(self.alice.new_peer(online=True))
        self.of_bob = self.bob.open_channel(self.bob.new_peer(online=True))
        self.alice.describe_peer(self.down.peer, alias='Dave "\\" \u26a1', transport="tor")
        self.alice.advance(hours=3)
        self.alice.peer_offline(self.down.peer)
        self.alice.advance(hours=1)
        self.bob.channel_notifier.send_update(MonitoringPausedEvent())
        self.bob.advance(minutes=10)
        self.bob.channel_notifier.send_update(
            MonitoringResumedEvent([self.of_bob], [self.of_bob.peer])
        )

    def make_peers_flap(self) -> None:
        with self.stores[1].between:
            for _ in range(10):
                self.bob.peer_offline(self.of_bob.peer)
                self.bob.peer_online(self.of_bob.peer)

    def stop(self) -> None:
        for store in self.stores:
            stop(store)


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def write_config(directory: Path, ports: list[int], alertmanager: str) -> Path:
    """Write the example of contrib/ for these exporters, with short intervals."""
    rules = (CONTRIB / "prometheus/chanfitness.rules.yml").read_text()
    rules = replaced(
        rules, ("interval: 2m", "interval: 200ms"), ("interval: 3m", "interval: 200ms")
    )
    (directory / "chanfitness.rules.yml").write_text(rules + WAITED_FOR)
    config = replaced(
        (CONTRIB / "prometheus/prometheus.yml").read_text(),
        ("scrape_interval: 30s", "scrape_interval: 1s\n  evaluation_interval: 200ms"),
        ("127.0.0.1:9789", f"127.0.0.1:{ports[0]}"),
        ("10.0.0.2:9789", f"127.0.0.1:{ports[1]}"),
    )
    path = directory / "prometheus.yml"
    path.write_text(config + ALERTING.format(address=alertmanager))
    return path


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    fleet = Fleet()
    yield fleet
    fleet.stop()


@pytest.fixture(scope="module")
def alertmanager() -> Iterator[Alertmanager]:
    with Alertmanager() as alertmanager:
        yield alertmanager


@pytest.fixture(scope="module")
def prometheus(
    fleet: Fleet, alertmanager: Alertmanager, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """A Prometheus that has scraped both nodes and has evaluated the rules."""
    directory = tmp_path_factory.mktemp("prometheus")
    alice, bob = (serve(store, ("127.0.0.1", 0)) for store in fleet.stores)
    with alice, bob:
        config = write_config(directory, [alice.port, bob.port], alertmanager.address)
        with Prometheus(config, directory / "data") as prometheus:
            alertmanager.wait_for("Scraped")
            fleet.make_peers_flap()
            prometheus.time = alertmanager.wait_for("Recorded")
            yield prometheus


def of_channel(channel: OpenChannel, node: str) -> dict[str, str]:
    return {"channel_point": str(channel.channel_point), "peer": str(channel.peer), "node": node}


def labelled(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def test_both_nodes_are_scraped(prometheus: Prometheus) -> None:
    for name in ("up", "chanfitness_up"):
        found = prometheus.query(name)
        assert {labels["node"]: value for labels, value in found} == {"alice": 1, "bob": 1}
        assert {labels["job"] for labels, _ in found} == {"chanfitness"}


def test_a_query_finds_the_figures_of_the_store(prometheus: Prometheus, fleet: Fleet) -> None:
    down = labelled(of_channel(fleet.down, "alice"))
    ((_, uptime),) = prometheus.query(f"chanfitness_channel_uptime_seconds{down}")
    ((_, lifetime),) = prometheus.query(f"chanfitness_channel_lifetime_seconds{down}")
    ((_, ratio),) = prometheus.query(
        f"chanfitness_channel_uptime_ratio{down}"
        f" * chanfitness_channel_lifetime_seconds{down} / chanfitness_channel_uptime_seconds{down}"
    )
    now = fleet.stores[0].get_chan_info(*fleet.down).lifetime.total_seconds()
    assert uptime == 3 * 3600
    assert 4 * 3600 < lifetime <= now
    assert ratio == pytest.approx(1)


def test_one_query_covers_both_nodes(prometheus: Prometheus, fleet: Fleet) -> None:
    online = {
        (labels["node"], labels["peer"]): value
        for labels, value in prometheus.query("chanfitness_peer_online")
    }
    assert online == {
        ("alice", str(fleet.up.peer)): 1,
        ("alice", str(fleet.down.peer)): 0,
        ("bob", str(fleet.of_bob.peer)): 1,
    }
    blind = prometheus.query("chanfitness_blind_seconds_total")
    assert {labels["node"]: value for labels, value in blind} == {"alice": 0, "bob": 600}
    flaps = prometheus.query(f'chanfitness_peer_flaps{{peer="{fleet.of_bob.peer}",node="bob"}}')
    assert [value for _, value in flaps] == [21]


def test_the_kind_of_each_family_is_known(prometheus: Prometheus) -> None:
    kinds = {name: each[0]["type"] for name, each in prometheus.get("metadata").items()}
    assert {name: kind for name, kind in kinds.items() if name.startswith("chanfitness")} == {
        "chanfitness_up": "gauge",
        "chanfitness_transport_up": "gauge",
        "chanfitness_blind_seconds": "counter",
        "chanfitness_channel_lifetime_seconds": "gauge",
        "chanfitness_channel_uptime_seconds": "gauge",
        "chanfitness_channel_uptime_ratio": "gauge",
        "chanfitness_channel_usable_seconds": "gauge",
        "chanfitness_channel_usable_ratio": "gauge",
        "chanfitness_channel_active": "gauge",
        "chanfitness_channel_info": "gauge",
        "chanfitness_peer_info": "gauge",
        "chanfitness_peer_online": "gauge",
        "chanfitness_peer_flaps": "gauge",
    }


@pytest.mark.parametrize("days", [1, 7])
def test_the_rules_record_the_ratio_of_the_scraped_time(
    prometheus: Prometheus, fleet: Fleet, days: int
) -> None:
    """Prometheus did not see the hours before its first scrape."""
    recorded = prometheus.query(f"channel:chanfitness_channel_uptime_ratio:{days}d")
    ratios = {(each["node"], each["channel_point"]): value for each, value in recorded}
    assert ratios == {
        ("alice", str(fleet.up.channel_point)): 1,
        ("alice", str(fleet.down.channel_point)): 0,
        ("bob", str(fleet.of_bob.channel_point)): pytest.approx(1),
    }


def test_no_rule_fails(prometheus: Prometheus, alertmanager: Alertmanager) -> None:
    for _ in range(2):  # when the second comes, all rules have been evaluated once
        alertmanager.wait_for("ChanfitnessPeerFlapping")
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert len(rules) == 4 + 10 + 3
    assert {(rule["health"], rule.get("lastError", "")) for rule in rules} == {("ok", "")}


# The dashboard

DASHBOARD: dict[str, Any] = {"panels": [], "templating": {"list": []}}
if (CONTRIB / "grafana/chanfitness.json").exists():
    DASHBOARD = json.loads((CONTRIB / "grafana/chanfitness.json").read_text())
TARGETS = [
    pytest.param(target, id=f"{panel['title']} {target['refId']}")
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
]
VARIABLES = {"$__range": "1h", "$node": ".*", "$instance": ".*"}


def filled_in(text: str) -> str:
    """Replace the variables of the dashboard in ``text`` by Grafana's first values."""
    for name, value in VARIABLES.items():
        text = text.replace(name, value)
    assert "$" not in text
    return text


@pytest.mark.parametrize("target", TARGETS)
def test_each_query_of_the_dashboard_finds_something(
    prometheus: Prometheus, target: dict[str, Any]
) -> None:
    expression = filled_in(target["expr"])
    assert target["instant"] != target["range"]
    assert prometheus.query(expression)
    ((_, now),) = prometheus.query("vector(time())")
    times = {"start": str(now - 3600), "end": str(now), "step": "15"}
    assert prometheus.get("query_range", query=expression, **times)["result"]


def test_the_dashboard_shows_aliases(prometheus: Prometheus, fleet: Fleet) -> None:
    expressions = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    joined = [expression for expression in expressions if "(alias)" in expression]
    assert len(joined) == 9
    for expression in joined:
        found = prometheus.query(filled_in(expression))
        aliases = {labels["peer"]: labels.get("alias") for labels, _ in found}
        assert aliases.get(str(fleet.down.peer), 'Dave "\\" \u26a1') == 'Dave "\\" \u26a1'
        assert aliases.get(str(fleet.up.peer)) is None


@pytest.mark.parametrize(
    ("name", "values"), [("node", {"alice", "bob"}), ("instance", {"127.0.0.1"})]
)
def test_each_variable_of_the_dashboard_has_values(
    prometheus: Prometheus, name: str, values: set[str]
) -> None:
    (variable,) = [each for each in DASHBOARD["templating"]["list"] if each["name"] == name]
    text = filled_in(variable["query"]["query"])
    series, label = text.removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
    found = prometheus.get(f"label/{label}/values", **{"match[]": series})
    assert {value.partition(":")[0] for value in found} == values
    assert len(found) == 2


# The last test, since the stores stop for good


def test_a_store_that_has_stopped_is_down_and_its_channels_are_gone(
    prometheus: Prometheus, fleet: Fleet, alertmanager: Alertmanager
) -> None:
    stop(fleet.stores[1])
    prometheus.time = alertmanager.wait_for("Stopped")
    up = prometheus.query("chanfitness_up")
    assert {labels["node"]: value for labels, value in up} == {"alice": 1, "bob": 0}
    left = prometheus.query('{__name__=~"chanfitness_.+",node="bob"}')
    assert [labels["__name__"] for labels, _ in left] == ["chanfitness_up"]
