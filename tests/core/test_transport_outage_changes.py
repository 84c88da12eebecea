"""Changes in a lost transport, in an undecided one, and over restarts."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from chanfitness import (
    ChannelMovedEvent,
    OpenChannel,
    PeerDescribedEvent,
    SnapshotEvent,
    SqliteStorage,
)
from chanfitness.reports.loading import load_database

from ..support.nodes_with_channels import channels_of, pause, put, restart, resume, seconds
from ..support.persistent_stores import DAY, HOUR, ZERO, FlushedByHand, history_of
from ..support.stores import WAIT
from ..support.tor_nodes import Node, flaps, spans, watched
from ..support.values import SECOND, outpoint


@pytest.fixture
def node() -> Node:
    return Node()


# Changes in a lost transport.


def test_an_own_outage_with_the_same_start_replaces_it(node: Node) -> None:
    with watched(node) as store:
        node.advance(hours=1)
        begun = node.tor_goes()
        assert [span.of for span in spans(store)] == ["tor"]
        node.advance(seconds=10)
        for _, peer in node.clearnet:
            node.peer_offline(peer)
        node.advance(hours=1)
        (span,) = spans(store)
        assert (span.start, span.of, span.cause) == (begun, "all", "own outage")
        for _, peer in channels_of(node):
            node.peer_online(peer)
        node.advance(seconds=10)
        assert [seconds(store, each) for each in channels_of(node)] == [(10, 10)] * 5
        assert flaps(store) == {0}


def test_a_later_own_outage_ends_it(node: Node) -> None:
    with watched(node) as store:
        node.advance(hours=1)
        begun = node.tor_goes()
        node.advance(hours=1)
        extra = [node.new_peer(online=True), node.new_peer(online=True)]
        for peer in extra:
            put(node, PeerDescribedEvent(peer, None, "clearnet"))
        node.advance(hours=1)
        lost = node.clock.now()
        for peer in [*(peer for _, peer in node.clearnet), *extra]:
            node.peer_offline(peer)
        node.advance(hours=1)
        for _, peer in channels_of(node):
            node.peer_online(peer)
        node.advance(seconds=10)
        assert [(span.start, span.end, span.of) for span in spans(store)] == [
            (begun, lost, "tor"),
            (lost, lost + HOUR, "all"),
        ]
        assert {seconds(store, each) for each in node.tor} == {(10, 10)}


def test_a_pause_ends_it_and_a_resume_awaits_its_peers(node: Node) -> None:
    with watched(node) as store:
        node.advance(hours=1)
        node.tor_goes()
        node.advance(hours=1)
        cut = node.clock.now()
        restart(node, *(peer for _, peer in node.clearnet))
        node.advance(seconds=3)
        node.tor_comes()
        node.advance(seconds=10)
        assert [(span.end, span.of) for span in spans(store)] == [
            (cut, "tor"),
            (cut + HOUR, "all"),
        ]
        assert {seconds(store, each) for each in node.tor} == {(10, 10)}


def test_a_late_pause_takes_back_its_end(node: Node) -> None:
    with watched(node) as store:
        node.advance(hours=1)
        node.tor_goes()
        node.advance(hours=1)
        node.peer_online(node.tor[0].peer)
        node.advance(seconds=2)
        lost = node.clock.now()
        node.advance(minutes=1)
        assert spans(store)[0].end == lost + 3 * SECOND
        assert seconds(store, node.tor[1]) == (62, 0)
        pause(node, lost)
        assert spans(store)[0].end == lost
        resume(node, *(peer for _, peer in channels_of(node)))
        assert seconds(store, node.tor[1]) == (0, 0)
        assert history_of(store, node.tor[1]).outages == ()


def test_lists_may_bring_the_first_return(node: Node) -> None:
    with watched(node) as store:
        node.advance(hours=1)
        node.tor_goes()
        node.advance(hours=1)
        online = [node.tor[0].peer, *(peer for _, peer in node.clearnet)]
        put(node, SnapshotEvent(channels_of(node), online))
        node.advance(seconds=10)
        assert [seconds(store, each) for each in node.tor] == [(10, 10), (10, 0), (10, 0)]


def test_lists_without_a_return_change_nothing(node: Node) -> None:
    with watched(node) as store:
        node.advance(hours=1)
        node.tor_goes()
        node.advance(hours=1)
        put(node, SnapshotEvent(channels_of(node), [peer for _, peer in node.clearnet]))
        node.advance(hours=1)
        assert {seconds(store, each) for each in node.tor} == {(0, 0)}
        assert spans(store)[0].end is None


def test_a_channel_that_opens_meanwhile_counts_from_the_return(node: Node) -> None:
    with watched(node) as store:
        node.advance(hours=1)
        node.tor_goes()
        late = node.open_channel(node.tor[0].peer)
        node.advance(hours=1)
        node.tor_comes()
        node.advance(hours=1)
        info = store.get_chan_info(*late)
        assert (info.lifetime, info.uptime) == (HOUR, HOUR)


def test_a_channel_that_moves_meanwhile_goes_on(node: Node) -> None:
    with watched(node) as store:
        node.advance(hours=1)
        node.tor_goes()
        point, peer = node.tor[0]
        put(node, ChannelMovedEvent(point, outpoint(900), peer))
        node.advance(hours=1)
        node.tor_comes()
        node.advance(seconds=10)
        assert seconds(store, OpenChannel(outpoint(900), peer)) == (10, 10)


def test_a_channel_that_closed_meanwhile_has_the_figures_of_before(
    node: Node, tmp_path: Path
) -> None:
    with watched(node, tmp_path / "db") as store:
        node.advance(hours=1)
        first, *others = [peer for _, peer in node.tor]
        node.peer_offline(first)
        node.advance(seconds=10)
        closed = node.tor[0]
        node.close_channel(closed)
        for peer in others:
            node.peer_offline(peer)
        node.advance(hours=1)
        node.open_channel(first, closed.channel_point)
        node.tor_comes()
        node.advance(seconds=10)
        assert seconds(store, closed) == (10, 10)


@pytest.mark.parametrize("first_is_back", [False, True])
def test_a_channel_that_closes_before_its_peer_returns_has_no_outage(
    node: Node, tmp_path: Path, first_is_back: bool
) -> None:
    with watched(node, tmp_path / "db"):
        node.advance(hours=1)
        node.tor_goes()
        node.advance(hours=1)
        if first_is_back:
            node.peer_online(node.tor[0].peer)
            node.advance(seconds=1)
        node.close_channel(node.tor[1])
        node.advance(seconds=1)
        node.tor_comes()
    (closed,) = load_database(str(tmp_path / "db")).closed
    assert (closed.lifetime, closed.uptime) == (HOUR, HOUR)


def test_peers_that_return_and_go_again_are_another_outage(node: Node) -> None:
    with watched(node) as store:
        node.advance(hours=1)
        node.tor_goes()
        node.advance(hours=1)
        node.tor_comes()
        node.advance(seconds=10)
        node.tor_goes()
        node.advance(hours=1)
        node.tor_comes()
        assert {seconds(store, each) for each in node.tor} == {(10, 10)}
        assert [span.peers for span in spans(store)] == [3, 3]


def test_a_peer_that_is_still_awaited_is_part_of_the_next_outage() -> None:
    node = Node(tor=6)
    with watched(node) as store:
        node.advance(hours=1)
        node.tor_goes()
        node.advance(hours=1)
        early = [peer for _, peer in node.tor[:3]]
        for peer in early:
            node.peer_online(peer)
        node.advance(seconds=1)
        for peer in early:
            node.peer_offline(peer)
        node.advance(hours=1)
        node.tor_comes()
        node.advance(seconds=10)
        assert [seconds(store, each)[0] for each in node.tor] == [11, 11, 11, 10, 10, 10]
        assert {history_of(store, each).outages for each in node.tor} == {()}


# Restarts.


def test_a_restart_awaits_its_peers(node: Node, tmp_path: Path) -> None:
    with watched(node, tmp_path / "db"):
        node.advance(hours=1)
        begun = node.tor_goes()
        node.advance(hours=1)
        stopped = node.clock.now()
    node.advance(hours=1)
    with watched(node, tmp_path / "db") as store:
        node.advance(seconds=3)
        node.tor_comes()
        node.advance(seconds=10)
        assert {seconds(store, each) for each in node.tor} == {(10, 10)}
        assert [(span.start, span.end, span.of) for span in spans(store)] == [
            (begun, stopped, "tor"),
            (stopped, stopped + HOUR, "all"),
        ]


def test_a_crash_while_it_is_undecided_leaves_no_outage(node: Node, tmp_path: Path) -> None:
    storage = FlushedByHand(tmp_path / "db")
    with watched(node, tmp_path / "db", storage=storage):
        node.advance(hours=1)
        for _, peer in node.tor[:2]:
            node.peer_offline(peer)
            node.advance(seconds=10)
        node.peer_online(node.new_peer())  # prevents an own outage
        assert storage.flush()
        shutil.copy(tmp_path / "db", tmp_path / "crashed")
    node.advance(hours=1)
    with watched(node, tmp_path / "crashed") as store:
        node.tor_comes()
        node.advance(seconds=10)
        assert [seconds(store, each) for each in node.tor] == [(10, 10), (10, 10), (30, 30)]
        assert flaps(store) == {0}


def test_a_stop_while_it_is_undecided_saves_its_peers_as_offline(
    node: Node, tmp_path: Path
) -> None:
    with watched(node, tmp_path / "db"):
        node.advance(hours=1)
        for _, peer in node.tor[:2]:
            node.peer_offline(peer)
        node.advance(seconds=10)
    with watched(node, tmp_path / "db") as store:
        assert [seconds(store, each) for each in node.tor] == [(10, 0), (10, 0), (10, 10)]


def test_no_flush_while_channels_of_an_undecided_outage_change(node: Node, tmp_path: Path) -> None:
    storage = FlushedByHand(tmp_path / "db")
    with watched(node, tmp_path / "db", storage=storage):
        put(node, PeerDescribedEvent(node.clearnet[0].peer, None, "clearnet"))
        for _, peer in node.tor[:2]:
            node.peer_offline(peer)
        node.peer_online(node.new_peer())  # prevents an own outage
        node.open_channel(node.clearnet[0].peer)
        node.channel_inactive(node.clearnet[1])
        assert storage.flush()
        node.open_channel(node.tor[0].peer)
        assert not storage.flush()
        node.advance(seconds=91)
        assert storage.flush()


def test_old_outages_are_forgotten_with_the_history(node: Node, tmp_path: Path) -> None:
    storage = FlushedByHand(tmp_path / "db")
    with watched(node, tmp_path / "db", storage=storage, history=DAY) as store:
        node.tor_goes()
        node.advance(hours=1)
        node.tor_comes()
        storage.flush()
        assert len(spans(store)) == 1
        node.advance(days=2)
        storage.flush()
        assert spans(store) == ()
    with watched(node, tmp_path / "db", storage=SqliteStorage(tmp_path / "db")) as store:
        assert [span.of for span in spans(store)] == []


# Changes while it is undecided.


@pytest.mark.parametrize("history", [90 * DAY, None])
def test_a_channel_that_opens_while_undecided_counts_from_the_return(
    history: timedelta | None,
) -> None:
    node = Node(history=history)
    with watched(node) as store:
        node.advance(hours=1)
        first, *others = [peer for _, peer in node.tor]
        node.peer_offline(first)
        node.advance(seconds=5)
        opened = node.open_channel(first)
        node.channel_inactive(opened)
        for peer in others:
            node.peer_offline(peer)
        node.advance(hours=1)
        node.tor_comes()
        node.advance(seconds=10)
        info = store.get_chan_info(opened.channel_point, timeout=WAIT)
        assert (info.lifetime, info.uptime, info.usable) == (10 * SECOND, 10 * SECOND, ZERO)
        assert flaps(store) == {0}


def test_a_channel_that_closes_and_returns_while_undecided_goes_on(
    node: Node, tmp_path: Path
) -> None:
    with watched(node, tmp_path / "db") as store:
        node.advance(hours=1)
        channel, *others = node.tor
        node.peer_offline(channel.peer)
        node.advance(seconds=5)
        node.close_channel(channel)
        node.advance(seconds=5)
        node.open_channel(channel.peer, channel.channel_point)
        for other in others:
            node.peer_offline(other.peer)
        node.advance(hours=1)
        node.tor_comes()
        node.advance(seconds=10)
        assert seconds(store, channel) == (10, 10)
        assert history_of(store, channel).outages == ()


def test_activity_within_it_is_undone_by_an_own_outage_that_began_before(node: Node) -> None:
    with watched(node) as store:
        node.advance(hours=1)
        node.peer_offline(node.clearnet[0].peer)
        node.advance(seconds=1)
        node.tor_goes()
        node.advance(seconds=1)
        node.channel_inactive(node.tor[0])
        node.advance(seconds=1)
        node.peer_offline(node.clearnet[1].peer)
        node.advance(hours=1)
        for _, peer in channels_of(node):
            node.peer_online(peer)
        node.advance(seconds=10)
        assert [span.cause for span in spans(store)] == ["own outage"]
        assert [seconds(store, each) for each in channels_of(node)] == [(10, 10)] * 5
        assert store.get_chan_info(node.tor[0].channel_point).unusable == 10 * SECOND


def test_a_flush_is_as_of_the_start_of_a_possible_own_outage(node: Node, tmp_path: Path) -> None:
    storage = FlushedByHand(tmp_path / "db")
    with watched(node, tmp_path / "db", storage=storage):
        node.advance(hours=1)
        node.peer_offline(node.clearnet[0].peer)
        node.advance(seconds=1)
        node.tor_goes()
        node.advance(seconds=30)
        assert storage.flush()
        channels = load_database(str(storage.path)).channels
    assert {(info.lifetime, info.uptime) for info in channels} == {(HOUR, HOUR)}
