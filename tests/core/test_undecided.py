"""Combinations of undecided states: a return grace, an own outage and a late pause."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chanfitness import (
    ChannelEventStore,
    MonitoringResumedEvent,
    OpenChannel,
    Reading,
)
from chanfitness.reports.loading import load_database
from chanfitness.testing import FakeNode

from ..support.nodes_with_channels import (
    channels_of,
    node_with_channels,
    pause,
    peers_of,
    put,
    restart,
    resume,
    seconds,
    store,
)
from ..support.persistent_stores import DAY, HOUR, FlushedByHand, figures, history_of, watching
from ..support.stores import running
from ..support.values import SECOND, START, outpoint, vertex

__all__ = ["store"]

STRANGER = vertex(77)


@pytest.fixture
def node() -> FakeNode:
    """Four peers online, with a channel each."""
    return node_with_channels(
        True, True, True, True, return_grace=5 * SECOND, own_outage=90 * SECOND
    )


# A grace and an own outage.


def test_a_grace_does_not_end_while_an_own_outage_is_undecided(
    node: FakeNode, store: ChannelEventStore
) -> None:
    slow, *others = channels_of(node)
    restart(node, *peers_of(node)[1:])
    node.advance(seconds=4)
    node.peer_offline(others[0].peer)
    node.advance(seconds=80)
    assert seconds(store, slow) == (0, 0)
    for channel in others[1:]:
        node.peer_offline(channel.peer)
    node.advance(hours=1)
    for channel in others:
        node.peer_online(channel.peer)
    node.advance(seconds=4)
    assert seconds(store, slow) == (0, 0)
    assert [seconds(store, channel) for channel in others] == [(8, 8)] * 3


def test_a_grace_ends_when_the_outage_is_decided(node: FakeNode, store: ChannelEventStore) -> None:
    slow, quick, *_ = channels_of(node)
    restart(node, *peers_of(node)[1:])
    node.advance(seconds=4)
    node.peer_offline(quick.peer)
    node.advance(seconds=90)
    assert seconds(store, slow) == (0, 0)
    node.advance(seconds=1)
    assert seconds(store, slow) == (95, 0)
    assert seconds(store, quick) == (95, 4)


def test_a_channel_that_opened_in_a_grace_is_awaited_after_an_own_outage(
    node: FakeNode, store: ChannelEventStore
) -> None:
    slow, *others = channels_of(node)
    restart(node, *peers_of(node)[1:])
    node.advance(seconds=1)
    node.peer_offline(others[0].peer)
    node.advance(seconds=1)
    new = node.open_channel(slow.peer)
    for channel in others[1:]:
        node.peer_offline(channel.peer)
    node.advance(hours=1)
    node.peer_online(others[0].peer)
    node.advance(seconds=4)
    assert [seconds(store, slow), figures(store, new)] == [(0, 0), (0, 0)]
    node.peer_online(slow.peer)
    node.advance(hours=1)
    assert [seconds(store, slow), figures(store, new)] == [(3600, 3600), (1, 1)]


@pytest.mark.parametrize("history", [90 * DAY, None])
def test_a_peer_with_its_first_channel_in_an_own_outage_is_awaited(
    node: FakeNode, history: timedelta | None
) -> None:
    first, *others = peers_of(node)
    with running(ChannelEventStore(replace(node.config, history=history))) as store:
        node.peer_online(STRANGER)
        node.peer_offline(first)
        node.peer_offline(STRANGER)
        new = node.open_channel(STRANGER)
        for peer in others:
            node.peer_offline(peer)
        node.advance(hours=1)
        node.peer_online(first)
        node.advance(seconds=4)
        node.peer_online(STRANGER)
        node.advance(hours=1)
        assert figures(store, new) == (1, 1)
        assert store.get_peer_info(STRANGER).flap_count == 0


def test_a_suspend_ends_an_undecided_outage_and_the_grace() -> None:
    class Machine:
        asleep = seen = 0 * HOUR

        def now(self) -> datetime:
            return START + self.seen + self.asleep

        def read(self) -> Reading:
            return Reading(self.now(), self.seen, self.asleep)

    node, machine = FakeNode(), Machine()
    slow, quick, other, *_ = [node.open_channel(node.new_peer(online=True)) for _ in range(4)]
    settings: dict[str, Any] = {"return_grace": 5 * SECOND, "own_outage": 90 * SECOND}
    with running(ChannelEventStore(replace(node.config, clock=machine, **settings))) as store:
        restart(node, *peers_of(node)[1:])
        node.peer_offline(quick.peer)
        machine.seen += 4 * SECOND
        machine.asleep += HOUR
        assert figures(store, slow) == (0, 0)
        machine.seen += SECOND
        assert figures(store, slow) == figures(store, quick) == (5 / 3600, 0)
        assert figures(store, other) == (5 / 3600, 5 / 3600)


# A channel with two changes in an undecided outage.


@pytest.mark.parametrize("closes_first", [True, False])
def test_two_changes_of_a_channel_while_undecided_count_as_the_last(
    node: FakeNode, tmp_path: Path, *, closes_first: bool
) -> None:
    channel, *others = channels_of(node)
    with watching(node, tmp_path / "db") as store:
        node.advance(hours=1)
        if not closes_first:
            node.close_channel(channel)
            node.advance(hours=1)
        for other in others:
            node.peer_offline(other.peer)
            node.advance(seconds=10)
        for opens in [not closes_first, closes_first]:
            if opens:
                node.open_channel(channel.peer, channel.channel_point)
            else:
                node.close_channel(channel)
            node.advance(seconds=10)
        node.peer_offline(channel.peer)
        node.advance(hours=1)
        node.peer_online(channel.peer)
        if not closes_first:
            node.open_channel(channel.peer, channel.channel_point)
        node.advance(hours=1)
        assert figures(store, channel) == (2, 2)
        assert history_of(store, channel).outages == ()


def test_a_channel_whose_point_another_peer_took_while_undecided_ends_with_the_outage(
    node: FakeNode, tmp_path: Path
) -> None:
    channel, *others = channels_of(node)
    storage = FlushedByHand(tmp_path / "db")
    with watching(node, tmp_path / "db", storage=storage):
        node.advance(hours=1)
        node.peer_offline(channel.peer)
        node.advance(seconds=10)
        node.close_channel(channel)
        node.open_channel(others[0].peer, channel.channel_point)
        for other in others:
            node.peer_offline(other.peer)
        assert storage.flush()
        (closed,) = load_database(str(storage.path)).closed
        assert (closed.peer, closed.lifetime, closed.uptime) == (channel.peer, HOUR, HOUR)


# Late pauses.


@pytest.mark.parametrize("history", [90 * DAY, None])
def test_a_peer_given_up_after_the_start_of_a_late_pause_is_awaited_again(
    node: FakeNode, tmp_path: Path, history: timedelta | None
) -> None:
    slow, *others = channels_of(node)
    strange = OpenChannel(outpoint(78), STRANGER)
    with watching(node, tmp_path / "db", history=history) as store:
        node.advance(hours=1)
        pause(node)
        node.open_channel(STRANGER, strange.channel_point)
        resume(node, *peers_of(node)[1:4])
        node.advance(seconds=3)
        lost = node.clock.now()
        node.advance(seconds=3)
        assert [seconds(store, slow), figures(store, strange)[0]] == [(6, 0), 6 / 3600]
        restart(node, *peers_of(node)[1:4], at=lost)
        node.advance(seconds=4)
        assert [seconds(store, slow), figures(store, strange)] == [(0, 0), (0, 0)]
        assert seconds(store, others[0]) == (7, 7)
        node.peer_online(slow.peer)
        node.peer_online(STRANGER)
        node.advance(hours=1)
        assert [seconds(store, slow), figures(store, strange)] == [(3600, 3600), (1, 1)]


@pytest.mark.parametrize(("late", "seen"), [(5, 5), (3, 7)])
def test_a_peer_given_up_before_the_start_of_a_late_pause_is_not_awaited(
    node: FakeNode, store: ChannelEventStore, late: int, seen: int
) -> None:
    """The end of the grace counts, not the later question that noticed it."""
    slow, *_ = channels_of(node)
    restart(node, *peers_of(node)[1:])
    node.advance(seconds=10)
    assert seconds(store, slow) == (10, 0)
    restart(node, *peers_of(node)[1:], at=node.clock.now() - late * SECOND)
    node.advance(seconds=1)
    assert seconds(store, slow) == (seen + 1, 0)


# A pause, and another resume.


def test_a_peer_that_was_never_seen_is_still_awaited_after_a_pause(
    node: FakeNode, store: ChannelEventStore
) -> None:
    new, known = OpenChannel(outpoint(78), STRANGER), peers_of(node)
    for _ in range(2):
        pause(node)
        node.advance(hours=1)
        resumed = MonitoringResumedEvent([*channels_of(node), new], known)
        put(node, resumed)
        node.advance(seconds=3)
        assert figures(store, new) == (0, 0)


@pytest.mark.parametrize("history", [90 * DAY, None])
def test_a_peer_that_was_offline_when_its_channel_opened_is_not_awaited(
    node: FakeNode, history: timedelta | None
) -> None:
    with running(ChannelEventStore(replace(node.config, history=history))) as store:
        known = peers_of(node)
        new = node.open_channel(STRANGER)
        node.advance(hours=1)
        restart(node, *known)
        node.advance(seconds=3)
        assert figures(store, new) == (3603 / 3600, 0)


def test_the_rows_of_an_awaited_peer_are_rewritten_at_a_pause(
    node: FakeNode, tmp_path: Path
) -> None:
    slow, quick, *_ = channels_of(node)
    storage = FlushedByHand(tmp_path / "db")
    with watching(node, tmp_path / "db", storage=storage):
        node.advance(hours=1)
        restart(node, quick.peer)
        node.advance(seconds=1)
        assert storage.flush()
        node.advance(seconds=2)
        pause(node)
    node.peer_offline(slow.peer)
    with watching(node, tmp_path / "db") as store:
        assert seconds(store, slow) == (0, 0)
        assert seconds(store, quick) == (3, 3)


# Flushes in an undecided own outage.


def test_withheld_changes_are_written_after_the_decision(node: FakeNode, tmp_path: Path) -> None:
    gone, *_ = channels_of(node)
    storage = FlushedByHand(tmp_path / "db")
    with watching(node, tmp_path / "db", storage=storage):
        node.advance(hours=1)
        node.peer_offline(gone.peer)
        node.advance(seconds=10)
        assert storage.flush()
        node.advance(seconds=90)
        assert storage.flush()
        (info, *_) = load_database(str(storage.path)).channels
        assert info[:4] == (*gone, HOUR + 100 * SECOND, HOUR)


def test_no_flush_while_a_channel_of_an_undecided_outage_is_open(
    node: FakeNode, tmp_path: Path
) -> None:
    """The channel opened after the first peer went, so its start is undecided."""
    storage = FlushedByHand(tmp_path / "db")
    config = replace(node.config, storage=storage)
    with running(ChannelEventStore(config)) as store:
        node.advance(hours=1)
        assert storage.flush()
        first, *others = (peer for _, peer in channels_of(node))
        node.peer_offline(first)
        node.open_channel(others[0])
        assert not storage.flush()
        node.advance(seconds=91)
        assert storage.flush()
        assert list(load_database(str(storage.path)).channels) == store.list_channels()
