"""A lightningd that does not answer: nothing is held up, and all is made up for."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from chanfitness.nodes.cln.rpc_client import LightningRpc
from chanfitness.nodes.cln.startup_grace import MISSING_TIMEOUT
from chanfitness.nodes.cln.watcher import Watcher
from chanfitness.storage.sqlite import read

from ...support.cln_messages import change
from ...support.cln_watchers import (
    HOUR,
    ID_1,
    ID_2,
    NORMAL,
    SEEN,
    Node,
    figures,
    node,
    peer_info,
    points,
    sees,
)
from ...support.stores import WAIT, Call
from ...support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2, vertex

__all__ = ["node"]


def test_without_an_answer_it_stays_blind_until_lightningd_says_something(
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


@pytest.mark.parametrize("startup", [False, True])
def test_without_an_answer_a_start_of_the_node_is_seen_later(node: Node, startup: bool) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.set_state(ID_2, CHANNEL_2, BOB)
    node.is_silent()
    with node.watched(startup=startup) as store:
        node.is_silent(False)
        node.connect(ALICE)
        assert sees(store) is not startup
        node.is_silent()
        node.connect(BOB)
        node.let_pass(MISSING_TIMEOUT)
        node.is_silent(False)
        node.tell("connect", {"id": str(BOB)})
        assert sees(store)
        assert peer_info(store, ALICE).online
        assert peer_info(store, BOB).online


def test_an_open_that_could_not_be_asked_for_is_made_up_for(node: Node) -> None:
    with node.watched() as store:
        node.connect(ALICE)
        node.is_silent()
        node.set_state(ID_1, CHANNEL_1, ALICE)
        node.let_pass(HOUR)
        node.is_silent(False)
        node.disconnect(ALICE)
        assert figures(store) == (1, 1)


def test_a_channel_that_opened_and_closed_while_nothing_was_answered_is_both(node: Node) -> None:
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


def test_known_channels_close_while_nothing_is_answered(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    with node.watched() as store:
        node.is_silent()
        node.set_state(ID_2, CHANNEL_2, ALICE)
        node.set_state(ID_1, CHANNEL_1, ALICE, SEEN)
        assert points(store) == []


def hold_lists(node: Node, held: threading.Event, release: threading.Event) -> None:
    """From now on lightningd answers nonsense, the first time only after ``release``."""

    def hold(method: str, params: dict[str, Any]) -> str:
        held.set()
        assert release.wait(WAIT)
        return "?"

    node.rpc.answer = hold


def test_what_had_to_wait_counts_from_when_it_was_told(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.connect(ALICE)
    held, release = threading.Event(), threading.Event()
    with node.watched() as store:
        assert node.watcher is not None
        hold_lists(node, held, release)
        node.watcher.tell("channel_state_changed", change(ID_2, BOB, NORMAL))
        assert held.wait(WAIT)
        node.watcher.tell("disconnect", {"id": str(ALICE)})
        node.clock.advance(HOUR)
        release.set()
        node.catch_up()
        assert figures(store) == (1, 0)


@pytest.mark.parametrize("is_blind", [True, False])
def test_a_silent_lightningd_is_not_asked_at_each_of_many_notifications(
    node: Node, is_blind: bool
) -> None:
    held, release = threading.Event(), threading.Event()
    watcher = Watcher(node.database, LightningRpc(node.rpc.path), startup=False)
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


def test_a_lightningd_that_never_answers_holds_up_neither_answers_nor_the_end(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    with node.watched():
        node.let_pass(HOUR)
    hanging = threading.Event()

    def hang(method: str, params: dict[str, Any]) -> None:
        hanging.set()

    node.rpc.answer = hang
    watcher = Watcher(node.database, LightningRpc(node.rpc.path, WAIT), startup=True)
    watcher.start()
    store = watcher.ready(WAIT)
    assert hanging.wait(WAIT)
    assert points(store) == [CHANNEL_1]
    assert not watcher.reached().is_set()
    Call(watcher.stop).result()
    assert "chanfitness-cln" not in {thread.name for thread in threading.enumerate()}
