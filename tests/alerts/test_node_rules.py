"""Rules of the node itself: blind time, outages of its own, failing saves."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chanfitness.alerts.draft import Rules
from chanfitness.alerts.rules import decide
from chanfitness.alerts.snapshot import Snapshot, TransportOutage
from chanfitness.alerts.state import State

from ..support.alerted_nodes import SIX_HOURS, AlertedNode
from ..support.values import START

MINUTE = timedelta(minutes=1)


def test_five_blind_minutes_are_reported_once_and_so_is_their_end() -> None:
    with AlertedNode() as node:
        channel = node.channel_with()
        node.look_after(hours=1)
        node.pause()
        paused = node.clock.now()
        assert node.look_after(minutes=4) == []
        assert node.due == MINUTE
        (told,) = node.look_after(minutes=1)
        assert (told.kind, told.since) == ("blind", paused)
        assert told.text == "the node has not been seen since 01:00: its figures stand still"
        assert node.look_after(days=2) == []
        node.resume([channel], [channel.peer])
        (over,) = node.look()
        assert (over.kind, over.since) == ("blind_end", paused)
        assert over.text == "the node is seen again, after 2 d"


def test_a_short_blind_time_is_not_reported() -> None:
    with AlertedNode() as node:
        channel = node.channel_with()
        for _ in range(5):
            node.look_after(minutes=1)
            node.pause()
            assert node.look_after(minutes=4) == []
            node.resume([channel], [channel.peer])
        assert node.look() == []


@pytest.mark.parametrize("remembers", [False, True])
def test_the_time_before_a_start_does_not_count_as_blind(remembers: bool) -> None:
    """A database may have seen its node a week ago."""
    rules = Rules(SIX_HOURS, remembers=remembers)
    seen_until = START - timedelta(days=7) if remembers else None
    first = Snapshot(START, False, timedelta(days=7), seen_until)
    begun = decide(rules, State(), first, lambda _: None)
    assert begun.messages == ()
    assert begun.due == 5 * MINUTE
    later = first._replace(now=START + 5 * MINUTE, blind=first.blind + 5 * MINUTE)
    (told,) = decide(rules, begun.state, later, lambda _: None).messages
    assert told.since == (seen_until if remembers else START)
    assert ("without a database it may have been told" in told.text) is not remembers


def test_an_own_outage_is_one_message_and_its_end_another() -> None:
    with AlertedNode() as node:
        channels = [node.channel_with() for _ in range(300)]
        node.look_after(hours=1)
        lost = node.clock.now()
        node.pause()
        for channel in channels:
            node.peer_offline(channel.peer)
        (told,) = node.look(own_outage=lost)
        assert (told.kind, told.since, told.peer) == ("own_outage", lost, None)
        assert told.text == (
            "this node's own network has been down since 01:00:"
            " all its peers disconnected at once (300 with a channel)"
        )
        node.advance(days=1)
        assert node.look(own_outage=lost) == []
        node.resume(channels, [channel.peer for channel in channels])
        (over,) = node.look()
        assert (over.kind, over.since) == ("own_outage_end", lost)
        assert over.text == "this node's own network is back, after 1 d"


def test_blind_time_after_an_own_outage_is_reported_after_five_minutes() -> None:
    with AlertedNode() as node:
        channel = node.channel_with()
        lost = node.clock.now()
        node.pause()
        node.look(own_outage=lost)
        node.advance(hours=1)
        node.look(own_outage=lost)
        assert node.look() == []
        assert node.look_after(minutes=4) == []
        assert [each.kind for each in node.look_after(minutes=1)] == ["blind"]
        node.resume([channel], [channel.peer])
        assert {each.kind for each in node.look()} == {"own_outage_end", "blind_end"}


def test_a_transport_outage_is_one_message_and_its_end_another() -> None:
    with AlertedNode() as node:
        tor = TransportOutage("tor", node.clock.now(), 12)
        i2p = TransportOutage("i2p", node.clock.now(), 3)
        (told,) = node.look(transport_outages=(tor,))
        assert told.text == (
            "this node has had no connection over tor since 00:00: its 12 peers there"
            " disconnected at once, others did not"
        )
        node.advance(hours=1)
        assert [each.kind for each in node.look(transport_outages=(tor, i2p))] == [
            "transport_outage"
        ]
        node.pause()
        assert node.look() == []
        node.resume([], [])
        tor_is_back, i2p_is_back = node.look()
        assert tor_is_back.text == "this node is connected over tor again, after 1 h"
        assert i2p_is_back.kind == "transport_outage_end"


def test_failing_saves_are_reported_and_so_is_their_end() -> None:
    with AlertedNode() as node:
        unsaved = {"unsaved_since": node.clock.now(), "unsaved_reason": "disk \x1b full"}
        assert node.look(**unsaved) == []
        assert node.due == MINUTE
        node.advance(minutes=1)
        (told,) = node.look(**unsaved)
        assert (told.kind, told.since) == ("unsaved", unsaved["unsaved_since"])
        assert told.text == "the database has not been saved since 00:00: disk \\x1b full"
        assert node.look(unsaved_since=unsaved["unsaved_since"]) == []
        (over,) = node.look()
        assert (over.kind, over.text) == ("unsaved_end", "the database is saved again")


@pytest.mark.parametrize("kind", ["blind", "own_outage", "transport_outage", "unsaved"])
def test_a_kind_left_out_has_no_end_either(kind: str) -> None:
    with AlertedNode(without=[kind]) as node:
        now = node.clock.now()
        node.look(
            own_outage=now,
            transport_outages=(TransportOutage("tor", now, 3),),
            unsaved_since=now - MINUTE,
        )
        node.look()
        node.pause()
        node.look_after(minutes=6)
        node.resume([], [])
        node.look()
        every = {"blind", "own_outage", "transport_outage", "unsaved"}
        expected = {name for each in every - {kind} for name in (each, f"{each}_end")}
        assert set(node.kinds()) == expected


def test_a_corrected_clock_changes_only_dates() -> None:
    """By decades, either way: the length of an outage is not a difference of dates."""
    with AlertedNode() as node:
        channel = node.channel_with()
        node.peer_offline(channel.peer)
        node.look_after(hours=7)
        snapshot_now = node.clock.now()
        for years in (50, -50):
            later = snapshot_now.replace(year=snapshot_now.year + years)
            assert node.look(now=later) == []
