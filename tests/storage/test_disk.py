"""Disks that cannot be written, at the start and later."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from chanfitness import (
    ChannelEventStore,
    ChannelInfo,
    ManualClock,
    OpenChannel,
    PeerInfo,
    SqliteStorage,
    StorageUnwritableError,
)
from chanfitness.storage.sqlite import read
from chanfitness.testing import FakeNode

from ..support.disks import Disk, no_file_may_grow, small_disk
from ..support.stores import WAIT, OnRecord, running, stop
from ..support.values import SECOND

__all__ = ["small_disk"]

HOUR = 3600 * SECOND
SOON = timedelta(milliseconds=1)
FAILED, RECOVERED = "cannot be written, going on in memory", "written again, nothing is missing"


def store_of(node: FakeNode, path: Path, interval: timedelta = HOUR) -> ChannelEventStore:
    storage = SqliteStorage(path, interval)
    return ChannelEventStore(replace(node.config, storage=storage, history=24 * HOUR))


@pytest.mark.parametrize("place", ["missing/fitness.db", "", "/proc/fitness.db"])
def test_start_is_refused_where_no_file_can_be_created(tmp_path: Path, place: str) -> None:
    store = store_of(FakeNode(), tmp_path / place)
    for _ in range(2):
        with pytest.raises(StorageUnwritableError, match=f"^{tmp_path / place}"):
            store.start()


def test_a_failed_start_may_be_repeated(tmp_path: Path) -> None:
    node = FakeNode()
    store = store_of(node, tmp_path / "made later" / "fitness.db")
    with pytest.raises(StorageUnwritableError):
        store.start()
    (tmp_path / "made later").mkdir()
    with running(store):
        assert store.list_channels(timeout=WAIT) == []


def test_a_start_that_fails_with_the_file_open_releases_it(tmp_path: Path) -> None:
    node, path = FakeNode(), tmp_path / "fitness.db"

    def fail() -> list[OpenChannel]:
        raise RuntimeError("no answer from the node")

    storage = SqliteStorage(path)
    config = replace(node.config, storage=storage)
    with pytest.raises(RuntimeError, match="no answer"):
        ChannelEventStore(replace(config, get_open_channels=fail)).start()
    with running(ChannelEventStore(config)):
        pass
    assert read(path)[0] is not None


@pytest.mark.skipif(os.geteuid() == 0, reason="permission bits do not bind root")
def test_a_read_only_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fitness.db"
    with running(store_of(FakeNode(), path)):
        pass
    path.chmod(0o400)
    with pytest.raises(StorageUnwritableError, match=f"^{path}"):
        store_of(FakeNode(), path).start()


def test_a_read_only_disk_is_refused(small_disk: Disk) -> None:
    path = small_disk.directory / "fitness.db"
    with running(store_of(FakeNode(), path)):
        pass
    with small_disk.read_only(), pytest.raises(StorageUnwritableError, match=f"^{path}"):
        store_of(FakeNode(), path).start()
    with running(store_of(FakeNode(), path)):
        pass


@pytest.mark.parametrize("new", [True, False])
def test_a_full_disk_is_refused_until_it_has_room(small_disk: Disk, new: bool) -> None:
    path = small_disk.directory / "fitness.db"
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    if not new:
        with running(store_of(node, path)):
            node.advance(hours=1)
    small_disk.fill()
    store = store_of(node, path)
    for _ in range(2):
        with pytest.raises(StorageUnwritableError, match=f"^{path}"):
            store.start()
    small_disk.clear()
    with running(store):
        node.advance(hours=1)
        info = store.get_chan_info(*channel, timeout=WAIT)
    assert info.lifetime == info.uptime == (1 if new else 2) * HOUR


# Disks that fail later.


class AskedClock(ManualClock):
    """A clock that counts the reads of other threads: the writer's, when it asks for changes."""

    def __init__(self) -> None:
        super().__init__()
        self._asked = threading.Semaphore(0)

    def now(self) -> datetime:
        if threading.current_thread() is not threading.main_thread():
            self._asked.release()
        return super().now()

    def asked(self, times: int) -> None:
        """Wait until the writer has asked so often since the last call."""
        while self._asked.acquire(blocking=False):
            pass
        for _ in range(times):
            assert self._asked.acquire(timeout=WAIT)


class Trouble:
    """A store on a failing disk, its log, and ways to wait for a record."""

    def __init__(self, stack: ExitStack) -> None:
        self.failed, self.recovered = threading.Event(), threading.Event()
        stack.enter_context(OnRecord(FAILED, self.failed.set))
        stack.enter_context(OnRecord(RECOVERED, self.recovered.set))


