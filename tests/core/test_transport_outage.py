"""Transport outages: if all peers of one transport go at once, this node lost that transport."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chanfitness import (
    BlindSpan,
    ChannelEventStore,
    PeerDescribedEvent,
    TransportBackEvent,
    TransportLostEvent,
)
from chanfitness.logs import logged_time

from ..support.nodes_with_channels import pause, put, seconds
from ..support.persistent_stores import HOUR, ZERO, history_of
from ..support.stores import running
from ..support.tor_nodes import GRACE, Node, flaps, spans, watched
from ..support.values import SECOND


@pytest.fixture
def node() -> Node:
    return Node()


def test_twelve_peers_of_one_transport_have_no_outage_while_others_stay() -> None:
    node = Node(tor=12, clearnet=8)
    with watched(node) as store:
        node.advance(hours=1)
        first = node.tor_goes(every=5)
        node.advance(hours=2)
        node.tor_comes()
        node.advance(hours=1)

        away = 2 * HOUR + 55 * SECOND
        assert store.get_overview().blind == ZERO
        for channel in node.tor:
            assert seconds(store, channel) == (3600, 3600)
            history = history_of(store, channel)
            assert (history.outages, history.blind) == ((), away)
        for channel in node.clearnet:
            expected = 3600 + away.total_seconds()
            assert seconds(store, channel) == (expected, expected)
        assert flaps(store) == {0}
        assert spans(store) == (
            BlindSpan(first, first + away, away, "tor", "transport outage", 12),
        )


def test_it_lasts_until_each_peer_is_online_again_by_any_transport(node: Node) -> None:
    with watched(node) as store:
        node.advance(hours=1)
        node.tor_goes()
        node.advance(hours=1)
        first, second, third = node.tor
        node.peer_online(first.peer)
        put(node, PeerDescribedEvent(first.peer, None, "clearnet"))
        node.advance(seconds=4)
        node.peer_online(second.peer)
        node.advance(seconds=4)
        assert spans(store)[0].end is None
        node.peer_online(third.peer)
        assert [seconds(store, each) for each in node.tor] == [(8, 8), (4, 4), (0, 0)]
        (span,) = spans(store)
        assert span.end == node.clock.now()
        assert flaps(store) == {0}


def test_a_peer_not_back_within_the_grace_was_offline_from_the_first_return(
    node: Node,
) -> None:
    with watched(node) as store:
        node.advance(hours=1)
        begun = node.tor_goes()
        node.advance(hours=1)
        node.peer_online(node.tor[0].peer)
        back = node.clock.now()
        node.advance(hours=1)
        assert [seconds(store, each) for each in node.tor] == [(3600, 3600), (3600, 0), (3600, 0)]
        (outage,) = history_of(store, node.tor[1]).outages
        assert (outage.start, outage.end, outage.duration) == (back, None, HOUR)
        (span,) = spans(store)
        assert (span.start, span.end) == (begun, back + GRACE)


def test_without_a_grace_all_but_the_first_to_return_are_offline_from_there() -> None:
    node = Node(return_grace=None)
    with watched(node) as store:
        node.advance(hours=1)
        node.tor_goes()
        node.advance(hours=1)
        node.peer_online(node.tor[0].peer)
        node.advance(seconds=10)
        assert [seconds(store, each) for each in node.tor] == [(10, 10), (10, 0), (10, 0)]
        assert spans(store)[0].end == node.clock.now() - 10 * SECOND


def test_another_peer_of_the_transport_may_be_the_first_to_return(node: Node) -> None:
    late = node.open_channel(node.new_peer())
    with watched(node) as store:
        put(node, PeerDescribedEvent(late.peer, None, "tor"))
        node.advance(hours=1)
        node.tor_goes()
        node.advance(hours=1)
        node.peer_online(late.peer)
        node.advance(seconds=3)
        node.tor_comes()
        assert [seconds(store, each) for each in node.tor] == [(0, 0)] * 3
        assert store.get_peer_info(late.peer).flap_count == 1


# Cases without a transport outage.


@pytest.mark.parametrize(
    ("transport", "lost"),
    [("tor", True), ("i2p", True), ("local", True), ("unknown", False), (None, False)],
)
def test_peers_of_an_unknown_transport_are_in_no_transport_outage(
    node: Node, transport: str | None, lost: bool
) -> None:
    with running(ChannelEventStore(node.config)) as store:
        for _, peer in node.clearnet:
            put(node, PeerDescribedEvent(peer, None, "clearnet"))
        for _, peer in node.tor:
            put(node, PeerDescribedEvent(peer, "an alias", transport))
        node.tor_goes()
        assert bool(spans(store)) is lost


def test_a_transport_that_is_cleared_is_unknown(node: Node) -> None:
    with watched(node) as store:
        put(node, PeerDescribedEvent(node.tor[0].peer, None, "unknown"))
        node.tor_goes()
        assert spans(store) == ()


def test_a_description_of_an_unknown_peer_is_dropped(node: Node) -> None:
    with watched(node) as store:
        put(node, PeerDescribedEvent(node.new_peer(), None, "tor"))
        node.tor_goes()
        assert len(spans(store)) == 1


def test_two_peers_are_too_few() -> None:
    node = Node(tor=2)
    with watched(node) as store:
        node.tor_goes()
        assert spans(store) == ()


@pytest.mark.parametrize(("every", "lost"), [(45, True), (45.000001, False)])
def test_all_must_go_within_the_period(node: Node, every: float, lost: bool) -> None:
    with watched(node) as store:
        node.tor_goes(every)
        assert bool(spans(store)) is lost


def test_a_peer_of_the_transport_online_in_between_decides_against_it(node: Node) -> None:
    late = node.open_channel(node.new_peer())
    with watched(node) as store:
        put(node, PeerDescribedEvent(late.peer, None, "tor"))
        first, second, third = (peer for _, peer in node.tor)
        node.peer_offline(first)
        node.peer_offline(second)
        node.peer_online(late.peer)
        node.peer_offline(third)
        node.peer_offline(late.peer)
        assert spans(store) == ()


def test_a_peer_of_another_transport_online_in_between_does_not(node: Node) -> None:
    with watched(node) as store:
        node.peer_offline(node.clearnet[0].peer)
        node.peer_offline(node.tor[0].peer)
        node.peer_online(node.clearnet[0].peer)
        for _, peer in node.tor[1:]:
            node.peer_offline(peer)
        assert len(spans(store)) == 1


def test_remaining_peers_of_an_unknown_transport_are_no_evidence(node: Node) -> None:
    with running(ChannelEventStore(node.config)) as store:
        for _, peer in node.tor:
            put(node, PeerDescribedEvent(peer, None, "tor"))
        node.tor_goes()
        assert spans(store) == ()
        assert store.get_overview().sees


def test_a_peer_described_by_another_transport_meanwhile_does_not_count(node: Node) -> None:
    with watched(node) as store:
        for _, peer in node.tor[:2]:
            node.peer_offline(peer)
        put(node, PeerDescribedEvent(node.tor[0].peer, None, "clearnet"))
        node.peer_offline(node.tor[2].peer)
        assert spans(store) == ()


def test_without_the_setting_each_peer_has_an_outage() -> None:
    node = Node(own_outage=None)
    with watched(node) as store:
        node.tor_goes()
        node.advance(hours=1)
        assert spans(store) == ()
        assert history_of(store, node.tor[0]).uptime == ZERO
        assert store.get_overview().transports == (("clearnet", True), ("tor", True))


# Log lines, ``on_event`` and overviews.


def test_a_transport_outage_is_logged_and_passed_to_on_event(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[tuple[object, datetime]] = []
    node.config = replace(node.config, on_event=lambda *event: told.append(event))
    with watched(node) as store:
        node.advance(hours=1)
        begun = node.tor_goes()
        lost = node.clock.now()
        node.advance(hours=1)
        node.tor_comes()
        back = node.clock.now()
        store.list_peers()
    assert [each for each in told if "Transport" in type(each[0]).__name__] == [
        (TransportLostEvent("tor", 3, begun), lost),
        (TransportBackEvent("tor", back), back),
    ]
    assert [record.getMessage() for record in caplog.records] == [
        "all 3 peers of transport tor went offline: this node's way there is lost,"
        f" as of {logged_time(begun)}",
        f"this node's way to transport tor is back, as of {logged_time(back)}:"
        " peers still offline: 2",
    ]


def test_a_transport_outage_is_over_when_all_channels_are_blind(node: Node) -> None:
    told: list[object] = []
    node.config = replace(node.config, on_event=lambda event, _: told.append(event))
    with watched(node) as store:
        node.tor_goes()
        node.advance(hours=1)
        pause(node)
        assert store.get_overview().transports == (("clearnet", True), ("tor", True))
    assert told[-1] == TransportBackEvent("tor", node.clock.now())


def test_an_on_event_that_fails_gets_the_next_event(node: Node) -> None:
    told: list[object] = []

    def listen(event: object, _: datetime) -> None:
        told.append(event)
        raise RuntimeError

    node.config = replace(node.config, on_event=listen)
    with watched(node):
        begun = node.tor_goes()
    assert told[-1] == TransportLostEvent("tor", 3, begun)


def test_the_overview_lists_the_lost_transports(node: Node) -> None:
    stranger = node.new_peer(online=True)
    with watched(node) as store:
        put(node, PeerDescribedEvent(stranger, None, "i2p"))
        assert store.get_overview().transports == (("clearnet", True), ("tor", True))
        node.tor_goes()
        assert store.get_overview().transports == (("clearnet", True), ("tor", False))
        node.peer_online(node.tor[0].peer)
        assert store.get_overview().transports == (("clearnet", True), ("tor", True))


def test_peers_without_a_channel_count_too() -> None:
    node = Node(tor=2)
    with watched(node) as store:
        stranger = node.new_peer(online=True)
        put(node, PeerDescribedEvent(stranger, None, "tor"))
        node.peer_offline(stranger)
        node.tor_goes()
        assert [span.peers for span in spans(store)] == [3]
        assert stranger not in [info.peer for info in store.list_peers()]
        late = node.open_channel(stranger)
        node.advance(hours=1)
        node.tor_comes()
        assert store.get_chan_info(*late).lifetime == timedelta(hours=1)
