"""``FakeNode``, the fake node for tests of programs that use chanfitness."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chanfitness import ChannelEventStore, ChannelNotFoundError, ManualClock, ShuttingDownError
from chanfitness.testing import FakeNode

from .support.values import CHANNEL_2, START


def test_the_store_gets_the_nodes_events() -> None:
    with FakeNode() as node:
        channel = node.open_channel(node.new_peer(online=True))
        node.advance(hours=3)
        node.peer_offline(channel.peer)
        node.advance(hours=1)
        assert node.store.get_chan_info(*channel).uptime_ratio == 0.75


def test_the_snapshot_has_the_channels_and_peers_of_before_the_start() -> None:
    node = FakeNode()
    up, down = node.new_peer(online=True), node.new_peer()
    channels = [node.open_channel(up), node.open_channel(down)]
    node.advance(days=1)
    with node:
        node.advance(hours=1)
        infos = node.store.list_channels()
    assert [info.channel_point for info in infos] == [each.channel_point for each in channels]
    assert [info.lifetime for info in infos] == [timedelta(hours=1)] * 2
    assert [info.uptime for info in infos] == [timedelta(hours=1), timedelta(0)]


def test_a_closed_channel_is_forgotten() -> None:
    with FakeNode() as node:
        channel = node.open_channel(node.new_peer(online=True), CHANNEL_2)
        node.close_channel(channel)
        with pytest.raises(ChannelNotFoundError):
            node.store.get_chan_info(CHANNEL_2, channel.peer)


def test_the_clock_may_be_the_users_own() -> None:
    clock = ManualClock(START)
    with FakeNode(clock) as node:
        node.advance(seconds=1)
    assert clock.now() == START + timedelta(seconds=1)


def test_one_node_can_have_several_stores() -> None:
    with FakeNode() as node, ChannelEventStore(node.config) as second:
        channel = node.open_channel(node.new_peer(online=True))
        node.advance(seconds=5)
        assert second.list_channels() == node.store.list_channels()
        assert second.get_chan_info(*channel).uptime == timedelta(seconds=5)


def test_the_store_stops_with_the_node() -> None:
    with FakeNode() as node:
        pass
    with pytest.raises(ShuttingDownError):
        node.store.list_channels()
