"""Restarts with a storage: figures continue, and the time between is blind."""

from __future__ import annotations

import queue
import sqlite3
import threading
from contextlib import ExitStack, closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from chanfitness import (
    ChannelHistory,
    ManualClock,
    MonitoringPausedEvent,
    PeerNotFoundError,
    SqliteStorage,
)
from chanfitness.storage.sqlite import read
from chanfitness.testing import FakeNode

from ..support.disks import no_file_may_grow
from ..support.persistent_stores import HOUR, MICROSECOND, ZERO, figures, history_of, watching
from ..support.stores import WAIT, stop

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitness.db"


def test_figures_continue_and_the_time_between_is_blind(path: Path) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    for _ in range(3):
        with watching(node, path):
            node.advance(hours=2)
            node.peer_offline(channel.peer)
            node.advance(hours=1)
            node.peer_online(channel.peer)
        node.advance(hours=10)

    with watching(node, path) as store:
        history = history_of(store, channel)

        assert figures(store, channel) == (9, 6)
        assert (history.lifetime, history.uptime, history.blind) == (9 * HOUR, 6 * HOUR, 30 * HOUR)
        assert [outage.duration for outage in history.outages] == [HOUR] * 3


def test_a_peer_that_was_offline_at_the_stop_and_online_at_the_start_has_no_flap(
    path: Path,
) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    with watching(node, path):
        node.advance(hours=1)
        node.peer_offline(channel.peer)
        node.advance(hours=1)
    gone = node.clock.now() - HOUR
    node.advance(hours=1)
    node.peer_online(channel.peer)
    with watching(node, path) as store:
        node.advance(hours=1)

        info = store.get_peer_info(channel.peer, timeout=WAIT)
        history = history_of(store, channel)

        assert (info.online, info.flap_count) == (True, 1)
        assert (info.since, info.last_flap) == (gone + 2 * HOUR, gone)
        assert history.outages == ((gone, gone + 2 * HOUR, HOUR),)
        assert (history.uptime, history.blind) == (2 * HOUR, HOUR)


def test_one_storage_serves_one_store_after_another(path: Path) -> None:
    node, storage = FakeNode(), SqliteStorage(path)
    channel = node.open_channel(node.new_peer(online=True))
    for hours in range(1, 4):
        with watching(node, path, storage=storage) as store:
            node.advance(hours=1)
            assert figures(store, channel) == (hours, hours)


def test_channels_are_listed_in_order_of_opening_after_a_restart(path: Path) -> None:
    node = FakeNode()
    peer = node.new_peer(online=True)
    with watching(node, path) as store:
        first, second = node.open_channel(peer), node.open_channel(peer)
        node.close_channel(first)
        node.open_channel(peer, first.channel_point)
        before = store.list_channels(timeout=WAIT)
    with watching(node, path) as store:
        assert store.list_channels(timeout=WAIT) == before
    assert [info.channel_point for info in before] == [second.channel_point, first.channel_point]


def test_flaps_and_since_survive_channels_and_restarts(path: Path) -> None:
    node = FakeNode()
    peer = node.new_peer()
    channel = node.open_channel(peer)
    with watching(node, path) as store:
        for change in [node.peer_online, node.peer_offline] * 2:
            node.advance(hours=1)
            change(peer)
        before = store.get_peer_info(peer, timeout=WAIT)
        node.close_channel(channel)
    with watching(node, path) as store:
        node.open_channel(node.new_peer())
        node.open_channel(peer)
        remembered = store.get_peer_info(peer, timeout=WAIT)
        node.peer_online(peer)
        after = store.get_peer_info(peer, timeout=WAIT)

    assert remembered[:5] == before[:5]
    assert before[:5] == (peer, False, node.clock.now(), 4, node.clock.now())
    assert after.flap_count == 5


@pytest.mark.parametrize("restarts", [False, True])
def test_an_offline_peer_without_a_channel_is_unknown_to_questions(
    path: Path, restarts: bool
) -> None:
    """This is the same with and without a storage."""
    node = FakeNode()
    offline, online, other = (node.new_peer(online=is_online) for is_online in (False, True, True))
    closing = [node.open_channel(peer) for peer in (offline, online, other)]
    with ExitStack() as stack:
        store = stack.enter_context(watching(node, path))
        for channel in closing:
            node.close_channel(channel)
        node.peer_offline(other)
        if restarts:
            stack.close()
            store = stack.enter_context(watching(node, path))
            node.peer_online(online)
        assert [info.peer for info in store.list_peers(timeout=WAIT)] == [online]
        assert [info.peer for info in store.get_overview(timeout=WAIT).peers] == [online]
        for peer in (offline, other):
            with pytest.raises(PeerNotFoundError):
                store.get_peer_info(peer, timeout=WAIT)
            with pytest.raises(PeerNotFoundError):
                store.get_chan_info(closing[0].channel_point, peer, timeout=WAIT)


