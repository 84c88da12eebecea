"""Return grace: peers that are still reconnecting are awaited, and have no outage."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from chanfitness import (
    ChannelEventStore,
    MonitoringPausedEvent,
)
from chanfitness.reports.loading import load_database
from chanfitness.storage.sqlite import read
from chanfitness.testing import FakeNode

from ..support.nodes_with_channels import (
    channels_of,
    node_with_channels,
    peers_of,
    put,
    restart,
    seconds,
    store,
)
from ..support.persistent_stores import (
    HOUR,
    FlushedByHand,
    figures,
    history_of,
    watching,
)
from ..support.values import SECOND

__all__ = ["store"]

GRACE = 5 * SECOND


@pytest.fixture
def node() -> FakeNode:
    """Four peers, the first of them offline, with a channel each."""
    return node_with_channels(False, True, True, True, return_grace=GRACE, own_outage=90 * SECOND)


def closed_in(storage: FlushedByHand) -> list[tuple[timedelta, timedelta]]:
    """Return lifetime and uptime of the closed channels in the database."""
    assert storage.flush()
    return [(each.lifetime, each.uptime) for each in load_database(str(storage.path)).closed]


def test_a_peer_that_returns_within_the_grace_has_no_outage(
    node: FakeNode, store: ChannelEventStore
) -> None:
    _, slow, quick, _ = channels_of(node)
    restart(node, quick.peer)
    node.advance(seconds=4)
    assert store.get_overview().sees
    assert not store.get_peer_info(slow.peer).online
    assert seconds(store, slow) == (0, 0)
    assert seconds(store, quick) == (4, 4)
    node.peer_online(slow.peer)
    node.advance(seconds=10)
    assert seconds(store, slow) == (10, 10)
    assert history_of(store, slow).outages == ()
    assert history_of(store, slow).blind == HOUR + 4 * SECOND
    assert store.get_peer_info(slow.peer).flap_count == 0


def test_a_peer_that_does_not_return_was_offline_from_the_resume(
    node: FakeNode, store: ChannelEventStore
) -> None:
    _, slow, quick, _ = channels_of(node)
    restart(node, quick.peer)
    resumed = node.clock.now()
    node.advance(seconds=5)
    assert seconds(store, slow) == (5, 0)
    node.advance(seconds=5)
    node.peer_online(slow.peer)
    (outage,) = history_of(store, slow).outages
    assert (outage.start, outage.end, outage.duration) == (
        resumed,
        resumed + 10 * SECOND,
        10 * SECOND,
    )
    assert store.get_peer_info(slow.peer).flap_count == 1


def test_a_peer_whose_last_channel_closes_is_no_longer_awaited(
    node: FakeNode, store: ChannelEventStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "chanfitness.core.sight")
    _, slow, quick, _ = channels_of(node)
    closed = node.open_channel(node.new_peer(online=True))
    restart(node, quick.peer)
    node.close_channel(closed)
    node.advance(seconds=5)
    assert seconds(store, slow) == (5, 0)
    assert [record.message.split(":")[0] for record in caplog.records[-1:]] == [
        "2 peers did not come back"
    ]


def test_each_return_prolongs_the_grace_to_a_minute_at_most(
    node: FakeNode, store: ChannelEventStore
) -> None:
    others = [node.open_channel(node.new_peer(online=True)) for _ in range(20)]
    last = channels_of(node)[1]
    restart(node)
    for channel in others[:15]:
        node.advance(seconds=4)
        node.peer_online(channel.peer)
    node.advance(seconds=1)
    assert seconds(store, last)[0] == 0
    for _ in range(3):  # the minute began with the first return
        node.advance(seconds=1)
    assert seconds(store, last) == (64, 0)


def test_a_peer_that_was_offline_when_last_seen_is_not_awaited(
    node: FakeNode, store: ChannelEventStore
) -> None:
    away = channels_of(node)[0]
    restart(node, *peers_of(node)[1:])
    node.advance(seconds=3)
    assert figures(store, away) == ((3600 + 3) / 3600, 0)


def test_a_peer_that_was_never_seen_is_awaited(node: FakeNode, store: ChannelEventStore) -> None:
    put(node, MonitoringPausedEvent())
    strange = node.open_channel(node.new_peer())
    restart(node, *peers_of(node)[1:4])
    node.advance(seconds=3)
    assert figures(store, strange) == (0, 0)
    node.peer_online(strange.peer)
    node.advance(hours=1)
    assert figures(store, strange) == (1, 1)
    assert history_of(store, strange).outages == ()
    assert store.get_peer_info(strange.peer).flap_count == 0


def test_the_grace_does_not_end_while_no_peer_is_online_and_three_are_awaited(
    node: FakeNode, store: ChannelEventStore
) -> None:
    _, first, second, third = channels_of(node)
    restart(node)
    node.advance(hours=5)
    assert [seconds(store, channel) for channel in (first, second, third)] == [(0, 0)] * 3
    node.peer_online(second.peer)
    node.advance(seconds=4)
    node.peer_online(first.peer)
    node.advance(seconds=5)
    assert seconds(store, second) == (9, 9)
    assert seconds(store, first) == (5, 5)
    assert seconds(store, third) == (5 * 3600 + 9, 0)


def test_an_own_outage_ends_for_each_peer_at_its_return(
    node: FakeNode, store: ChannelEventStore, caplog: pytest.LogCaptureFixture
) -> None:
    _, *channels = channels_of(node)
    for channel in channels:
        node.peer_offline(channel.peer)
    node.advance(hours=1)
    for channel in channels:
        node.peer_online(channel.peer)
        node.advance(seconds=4)
    node.advance(seconds=2)
    assert [seconds(store, channel) for channel in channels] == [(14, 14), (10, 10), (6, 6)]
    assert [info.flap_count for info in store.list_peers()] == [0] * 4
    assert all(history_of(store, channel).outages == () for channel in channels)
    lost, back = caplog.messages
    assert "perhaps this node's own network is lost" in lost
    assert "this node's own network is back" in back


def test_a_pause_within_the_grace_leaves_it_undecided(
    node: FakeNode, store: ChannelEventStore
) -> None:
    _, slow, quick, _ = channels_of(node)
    restart(node, quick.peer)
    node.advance(seconds=3)
    restart(node, quick.peer)
    node.advance(seconds=3)
    assert seconds(store, slow) == (0, 0)
    node.advance(seconds=2)
    assert seconds(store, slow) == (5, 0)
    assert seconds(store, quick) == (8, 8)


def test_a_late_pause_takes_back_the_end_of_the_grace(
    node: FakeNode, store: ChannelEventStore
) -> None:
    _, slow, quick, _ = channels_of(node)
    restart(node, quick.peer)
    node.advance(seconds=3)
    lost = node.clock.now()
    node.advance(seconds=3)
    assert seconds(store, slow) == (6, 0)
    put(node, MonitoringPausedEvent(at=lost))
    assert seconds(store, slow) == (0, 0)
    assert seconds(store, quick) == (3, 3)
    restart(node, quick.peer, slow.peer)
    node.advance(seconds=1)
    assert seconds(store, slow) == (1, 1)
    assert history_of(store, slow).outages == ()


def test_a_channel_that_opens_while_its_peer_is_awaited_is_awaited_too(
    node: FakeNode, store: ChannelEventStore
) -> None:
    _, slow, quick, _ = channels_of(node)
    restart(node, quick.peer)
    node.advance(seconds=2)
    new = node.open_channel(slow.peer)
    node.advance(seconds=2)
    assert figures(store, new) == (0, 0)
    node.peer_online(slow.peer)
    node.advance(hours=1)
    assert figures(store, new) == (1, 1)


def test_a_peer_without_channels_is_no_longer_awaited(
    node: FakeNode, store: ChannelEventStore
) -> None:
    _, slow, *_ = channels_of(node)
    restart(node)
    node.advance(seconds=100)
    node.close_channel(slow)
    node.advance(seconds=4)
    assert [seconds(store, channel)[0] for channel in channels_of(node)[1:]] == [0, 0]
    node.advance(seconds=1)
    assert [seconds(store, channel)[0] for channel in channels_of(node)[1:]] == [105, 105]


@pytest.mark.parametrize(
    ("returns_after", "seen"),
    [(1, 0), (10, 2)],
    ids=["its peer comes back", "its peer does not"],
)
def test_the_final_figures_of_a_closed_channel_follow_the_decision_about_its_peer(
    node: FakeNode, tmp_path: Path, returns_after: int, seen: int
) -> None:
    _, slow, quick, _ = channels_of(node)
    node.open_channel(slow.peer)
    storage = FlushedByHand(tmp_path / "db")
    with watching(node, tmp_path / "db", storage=storage) as store:
        node.advance(hours=1)
        restart(node, quick.peer)
        node.advance(seconds=2)
        node.close_channel(slow)
        node.advance(seconds=returns_after)
        node.peer_online(slow.peer)
        assert closed_in(storage) == [(HOUR + seen * SECOND, HOUR)]
        node.open_channel(slow.peer, slow.channel_point)
        node.advance(hours=1)
        assert seconds(store, slow) == (3600 + seen, 3600)


def test_the_final_figures_of_a_closed_channel_follow_a_late_pause(
    node: FakeNode, tmp_path: Path
) -> None:
    _, slow, quick, _ = channels_of(node)
    node.open_channel(slow.peer)
    storage = FlushedByHand(tmp_path / "db")
    with watching(node, tmp_path / "db", storage=storage) as store:
        node.advance(hours=1)
        restart(node, quick.peer)
        node.advance(seconds=2)
        node.close_channel(slow)
        lost = node.clock.now() + SECOND
        node.advance(seconds=10)
        assert seconds(store, quick) == (12, 12)
        put(node, MonitoringPausedEvent(at=lost))
        assert closed_in(storage) == [(HOUR, HOUR)]


def test_a_channel_that_closed_and_returned_counts_from_its_return(
    node: FakeNode, tmp_path: Path
) -> None:
    _, slow, quick, _ = channels_of(node)
    node.open_channel(slow.peer)
    with watching(node, tmp_path / "db") as store:
        node.advance(hours=1)
        restart(node, quick.peer)
        node.advance(seconds=1)
        node.close_channel(slow)
        node.advance(seconds=1)
        node.open_channel(slow.peer, slow.channel_point)
        node.advance(seconds=10)
        assert seconds(store, slow) == (10, 0)


def test_an_awaited_peer_is_awaited_after_a_restart(node: FakeNode, tmp_path: Path) -> None:
    _, slow, quick, _ = channels_of(node)
    path = tmp_path / "db"
    with watching(node, path):
        node.advance(hours=1)
        node.peer_offline(slow.peer)
        node.peer_online(slow.peer)
    node.peer_offline(slow.peer)
    with watching(node, path) as store:
        node.advance(seconds=3)
        assert seconds(store, slow) == (0, 0)
    with watching(node, path) as store:
        node.advance(seconds=3)
        assert seconds(store, slow) == (0, 0)
        node.peer_online(slow.peer)
        node.advance(seconds=2)
        assert seconds(store, slow) == (2, 2)
        assert history_of(store, slow).outages == ()
        assert seconds(store, quick) == (8, 8)
    saved, _ = read(path)
    assert saved is not None
    assert [row.channel_point for row in saved.channels] == [
        str(channel.channel_point) for channel in channels_of(node)
    ]


def test_a_stop_saves_undecided_peers_as_offline(node: FakeNode, tmp_path: Path) -> None:
    _, first, second, _ = channels_of(node)
    path = tmp_path / "db"
    with watching(node, path):
        node.advance(hours=1)
        node.peer_offline(first.peer)
        node.advance(seconds=30)
    with watching(node, path) as store:
        node.advance(seconds=3)
        assert seconds(store, first) == (33, 0)  # and it is not awaited
        assert seconds(store, second) == (33, 33)


def test_a_peer_whose_channel_closed_in_an_own_outage_is_offline_from_its_end(
    node: FakeNode, tmp_path: Path
) -> None:
    _, closed, *others = channels_of(node)
    with watching(node, tmp_path / "db") as store:
        node.advance(hours=1)
        node.peer_offline(closed.peer)
        node.close_channel(closed)
        for channel in others:
            node.peer_offline(channel.peer)
        node.advance(hours=1)
        for channel in others:
            node.peer_online(channel.peer)
        node.open_channel(closed.peer, closed.channel_point)
        node.advance(hours=1)
        assert figures(store, closed) == (2, 1)
        history = history_of(store, closed)
        assert (history.blind, history.uptime) == (HOUR, HOUR)


def test_a_peer_that_was_missing_while_its_channel_was_closed_is_not_awaited(
    node: FakeNode, tmp_path: Path
) -> None:
    _, closed, *others = channels_of(node)
    with watching(node, tmp_path / "db", history=None) as store:
        node.advance(hours=1)
        put(node, MonitoringPausedEvent())
        node.peer_offline(closed.peer)
        node.close_channel(closed)
        restart(node, *(channel.peer for channel in others))
        node.advance(hours=1)
        put(node, MonitoringPausedEvent())
        node.open_channel(closed.peer, closed.channel_point)
        restart(node, *(channel.peer for channel in others))
        node.advance(seconds=3)
        assert seconds(store, closed) == (3, 0)
