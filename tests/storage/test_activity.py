"""Unusable time over restarts, crashes, moves, returns and versions of the database."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from chanfitness import ChannelEventStore, ChannelInfo, OpenChannel, Outage
from chanfitness.reports.loading import load_database
from chanfitness.storage.migrations import VERSION
from chanfitness.testing import FakeNode

from ..support.old_versions import as_version_2, as_version_3
from ..support.persistent_stores import HOUR, ZERO, FlushedByHand, history_of, watching
from ..support.stores import WAIT
from ..support.values import SECOND, outpoint

pytestmark = pytest.mark.usefixtures("quiet")

BEGUN = FakeNode().clock.now()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitness.db"


@pytest.fixture
def node() -> FakeNode:
    return FakeNode()


@pytest.fixture
def channel(node: FakeNode) -> OpenChannel:
    return node.open_channel(node.new_peer(online=True))


def info_of(store: ChannelEventStore, channel: OpenChannel) -> ChannelInfo:
    return store.get_chan_info(*channel, timeout=WAIT)


def unusable(store: ChannelEventStore, channel: OpenChannel) -> float:
    """Return the unusable time in hours, after a check against the history of the whole life."""
    info, history = info_of(store, channel), history_of(store, channel)
    spans = sum((span.duration for span in history.unusable_spans), ZERO)
    assert info.unusable == history.unusable == spans
    return info.unusable / HOUR


# Restarts


def test_unusable_time_goes_on_after_a_restart_and_the_time_between_is_blind(
    path: Path, node: FakeNode, channel: OpenChannel
) -> None:
    with watching(node, path) as store:
        node.advance(hours=1)
        node.channel_inactive(channel)
        node.advance(hours=2)
    node.advance(hours=100)
    with watching(node, path) as store:
        node.advance(hours=3)
        node.channel_active(channel)
        node.advance(hours=4)
        assert unusable(store, channel) == 5
        (span,) = history_of(store, channel).unusable_spans
        assert span == Outage(BEGUN + HOUR, BEGUN + 106 * HOUR, 5 * HOUR)
    assert load_database(str(path)).channels[0].unusable == 5 * HOUR


def test_a_start_with_lists_without_activity_keeps_the_saved_one(
    path: Path, node: FakeNode, channel: OpenChannel
) -> None:
    with watching(node, path):
        node.channel_inactive(channel)
    with watching(node, path, get_open_channels=lambda: [channel]) as store:
        node.advance(hours=1)
        assert unusable(store, channel) == 1


def test_a_run_without_history_keeps_the_sum_and_later_histories_begin_after_it(
    path: Path, node: FakeNode, channel: OpenChannel
) -> None:
    """Activity of that run is in no history."""
    other = node.open_channel(node.new_peer(online=True))
    node.channel_inactive(other)
    with watching(node, path):
        node.channel_inactive(channel)
        node.advance(hours=1)
    with watching(node, path, history=None):
        node.channel_active(channel)
        node.advance(hours=1)
        node.channel_inactive(channel)
        node.advance(hours=1)
    with watching(node, path) as store:
        node.advance(hours=2)
        node.channel_active(channel)
        node.advance(hours=1)
        assert info_of(store, channel).unusable == 4 * HOUR
        history = history_of(store, channel)
        assert (history.complete, history.start) == (False, BEGUN + 3 * HOUR)
        assert (history.lifetime, history.unusable) == (3 * HOUR, 2 * HOUR)
        assert unusable(store, other) == 6
    with watching(node, path) as store:
        assert history_of(store, channel).start == BEGUN + 3 * HOUR


@pytest.mark.parametrize("now_active", [True, False])
def test_a_history_begins_with_the_first_run_that_keeps_it(
    path: Path, node: FakeNode, channel: OpenChannel, now_active: bool
) -> None:
    with watching(node, path, history=None):
        node.channel_inactive(channel)
        node.advance(hours=1)
        if now_active:
            node.channel_active(channel)
    for number in range(1, 3):
        with watching(node, path) as store:
            node.advance(hours=2)
            history = history_of(store, channel)
            assert history.lifetime == 2 * number * HOUR
            assert history.unusable == (0 if now_active else 2 * number) * HOUR
            assert info_of(store, channel).unusable == history.unusable + HOUR


# Crashes


def test_activity_in_the_first_moment_of_an_undecided_outage_withholds_flushes(
    path: Path, node: FakeNode, channel: OpenChannel, tmp_path: Path
) -> None:
    """The history keeps nothing of a span without a length."""
    others = [node.open_channel(node.new_peer(online=True)) for _ in range(2)]
    storage = FlushedByHand(path)
    with watching(node, path, storage=storage, own_outage=90 * SECOND) as store:
        for _ in range(2):
            node.channel_inactive(channel)
            node.advance(hours=1)
            node.channel_active(channel)
            node.advance(hours=1)
        node.channel_inactive(channel)
        node.peer_offline(others[0].peer)
        node.channel_active(channel)
        node.advance(seconds=5)
        node.channel_inactive(channel)
        assert (info_of(store, channel).active, storage.flush()) == (False, False)
        node.advance(hours=1)
        assert info_of(store, channel).active is False
        assert storage.flush()
        shutil.copy(path, tmp_path / "killed")
        assert unusable(store, channel) == 3
    with watching(node, tmp_path / "killed") as store:
        assert unusable(store, channel) == 3


def test_a_flush_is_as_of_the_start_of_an_undecided_outage(
    path: Path, node: FakeNode, channel: OpenChannel, tmp_path: Path
) -> None:
    others = [node.open_channel(node.new_peer(online=True)) for _ in range(2)]
    storage = FlushedByHand(path)
    with watching(node, path, storage=storage, own_outage=90 * SECOND) as store:
        node.channel_inactive(channel)
        node.advance(hours=1)
        node.peer_offline(others[0].peer)
        node.advance(seconds=5)
        node.channel_active(channel)
        node.advance(seconds=5)
        assert store.list_channels(timeout=WAIT)
        assert storage.flush()
        shutil.copy(path, tmp_path / "killed")
    for name, expected in (("fitness.db", HOUR + 5 * SECOND), ("killed", HOUR)):
        assert load_database(str(tmp_path / name)).channels[0].unusable == expected


# Moves and returns


def two_moves(node: FakeNode, first: OpenChannel, second: OpenChannel) -> list[OpenChannel]:
    """Move one channel away, and the other to its channel point; return both."""
    moved = node.move_channel(second, outpoint(50))
    return [node.move_channel(first, second.channel_point), moved]


def away_and_on(node: FakeNode, first: OpenChannel, second: OpenChannel) -> list[OpenChannel]:
    moved = node.move_channel(node.move_channel(first, outpoint(50)), outpoint(51))
    return [moved, second]


Moves = Callable[[FakeNode, OpenChannel, OpenChannel], list[OpenChannel]]


@pytest.mark.parametrize("moves", [two_moves, away_and_on])
@pytest.mark.parametrize("flushed", [True, False])
def test_a_moved_channel_keeps_its_unusable_spans(
    path: Path, node: FakeNode, channel: OpenChannel, moves: Moves, flushed: bool
) -> None:
    second = node.open_channel(channel.peer)
    storage = FlushedByHand(path)
    with watching(node, path, storage=storage) as store:
        node.channel_inactive(channel)
        node.advance(hours=1)
        node.channel_inactive(second)
        node.advance(hours=1)
        node.channel_active(second)
        if flushed:
            storage.flush()
        moved = moves(node, channel, second)
        node.advance(hours=1)
        assert [unusable(store, each) for each in moved] == [3, 1]
        assert [info_of(store, each).active for each in moved] == [False, True]
    with watching(node, path) as store:
        node.advance(hours=1)
        assert [unusable(store, each) for each in moved] == [4, 1]


@pytest.mark.parametrize("restart", [True, False])
def test_a_channel_that_comes_back_keeps_its_unusable_time(
    path: Path, node: FakeNode, channel: OpenChannel, restart: bool
) -> None:
    with watching(node, path) as store:
        node.channel_inactive(channel)
        node.advance(hours=1)
        node.close_channel(channel)
        node.advance(hours=10)
        if not restart:
            node.open_channel(channel.peer, channel.channel_point)
            node.advance(hours=2)
            assert unusable(store, channel) == 3
            return
    assert load_database(str(path)).closed[0].unusable == HOUR
    node.open_channel(channel.peer, channel.channel_point)
    with watching(node, path) as store:
        node.advance(hours=2)
        assert unusable(store, channel) == 3


def test_a_new_channel_at_an_old_channel_point_has_no_unusable_time(
    path: Path, node: FakeNode, channel: OpenChannel
) -> None:
    with watching(node, path):
        node.channel_inactive(channel)
        node.advance(hours=1)
        node.close_channel(channel)
    with watching(node, path) as store:
        anew = node.open_channel(node.new_peer(online=True), channel.channel_point)
        node.advance(hours=1)
        assert info_of(store, anew)[4:6] == (ZERO, None)
    with watching(node, path) as store:
        assert info_of(store, anew)[4:6] == (ZERO, None)
        assert unusable(store, anew) == 0
    (closed,) = load_database(str(path)).closed
    assert (closed.unusable, closed.usable_ratio) == (HOUR, 0.0)


# Versions


@pytest.mark.parametrize("as_before", [as_version_3, as_version_2])
def test_unusable_time_before_the_migration_is_unknown(
    path: Path,
    node: FakeNode,
    channel: OpenChannel,
    as_before: Callable[[sqlite3.Connection], object],
) -> None:
    closes = node.open_channel(channel.peer)
    with watching(node, path):
        node.advance(hours=10)
        node.close_channel(closes)
    with closing(sqlite3.connect(path)) as database:
        as_before(database)
        database.commit()
    node.advance(hours=1)
    with watching(node, path) as store:
        node.advance(hours=1)
        node.channel_inactive(channel)
        node.advance(hours=3)
        node.channel_active(channel)
        node.advance(hours=1)
        info = info_of(store, channel)
        assert (info.active, info.unusable, info.usable_ratio) == (True, 3 * HOUR, None)
        ratios = [
            history_of(store, channel, window=hours * HOUR).usable_ratio for hours in (100, 7, 5, 4)
        ]
        assert ratios == [None, None, 0.4, 0.25]
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (VERSION,)
    overview = load_database(str(path), 4 * HOUR)
    assert overview.histories is not None
    assert overview.histories[0] is not None
    assert overview.histories[0].usable_ratio == 0.25
    assert (overview.closed[0].unusable, overview.closed[0].usable_ratio) == (None, None)


def test_thinned_activity_is_the_same_after_a_restart(
    path: Path, node: FakeNode, channel: OpenChannel
) -> None:
    def histories(store: ChannelEventStore) -> list[object]:
        windows = [None, *(timedelta(days=days) for days in range(10))]
        return [history_of(store, channel, window=each)[2:5] for each in windows]

    with watching(node, path, history_limit=4) as store:
        for _ in range(8):
            node.channel_inactive(channel)
            node.advance(hours=7)
            node.channel_active(channel)
            node.advance(hours=17)
        before, whole = histories(store), history_of(store, channel)
        assert whole.unusable == 8 * 7 * HOUR
        assert len(whole.unusable_spans) == 2
    with watching(node, path, history_limit=4, get_open_channels=lambda: [channel]) as store:
        assert histories(store) == before