def test_flaps_cool_down_in_blind_time(path: Path) -> None:
    node = FakeNode()
    peer = node.open_channel(node.new_peer()).peer
    with watching(node, path):
        for change in [node.peer_online, node.peer_offline] * 50:
            change(peer)
    node.advance(hours=8)
    with watching(node, path) as store:
        assert store.get_peer_info(peer, timeout=WAIT).flap_count == 95


def test_the_flaps_of_a_peer_without_a_channel_are_forgotten_when_it_goes(path: Path) -> None:
    node = FakeNode()
    stranger = node.new_peer()
    with watching(node, path) as store:
        node.peer_online(stranger)
        assert store.get_peer_info(stranger, timeout=WAIT).flap_count == 1
    with watching(node, path) as store:
        with pytest.raises(PeerNotFoundError):
            store.get_peer_info(stranger, timeout=WAIT)
        assert store.list_peers(timeout=WAIT) == []


def test_a_pause_at_the_stop_ends_at_the_start(path: Path) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    with watching(node, path):
        node.advance(hours=1)
        node.peer_notifier.send_update(MonitoringPausedEvent())
        node.advance(hours=1)
        node.peer_offline(channel.peer)
    node.advance(hours=1)
    with watching(node, path) as store:
        node.advance(hours=1)

        history = history_of(store, channel)

        assert figures(store, channel) == (2, 1)
        assert history.blind == 2 * HOUR
        assert [outage.duration for outage in history.outages] == [HOUR]
        assert store.get_peer_info(channel.peer, timeout=WAIT).flap_count == 0


def test_a_channel_opened_in_a_pause_before_the_stop_begins_at_the_start(path: Path) -> None:
    node = FakeNode()
    with watching(node, path):
        node.peer_notifier.send_update(MonitoringPausedEvent())
        node.advance(hours=1)
        channel = node.open_channel(node.new_peer(online=True))
        node.advance(hours=1)
    node.advance(hours=1)
    with watching(node, path) as store:
        started = node.clock.now()
        node.advance(hours=1)
        history = history_of(store, channel)
        assert history == ChannelHistory(started, started + HOUR, HOUR, HOUR, ZERO, ())


def test_the_last_heartbeat_is_the_time_of_the_stop(path: Path) -> None:
    node = FakeNode()
    node.open_channel(node.new_peer())
    with watching(node, path):
        started = node.clock.now()
        node.advance(hours=7)

    saved, _ = read(path)

    assert saved is not None
    assert saved.heartbeat * MICROSECOND == started + 7 * HOUR - EPOCH
    assert saved.position * MICROSECOND == 7 * HOUR


class OneBadReading(ManualClock):
    """A clock that fails at the first read of another thread; ``readings``: later ones."""

    def __init__(self) -> None:
        super().__init__()
        self.readings: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._has_failed = False

    def now(self) -> datetime:
        if threading.current_thread() is not threading.main_thread():
            if not self._has_failed:
                self._has_failed = True
                raise OSError("clock hiccup")
            self.readings.put(None)
        return super().now()


def test_a_clock_that_fails_once_loses_one_flush(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = OneBadReading()
    storage = SqliteStorage(path, timedelta(milliseconds=1))
    with watching(FakeNode(clock), path, storage=storage):
        clock.readings.get(timeout=WAIT)
    assert "OSError: clock hiccup" in caplog.text


def test_the_only_write_may_be_at_the_stop(path: Path) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer())
    with watching(node, path, storage=SqliteStorage(path, timedelta.max)):
        node.advance(hours=1)
    saved, _ = read(path)
    assert saved is not None
    assert [row.channel_point for row in saved.channels] == [str(channel.channel_point)]


def test_unwritten_changes_of_one_store_are_not_written_by_the_next(path: Path) -> None:
    node, storage = FakeNode(), SqliteStorage(path)
    channel = node.open_channel(node.new_peer())
    with watching(node, path, storage=storage):
        node.advance(hours=1)
    with watching(node, path, storage=storage) as store:
        storage.channel_ids = {"a": channel.channel_point}
        node.channel_notifier.notify_closed_channel(*channel)
        with no_file_may_grow():
            stop(store)
    with watching(node, path, storage=storage):
        assert storage.channel_ids == {}
    assert read(path)[1] == []
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT * FROM channel_ids").fetchall() == []
