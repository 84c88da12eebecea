"""Rules of peers: long outages, returns, flapping."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chanfitness import ChannelEventStore, OpenChannel
from chanfitness.alerts.snapshot import TransportOutage

from ..support.alerted_nodes import HOUR, SIX_HOURS, AlertedNode

MINUTE = timedelta(minutes=1)


def test_a_long_outage_is_reported_once_and_so_is_the_return() -> None:
    with AlertedNode() as node:
        channel = node.channel_with("ACINQ", capacity=5_000_000)
        assert node.look_after(days=40) == []
        node.peer_offline(channel.peer)
        gone = node.clock.now()
        assert node.look() == []
        assert node.due == SIX_HOURS
        assert node.look_after(hours=5, minutes=59) == []
        assert node.due == MINUTE
        (down,) = node.look_after(minutes=1)
        assert down == (
            "peer_down",
            gone + SIX_HOURS,
            str(channel.peer),
            "ACINQ",
            (str(channel.channel_point),),
            gone,
            "ACINQ offline 6 h, since 00:00; its first in 30 days."
            " Out of use: 5,000,000 sat (700001x1x0)",
        )
        assert node.look_after(days=3) == []
        node.peer_online(channel.peer)
        (back,) = node.look()
        assert (back.kind, back.since) == ("peer_back", gone)
        assert back.text == (
            "ACINQ is back, after 3 d 6 h. In use again: 5,000,000 sat (700001x1x0)"
        )


def test_the_text_compares_the_outage_with_earlier_ones() -> None:
    with AlertedNode() as node:
        channel = node.channel_with("ACINQ")
        node.advance(days=1)
        for minutes in (41, 7):
            node.peer_offline(channel.peer)
            node.advance(minutes=minutes)
            node.peer_online(channel.peer)
            node.advance(days=20)
        node.peer_offline(channel.peer)
        (down,) = node.look_after(days=1, hours=2)
        assert down.text.startswith(
            "ACINQ offline 1 d 2 h, since Tue 11 Feb 00:48; its longest in 30 days was 7 min."
        )
        assert down.text.endswith(" Out of use: 700001x1x0")


def test_a_return_from_an_outage_not_reported_is_not_reported() -> None:
    with AlertedNode() as node:
        channel = node.channel_with()
        for _ in range(3):
            node.peer_offline(channel.peer)
            assert node.look_after(hours=5) == []
            node.peer_online(channel.peer)
            assert node.look_after(hours=1) == []


def test_a_return_between_two_looks_begins_a_new_outage() -> None:
    with AlertedNode() as node:
        channel = node.channel_with()
        node.look_after(hours=1)
        node.peer_offline(channel.peer)
        node.look_after(hours=5)
        node.peer_online(channel.peer)
        node.advance(seconds=1)
        node.peer_offline(channel.peer)
        assert node.look() == []
        assert node.look_after(hours=5, minutes=59) == []
        assert [each.kind for each in node.look_after(minutes=1)] == ["peer_down"]
        node.peer_online(channel.peer)
        node.advance(seconds=1)
        node.peer_offline(channel.peer)
        assert [each.kind for each in node.look()] == ["peer_back"]
        assert node.look_after(hours=5) == []


def test_blind_time_does_not_count_as_offline() -> None:
    with AlertedNode() as node:
        channel = node.channel_with()
        node.look_after(hours=1)
        node.peer_offline(channel.peer)
        node.look_after(hours=5)
        node.pause()
        assert [each.kind for each in node.look_after(days=5)] == ["blind"]
        node.resume([channel], [])
        assert [each.kind for each in node.look()] == ["blind_end"]
        assert node.look_after(minutes=59) == []
        assert [each.kind for each in node.look_after(minutes=1)] == ["peer_down"]


def test_a_return_in_blind_time_counts() -> None:
    with AlertedNode() as node:
        channel = node.channel_with()
        node.peer_offline(channel.peer)
        assert len(node.look_after(hours=7)) == 1
        node.pause()
        node.peer_online(channel.peer)
        assert node.look_after(minutes=1) == []
        node.resume([channel], [channel.peer])
        (back,) = node.look()
        assert back.kind == "peer_back"
        assert " is back, after 7 h." in back.text


def test_no_peer_is_down_during_an_outage_of_its_transport() -> None:
    """Even if its own outage began earlier."""
    with AlertedNode() as node:
        channel = node.channel_with()
        node.describe_peer(channel.peer, transport="tor")
        node.peer_offline(channel.peer)
        node.advance(hours=7)
        lost = TransportOutage("tor", node.clock.now(), 3)
        assert [each.kind for each in node.look(transport_outages=(lost,))] == ["transport_outage"]
        ended, down = node.look()
        assert (ended.kind, down.kind) == ("transport_outage_end", "peer_down")


def test_a_channel_opened_in_an_outage_does_not_shorten_it() -> None:
    with AlertedNode() as node:
        channel = node.channel_with(capacity=1000)
        node.peer_offline(channel.peer)
        node.look_after(hours=4)
        node.open_channel(channel.peer)
        assert node.look_after(hours=1) == []
        (down,) = node.look_after(hours=1)
        assert len(down.channels) == 2
        assert "Out of use: at least 1,000 sat (700001x1x0, " in down.text


def test_peers_without_channels_are_ignored() -> None:
    with AlertedNode() as node:
        stranger, channel = node.new_peer(online=True), node.channel_with()
        assert node.look() == []
        node.peer_offline(stranger)
        node.peer_offline(channel.peer)
        assert [each.kind for each in node.look_after(hours=7)] == ["peer_down"]
        node.close_channel(channel)
        assert [each.kind for each in node.look()] == ["channel_closed"]
        node.peer_online(channel.peer)
        node.open_channel(channel.peer)
        assert node.look_after(hours=1) == []


def test_a_present_outage_counts_from_its_start_when_alerts_begin() -> None:
    """The history tells how long the outage has lasted."""
    with AlertedNode() as node:
        channel = node.channel_with()
        node.advance(days=1)
        node.peer_offline(channel.peer)
        node.advance(hours=2)
        node.peer_online(channel.peer)
        node.advance(days=1)
        node.peer_offline(channel.peer)
        assert node.look_after(hours=5) == []
        assert node.due == HOUR
        assert [each.kind for each in node.look_after(hours=1)] == ["peer_down"]


def test_without_history_an_outage_counts_from_the_first_look() -> None:
    with AlertedNode(history=None) as node:
        channel = node.channel_with("ACINQ")
        node.peer_offline(channel.peer)
        assert node.look_after(hours=5) == []
        assert node.look_after(hours=5) == []
        (down,) = node.look_after(hours=1)
        assert down.text == "ACINQ offline 6 h, since 00:00. Out of use: 700001x1x0"


def test_without_a_database_outages_at_the_start_are_reported_with_a_note() -> None:
    with AlertedNode(remembers=False) as node:
        gone, other = node.channel_with(online=False), node.channel_with()
        node.advance(seconds=1)
        node.peer_offline(other.peer)
        told = node.look_after(hours=7)
        again = [
            each.peer for each in told if "without a database it may have been told" in each.text
        ]
        assert again == [str(gone.peer)]
        assert len(told) == 2


@pytest.mark.parametrize("kind", ["peer_down", "peer_back"])
def test_outages_and_returns_can_be_left_out(kind: str) -> None:
    with AlertedNode(without=[kind]) as node:
        channel = node.channel_with()
        node.peer_offline(channel.peer)
        node.look_after(hours=7)
        node.peer_online(channel.peer)
        node.look()
        assert node.kinds() == ([] if kind == "peer_down" else ["peer_down"])


def test_aliases_are_escaped() -> None:
    with AlertedNode() as node:
        channel = node.channel_with("\x1b[2J\n{alias}\u202e%s")
        node.peer_offline(channel.peer)
        (down,) = node.look_after(hours=7)
        assert down.alias == "\\x1b[2J\\n{alias}\\u202e%s"
        assert down.text.startswith(f"{down.alias} offline 7 h")
        assert down.line().count("\n") == 1
        assert down.line().isascii()


# Flapping.


def flap(node: AlertedNode, channel: OpenChannel, times: int) -> None:
    for _ in range(times):
        node.peer_offline(channel.peer)
        node.advance(seconds=30)
        node.peer_online(channel.peer)
        node.advance(seconds=30)
        node.look()


def test_flapping_is_reported_and_so_is_its_end() -> None:
    with AlertedNode() as node:
        channel = node.channel_with("ACINQ")
        node.look()
        flap(node, channel, 5)
        assert node.messages == []
        flap(node, channel, 10)
        (told,) = node.messages
        assert told.text == ("ACINQ is flapping: 12 changes since 00:01. Channels: 700001x1x0")
        assert node.look_after(minutes=59) == []
        assert node.due == MINUTE
        (rests,) = node.look_after(minutes=1)
        assert rests.kind == "peer_flapping_end"
        assert node.state.flaps == {}


def test_a_few_changes_are_not_flapping() -> None:
    with AlertedNode() as node:
        channel = node.channel_with()
        for _ in range(20):
            flap(node, channel, 4)
            node.advance(minutes=57)
        assert node.messages == []


def test_a_thinned_outage_can_be_the_longest() -> None:
    node = AlertedNode()
    store = ChannelEventStore(replace(node.config, history_limit=2))
    node.store = store
    with node:
        channel = node.channel_with("ACINQ")
        for hours in (2, 1, 1, 1):
            node.advance(days=2)
            node.peer_offline(channel.peer)
            node.advance(hours=hours)
            node.peer_online(channel.peer)
        node.advance(days=2)
        node.look()
        node.peer_offline(channel.peer)
        (down,) = node.look_after(hours=6)
        assert "; its longest in 10 days was 2 h." in down.text
