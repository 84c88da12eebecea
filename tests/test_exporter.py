"""Prometheus metrics of a store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import choose_encoder

from chanfitness import (
    ChannelEventStore,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    Overview,
    PeerDescribedEvent,
)
from chanfitness.exporter import Collector
from chanfitness.testing import FakeNode

from .support.stores import Hold, OnRecord, call_together
from .support.values import vertex
from .test_processes import run

generate_openmetrics, _ = choose_encoder("application/openmetrics-text; version=1.0.0")

Sample = tuple[str, tuple[tuple[str, str], ...]]


def scrape(*stores: ChannelEventStore, **options: Any) -> dict[Sample, float]:
    """Return all samples of a scrape, by name and labels."""
    registry = CollectorRegistry()
    for store in stores:
        registry.register(Collector(store, **options))
    return samples(registry)


def samples(registry: CollectorRegistry) -> dict[Sample, float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in registry.collect()
        for sample in family.samples
    }


def named(name: str, **labels: str) -> Sample:
    return f"chanfitness_{name}", tuple(sorted(labels.items()))


class CountingStore(ChannelEventStore):
    """A store that counts all questions."""

    questions = 0

    def _ask(self, *arguments: Any, **keywords: Any) -> Any:
        self.questions += 1
        return super()._ask(*arguments, **keywords)


def pause(node: FakeNode) -> None:
    node.channel_notifier.send_update(MonitoringPausedEvent())


def test_a_channel_and_its_peer_have_all_figures() -> None:
    with FakeNode() as node:
        channel = node.open_channel(node.new_peer(online=True))
        node.advance(hours=3)
        node.peer_offline(channel.peer)
        node.advance(hours=1, microseconds=4)
        figures = scrape(node.store)

    point, peer = str(channel.channel_point), str(channel.peer)
    assert figures == {
        named("up"): 1,
        named("blind_seconds_total"): 0,
        named("channel_lifetime_seconds", channel_point=point, peer=peer): 14400.000004,
        named("channel_uptime_seconds", channel_point=point, peer=peer): 10800,
        named("channel_uptime_ratio", channel_point=point, peer=peer): 10800 / 14400.000004,
        named("channel_usable_seconds", channel_point=point, peer=peer): 10800,
        named("channel_usable_ratio", channel_point=point, peer=peer): 10800 / 14400.000004,
        named("channel_info", channel_point=point, peer=peer, short_channel_id="", private=""): 1,
        named("peer_online", peer=peer): 0,
        named("peer_flaps", peer=peer): 2,
        named("peer_info", peer=peer, alias="", transport=""): 1,
    }


def test_unusable_time_and_activity_are_exported() -> None:
    with FakeNode() as node:
        channel = node.open_channel(node.new_peer(online=True))
        labels = {"channel_point": str(channel.channel_point), "peer": str(channel.peer)}
        node.channel_inactive(channel)
        node.advance(hours=1)
        inactive = scrape(node.store)
        node.channel_active(channel)
        node.advance(hours=3)
        active = scrape(node.store)

    assert inactive[named("channel_active", **labels)] == 0
    assert inactive[named("channel_usable_ratio", **labels)] == 0
    assert active[named("channel_active", **labels)] == 1
    assert active[named("channel_usable_seconds", **labels)] == 3 * 3600
    assert active[named("channel_usable_ratio", **labels)] == 0.75
    assert active[named("channel_uptime_ratio", **labels)] == 1


def test_a_channel_that_an_older_version_watched_has_no_usable_ratio() -> None:
    class Older(ChannelEventStore):
        def get_overview(self, *, timeout: float | None = None) -> Overview:
            overview = super().get_overview(timeout=timeout)
            channels = (info._replace(knows_unusable=False) for info in overview.channels)
            return overview._replace(channels=tuple(channels))

    with FakeNode() as node, Older(node.config) as store:
        node.open_channel(node.new_peer(online=True))
        node.advance(hours=1)
        names = {name for name, _ in scrape(store)}
    assert "chanfitness_channel_usable_ratio" not in names
    assert {"chanfitness_channel_usable_seconds", "chanfitness_channel_uptime_ratio"} <= names


@pytest.mark.parametrize(
    ("alias", "label"),
    [
        ("ACINQ", "ACINQ"),
        ("\u26a1 LN", "\u26a1 LN"),
        ('a"b\nc\\', 'a"b\\nc\\'),
        ("\x1b[31m\0", "\\x1b[31m\\x00"),
        ("\u05d0\u202e", "\\u05d0\\u202e"),
    ],
)
def test_descriptions_are_labels_of_the_info_series_alone(alias: str, label: str) -> None:
    with FakeNode() as node:
        channel = node.open_channel(node.new_peer(online=True))
        point, peer = str(channel.channel_point), str(channel.peer)
        node.describe_peer(channel.peer, alias=alias, transport="tor")
        node.describe_channel(channel, short_channel_id="700000x1x0", private=True)
        figures = scrape(node.store)
        registry = CollectorRegistry()
        registry.register(Collector(node.store))
        lines = generate_latest(registry).decode().splitlines()

    assert figures[named("peer_info", peer=peer, alias=label, transport="tor")] == 1
    described = {"short_channel_id": "700000x1x0", "private": "true"}
    assert figures[named("channel_info", channel_point=point, peer=peer, **described)] == 1
    told = [name for name, labels in figures if "alias" in dict(labels)]
    assert told == ["chanfitness_peer_info"]
    assert all(line.isprintable() for line in lines)


def test_a_channel_without_a_lifetime_has_no_ratio() -> None:
    with FakeNode() as node:
        channel = node.open_channel(node.new_peer(online=True))
        labels = {"channel_point": str(channel.channel_point), "peer": str(channel.peer)}
        begun = scrape(node.store)
        node.advance(microseconds=1)
        later = scrape(node.store)

    assert begun[named("channel_lifetime_seconds", **labels)] == 0
    assert named("channel_uptime_ratio", **labels) not in begun
    assert later[named("channel_uptime_ratio", **labels)] == 1


def test_the_series_of_a_closed_channel_and_its_peer_end() -> None:
    with FakeNode() as node:
        node.close_channel(node.open_channel(node.new_peer(online=True)))
        assert set(scrape(node.store)) == {named("up"), named("blind_seconds_total")}


def test_peers_without_a_channel_make_no_series() -> None:
    """Anyone may connect to a node, with a new key each time."""
    with FakeNode() as node:
        channel = node.open_channel(node.new_peer())
        for number in range(1000, 1100):
            node.peer_online(vertex(number))
        figures = scrape(node.store)

    assert figures[named("peer_online", peer=str(channel.peer))] == 0
    assert len([name for name, _ in figures if name == "chanfitness_peer_online"]) == 1


def test_blind_time_is_exported_beside_the_figures() -> None:
    with FakeNode() as node:
        channel = node.open_channel(node.new_peer(online=True))
        labels = {"channel_point": str(channel.channel_point), "peer": str(channel.peer)}
        node.advance(hours=1)
        pause(node)
        node.advance(minutes=10)
        blind = scrape(node.store)
        node.channel_notifier.send_update(MonitoringResumedEvent([channel], [channel.peer]))
        node.advance(hours=1)
        seeing = scrape(node.store)

    assert (blind[named("up")], seeing[named("up")]) == (0, 1)
    assert blind[named("blind_seconds_total")] == seeing[named("blind_seconds_total")] == 600
    assert blind[named("channel_lifetime_seconds", **labels)] == 3600
    assert seeing[named("channel_lifetime_seconds", **labels)] == 7200
    assert blind[named("peer_online", peer=str(channel.peer))] == 1


def test_the_counter_of_blind_time_never_decreases() -> None:
    """A clock's jitter would lower it, and Prometheus takes a lower counter for a new one."""

    class Jittering(ChannelEventStore):
        jitter = timedelta(0)

        def get_overview(self, *, timeout: float | None = None) -> Overview:
            overview = super().get_overview(timeout=timeout)
            return overview._replace(blind=overview.blind - self.jitter)

    with FakeNode() as node, Jittering(node.config) as store:
        registry = CollectorRegistry()
        registry.register(Collector(store))
        pause(node)
        told = []
        for jitter in (0, 2, 0):
            node.advance(seconds=1)
            store.jitter = timedelta(seconds=jitter)
            told.append(samples(registry)[named("blind_seconds_total")])

    assert told == [1, 1, 3]


