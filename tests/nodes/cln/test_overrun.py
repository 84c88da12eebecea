"""Overruns by a lightningd's notifications: bounded memory, correct figures."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from chanfitness.nodes.cln import watcher as watcher_module
from chanfitness.nodes.cln.plugin_store import PluginStore
from chanfitness.nodes.cln.rpc_client import LightningRpc

from ...support.cln_messages import change, channel_id, entry
from ...support.cln_watchers import (
    HOUR,
    ID_1,
    ID_2,
    NORMAL,
    SEEN,
    Node,
    figures,
    history,
    node,
    peer_info,
    points,
    sees,
)
from ...support.stores import WAIT, Call
from ...support.values import ALICE, BOB, CAROL, CHANNEL_1, CHANNEL_2, SECOND, vertex

__all__ = ["node"]

LIMIT = 10
A_WHILE = 40 * SECOND


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher_module, "MAXIMUM_INBOX", LIMIT)
    monkeypatch.setattr(watcher_module, "MAXIMUM_CHANGES", 5)


def flood(watcher: PluginStore, count: int) -> None:
    """Let strangers connect."""
    for number in range(1000, 1000 + count):
        watcher.tell("connect", {"id": str(vertex(number))})


def test_a_full_inbox_loses_nothing(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.connect(ALICE)
    with node.watched() as store:
        node.let_pass(HOUR)
        with node.held() as watcher:
            flood(watcher, LIMIT - 1)
            watcher.tell("disconnect", {"id": str(ALICE)})
            node.clock.advance(A_WHILE)
        node.let_pass(HOUR - A_WHILE)
        assert (figures(store), history(store).blind / HOUR) == ((2, 1), 0)
        assert peer_info(store).flap_count == 1


def test_time_of_an_overrun_is_blind(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.connect(ALICE)
    with node.watched() as store:
        node.let_pass(HOUR)
        with node.held() as watcher:
            flood(watcher, LIMIT)
            node.clock.advance(A_WHILE / 2)
            watcher.tell("disconnect", {"id": str(ALICE)})
            node.clock.advance(A_WHILE / 2)
            watcher.tell("connect", {"id": str(ALICE)})
        assert sees(store)
        assert history(store).blind == A_WHILE / 2
        node.let_pass(HOUR - A_WHILE / 2)
        assert figures(store) == (2, 2)
        assert peer_info(store).flap_count == 0
    assert caplog.text.count("taking a new snapshot") == 1


def test_the_new_snapshot_has_the_events_of_the_overrun(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.connect(ALICE, CAROL)
    with node.watched() as store:
        with node.held() as watcher:
            flood(watcher, LIMIT + 1)
            node.set_state(ID_2, CHANNEL_2, BOB)
            node.set_state(ID_1, CHANNEL_1, ALICE, SEEN)
            node.connect(BOB)
            node.disconnect(CAROL)
        assert points(store) == [CHANNEL_2]
        assert {info.peer: info.online for info in store.list_peers(timeout=WAIT)} == {
            ALICE: True,
            BOB: True,
        }
        node.disconnect(BOB)
        assert peer_info(store, BOB).flap_count == 1


def test_repeated_overruns_stay_bounded(node: Node) -> None:
    with node.watched() as store:
        for _ in range(3):
            with node.held() as watcher:
                flood(watcher, 1000)
                assert node.inbox.qsize() == LIMIT + 1
            assert sees(store)


def test_an_overrun_before_the_first_snapshot_is_recovered(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    asked, release = threading.Event(), threading.Event()

    def hold(method: str, params: dict[str, Any]) -> object:
        answer = node.rpc.listed(method, params)
        asked.set()
        assert release.wait(WAIT)
        return answer

    node.rpc.answer = hold
    watcher = PluginStore(node.database, LightningRpc(node.rpc.path))
    watcher.start()
    store = watcher.ready(WAIT)
    assert asked.wait(WAIT)
    flood(watcher, 1000)
    node.connect(ALICE)
    release.set()
    assert watcher.reached().wait(WAIT)
    assert peer_info(store).online
    Call(watcher.stop).result()


def test_an_overrun_in_blind_time_asks_for_the_lists_again(node: Node) -> None:
    node.is_silent()
    with node.watched() as store:
        with node.held() as watcher:
            flood(watcher, LIMIT + 1)
            node.is_silent(False)
        assert sees(store)


def test_changes_waiting_for_a_listing_are_bounded_too(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.connect(ALICE)
    with node.watched() as store:
        node.let_pass(HOUR)
        node.is_silent()
        for number in range(6):
            assert sees(store)
            node.tell("channel_state_changed", change(channel_id(number), BOB, NORMAL))
        assert not sees(store)
        node.let_pass(HOUR)
        node.entries[ID_2] = entry(ID_2, CHANNEL_2, ALICE)
        node.is_silent(False)
        node.connect(BOB)
        assert points(store) == [CHANNEL_1, CHANNEL_2]
        assert (figures(store), history(store).blind) == ((1, 1), HOUR)
    assert caplog.text.count("taking a new snapshot") == 1


def test_without_a_store_an_overrun_is_dropped(node: Node, tmp_path: Path) -> None:
    node.database = str(tmp_path / "no" / "such" / "directory")
    watcher = PluginStore(node.database, LightningRpc(node.rpc.path))
    flood(watcher, 1000)
    watcher.start()
    assert watcher.reached().wait(WAIT)
    Call(watcher.stop).result()
