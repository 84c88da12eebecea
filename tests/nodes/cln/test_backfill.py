"""Backfills from lightningd's record."""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from chanfitness import ActiveChannelEvent, InactiveChannelEvent, OutPoint
from chanfitness.nodes.cln.node_start import started_at

from ...support.cln_messages import entry
from ...support.cln_watchers import HOUR, ID_1, ID_2, Node, figures, history, peer_info
from ...support.fake_lightningd import RpcServer
from ...support.network_events import NetworkEvents
from ...support.outside_nodes import OutsideNode, node
from ...support.stores import WAIT
from ...support.values import ALICE, BOB, CAROL, CHANNEL_1, CHANNEL_2, SECOND, START

__all__ = ["node"]

ZERO = 0 * HOUR


def watch_for_an_hour(node: OutsideNode) -> None:
    """Alice is online, and Bob is not; each has a channel."""
    node.entries[ID_1] = entry(ID_1, CHANNEL_1, ALICE)
    node.entries[ID_2] = entry(ID_2, CHANNEL_2, BOB)
    node.online[ALICE] = None
    node.relist()
    node.reestablish(ID_1)
    node.events.add("connect", ALICE)
    with node.watched():
        node.let_pass(HOUR)


def watch_a_reconnect(node: OutsideNode) -> None:
    """Alice's channel is not reestablished when the watch ends."""
    watch_for_an_hour(node)
    with node.watched():
        node.disconnect(ALICE)
        node.connect(ALICE)


def test_a_backfill_is_logged(node: OutsideNode, caplog: pytest.LogCaptureFixture) -> None:
    watch_for_an_hour(node)
    node.clock.advance(HOUR)
    with caplog.at_level("INFO"), node.watched() as store:
        assert figures(store) == (2, 2)
        assert figures(store, CHANNEL_2) == (2, 0)
    assert "filled in the time from 2026-01-01T01:00:00Z on by lightningd's record" in caplog.text


def test_events_of_the_last_seen_second_are_not_repeated(
    node: OutsideNode,
) -> None:
    node.clock.advance(timedelta(seconds=0.25))
    watch_for_an_hour(node)
    node.disconnect(ALICE)
    node.connect(ALICE)
    node.reestablish(ID_1)
    node.clock.advance(HOUR)
    with node.watched() as store:
        assert figures(store) == (2, 2)
        assert peer_info(store).flap_count == 0


def test_recorded_repeats_are_dropped(node: OutsideNode) -> None:
    watch_for_an_hour(node)
    with node.watched():
        node.disconnect(ALICE)
        node.let_pass(HOUR)
        node.connect(ALICE)
    node.clock.advance(HOUR)
    with node.watched() as store:
        assert figures(store) == (3, 2)
        assert peer_info(store).flap_count == 2


# Activity.


@pytest.mark.parametrize(("away", "unusable"), [((), ZERO), ((0.25, 0.5), ZERO)])
def test_a_channel_is_active_while_its_peer_is_connected(
    node: OutsideNode, away: tuple[float, ...], unusable: timedelta
) -> None:
    watch_for_an_hour(node)
    for hours, kind in zip(away, ("disconnect", "connect"), strict=bool(away)):
        node.clock.set(START + HOUR + hours * HOUR)
        node.events.add(kind, ALICE)
    node.clock.set(START + 2 * HOUR)
    with node.watched() as store:
        info = store.get_chan_info(CHANNEL_1, timeout=WAIT)
        assert (info.unusable, info.active) == (unusable, True)
        assert info.uptime == 2 * HOUR - (HOUR / 4 if away else ZERO)


def test_a_channel_not_yet_reestablished_becomes_active_at_once(node: OutsideNode) -> None:
    watch_a_reconnect(node)
    node.reestablish(ID_1)
    node.clock.advance(HOUR)
    with node.watched() as store:
        assert store.get_chan_info(CHANNEL_1, timeout=WAIT).unusable == ZERO


def test_a_channel_inactive_now_was_inactive_before(node: OutsideNode) -> None:
    watch_a_reconnect(node)
    node.clock.advance(HOUR)
    with node.watched() as store:
        assert store.get_chan_info(CHANNEL_1, timeout=WAIT).unusable == HOUR


def test_a_closing_channel_does_not_become_active(node: OutsideNode) -> None:
    watch_for_an_hour(node)
    node.disconnect(ALICE)
    node.clock.advance(HOUR)
    node.connect(ALICE)
    node.set_state(ID_1, CHANNEL_1, ALICE, "CHANNELD_SHUTTING_DOWN")
    events: list[Any] = []
    with node.watched(on_event=lambda event, _: events.append(event)):
        node.let_pass(HOUR)
    assert ActiveChannelEvent not in map(type, events)
    assert InactiveChannelEvent in map(type, events)


def test_unseen_opens_and_closes_have_the_time_of_the_snapshot(node: OutsideNode) -> None:
    watch_for_an_hour(node)
    third = OutPoint("cd" * 32, 3)
    del node.entries[ID_2]
    node.entries["33" * 32] = entry("33" * 32, third, ALICE)
    node.relist()
    node.clock.advance(HOUR)
    with node.watched() as store:
        node.let_pass(HOUR)
        assert figures(store) == (3, 3)
        assert figures(store, third) == (1, 1)
        assert len(store.list_channels(timeout=WAIT)) == 2


# Time that is not filled in.


def is_blind(node: OutsideNode, blind: timedelta) -> None:
    """Watch again, and check the blind time."""
    with node.watched() as store:
        assert history(store).blind == blind