@pytest.mark.parametrize("state", ["new", "stopped"])
def test_a_store_that_does_not_run_is_not_up(state: str) -> None:
    node = FakeNode()
    if state == "stopped":
        with node:
            pass

    assert scrape(node.store) == {named("up"): 0}


def test_a_store_that_does_not_answer_in_time_is_not_up() -> None:
    with FakeNode() as node, Hold("could not handle") as hold:
        node.channel_notifier.send_update("nonsense")
        hold.reached()
        assert scrape(node.store, timeout=0) == {named("up"): 0}
        assert scrape(node.store, timeout=0.01) == {named("up"): 0}
        hold.release()
        assert scrape(node.store)[named("up")] == 1


def test_the_loops_own_thread_gets_no_answer() -> None:
    figures: list[dict[Sample, float]] = []
    with (
        FakeNode() as node,
        OnRecord("could not handle", lambda: figures.append(scrape(node.store))),
    ):
        node.channel_notifier.send_update("nonsense")
        node.store.list_channels()

    assert figures == [{named("up"): 0}]


def test_registering_asks_nothing_and_a_scrape_asks_once() -> None:
    node = FakeNode()
    for _ in range(10):
        node.open_channel(node.new_peer(online=True))
    store = CountingStore(node.config)
    registry = CollectorRegistry(auto_describe=True)
    registry.register(Collector(store))
    assert store.questions == 0
    with store:
        generate_latest(registry)
        assert store.questions == 1
        generate_openmetrics(registry)
        assert store.questions == 2


