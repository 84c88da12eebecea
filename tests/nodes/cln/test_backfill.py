"""What lightningd recorded while nobody saw, as a store takes it."""

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


def test_the_filled_in_time_is_told_of(node: OutsideNode, caplog: pytest.LogCaptureFixture) -> None:
    watch_for_an_hour(node)
    node.clock.advance(HOUR)
    with caplog.at_level("INFO"), node.watched() as store:
        assert figures(store) == (2, 2)
        assert figures(store, CHANNEL_2) == (2, 0)
    assert "filled in by lightningd's record: from 2026-01-01T01:00:00Z on" in caplog.text


def test_what_was_told_in_the_second_in_which_the_store_saw_last_is_told_once(
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


def test_what_an_event_told_is_not_told_again(node: OutsideNode) -> None:
    watch_for_an_hour(node)
    with node.watched():
        node.disconnect(ALICE)
        node.let_pass(HOUR)
        node.connect(ALICE)
    node.clock.advance(HOUR)
    with node.watched() as store:
        assert figures(store) == (3, 2)
        assert peer_info(store).flap_count == 2


# Whether channels can be used.


@pytest.mark.parametrize(("away", "unusable"), [((), ZERO), ((0.25, 0.5), ZERO)])
def test_a_channel_can_be_used_while_its_peer_is_connected(
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


def test_one_that_was_about_to_be_reestablished_was_so_soon(node: OutsideNode) -> None:
    watch_for_an_hour(node)
    with node.watched():
        node.disconnect(ALICE)
        node.connect(ALICE)
    node.reestablish(ID_1)
    node.clock.advance(HOUR)
    with node.watched() as store:
        assert store.get_chan_info(CHANNEL_1, timeout=WAIT).unusable == ZERO


def test_one_that_cannot_be_used_now_could_not_before(node: OutsideNode) -> None:
    watch_for_an_hour(node)
    with node.watched():
        node.disconnect(ALICE)
        node.connect(ALICE)
    node.clock.advance(HOUR)
    with node.watched() as store:
        assert store.get_chan_info(CHANNEL_1, timeout=WAIT).unusable == HOUR


def test_one_whose_close_has_begun_cannot_be_used_again(node: OutsideNode) -> None:
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


def test_channels_open_when_they_are_listed_and_close_when_they_are_not(node: OutsideNode) -> None:
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


# What is not filled in.


def is_blind(node: OutsideNode, blind: timedelta) -> None:
    """Watch it again, for which that much was blind."""
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


def test_one_that_did_not_come_back_after_lightningd_started_is_offline(node: OutsideNode) -> None:
    watch_for_an_hour(node)
    node.clock.advance(HOUR)
    node.start()
    node.restart()
    node.clock.advance(HOUR)
    with node.watched() as store:
        assert history(store).blind == HOUR
        assert figures(store) == (2, 1)


@pytest.mark.parametrize("started", [None, START + 24 * HOUR])
def test_without_knowing_when_lightningd_started_nothing_is(
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
    assert "what happened while nothing was seen stays unknown: events" in caplog.text


def test_a_connect_of_a_peer_that_is_connected_shows_a_restart_of_which_nothing_else_tells(
    node: OutsideNode, caplog: pytest.LogCaptureFixture
) -> None:
    watch_for_an_hour(node)
    node.clock.advance(HOUR)
    node.events.add("connect", ALICE)
    node.clock.advance(HOUR)
    with caplog.at_level("INFO"):
        is_blind(node, 2 * HOUR)
    assert "connected twice" in caplog.text


def test_peers_that_nobody_knew_may_go(node: OutsideNode) -> None:
    watch_for_an_hour(node)
    node.clock.advance(HOUR)
    node.events.add("disconnect", CAROL)
    node.events.add("connect", CAROL)
    is_blind(node, ZERO)


@pytest.mark.parametrize("fails", [1, 2, 3, 4, 5, 6])
def test_a_lightningd_that_stops_to_answer_in_between_is_asked_again(
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
def test_what_happens_while_the_record_is_read_is_read_too(
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
def test_a_record_that_cannot_be_used_costs_no_more_than_the_record(
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


def test_the_plugin_fills_in_likewise(tmp_path: Path) -> None:
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


# When lightningd started.


def test_a_lightningd_started_when_its_socket_was_made_but_not_before_its_machine(
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
