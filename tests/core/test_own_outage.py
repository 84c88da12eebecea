"""Own outages: if all peers go offline at once, this node's own network failed."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from chanfitness import (
    ChannelEventStore,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    SqliteStorage,
    Vertex,
)
from chanfitness.core.saved_state import int_to_date
from chanfitness.logs import logged_time
from chanfitness.storage.sqlite import read
from chanfitness.testing import FakeNode

from ..support.nodes_with_channels import (
    channels_of,
    node_with_channels,
)
from ..support.persistent_stores import (
    HOUR,
    MICROSECOND,
    ZERO,
    figures,
    history_of,
    watching,
)
from ..support.stores import WAIT, running
from ..support.values import SECOND

PERIOD = 90 * SECOND


@pytest.fixture
def node() -> FakeNode:
    """Three peers online, with a channel each."""
    return node_with_channels(True, True, True, own_outage=PERIOD)


@pytest.fixture
def store(node: FakeNode) -> Iterator[ChannelEventStore]:
    with running(ChannelEventStore(node.config)) as store:
        yield store


def all_go(node: FakeNode, every: float = 20) -> list[Vertex]:
    """Take all peers offline, one after the other."""
    peers = [peer for _, peer in channels_of(node)]
    for number, peer in enumerate(peers):
        if number:
            node.advance(seconds=every)
        node.peer_offline(peer)
    return peers


def test_an_own_outage_is_blind_from_the_first_offline_to_the_first_online(
    node: FakeNode, store: ChannelEventStore
) -> None:
    node.advance(hours=1)
    peers = all_go(node)
    node.advance(hours=5)
    assert store.get_overview().sees is False
    assert [info.online for info in store.list_peers()] == [False] * 3
    node.peer_online(peers[1])
    node.advance(hours=2)

    overview = store.get_overview()
    assert overview.sees
    assert overview.blind == 5 * HOUR + 40 * SECOND
    assert overview.outages == (1, 0, 1)
    lifetimes = [(info.lifetime / HOUR, info.uptime / HOUR) for info in overview.channels]
    assert lifetimes == [(3, 1), (3, 3), (3, 1)]
    assert [info.flap_count for info in overview.peers] == [0, 0, 0]


def test_peers_that_return_later_were_offline_from_the_resume(
    node: FakeNode, store: ChannelEventStore
) -> None:
    channels = channels_of(node)
    node.advance(hours=1)
    peers = all_go(node)
    node.advance(hours=5)
    node.peer_online(peers[1])
    resumed = node.clock.now()
    node.advance(hours=1)
    node.peer_online(peers[0])

    (outage,) = history_of(store, channels[0]).outages
    assert (outage.start, outage.end, outage.duration) == (resumed, resumed + HOUR, HOUR)
    assert store.get_peer_info(peers[0]).flap_count == 1


def test_answers_before_the_decision_count_the_peers_as_offline(
    node: FakeNode, store: ChannelEventStore
) -> None:
    channel = channels_of(node)[0]
    node.advance(hours=1)
    first, second, third = (peer for _, peer in channels_of(node))
    node.peer_offline(first)
    node.advance(seconds=40)
    node.peer_offline(second)
    assert store.get_chan_info(*channel).lifetime == HOUR + 40 * SECOND
    assert store.get_peer_info(first).flap_count == 1
    node.peer_offline(third)
    info = store.get_chan_info(*channel)
    assert (info.lifetime, info.uptime) == (HOUR, HOUR)
    assert store.get_peer_info(first).flap_count == 0


@pytest.mark.parametrize(
    ("seconds", "own"), [(44.9, True), (45, True), (45.000001, False), (3600, False)]
)
def test_all_must_go_within_the_period(
    node: FakeNode, store: ChannelEventStore, seconds: float, own: bool
) -> None:
    all_go(node, every=seconds)
    assert store.get_overview().sees is not own


def test_the_period_slides_past_a_peer_that_went_earlier(
    node: FakeNode, store: ChannelEventStore
) -> None:
    alone = node.new_peer(online=True)
    node.peer_offline(alone)
    node.advance(seconds=89)
    all_go(node)
    node.advance(hours=1)
    assert not store.get_overview().sees
    lone = node.open_channel(alone)
    assert figures(store, lone) == (0, 0)
    assert store.get_overview().blind == HOUR + 40 * SECOND


def test_two_peers_are_too_few(node: FakeNode, store: ChannelEventStore) -> None:
    first, second, third = (peer for _, peer in channels_of(node))
    node.peer_offline(first)
    node.advance(hours=1)
    node.peer_offline(second)
    node.peer_offline(third)
    assert store.get_overview().sees


@pytest.mark.parametrize("known", [True, False])
def test_an_online_event_in_between_decides_against_an_own_outage(
    node: FakeNode, store: ChannelEventStore, known: bool
) -> None:
    first, second, third = (peer for _, peer in channels_of(node))
    node.peer_offline(first)
    node.peer_offline(second)
    node.peer_online(third if known else node.new_peer())  # for the known peer it is a repeat
    for peer in (third, node.new_peer()):
        node.peer_offline(peer)
    assert store.get_overview().sees


def test_peers_without_channels_count_too(node: FakeNode, store: ChannelEventStore) -> None:
    stranger = node.new_peer(online=True)
    all_go(node)
    assert store.get_overview().sees
    node.peer_offline(stranger)
    assert not store.get_overview().sees
    assert stranger not in [info.peer for info in store.list_peers()]


def test_without_the_setting_each_peer_has_an_outage(node: FakeNode) -> None:
    with running(ChannelEventStore(replace(node.config, own_outage=None))) as store:
        all_go(node)
        node.advance(hours=1)
        overview = store.get_overview()
    assert overview.sees
    assert {info.uptime for info in overview.channels} == {ZERO, 20 * SECOND, 40 * SECOND}


def test_a_bad_period_is_refused() -> None:
    with pytest.raises(ValueError, match="bad own_outage"):
        replace(FakeNode().config, own_outage=-SECOND)


def test_an_own_outage_is_logged_with_its_start(
    node: FakeNode, store: ChannelEventStore, caplog: pytest.LogCaptureFixture
) -> None:
    begun = node.clock.now()
    all_go(node)
    store.list_peers()
    assert [record.getMessage() for record in caplog.records] == [
        "all 3 peers went offline: perhaps this node's own network is lost,"
        f" as of {logged_time(begun)}"
    ]


# Pauses.


def paused(store: ChannelEventStore, node: FakeNode) -> None:
    node.channel_notifier.send_update(MonitoringPausedEvent())


def resumed(node: FakeNode, *peers: Vertex) -> None:
    node.channel_notifier.send_update(MonitoringResumedEvent(channels_of(node), peers))


def test_peers_that_go_while_paused_are_no_own_outage(
    node: FakeNode, store: ChannelEventStore
) -> None:
    first, *others = [peer for _, peer in channels_of(node)]
    node.peer_offline(first)
    paused(store, node)
    for peer in others:
        node.peer_offline(peer)
    resumed(node)
    assert store.get_overview().sees


def test_a_pause_in_an_own_outage_is_blind_until_a_peer_is_online(
    node: FakeNode, store: ChannelEventStore
) -> None:
    peers = all_go(node)
    node.advance(hours=1)
    paused(store, node)
    node.advance(hours=1)
    resumed(node)
    node.advance(hours=1)
    assert store.get_overview().blind == 3 * HOUR + 40 * SECOND
    node.peer_online(peers[0])
    node.advance(hours=1)
    assert store.get_overview().sees
    assert [info.lifetime for info in store.list_channels()] == [HOUR] * 3


def test_lists_with_a_peer_online_end_an_own_outage(
    node: FakeNode, store: ChannelEventStore
) -> None:
    peers = all_go(node)
    paused(store, node)
    node.advance(hours=1)
    resumed(node, peers[2])
    assert store.get_overview().sees


def test_a_peer_that_returns_while_paused_is_no_resume(
    node: FakeNode, store: ChannelEventStore
) -> None:
    peers = all_go(node)
    paused(store, node)
    node.peer_online(peers[0])
    assert not store.get_overview().sees
    node.peer_offline(peers[0])
    resumed(node)
    assert store.get_overview().sees


# Channel events in an own outage.


def test_a_channel_that_opens_in_an_own_outage_begins_at_the_resume(
    node: FakeNode, store: ChannelEventStore
) -> None:
    node.advance(hours=1)
    first, second, third = (peer for _, peer in channels_of(node))
    node.peer_offline(first)
    node.advance(seconds=10)
    up, down = node.open_channel(third), node.open_channel(first)
    strange = node.open_channel(node.new_peer())
    assert figures(store, up) == (0, 0)
    node.advance(seconds=10)
    node.peer_offline(second)
    node.peer_offline(third)
    node.advance(hours=1)
    assert [figures(store, channel) for channel in (up, down, strange)] == [(0, 0)] * 3
    resumed = node.clock.now()
    node.peer_online(third)
    node.advance(hours=1)
    assert [figures(store, channel) for channel in (up, down, strange)] == [(1, 1), (1, 0), (1, 0)]
    for channel in (up, down, strange):
        assert history_of(store, channel).start == resumed
    assert store.get_peer_info(strange.peer).since == resumed - HOUR - 20 * SECOND


def test_a_channel_that_closes_in_an_own_outage_has_the_figures_of_before(
    node: FakeNode, tmp_path: Path
) -> None:
    with watching(node, tmp_path / "db"):
        node.advance(hours=1)
        first, second, third = channels_of(node)
        node.peer_offline(first.peer)
        node.advance(seconds=20)
        node.close_channel(second)
        closed_at = node.clock.now()
        node.advance(seconds=20)
        node.peer_offline(second.peer)
        node.peer_offline(third.peer)
        node.advance(hours=1)
    _, (row,) = read(tmp_path / "db")
    assert row.channel_point == str(second.channel_point)
    assert (row.lifetime, row.uptime) == (HOUR // MICROSECOND, HOUR // MICROSECOND)
    assert int_to_date(row.closed) == closed_at


def test_a_channel_that_returns_in_an_own_outage_returns_at_the_resume(
    node: FakeNode, tmp_path: Path
) -> None:
    back = channels_of(node)[2]
    with watching(node, tmp_path / "db") as store:
        node.advance(hours=1)
        others = [channel for channel in channels_of(node) if channel != back]
        online = [peer for _, peer in channels_of(node)]
        node.channel_notifier.send_update(MonitoringResumedEvent(others, online))
        node.advance(hours=1)
        node.peer_offline(online[0])
        node.advance(seconds=20)
        node.channel_notifier.notify_open_channel(*back)
        node.advance(seconds=20)
        node.peer_offline(online[1])
        node.peer_offline(online[2])
        node.advance(hours=1)
        assert figures(store, back) == (1, 1)
        node.peer_online(back.peer)
        node.advance(hours=1)
        assert figures(store, back) == (2, 2)
        assert history_of(store, back).blind == 2 * HOUR + 40 * SECOND


def test_a_long_history_is_undone_like_a_short_one(
    node: FakeNode, store: ChannelEventStore
) -> None:
    """Every eighth change has a mark of the uptime, which is undone too."""
    late = node.open_channel(node.new_peer())  # its history begins offline
    node.peer_online(late.peer)
    for number in range(12):
        node.advance(hours=1)
        node.peer_offline(late.peer)
        node.advance(hours=1)
        node.peer_online(late.peer)
        node.advance(minutes=2)
        all_go(node)
        node.advance(hours=1)
        node.peer_online(late.peer)
        for channel in channels_of(node):
            node.peer_online(channel.peer)
        history = history_of(store, late)
        assert len(history.outages) == number + 1
        assert history.lifetime - history.uptime == (number + 1) * HOUR


def test_without_storage_a_channel_that_closes_in_an_own_outage_is_forgotten(
    node: FakeNode, store: ChannelEventStore
) -> None:
    first, second, third = channels_of(node)
    node.peer_offline(first.peer)
    node.close_channel(second)
    node.peer_offline(second.peer)
    node.peer_offline(third.peer)
    overview = store.get_overview()
    assert not overview.sees
    assert [info.channel_point for info in overview.channels] == [
        first.channel_point,
        third.channel_point,
    ]


# Flushes.


def test_a_flush_without_an_answer_writes_nothing(tmp_path: Path) -> None:
    asked: queue.SimpleQueue[bool] = queue.SimpleQueue()  # True: for everything
    storage = SqliteStorage(tmp_path / "db", flush_interval=timedelta(milliseconds=1))
    storage.open()
    storage.start(asked.put)
    assert [asked.get(timeout=WAIT) for _ in range(2)] == [False, False]
    assert read(tmp_path / "db") == (None, [])
    storage.close()
