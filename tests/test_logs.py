"""Log handlers that fail or call the store: the accounting goes on."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from chanfitness import ChannelEventStore, MonitoringResumedEvent, OpenChannel, SqliteStorage
from chanfitness.logs import Log, logged_time
from chanfitness.storage.sqlite import read
from chanfitness.testing import FakeNode

from .support.disks import no_file_may_grow
from .support.persistent_stores import HOUR, watching
from .support.stores import WAIT, OnRecord, running, stop

logger = Log("chanfitness.tests")

SOON = timedelta(milliseconds=1)
FAILED = "a log handler failed"


@pytest.mark.parametrize(
    ("log", "level"),
    [
        (logger.debug, logging.DEBUG),
        (logger.info, logging.INFO),
        (logger.warning, logging.WARNING),
        (logger.error, logging.ERROR),
        (logger.critical, logging.CRITICAL),
        (logger.exception, logging.ERROR),
    ],
)
def test_a_record_names_the_function_that_logs(
    log: Callable[..., None], level: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    log("%s of %d", "one", 2)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("chanfitness.tests", level)
    assert (record.getMessage(), record.filename) == ("one of 2", "test_logs.py")
    assert record.funcName == "test_a_record_names_the_function_that_logs"


def fail() -> None:
    raise OSError("no paper")


@pytest.mark.parametrize("year", [1, 2026, 9999])
def test_times_in_log_lines_are_in_utc_and_end_with_z(year: int) -> None:
    time = datetime(year, 11, 22, 11, 18, 33, 608, tzinfo=timezone.utc)
    assert logged_time(time) == f"{year:04}-11-22T11:18:33Z"


def test_the_error_of_a_handler_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with OnRecord("something", fail):
        logger.warning("something")
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, FAILED)
    assert "OSError: no paper" in caplog.text


def test_a_handler_that_always_fails_raises_nothing() -> None:
    with OnRecord("", fail):
        logger.warning("something")


# On the loop's own thread.


def test_an_own_outage_is_undone_though_a_handler_asks_the_store(
    caplog: pytest.LogCaptureFixture,
) -> None:
    node = FakeNode()
    for _ in range(3):
        node.open_channel(node.new_peer(online=True))
    store = ChannelEventStore(replace(node.config, own_outage=HOUR))
    with running(store), OnRecord("own network is lost", store.list_channels):
        node.advance(hours=1)
        for channel in store.list_channels(timeout=WAIT):
            node.peer_offline(channel.peer)
        node.advance(hours=1)
        overview = store.get_overview(timeout=WAIT)
    assert FAILED in caplog.messages
    assert not overview.sees
    assert {(info.lifetime, info.uptime) for info in overview.channels} == {(HOUR, HOUR)}


def test_a_channel_with_another_peer_is_opened_though_a_handler_fails(tmp_path: Path) -> None:
    node = FakeNode()
    alice, bob = node.new_peer(online=True), node.new_peer(online=True)
    channel = node.open_channel(alice)
    with watching(node, tmp_path / "db"):
        node.advance(hours=1)
    with watching(node, tmp_path / "db", get_open_channels=list) as store:
        with OnRecord("is with", fail):
            node.open_channel(bob, channel.channel_point)
            (info,) = store.list_channels(timeout=WAIT)
        assert info.peer == bob
    _, (row,) = read(tmp_path / "db")
    assert row.key == bytes(alice)


def test_the_rest_of_a_snapshot_is_taken_though_a_handler_asks_the_store(
    caplog: pytest.LogCaptureFixture,
) -> None:
    node = FakeNode()
    peers = [node.new_peer(online=True) for _ in range(2)]
    first = node.open_channel(peers[0])
    listed = [first, OpenChannel(first.channel_point, peers[1]), node.open_channel(peers[1])]
    store = ChannelEventStore(replace(node.config, get_open_channels=list))
    with running(store), OnRecord("is open already", store.list_channels):
        node.channel_notifier.send_update(MonitoringResumedEvent(listed, peers))
        infos = store.list_channels(timeout=WAIT)
    assert FAILED in caplog.messages
    assert [(info.channel_point, info.peer) for info in infos] == [listed[0], listed[2]]


# On the writer's thread.


def test_a_failed_write_is_repeated_though_a_handler_failed(tmp_path: Path) -> None:
    node, failures = FakeNode(), queue.SimpleQueue[None]()

    def note_and_fail() -> None:
        failures.put(None)
        fail()

    channel = node.open_channel(node.new_peer(online=True))
    with watching(node, tmp_path / "db", storage=SqliteStorage(tmp_path / "db", SOON)):
        with no_file_may_grow(), OnRecord("cannot be written", note_and_fail):
            failures.get(timeout=WAIT)
        node.advance(hours=1)
    saved, _ = read(tmp_path / "db")
    assert saved is not None
    assert [row.channel_point for row in saved.channels] == [str(channel.channel_point)]


def test_a_failed_last_write_releases_the_file_though_a_handler_asks(tmp_path: Path) -> None:
    node = FakeNode()
    with watching(node, tmp_path / "db") as store:
        node.open_channel(node.new_peer())
        with no_file_may_grow(), OnRecord("cannot be written", store.list_channels):
            stop(store)
    with watching(node, tmp_path / "db"):
        pass


def test_promise_4_a_handler_on_the_writers_thread_may_stop_the_store(tmp_path: Path) -> None:
    node, stopped = FakeNode(), queue.SimpleQueue[None]()
    with watching(node, tmp_path / "db", storage=SqliteStorage(tmp_path / "db", SOON)) as store:

        def stop_here() -> None:
            store.stop()
            stopped.put(None)

        with no_file_may_grow(), OnRecord("cannot be written", stop_here):
            stopped.get(timeout=WAIT)
            stop(store)
