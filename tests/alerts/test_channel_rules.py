"""Rules of channels: unusable ones of online peers, and closed ones."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chanfitness import OpenChannel

from ..support.alerted_nodes import SIX_HOURS, AlertedNode


def inactive_for(node: AlertedNode, channel: OpenChannel, **period: float) -> list[str]:
    node.channel_inactive(channel)
    node.look()
    return [each.kind for each in node.look_after(**period)]


def test_a_long_unusable_channel_is_reported_and_so_is_its_end() -> None:
    with AlertedNode() as node:
        channel = node.channel_with("ACINQ", capacity=2_000_000)
        node.look()
        node.channel_inactive(channel)
        assert node.look() == []
        assert node.due == SIX_HOURS
        (told,) = node.look_after(hours=6)
        assert told.kind == "channel_unusable"
        assert told.channels == (str(channel.channel_point),)
        assert told.since == told.at - SIX_HOURS
        assert told.text == (
            "ACINQ is online, but its channel has not been usable for 6 h, since 00:00."
            " Out of use: 2,000,000 sat (700001x1x0)"
        )
        assert node.look_after(hours=6) == []
        node.channel_active(channel)
        (over,) = node.look()
        assert over.kind == "channel_unusable_end"
        assert "ACINQ can be used again: 2,000,000 sat (700001x1x0)" in over.text


def test_time_with_the_peer_offline_does_not_count_as_unusable() -> None:
    with AlertedNode(timedelta(hours=2)) as node:
        channel = node.channel_with()
        assert inactive_for(node, channel, hours=1) == []
        node.peer_offline(channel.peer)
        assert node.look_after(hours=1) == []
        node.peer_online(channel.peer)
        assert node.look_after(minutes=59) == []
        assert [each.kind for each in node.look_after(minutes=1)] == ["channel_unusable"]


def test_a_short_usable_time_restarts_the_wait() -> None:
    with AlertedNode() as node:
        channel = node.channel_with()
        assert inactive_for(node, channel, hours=5) == []
        node.channel_active(channel)
        node.look()
        assert inactive_for(node, channel, hours=5) == []
        assert [each.kind for each in node.look_after(hours=1)] == ["channel_unusable"]


def test_without_a_database_a_never_usable_channel_is_reported_with_a_note() -> None:
    with AlertedNode(remembers=False) as node:
        channel = node.channel_with()
        node.channel_inactive(channel)
        node.look()
        (told,) = node.look_after(hours=7)
        assert "without a database it may have been told before" in told.text


def test_a_closed_channel_is_reported() -> None:
    with AlertedNode() as node:
        channel, other = node.channel_with("ACINQ", capacity=10_000), node.channel_with()
        assert node.look() == []
        node.close_channel(channel)
        (told,) = node.look()
        assert (told.kind, told.peer, told.alias) == ("channel_closed", str(channel.peer), "ACINQ")
        assert told.text == "channel with ACINQ closed: 10,000 sat (700001x1x0)"
        assert node.look() == []
        node.close_channel(other)
        assert [each.channels for each in node.look()] == [(str(other.channel_point),)]


def test_a_close_in_blind_time_is_reported_afterwards() -> None:
    with AlertedNode() as node:
        channel, other = node.channel_with(), node.channel_with()
        node.look()
        node.pause()
        assert node.look() == []
        node.resume([other], [other.peer])
        assert [each.channels for each in node.look()] == [(str(channel.channel_point),)]


@pytest.mark.parametrize("is_unusable", [False, True])
def test_a_splice_does_not_count_as_a_close(is_unusable: bool) -> None:
    with AlertedNode() as node:
        channel = node.channel_with()
        if is_unusable:
            assert inactive_for(node, channel, hours=7) == ["channel_unusable"]
        node.look()
        moved = node.move_channel(channel)
        moves = {str(channel.channel_point): str(moved.channel_point), "unknown": "new"}
        assert node.look(moved=moves) == []
        node.channel_active(moved)
        assert [each.kind for each in node.look()] == ["channel_unusable_end"] * is_unusable
        node.close_channel(moved)
        assert [each.channels for each in node.look()] == [(str(moved.channel_point),)]


def test_a_closed_channel_is_no_longer_unusable() -> None:
    with AlertedNode() as node:
        channel = node.channel_with()
        inactive_for(node, channel, hours=7)
        node.close_channel(channel)
        assert [each.kind for each in node.look()] == ["channel_closed"]
        assert node.state.open == {}
