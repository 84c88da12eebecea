"""Starts of a watcher on a running lightningd, and together with it."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from chanfitness import ChannelEventStore, OutPoint
from chanfitness.nodes.cln.plugin_store import PluginStore
from chanfitness.nodes.cln.rpc_client import LightningRpc
from chanfitness.periods import OWN_OUTAGE, RETURN_GRACE

from ...support.cln_messages import channel_id
from ...support.cln_watchers import (
    HOUR,
    ID_1,
    ID_2,
    Node,
    figures,
    history,
    node,
    peer_info,
    points,
    sees,
)
from ...support.stores import WAIT, Call
from ...support.values import ALICE, BOB, CAROL, CHANNEL_1, CHANNEL_2

__all__ = ["node"]


def test_on_a_running_node_the_snapshot_is_taken_at_once(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.set_state(ID_2, CHANNEL_2, BOB)
    node.connect(ALICE, CAROL)
    with node.watched() as store:
        assert sees(store)
        assert points(store) == [CHANNEL_1, CHANNEL_2]
        assert {peer: peer_info(store, peer).online for peer in (ALICE, BOB, CAROL)} == {
            ALICE: True,
            BOB: False,
            CAROL: True,
        }
        assert peer_info(store).flap_count == 0


def test_a_new_channel_with_an_online_peer_is_up_from_the_start(
    node: Node,
) -> None:
    node.connect(ALICE)
    with node.watched() as store:
        node.set_state(ID_1, CHANNEL_1, ALICE)
        node.let_pass(HOUR)
        assert figures(store) == (1, 1)


def test_the_connects_after_a_node_start_are_no_outages_and_no_flaps(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.set_state(ID_2, CHANNEL_2, BOB)
    with node.watched() as store:
        assert sees(store)
        node.let_pass(timedelta(seconds=0.06))
        node.connect(ALICE)
        node.let_pass(timedelta(seconds=0.05))
        node.connect(BOB)
        node.let_pass(HOUR)
        for peer, point in ((ALICE, CHANNEL_1), (BOB, CHANNEL_2)):
            lifetime, uptime = figures(store, point)
            assert 1 <= lifetime == uptime <= 1.001
            assert peer_info(store, peer).flap_count == 0
            assert history(store, point).outages == ()


def test_a_peer_that_does_not_reconnect_is_offline(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.set_state(ID_2, CHANNEL_2, BOB)
    with node.watched() as store:
        node.connect(ALICE)
        node.let_pass(HOUR)
        assert figures(store, CHANNEL_1) == (1, 1)
        assert figures(store, CHANNEL_2) == (1, 0)
        node.connect(BOB)
        assert peer_info(store, BOB).flap_count == 1


def test_while_the_own_line_is_down_no_peer_is_offline(node: Node) -> None:
    for number, peer in enumerate((ALICE, BOB, CAROL)):
        node.set_state(channel_id(number), OutPoint("ab" * 32, number), peer)
    with node.watched() as store:
        node.let_pass(5 * HOUR)
        node.connect(BOB)
        node.let_pass(RETURN_GRACE)
        assert figures(store, OutPoint("ab" * 32, 1)) == (5 / 3600, 5 / 3600)


@pytest.mark.parametrize(("own_outage", "unseen"), [(OWN_OUTAGE, 1), (None, 0)])
def test_own_outages_may_be_switched_off(
    node: Node, own_outage: timedelta | None, unseen: int
) -> None:
    for number, peer in enumerate((ALICE, BOB, CAROL)):
        node.set_state(channel_id(number), OutPoint("ab" * 32, number), peer)
    with node.watched(own_outage=own_outage) as store:
        node.connect(ALICE, BOB, CAROL)
        node.let_pass(HOUR)
        node.disconnect(CAROL, ALICE, BOB)
        node.let_pass(HOUR)
        assert figures(store, OutPoint("ab" * 32, 0)) == (2 - unseen, 1)


def test_an_own_outage_is_no_peers_outage(node: Node) -> None:
    named = {channel_id(number): OutPoint("ab" * 32, number) for number in range(3)}
    for (name, point), peer in zip(named.items(), (ALICE, BOB, CAROL), strict=True):
        node.set_state(name, point, peer)
    node.connect(ALICE, BOB, CAROL)
    with node.watched() as store:
        node.let_pass(HOUR)
        for peer in (CAROL, ALICE, BOB):
            node.disconnect(peer)
            node.let_pass(timedelta(seconds=40))
        assert not sees(store)
        node.let_pass(5 * HOUR)
        node.connect(ALICE)
        node.let_pass(HOUR)
        assert [figures(store, point) for point in named.values()] == [(2, 2), (2, 1), (2, 1)]
        assert [peer_info(store, peer).flap_count for peer in (ALICE, BOB, CAROL)] == [0, 0, 0]


def test_notifications_before_the_snapshot_are_not_put_twice(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.connect(ALICE)
    late = threading.Event()

    def after_start(_: ChannelEventStore) -> None:
        assert late.wait(WAIT)

    watcher = PluginStore(node.database, LightningRpc(node.rpc.path), after_start=after_start)
    watcher.start()
    for topic in ("disconnect", "connect", "disconnect", "connect"):
        watcher.tell(topic, {topic: {"id": str(ALICE)}})
    late.set()
    store = watcher.ready(WAIT)
    assert watcher.reached().wait(WAIT)
    info = peer_info(store)
    assert (info.online, info.flap_count) == (True, 0)
    watcher.tell("disconnect", {"disconnect": {"id": str(ALICE)}})
    assert watcher.reached().wait(WAIT)
    info = peer_info(store)
    assert (info.online, info.flap_count) == (False, 1)
    Call(watcher.stop).result()


def test_notifications_during_the_snapshot_follow_it(node: Node) -> None:
    node.set_state(ID_1, CHANNEL_1, ALICE)
    node.connect(ALICE)
    listed = node.rpc.listed

    def answer(method: str, params: dict[str, Any]) -> object:
        if method == "listpeers":
            assert node.watcher is not None
            node.watcher.tell("disconnect", {"id": str(ALICE)})
        return listed(method, params)

    node.rpc.answer = answer
    with node.watched() as store:
        node.catch_up()
        info = peer_info(store)
        assert (info.online, info.flap_count) == (False, 1)