def test_time_before_lightningd_started_stays_blind(node: OutsideNode) -> None:
    watch_for_an_hour(node)
    node.clock.advance(2 * HOUR)
    node.start()
    node.events.add("connect", ALICE)
    node.clock.advance(HOUR)
    with node.watched() as store:
        assert history(store).blind == 2 * HOUR
        assert figures(store) == (2, 2)
        assert peer_info(store).flap_count == 0


def test_a_peer_that_did_not_reconnect_after_lightningds_start_is_offline(
    node: OutsideNode,
) -> None:
    watch_for_an_hour(node)
    node.clock.advance(HOUR)
    node.start()
    node.restart()
    node.clock.advance(HOUR)
    with node.watched() as store:
        assert history(store).blind == HOUR
        assert figures(store) == (2, 1)


@pytest.mark.parametrize("started", [None, START + 24 * HOUR])
def test_without_lightningds_start_time_nothing_is_filled_in(
    node: OutsideNode, started: datetime | None
) -> None:
    watch_for_an_hour(node)
    node.clock.advance(HOUR)
    node.started = started
    is_blind(node, HOUR)


def test_deleted_events_leave_the_time_blind(
    node: OutsideNode, caplog: pytest.LogCaptureFixture
) -> None:
    watch_for_an_hour(node)
    node.clock.advance(HOUR)
    node.events.forget(node.events.add("disconnect", ALICE))
    node.events.add("connect", ALICE)
    with caplog.at_level("INFO"):
        is_blind(node, HOUR)
    assert "cannot fill in the unseen time, it stays blind: events" in caplog.text


def test_a_second_connect_shows_an_unrecorded_restart(
    node: OutsideNode, caplog: pytest.LogCaptureFixture
) -> None:
    watch_for_an_hour(node)
    node.clock.advance(HOUR)
    node.events.add("connect", ALICE)
    node.clock.advance(HOUR)
    with caplog.at_level("INFO"):
        is_blind(node, 2 * HOUR)
    assert "connected twice" in caplog.text


def test_disconnects_of_unknown_peers_are_dropped(node: OutsideNode) -> None:
    watch_for_an_hour(node)
    node.clock.advance(HOUR)
    node.events.add("disconnect", CAROL)
    node.events.add("connect", CAROL)
    is_blind(node, ZERO)


@pytest.mark.parametrize("fails", [1, 2, 3, 4, 5, 6])
def test_a_lightningd_that_stops_answering_halfway_is_asked_again(
    node: OutsideNode, fails: int
) -> None:
    watch_for_an_hour(node)
    node.clock.advance(HOUR)
    left = [fails]

    def answer(method: str, params: dict[str, Any]) -> object:
        left[0] -= 1
        if not left[0]:
            node.answers = False
            return b"?\n\n"
        return node.rpc.listed(method, params)

    node.rpc.answer = answer
    with node.watched() as store:
        node.answers = True
        node.let_pass(2 * SECOND)
        assert history(store).blind == ZERO


@pytest.mark.parametrize("answers", [True, False])
def test_events_during_the_reading_of_the_record_are_read_too(
    node: OutsideNode, answers: bool
) -> None:
    watch_for_an_hour(node)
    node.clock.advance(HOUR)
    waits = [2]

    def answer(method: str, params: dict[str, Any]) -> object:
        waits[0] -= method == "wait"
        if not waits[0]:
            waits[0] = -1
            del node.online[ALICE]
            node.relist()
            node.events.add("disconnect", ALICE)
            if not answers:
                node.answers = False
                node.events.hold(lambda: b"?\n\n")
        return node.rpc.listed(method, params)

    node.rpc.answer = answer
    with node.watched() as store:
        node.answers = True
        node.let_pass(2 * SECOND)
        assert history(store).blind == ZERO
        assert peer_info(store).flap_count == 1


@pytest.mark.parametrize("method", ["wait", "listnetworkevents"])
def test_an_unusable_record_does_not_stop_the_watcher(
    node: OutsideNode, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    watch_for_an_hour(node)
    node.clock.advance(HOUR)
    node.events.add("disconnect", ALICE)
    node.rpc.others[method] = {"networkevents": "?"}
    with caplog.at_level("INFO"), node.watched() as store:
        assert history(store).blind == HOUR
        node.let_pass(HOUR)
        assert figures(store) == (2, 2)
    assert "got {'networkevents': '?'}" in caplog.text


# The plugin.


def test_the_plugin_fills_in_too(tmp_path: Path) -> None:
    with RpcServer(tmp_path) as rpc:
        node = Node(tmp_path, rpc)
        events = NetworkEvents(node.clock.now)
        events.attach(rpc)
        node.set_state(ID_1, CHANNEL_1, ALICE)
        node.connect(ALICE)
        with node.watched():
            node.let_pass(HOUR)
        node.clock.advance(HOUR)
        events.add("disconnect", ALICE)
        node.clock.advance(HOUR)
        events.add("connect", ALICE)
        node.clock.advance(HOUR)
        with node.watched() as store:
            node.let_pass(HOUR)
            assert figures(store) == (5, 4)
            assert peer_info(store).flap_count == 2
            assert history(store).blind == ZERO


# lightningd's start time.


def test_lightningd_starts_when_its_socket_is_made_but_not_before_the_boot(
    tmp_path: Path,
) -> None:
    socket = tmp_path / "lightning-rpc"
    socket.touch()
    now = datetime.now(timezone.utc)
    made = now - SECOND
    os.utime(socket, (made.timestamp(), made.timestamp()))
    assert started_at(str(socket), now) == made
    os.utime(socket, (0, 0))
    booted = now - timedelta(seconds=time.clock_gettime(time.CLOCK_BOOTTIME))
    assert abs(started_at(str(socket), now) - booted) < HOUR  # type: ignore[operator]
    assert started_at(str(tmp_path / "nothing"), now) is None
