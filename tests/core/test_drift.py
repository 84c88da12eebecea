"""Drift: snapshots correct differences while the source sees, without a flap or an outage."""

from __future__ import annotations

import pytest

from chanfitness import (
    ChannelEventStore,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    SnapshotEvent,
    Vertex,
)
from chanfitness.testing import FakeNode

from ..support.nodes_with_channels import (
    channels_of,
    node_with_channels,
    peers_of,
    put,
    store,
)
from ..support.persistent_stores import HOUR, ZERO, figures, history_of
from ..support.stores import WAIT
from ..support.values import SECOND

__all__ = ["store"]


@pytest.fixture
def node() -> FakeNode:
    """Four peers, the first of them offline, with a channel each."""
    return node_with_channels(
        False, True, True, True, return_grace=5 * SECOND, own_outage=90 * SECOND
    )


def lists(node: FakeNode, *online: Vertex) -> SnapshotEvent:
    return SnapshotEvent(channels_of(node), online)


def test_a_snapshot_corrects_differences_as_of_now(
    node: FakeNode, store: ChannelEventStore, caplog: pytest.LogCaptureFixture
) -> None:
    came, went, same, closed = channels_of(node)
    new = OpenChannel(node.open_channel(node.new_peer()).channel_point, same.peer)
    node.close_channel(node.open_channel(same.peer))
    store.list_channels(timeout=WAIT)
    put(node, SnapshotEvent([came, went, same, new], [came.peer, same.peer, closed.peer]))
    node.advance(hours=1)
    points = [info.channel_point for info in store.list_channels()]
    assert points == [each.channel_point for each in (came, went, same, new)]
    assert figures(store, came) == (2, 1)
    assert figures(store, went) == (2, 1)
    assert figures(store, new) == (1, 1)
    assert [info.flap_count for info in store.list_peers()] == [0] * 4
    assert store.get_overview().outages == (1, 1, 0, 0)
    assert sorted(message.split(" ", 1)[0] for message in caplog.messages) == [
        "channel",
        "channel",
        "channel",
        "peer",
        "peer",
    ]


def test_a_snapshot_without_a_difference_changes_nothing(
    node: FakeNode, store: ChannelEventStore, caplog: pytest.LogCaptureFixture
) -> None:
    before = store.get_overview()
    put(node, SnapshotEvent(channels_of(node), peers_of(node)[1:]))
    assert store.get_overview() == before
    assert store.get_overview().blind == ZERO
    assert caplog.messages == []


def test_a_snapshot_starts_and_prevents_no_own_outage(
    node: FakeNode, store: ChannelEventStore
) -> None:
    """Only events detect one: a list may be as old as the lost connection."""
    _, first, second, third = peers_of(node)
    node.peer_offline(first)
    put(node, lists(node, second, third))
    node.peer_offline(second)
    put(node, lists(node))
    assert store.get_overview().sees
    node.peer_online(first)
    assert store.get_peer_info(third).flap_count == 0


def test_a_snapshot_without_a_difference_prevents_no_own_outage(
    node: FakeNode, store: ChannelEventStore
) -> None:
    _, first, second, third = peers_of(node)
    node.peer_offline(first)
    node.peer_offline(second)
    put(node, lists(node, third))
    node.peer_offline(third)
    assert not store.get_overview().sees


def test_an_awaited_peer_is_back_if_it_is_listed(node: FakeNode, store: ChannelEventStore) -> None:
    _, slow, quick, _ = channels_of(node)
    put(node, MonitoringPausedEvent())
    put(node, MonitoringResumedEvent(channels_of(node), [quick.peer]))
    node.advance(seconds=4)
    put(node, lists(node, quick.peer))  # it adds nothing about the others
    put(node, lists(node, quick.peer, slow.peer))
    node.advance(hours=1)
    assert figures(store, slow) == (2, 2)
    assert history_of(store, slow).outages == ()


def test_a_snapshot_may_list_the_first_peer_online(
    node: FakeNode, store: ChannelEventStore
) -> None:
    _, *channels = channels_of(node)
    put(node, MonitoringPausedEvent())
    put(node, MonitoringResumedEvent(channels_of(node), []))
    node.advance(hours=1)
    put(node, lists(node, channels[0].peer))
    node.advance(seconds=4)
    node.peer_online(channels[1].peer)
    node.advance(hours=1)
    assert [figures(store, channel) for channel in channels[:2]] == [
        (2 + 4 / 3600, 2 + 4 / 3600),
        (2, 2),
    ]


# Blind time.


def test_a_snapshot_while_paused_sets_the_shown_state_and_is_no_resume(
    node: FakeNode, store: ChannelEventStore, caplog: pytest.LogCaptureFixture
) -> None:
    came, went, *_ = channels_of(node)
    put(node, MonitoringPausedEvent())
    put(node, SnapshotEvent([came, went], [came.peer]))
    node.advance(hours=1)
    overview = store.get_overview()
    assert not overview.sees
    assert [info[:2] for info in overview.channels] == [came, went]
    assert [info.lifetime for info in overview.channels] == [HOUR] * 2
    assert {info.peer: info.online for info in overview.peers} == {
        came.peer: True,
        went.peer: False,
    }
    assert overview.outages == (1, 0)
    assert caplog.messages == []


def lose_network(node: FakeNode) -> None:
    for peer in peers_of(node)[1:]:
        node.peer_offline(peer)
    node.advance(hours=1)


def test_a_snapshot_with_a_peer_online_ends_an_own_outage(
    node: FakeNode, store: ChannelEventStore
) -> None:
    lose_network(node)
    _, first, second, _ = channels_of(node)
    put(node, lists(node, first.peer))
    node.advance(seconds=4)
    assert store.get_overview().sees
    assert store.get_overview().blind == HOUR
    node.peer_online(second.peer)
    node.advance(hours=1)
    assert figures(store, second) == (2, 2)


def test_an_empty_snapshot_in_an_own_outage_changes_nothing(
    node: FakeNode, store: ChannelEventStore
) -> None:
    lose_network(node)
    before = store.get_overview()
    put(node, SnapshotEvent([], []))
    assert store.get_overview() == before


def test_a_snapshot_while_paused_in_an_own_outage_is_no_resume(
    node: FakeNode, store: ChannelEventStore
) -> None:
    lose_network(node)
    first = peers_of(node)[1]
    put(node, MonitoringPausedEvent())
    put(node, lists(node, first))
    assert not store.get_overview().sees
    assert store.get_peer_info(first).online
    put(node, MonitoringResumedEvent(channels_of(node), []))
    assert store.get_overview().sees  # the own outage is over
