"""The limit of twenty messages an hour, and the message that counts the others."""

from __future__ import annotations

from datetime import timedelta

from chanfitness import OpenChannel

from ..support.alerted_nodes import AlertedNode

SECOND = timedelta(seconds=1)


def gone(node: AlertedNode, count: int) -> list[OpenChannel]:
    """Open ``count`` channels whose peers have been offline for long enough."""
    channels = [node.channel_with() for _ in range(count)]
    node.look()
    for channel in channels:
        node.peer_offline(channel.peer)
    node.advance(hours=6)
    return channels


def test_a_hundred_peers_give_twenty_messages_and_a_count_of_the_rest() -> None:
    with AlertedNode() as node:
        gone(node, 100)
        assert [each.kind for each in node.look()] == ["peer_down"] * 20
        assert node.due == 10 * SECOND
        (more,) = node.look_after(seconds=10)
        assert (more.kind, more.text) == ("more", "80 more: 80 peer_down")
        assert (more.peer, more.alias, more.channels, more.since) == (None, None, (), None)
        assert node.look_after(days=1) == []


def test_peers_that_were_only_counted_have_no_message_of_their_return() -> None:
    with AlertedNode() as node:
        channels = gone(node, 100)
        node.look()
        node.look_after(hours=2)
        for channel in channels:
            node.peer_online(channel.peer)
        assert [each.kind for each in node.look()] == ["peer_back"] * 20


def test_the_next_count_is_an_hour_later() -> None:
    with AlertedNode() as node:
        channels = [node.channel_with() for _ in range(50)]
        node.look()
        for channel in channels[:25]:
            node.close_channel(channel)
        assert len(node.look()) == 20
        assert [each.text for each in node.look_after(seconds=10)] == ["5 more: 5 channel_closed"]
        node.advance(minutes=1)
        for channel in channels[25:]:
            node.close_channel(channel)
        assert node.look() == []
        assert node.look_after(minutes=58) == []
        (more,) = node.look_after(minutes=2)
        assert more.text == "25 more: 25 channel_closed"
        assert [each.kind for each in node.messages].count("more") == 2


def test_messages_are_possible_again_an_hour_later() -> None:
    with AlertedNode() as node:
        channels = [node.channel_with() for _ in range(40)]
        node.look()
        for begin in (0, 20):
            for channel in channels[begin : begin + 20]:
                node.close_channel(channel)
            assert len(node.look()) == 20
            node.advance(hours=1)
        assert "more" not in node.kinds()


def test_a_clock_set_back_delays_messages_by_at_most_an_hour() -> None:
    with AlertedNode() as node:
        channels = [node.channel_with() for _ in range(45)]
        node.look()
        for channel in channels[:22]:
            node.close_channel(channel)
        assert len(node.look()) == 20
        node.look_after(seconds=10)
        now = node.clock.now() - timedelta(days=365 * 10)
        node.look(now=now)
        for channel in channels[22:]:
            node.close_channel(channel)
        assert len(node.look(now=now + timedelta(hours=1))) == 20
        later = node.look(now=now + timedelta(hours=1, seconds=10))
        assert [each.text for each in later] == ["3 more: 3 channel_closed"]