def test_a_second_collector_is_refused_by_the_same_registry() -> None:
    registry = CollectorRegistry()
    node = FakeNode()
    registry.register(Collector(node.store))
    with pytest.raises(ValueError, match="chanfitness_up"):
        registry.register(Collector(node.store))


def test_both_formats_describe_each_family() -> None:
    with FakeNode() as node:
        node.open_channel(node.new_peer(online=True))
        node.advance(seconds=1)
        registry = CollectorRegistry()
        registry.register(Collector(node.store))
        plain = generate_latest(registry).decode()
        open_metrics = generate_openmetrics(registry).decode()

    for text in (plain, open_metrics):
        assert "\nchanfitness_blind_seconds_total 0.0\n" in text
        for name in (
            "up",
            "channel_lifetime_seconds",
            "channel_uptime_seconds",
            "channel_uptime_ratio",
            "channel_usable_seconds",
            "channel_usable_ratio",
            "channel_active",
            "channel_info",
            "peer_online",
            "peer_flaps",
            "peer_info",
        ):
            assert f"# HELP chanfitness_{name} " in text
            assert f"# TYPE chanfitness_{name} gauge\n" in text
    assert "# TYPE chanfitness_blind_seconds_total counter\n" in plain
    assert "# TYPE chanfitness_blind_seconds counter\n" in open_metrics


def test_one_family_can_be_requested() -> None:
    registry = CollectorRegistry()
    with FakeNode() as node:
        registry.register(Collector(node.store))
        only = generate_latest(registry.restricted_registry(["chanfitness_up"])).decode()
    assert [line for line in only.splitlines() if line[0] != "#"] == ["chanfitness_up 1.0"]


def test_simultaneous_scrapes_are_answered() -> None:
    with FakeNode() as node:
        node.open_channel(node.new_peer(online=True))
        node.advance(seconds=1)
        registry = CollectorRegistry()
        registry.register(Collector(node.store))
        first, *others = call_together(*[lambda: samples(registry)] * 8)
    assert len(first) == 11
    assert others == [first] * 7


# The label `node`


def test_each_series_has_the_name_of_the_node_if_it_has_one() -> None:
    with FakeNode() as node:
        node.open_channel(node.new_peer(online=True))
        node.advance(seconds=1)
        figures = scrape(node.store, node="alice")
    assert len(figures) == 11
    assert all(dict(labels)["node"] == "alice" for _, labels in figures)
    assert scrape(node.store, node="alice") == {named("up", node="alice"): 0}


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("", ""),
        ("Alice & Bob", "Alice & Bob"),
        ("02" * 33, "02" * 33),
        ('a"b\nc\\', 'a"b\\nc\\\\'),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("right\u202eleft", "right\\u202eleft"),
        ("\ud800", "\\ud800"),
        ("x" * 1000, "x" * 80),
    ],
)
def test_the_name_of_a_node_is_escaped_and_cut(name: str, label: str) -> None:
    registry = CollectorRegistry()
    registry.register(Collector(FakeNode().store, node=name))
    assert samples(registry) == {named("up", node=label): 0}
    assert generate_latest(registry).isascii()


@pytest.mark.parametrize("timeout", [-1, -0.001, float("nan"), float("inf")])
def test_a_bad_timeout_is_refused(timeout: float) -> None:
    with pytest.raises(ValueError, match=r"bad timeout .*: expected 0 or more seconds"):
        Collector(FakeNode().store, timeout=timeout)


# The extra


@pytest.mark.parametrize("missing", ["prometheus_client", "waitress"])
def test_without_the_extra_the_error_says_how_to_install_it(missing: str) -> None:
    printed = run(
        f"""
        import sys
        sys.modules["{missing}"] = None
        try:
            import chanfitness.exporter
        except ModuleNotFoundError as error:
            print(error)
        """
    )
    assert printed.startswith(f"{missing}")
    assert printed.endswith(" is not installed: pip install 'chanfitness[prometheus]'\n")


def test_a_lost_transport_is_down() -> None:
    node = FakeNode(history=None)
    peers = [node.open_channel(node.new_peer(online=True)).peer for _ in range(4)]
    config = replace(node.config, own_outage=timedelta(seconds=90))
    with ChannelEventStore(config) as store:
        for number, peer in enumerate(peers):
            transport = "tor" if number else "clearnet"
            node.channel_notifier.send_update(PeerDescribedEvent(peer, None, transport))
        names = [named("transport_up", transport=each) for each in ("clearnet", "tor")]
        assert [scrape(store)[name] for name in names] == [1, 1]
        for peer in peers[1:]:
            node.peer_offline(peer)
        assert [scrape(store)[name] for name in names] == [1, 0]
