"""The plugin's store: its end, its saved figures, and unusable input."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import pytest

from chanfitness import (
    ChanFitnessError,
    ChannelEventStore,
    ChannelNotFoundError,
    RequestTimeoutError,
    SqliteStorage,
)
from chanfitness.nodes.cln.plugin_store import PluginStore
from chanfitness.nodes.cln.rpc_client import LightningRpc
from chanfitness.storage.sqlite import read

from ...support.cln_messages import change, channel_id
from ...support.cln_watchers import (
    HOUR,
    ID_1,
    NORMAL,
    SEEN,
    SPLICING,
    Node,
    figures,
    history,
    node,
    peer_info,
    points,
)
from ...support.stores import WAIT, Call
from ...support.values import ALICE, CHANNEL_1, CHANNEL_2, CHANNEL_3

__all__ = ["node"]


def test_blind_time_begins_at_the_stop_and_figures_continue_after_it(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.connect(ALICE)
    with node.watched():
        node.let_pass(3 * HOUR)
    node.clock.advance(10 * HOUR)
    node.restart()
    with node.watched() as store:
        node.connect(ALICE)
        node.let_pass(HOUR)
        node.disconnect(ALICE)
        node.let_pass(HOUR)
        assert figures(store) == (5, 4)
        assert history(store).blind == 10 * HOUR
        assert peer_info(store).flap_count == 1


def test_a_channel_closed_unseen_keeps_its_figures_of_the_stop(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.connect(ALICE)
    with node.watched():
        node.let_pass(HOUR)
        node.set_state(ID_1, CHANNEL_1, ALICE, "CHANNELD_SHUTTING_DOWN")
        node.let_pass(HOUR)
    node.set_state(ID_1, CHANNEL_1, ALICE, "ONCHAIN")
    with node.watched() as store:
        assert points(store) == []
        node.let_pass(HOUR)
        node.set_state(ID_1, CHANNEL_1, ALICE, "CLOSED")
    _, (closed,) = read(node.database)
    assert (closed.channel_point, closed.lifetime) == (
        str(CHANNEL_1),
        2 * HOUR // timedelta(microseconds=1),
    )


def test_a_start_during_a_close_continues_the_figures(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.connect(ALICE)
    with node.watched():
        node.let_pass(HOUR)
    node.set_state(ID_1, CHANNEL_1, ALICE, "CLOSINGD_COMPLETE")
    with node.watched() as store:
        node.let_pass(HOUR)
        assert figures(store) == (2, 2)
        node.set_state(ID_1, CHANNEL_1, ALICE, SEEN)
        assert points(store) == []


def test_seen_and_unseen_splices_move_the_figures(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE, short_channel_id="1x1x1")
    node.connect(ALICE)
    with node.watched() as store:
        node.let_pass(HOUR)
        node.set_state(ID_1, CHANNEL_1, ALICE, SPLICING, short_channel_id="1x1x1")
        node.let_pass(HOUR)
        node.set_state(ID_1, CHANNEL_2, ALICE, NORMAL, short_channel_id="2x1x1")
        assert node.watcher is not None
        for name in ("1x1x1", "2x1x1", ID_1, str(CHANNEL_1)):
            assert node.watcher.names[name] == CHANNEL_2
        assert figures(store, CHANNEL_2) == (2, 2)
        with pytest.raises(ChannelNotFoundError):
            figures(store, CHANNEL_1)
    node.set_state(ID_1, CHANNEL_3, ALICE)
    with node.watched() as store:
        node.let_pass(HOUR)
        assert points(store) == [CHANNEL_3]
        assert figures(store, CHANNEL_3) == (3, 3)


def test_an_unseen_splice_is_known_by_the_saved_channel_id(node: Node) -> None:
    dual_funded = channel_id(99)
    node.set_state(dual_funded, CHANNEL_1, ALICE)
    with node.watched():
        node.let_pass(HOUR)
    node.set_state(dual_funded, CHANNEL_2, ALICE)
    with node.watched() as store:
        assert figures(store, CHANNEL_2) == (1, 0)


def test_an_unseen_splice_is_known_by_the_derived_channel_id(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    with node.watched():
        node.let_pass(HOUR)
    with closing(sqlite3.connect(node.database)) as database, database:
        assert database.execute("DELETE FROM channel_ids").rowcount == 1
    node.set_state(ID_1, CHANNEL_2, ALICE)
    with node.watched() as store:
        assert figures(store, CHANNEL_2) == (1, 0)


# Unusable input.


@pytest.mark.parametrize(
    ("topic", "params"),
    [
        ("connect", {}),
        ("connect", {"id": None}),
        ("connect", {"id": "\x1b[2J" * 100}),
        ("connect", {"connect": 5}),
        ("disconnect", {"disconnect": []}),
        ("channel_state_changed", {"channel_id": ID_1}),
        ("channel_state_changed", {"channel_state_changed": change("x", ALICE, NORMAL)}),
        ("channel_state_changed", change(ID_1, ALICE, "\x1b[2J" * 100)),
        ("channel_state_changed", change(channel_id(5), ALICE, NORMAL)),
    ],
)
def test_unusable_notifications_are_logged_and_skipped(
    node: Node, topic: str, params: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    with node.watched() as store:
        before = store.get_overview(timeout=WAIT)
        assert node.watcher is not None
        node.watcher.tell(topic, params)
        node.catch_up()
        assert store.get_overview(timeout=WAIT) == before
        node.connect(ALICE)
        assert peer_info(store).online
    (record,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert record.levelno == logging.WARNING
    assert record.getMessage().isprintable()
    assert len(record.getMessage()) < 200


def test_an_error_in_one_notification_skips_only_it(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: ChannelEventStore) -> None:
        raise RuntimeError("no exporter today")

    node.connect(ALICE)
    with node.watched(after_start=fail) as store:
        assert peer_info(store).online
    assert "no exporter today" in caplog.text


def test_a_database_in_use_is_logged_and_raised_by_ready(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    storage = SqliteStorage(node.database)
    storage.open()
    try:
        watcher = PluginStore(node.database, LightningRpc(node.rpc.path))
        watcher.start()
        for _ in range(2):
            with pytest.raises(ChanFitnessError, match="another store is writing it"):
                watcher.ready(WAIT)
        watcher.tell("connect", {"connect": {"id": str(ALICE)}})
        assert watcher.reached().wait(WAIT)
        Call(watcher.stop).result()
    finally:
        storage.close()
    (record,) = caplog.records
    assert (record.levelno, "cannot watch the channels" in record.getMessage()) == (40, True)


def test_a_failed_store_start_is_logged_and_raised_by_ready(node: Node) -> None:
    class NaiveClock:
        def now(self) -> datetime:
            return datetime(2026, 1, 1)

    watcher = PluginStore(node.database, LightningRpc(node.rpc.path), clock=NaiveClock())
    watcher.start()
    with pytest.raises(ChanFitnessError, match=r"cannot watch the channels: .*naive"):
        watcher.ready(WAIT)
    Call(watcher.stop).result()


def test_an_unstarted_watcher_can_be_stopped(node: Node) -> None:
    watcher = PluginStore(node.database, LightningRpc(node.rpc.path))
    with pytest.raises(RequestTimeoutError):
        watcher.ready(0)
    Call(watcher.stop).result()


def test_a_watcher_may_be_stopped_twice(node: Node) -> None:
    watcher = PluginStore(node.database, LightningRpc(node.rpc.path))
    watcher.start()
    for _ in range(2):
        Call(watcher.stop).result()