@pytest.fixture
def trouble() -> Iterator[Trouble]:
    with ExitStack() as stack:
        yield Trouble(stack)


def a_busy_hour(node: FakeNode, channels: list[OpenChannel]) -> list[OpenChannel]:
    """Let channels flap, close and open for an hour, and return the open ones."""
    for change in [node.peer_online, node.peer_offline, node.peer_online]:
        node.advance(minutes=20)
        for channel in channels:
            change(channel.peer)
    node.close_channel(channels[0])
    return channels[1:] + [node.open_channel(node.new_peer(online=True)) for _ in range(100)]


def check_nothing_is_missing(
    node: FakeNode, path: Path, infos: list[ChannelInfo], peers: list[PeerInfo]
) -> None:
    """Check that a second store of the same node has the same figures, with no time between."""
    with running(store_of(node, path)) as store:
        assert store.list_channels(timeout=WAIT) == infos
        known = store.list_peers(timeout=WAIT)
        assert [info for info in known if info.channels] == [
            info for info in peers if info.channels
        ]
        for info in infos:
            history = store.get_history(info.channel_point, timeout=WAIT)
            assert (history.lifetime, history.uptime) == (info.lifetime, info.uptime)
    _, closed = read(path)
    assert len(closed) == 5


def test_a_disk_error_is_logged_once_and_missing_changes_are_written_later(
    tmp_path: Path, trouble: Trouble, caplog: pytest.LogCaptureFixture
) -> None:
    clock = AskedClock()
    path, node = tmp_path / "fitness.db", FakeNode(clock)
    channels = [node.open_channel(node.new_peer())]
    with running(store_of(node, path, SOON)) as store:
        channels = a_busy_hour(node, channels)
        with no_file_may_grow():
            assert trouble.failed.wait(WAIT)
            for _ in range(3):
                channels = a_busy_hour(node, channels)
            clock.asked(3)
            assert len(store.list_channels(timeout=WAIT)) == len(channels) == 397
        assert trouble.recovered.wait(WAIT)
        channels = a_busy_hour(node, channels)
        infos = store.list_channels(timeout=WAIT)
        peers = store.list_peers(timeout=WAIT)
    logged = [each.message for each in caplog.records if each.name == "chanfitness.storage.sqlite"]
    assert [FAILED in each for each in logged] == [True, False]
    assert all(message.startswith(str(path)) for message in logged)
    check_nothing_is_missing(node, path, infos, peers)


def test_missing_changes_are_written_at_the_stop(tmp_path: Path, trouble: Trouble) -> None:
    path, node = tmp_path / "fitness.db", FakeNode()
    channels = [node.open_channel(node.new_peer())]
    with running(store_of(node, path, 200 * SOON)) as store:
        with no_file_may_grow():
            for _ in range(5):
                channels = a_busy_hour(node, channels)
            assert trouble.failed.wait(WAIT)
        infos = store.list_channels(timeout=WAIT)
        peers = store.list_peers(timeout=WAIT)
    check_nothing_is_missing(node, path, infos, peers)


def test_a_disk_error_until_the_stop_loses_only_that_time(tmp_path: Path, trouble: Trouble) -> None:
    path, node = tmp_path / "fitness.db", FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    with running(store_of(node, path)):
        node.advance(hours=5)
    store = store_of(node, path, SOON)
    store.start()
    with no_file_may_grow():
        assert trouble.failed.wait(WAIT)
        node.advance(hours=1)
        stop(store)
    with running(store_of(node, path)) as store:
        assert store.get_chan_info(*channel, timeout=WAIT).lifetime == 5 * HOUR


def test_a_full_disk_is_logged_once_and_missing_changes_are_written_later(
    small_disk: Disk, trouble: Trouble, caplog: pytest.LogCaptureFixture
) -> None:
    path, node = small_disk.directory / "fitness.db", FakeNode()
    channels = [node.open_channel(node.new_peer())]
    with running(store_of(node, path, SOON)) as store:
        small_disk.fill()
        for _ in range(4):
            channels = a_busy_hour(node, channels)
            store.list_channels(timeout=WAIT)
        assert trouble.failed.wait(WAIT)
        channels = a_busy_hour(node, channels)
        small_disk.clear()
        assert trouble.recovered.wait(WAIT)
        infos = store.list_channels(timeout=WAIT)
        peers = store.list_peers(timeout=WAIT)
    logged = [each.message for each in caplog.records if each.name == "chanfitness.storage.sqlite"]
    assert [FAILED in each for each in logged] == [True, False]
    check_nothing_is_missing(node, path, infos, peers)
