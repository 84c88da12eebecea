"""Peers that reconnect on their own account are no sign of an outage of this node."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chanfitness import (
    ChannelEventStore,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    SnapshotEvent,
    Vertex,
)
from chanfitness.logs import logged_time
from chanfitness.testing import FakeNode

from ..support.nodes_with_channels import (
    node_with_channels,
    peers_of,
    put,
    store,
)
from ..support.persistent_stores import HOUR
from ..support.stores import running
from ..support.values import SECOND

__all__ = ["store"]


@pytest.fixture
def node() -> FakeNode:
    """Four peers online, with a channel each."""
    return node_with_channels(True, True, True, True, own_outage=90 * SECOND)


def reconnect(node: FakeNode, peer: Vertex, away: float = 1, back: float = 10) -> None:
    node.peer_offline(peer)
    node.advance(seconds=away)
    node.peer_online(peer)
    node.advance(seconds=back)


def go(node: FakeNode, *peers: Vertex) -> None:
    for peer in peers:
        node.peer_offline(peer)


@pytest.mark.parametrize("away", [1, 9 * 3600])
@pytest.mark.parametrize(("back", "own"), [(89, False), (90, False), (90.000001, True)])
def test_a_peer_that_reconnects_and_goes_again_is_not_counted(
    node: FakeNode, store: ChannelEventStore, away: float, back: float, *, own: bool
) -> None:
    flapping, first, second, other = peers_of(node)
    go(node, other)
    node.advance(hours=1)
    reconnect(node, flapping, away, back)
    go(node, flapping, first, second)
    assert store.get_overview().sees is not own


def test_an_own_outage_does_not_begin_with_a_peer_that_reconnected(
    node: FakeNode, store: ChannelEventStore
) -> None:
    flapping, *others = peers_of(node)
    reconnect(node, flapping)
    node.peer_offline(flapping)
    node.advance(seconds=20)
    begun = node.clock.now()
    go(node, *others)
    node.advance(hours=1)
    overview = store.get_overview()
    assert not overview.sees
    assert overview.as_of - overview.blind == begun
    assert store.get_peer_info(flapping).flap_count == 3


def test_a_peer_that_reconnected_and_goes_between_the_others_is_part_of_the_outage(
    node: FakeNode, store: ChannelEventStore
) -> None:
    flapping, *others = peers_of(node)
    reconnect(node, flapping)
    go(node, others[0], flapping, *others[1:])
    node.advance(hours=1)
    assert not store.get_overview().sees
    assert store.get_peer_info(flapping).flap_count == 2


def test_a_peer_that_came_for_the_first_time_is_counted(
    node: FakeNode, store: ChannelEventStore
) -> None:
    first, second, *others = peers_of(node)
    go(node, *others)
    node.advance(hours=1)
    new = node.new_peer(online=True)
    go(node, new, first, second)
    assert not store.get_overview().sees


def test_a_second_own_outage_is_found_after_the_first(
    node: FakeNode, store: ChannelEventStore
) -> None:
    """Peers that return from an own outage count as never offline, so none has reconnected."""
    node.config = replace(node.config, return_grace=5 * SECOND)
    with running(ChannelEventStore(node.config)) as store_that_awaits:
        for each in (store, store_that_awaits):
            assert each.get_overview().sees
        for _ in range(2):
            go(node, *peers_of(node))
            node.advance(hours=1)
            assert not store_that_awaits.get_overview().sees
            for peer in peers_of(node):
                node.peer_online(peer)
        assert {info.flap_count for info in store_that_awaits.list_peers()} == {0}


@pytest.mark.parametrize("reason", ["pause", "snapshot"])
def test_a_change_in_blind_time_is_no_reconnect(
    node: FakeNode, store: ChannelEventStore, reason: str
) -> None:
    flapping, first, second, other = peers_of(node)
    go(node, other)
    node.advance(hours=1)
    if reason == "pause":
        put(node, MonitoringPausedEvent())
        node.peer_offline(flapping)
    online = [first, second]
    channels = list(node.config.get_open_channels())  # type: ignore[arg-type]
    put(node, MonitoringResumedEvent(channels, online))
    node.peer_online(flapping)
    go(node, flapping, first, second)
    assert not store.get_overview().sees


@pytest.mark.parametrize("return_grace", [None, 5 * SECOND])
@pytest.mark.parametrize("reason", ["a restart", "this node's own outage"])
def test_changes_before_one_in_blind_time_are_no_reconnect(
    node: FakeNode, reason: str, return_grace: timedelta | None
) -> None:
    flapping, *others = peers_of(node)
    channels = list(node.config.get_open_channels())  # type: ignore[arg-type]
    with running(ChannelEventStore(replace(node.config, return_grace=return_grace))) as store:
        reconnect(node, flapping, back=100)
        if reason == "a restart":
            put(node, MonitoringPausedEvent())
            put(node, MonitoringResumedEvent(channels, others))
        else:
            go(node, flapping, *others)
            node.advance(hours=1)
            for peer in others:
                node.peer_online(peer)
        node.advance(seconds=10)
        node.peer_online(flapping)
        node.advance(seconds=10)
        lost = node.clock.now()
        go(node, flapping)
        node.advance(seconds=10)
        go(node, *others)
        node.advance(hours=1)
        overview = store.get_overview()
        assert not overview.sees
        assert overview.seen_until == lost


@pytest.mark.parametrize("kind", [MonitoringResumedEvent, SnapshotEvent])
def test_lists_that_differ_end_an_undecided_outage(
    node: FakeNode, store: ChannelEventStore, kind: type[MonitoringResumedEvent | SnapshotEvent]
) -> None:
    first, second, third, _ = peers_of(node)
    channels = list(node.config.get_open_channels())  # type: ignore[arg-type]
    go(node, first, second)
    put(node, kind(channels, [third]))
    go(node, third)
    assert store.get_overview().sees


# Log lines.


@pytest.mark.parametrize(("many", "says"), [(3, "perhaps "), (4, "perhaps "), (5, "")])
def test_with_few_peers_the_log_says_perhaps(
    caplog: pytest.LogCaptureFixture, many: int, says: str
) -> None:
    node = FakeNode()
    peers = [node.new_peer(online=True) for _ in range(many)]
    for peer in peers:
        node.open_channel(peer)
    with running(ChannelEventStore(replace(node.config, own_outage=90 * SECOND))) as store:
        lost = node.clock.now()
        go(node, *peers)
        node.advance(hours=1)
        node.peer_online(peers[0])
        store.list_peers()
    assert caplog.messages == [
        f"all {many} peers went offline: {says}this node's own network is lost,"
        f" as of {logged_time(lost)}",
        f"this node's own network is back, as of {logged_time(lost + HOUR)}: peers online: 1",
    ]
