"""A lightningd that does not answer: nothing is held up, and later snapshots correct all."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from chanfitness import (
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    PeerOfflineEvent,
    SnapshotEvent,
)
from chanfitness.nodes.cln.plugin_store import PluginStore
from chanfitness.nodes.cln.rpc_client import LightningRpc
from chanfitness.storage.sqlite import read

from ...support.cln_messages import change, entry
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
from ...support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2, SECOND, START, vertex

__all__ = ["node"]

ASKED_EVERY = timedelta(seconds=30)


def test_without_an_answer_it_stays_blind_until_a_notification(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.connect(ALICE)
    node.is_silent()
    with node.watched() as store:
        node.let_pass(HOUR)
        node.tell("connect", {"id": str(BOB)})
        assert not sees(store)
        node.is_silent(False)
        node.tell("connect", {"id": str(BOB)})
        assert sees(store)
        node.let_pass(HOUR)
        assert figures(store) == (1, 1)
    assert caplog.text.count("asking again") == 1


def test_without_an_answer_it_asks_twice_a_minute(node: Node) -> None:
    node.is_silent()
    with node.watched() as store:
        node.let_pass(HOUR)
        assert node.rpc.asked.qsize() == 2 * 121
        node.is_silent(False)
        node.let_pass(ASKED_EVERY - SECOND)
        assert not sees(store)
        node.let_pass(SECOND)
        assert sees(store)


def test_an_open_without_a_listing_is_put_later(node: Node) -> None:
    with node.watched() as store:
        node.connect(ALICE)
        node.is_silent()
        node.set_state(ID_1, CHANNEL_1, ALICE)
        node.let_pass(HOUR)
        node.is_silent(False)
        node.disconnect(ALICE)
        assert figures(store) == (1, 1)


def test_a_channel_opened_and_closed_in_silence_has_both_events(node: Node) -> None:
    with node.watched() as store:
        node.connect(ALICE)
        node.is_silent()
        node.set_state(ID_1, CHANNEL_1, ALICE)
        node.set_state(ID_2, CHANNEL_2, ALICE)
        node.let_pass(HOUR)
        node.set_state(ID_1, CHANNEL_1, ALICE, SEEN)
        node.is_silent(False)
        node.connect(BOB)
        assert points(store) == [CHANNEL_2]
    _, (closed,) = read(node.database)
    assert closed.channel_point == str(CHANNEL_1)
    assert closed.lifetime == closed.uptime == HOUR // timedelta(microseconds=1)


def test_known_channels_close_without_an_answer(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    with node.watched() as store:
        node.is_silent()
        node.set_state(ID_2, CHANNEL_2, ALICE)
        node.set_state(ID_1, CHANNEL_1, ALICE, SEEN)
        assert points(store) == []


def hold_lists(node: Node, held: threading.Event, release: threading.Event) -> None:
    """Let lightningd answer nonsense from now on, at first only after ``release``."""

    def hold(method: str, params: dict[str, Any]) -> str:
        held.set()
        assert release.wait(WAIT)
        return "?"

    node.rpc.answer = hold


def test_waiting_changes_keep_their_notifications_time(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.connect(ALICE)
    held, release = threading.Event(), threading.Event()
    with node.watched() as store:
        assert node.watcher is not None
        hold_lists(node, held, release)
        node.watcher.tell("channel_state_changed", change(ID_2, BOB, NORMAL))
        assert held.wait(WAIT)
        node.watcher.tell("disconnect", {"id": str(ALICE)})
        node.clock.advance(ASKED_EVERY)
        release.set()
        node.catch_up()
        assert figures(store) == (ASKED_EVERY / HOUR, 0)


@pytest.mark.parametrize("is_blind", [True, False])
def test_many_notifications_of_a_silent_lightningd_ask_it_once(node: Node, is_blind: bool) -> None:
    held, release = threading.Event(), threading.Event()
    watcher = PluginStore(node.database, LightningRpc(node.rpc.path))
    if is_blind:
        hold_lists(node, held, release)
    watcher.start()
    watcher.ready(WAIT)
    if not is_blind:
        assert watcher.reached().wait(WAIT)
        hold_lists(node, held, release)
        watcher.tell("channel_state_changed", change(ID_1, ALICE, NORMAL))
    assert held.wait(WAIT)
    for number in range(1, 100):
        watcher.tell("connect", {"id": str(vertex(number))})
    release.set()
    assert watcher.reached().wait(WAIT)
    Call(watcher.stop).result()
    assert node.rpc.asked.qsize() == 4


def test_a_silent_lightningd_holds_up_neither_answers_nor_the_end(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    with node.watched():
        node.let_pass(HOUR)
    hanging = threading.Event()

    def hang(method: str, params: dict[str, Any]) -> None:
        hanging.set()

    node.rpc.answer = hang
    watcher = PluginStore(node.database, LightningRpc(node.rpc.path, WAIT))
    watcher.start()
    store = watcher.ready(WAIT)
    assert hanging.wait(WAIT)
    assert points(store) == [CHANNEL_1]
    assert not watcher.reached().is_set()
    Call(watcher.stop).result()
    for thread in threading.enumerate():
        if thread.name == "chanfitness-cln":  # stop() does not wait for it for long
            thread.join(WAIT)
            assert not thread.is_alive()


# A frozen lightningd neither notifies nor answers.


def test_a_sign_of_life_is_asked_for_twice_a_minute(node: Node) -> None:
    with node.watched():
        listed = node.rpc.asked.qsize()
        node.let_pass(timedelta(minutes=10))
        asked = [node.rpc.asked.get(timeout=WAIT) for _ in range(node.rpc.asked.qsize())]
    assert asked[listed:] == [("notifications", {"enable": False})] * 20


@pytest.mark.parametrize("is_busy", [True, False])
def test_signs_of_life_are_asked_for_also_between_questions(node: Node, is_busy: bool) -> None:
    with node.watched():
        listed = node.rpc.asked.qsize()
        for _ in range(30):
            node.let_pass(2 * SECOND)
            if is_busy:
                node.catch_up()
        assert node.rpc.asked.qsize() - listed == 2


def freeze(node: Node) -> None:
    """Let the socket close connections without an answer from now on."""
    node.rpc.answer = lambda method, params: b""


def thaw(node: Node) -> None:
    node.is_silent(False)


def test_a_frozen_lightningd_is_blind_from_its_last_sign(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.connect(ALICE)
    with node.watched() as store:
        node.let_pass(10 * SECOND)
        node.tell("connect", {"id": str(BOB)})
        node.let_pass(10 * SECOND)
        freeze(node)
        node.let_pass(5 * SECOND)
        assert sees(store)
        node.let_pass(5 * SECOND)
        assert not sees(store)
        assert figures(store) == (10 * SECOND / HOUR, 10 * SECOND / HOUR)
        assert node.watcher is not None
        assert node.watcher.warnings() != []
        node.let_pass(HOUR)
        thaw(node)
        node.let_pass(ASKED_EVERY)
        assert sees(store)
        assert history(store).blind == HOUR + ASKED_EVERY + 20 * SECOND
        assert node.watcher.warnings() == []
    assert caplog.text.count("no sign of life of lightningd") == 1


@pytest.mark.parametrize("answer", [b'{"error": {"message": "Unknown command"}}\n\n', b"?\n\n"])
def test_any_answer_is_a_sign(node: Node, answer: bytes) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    with node.watched() as store:
        node.rpc.others["notifications"] = answer
        node.let_pass(HOUR)
        assert sees(store)
        assert figures(store) == (1, 0)


def test_a_notification_is_a_sign_of_life(node: Node) -> None:
    def answer(method: str, params: dict[str, Any]) -> bytes:
        assert node.watcher is not None
        node.watcher.tell("connect", {"id": str(BOB)})
        return b""

    with node.watched() as store:
        node.rpc.answer = answer
        node.let_pass(10 * ASKED_EVERY)
        assert sees(store)
        assert peer_info(store, BOB).online


# A frozen process handles notifications late.


@pytest.mark.parametrize("told", [True, False])
def test_notifications_after_a_gap_are_replaced_by_a_new_snapshot(
    node: Node, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.connect(ALICE)
    with node.watched() as store:
        node.let_pass(ASKED_EVERY)
        with node.held() as watcher:
            node.clock.advance(HOUR)
            node.disconnect(ALICE)
            node.connect(ALICE)
            if told:
                watcher.tell("disconnect", {"id": str(ALICE)})
                watcher.tell("connect", {"id": str(ALICE)})
        node.let_pass(ASKED_EVERY)
        assert sees(store)
        assert history(store).blind == HOUR
        assert peer_info(store).flap_count == 0
        assert figures(store)[0] == pytest.approx(2 * ASKED_EVERY / HOUR)
    assert caplog.text.count("it or this process was frozen") == 1


def test_notifications_after_a_gap_in_blind_time_are_replaced_by_a_new_snapshot(
    node: Node,
) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.is_silent()
    with node.watched() as store:
        with node.held() as watcher:
            node.clock.advance(HOUR)
            node.connect(ALICE)
            node.is_silent(False)
            watcher.tell("connect", {"id": str(ALICE)})
        assert sees(store)
        assert peer_info(store).online
        assert history(store).blind == 0 * HOUR
        assert store.get_overview(timeout=WAIT).seen_until == START + HOUR


def test_a_list_after_a_gap_is_not_put(node: Node) -> None:
    def late(method: str, params: dict[str, Any]) -> object:
        thaw(node)
        node.clock.advance(HOUR)
        return node.rpc.listed(method, params)

    node.rpc.answer = late
    with node.watched() as store:
        assert not sees(store)
        node.let_pass(ASKED_EVERY)
        assert sees(store)


# Drift: once an hour the lists correct missed events.


def test_a_stray_notification_stands_for_an_hour_at_most(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.connect(ALICE)
    with node.watched() as store:
        node.tell("disconnect", {"id": str(ALICE)})
        assert not peer_info(store).online
        node.let_pass(HOUR - SECOND)
        assert not peer_info(store).online
        node.let_pass(SECOND)
        info = peer_info(store)
        assert (info.online, info.flap_count) == (True, 1)


def snapshots(events: list[Any]) -> list[SnapshotEvent]:
    return [event for event in events if isinstance(event, SnapshotEvent)]


def test_once_an_hour_the_lists_are_put(node: Node) -> None:
    node.connect(ALICE)
    events: list[Any] = []
    with node.watched(on_event=lambda event, _: events.append(event)) as store:
        node.entries[ID_1] = entry(ID_1, CHANNEL_1, ALICE)
        node.restart()
        for _ in range(2):
            node.let_pass(HOUR)
            assert points(store) == [CHANNEL_1]
    assert snapshots(events) == [
        SnapshotEvent([OpenChannel(CHANNEL_1, ALICE)], [], START + hours * HOUR) for hours in (1, 2)
    ]


def test_notifications_during_a_listing_are_put_before_the_lists(node: Node) -> None:
    def answer(method: str, params: dict[str, Any]) -> object:
        if method == "listpeerchannels":
            assert node.watcher is not None
            node.watcher.tell("disconnect", {"id": str(ALICE)})
        return node.rpc.listed(method, params)

    node.connect(ALICE)
    events: list[Any] = []
    with node.watched(on_event=lambda event, _: events.append(event)):
        node.rpc.answer = answer
        node.let_pass(HOUR)
    kinds = [type(event) for event in events]
    assert kinds == [
        MonitoringResumedEvent,
        PeerOfflineEvent,
        SnapshotEvent,
        MonitoringPausedEvent,
    ]


def test_failed_lists_are_asked_for_an_hour_later(node: Node) -> None:
    events: list[Any] = []
    with node.watched(on_event=lambda event, _: events.append(event)):
        node.rpc.listings["listpeers"] = "?"
        node.let_pass(HOUR)
        node.is_silent(False)
        node.connect(ALICE)
        node.let_pass(HOUR)
    assert [event.at for event in snapshots(events)] == [START + 2 * HOUR]


def test_lists_are_dropped_while_changes_wait_and_after_a_new_snapshot(
    node: Node,
) -> None:
    events: list[Any] = []
    with node.watched(on_event=lambda event, _: events.append(event)):
        node.is_silent()
        node.tell("channel_state_changed", change(ID_1, ALICE, NORMAL))
        node.rpc.answer = lambda method, params: (
            node.rpc.listed(method, params) if "id" not in params else "?"
        )
        node.let_pass(HOUR)
    assert snapshots(events) == []
