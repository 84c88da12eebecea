"""Descriptions put by the watcher of a lightningd: aliases, transports, short channel ids."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from chanfitness import (
    ChannelDescribedEvent,
    ChannelEventStore,
    MonitoringResumedEvent,
    OpenChannelEvent,
    PeerDescribedEvent,
    PeerOnlineEvent,
    SnapshotEvent,
)

from ...support.cln_messages import change, connection
from ...support.cln_watchers import HOUR, ID_1, ID_2, NORMAL, Node, node
from ...support.stores import WAIT
from ...support.values import ALICE, BOB, CAROL, CHANNEL_1, CHANNEL_2, CHANNEL_3, SECOND, START

__all__ = ["node"]

NO_TIME = timedelta(0)
DESCRIBED = (ChannelDescribedEvent, PeerDescribedEvent)
AMOUNT = 5_000_000_000  # millisatoshi


class Told:
    """The events of some types that a store handled."""

    def __init__(self, store: ChannelEventStore, events: list[Any]) -> None:
        self._store = store
        self._events = events

    def take(self, *types: type) -> list[Any]:
        """Return the events of these types since the last call."""
        self._store.get_overview(timeout=WAIT)  # answered after all earlier events
        events = self._events[:]
        self._events.clear()
        return [event for event in events if isinstance(event, types or DESCRIBED)]


@contextmanager
def watched(node: Node) -> Iterator[Told]:
    events: list[Any] = []
    with node.watched(on_event=lambda event, _: events.append(event)) as store:
        node.let_pass(NO_TIME)
        yield Told(store, events)


@pytest.fixture
def alice(node: Node) -> Node:
    """A node with a channel with a peer online by Tor, whose alias is Alice."""
    node.set_state(
        ID_1, CHANNEL_1, ALICE, short_channel_id="1x1x1", total_msat=AMOUNT, private=False
    )
    node.addresses[ALICE] = "abc.onion:9735"
    node.rpc.aliases[str(ALICE)] = "Alice"
    node.connect(ALICE)
    return node


def described(
    short_id: str | None = None, capacity: int | None = None, private: bool | None = None
) -> ChannelDescribedEvent:
    return ChannelDescribedEvent(CHANNEL_1, short_id, capacity, private, START)


def test_the_first_snapshot_is_followed_by_all_descriptions(alice: Node) -> None:
    with watched(alice) as told:
        first, *others = told.take(MonitoringResumedEvent, *DESCRIBED)
        assert isinstance(first, MonitoringResumedEvent)
        assert others == [
            described("1x1x1", AMOUNT // 1000, False),
            PeerDescribedEvent(ALICE, transport="tor", at=START),
            PeerDescribedEvent(ALICE, "Alice", at=START),
        ]


def test_the_hourly_lists_tell_only_changed_descriptions(alice: Node) -> None:
    with watched(alice) as told:
        told.take()
        alice.let_pass(HOUR)
        assert told.take() == []
        alice.rpc.aliases[str(ALICE)] = "Alice II"
        alice.addresses[ALICE] = "1.2.3.4:9735"
        alice.entries[ID_1].update(total_msat=f"{AMOUNT}msat", private=True)
        alice.relist()
        alice.let_pass(HOUR)
        at = START + 2 * HOUR
        snapshot, *others = told.take(SnapshotEvent, *DESCRIBED)
        assert isinstance(snapshot, SnapshotEvent)
        assert others == [
            ChannelDescribedEvent(CHANNEL_1, private=True, at=at),
            PeerDescribedEvent(ALICE, transport="clearnet", at=at),
            PeerDescribedEvent(ALICE, "Alice II", at=at),
        ]


def test_a_new_snapshot_tells_only_changed_descriptions(alice: Node) -> None:
    with watched(alice) as told:
        told.take()
        with alice.held():
            alice.clock.advance(HOUR)
        alice.entries[ID_1]["short_channel_id"] = "2x2x2"
        alice.let_pass(SECOND)
        at = START + HOUR
        assert told.take(MonitoringResumedEvent, *DESCRIBED)[1:] == [
            ChannelDescribedEvent(CHANNEL_1, "2x2x2", at=at)
        ]


def test_aliases_of_peers_with_channels_are_looked_up_by_key(alice: Node) -> None:
    alice.set_state(ID_2, CHANNEL_2, ALICE)
    alice.connect(CAROL)
    with watched(alice):
        questions = [alice.rpc.asked.get(timeout=WAIT) for _ in range(alice.rpc.asked.qsize())]
    assert [params for method, params in questions if method == "listnodes"] == [{"id": str(ALICE)}]


@pytest.mark.parametrize(
    ("address", "direction", "transport"),
    [
        ("1.2.3.4", "in", "clearnet"),
        ("1.2.3.4", "out", "clearnet"),
        ("2a02:db8::1", "out", "clearnet"),
        ("127.0.0.1", "out", "local"),
        ("127.0.0.1", "in", "unknown"),
        ("127.0.0.1", None, "unknown"),
        ("abc.onion", "out", "tor"),
        ("abc.b32.i2p", "out", "i2p"),
        ("\x1b[2J", "out", "unknown"),
    ],
)
def test_a_connect_tells_the_transport(
    alice: Node, address: str, direction: str | None, transport: str
) -> None:
    alice.addresses.clear()
    alice.relist()
    with watched(alice) as told:
        told.take()
        alice.tell("connect", connection(ALICE, address, direction))
        expected = [
            PeerDescribedEvent(ALICE, transport=transport, at=START),
            PeerOnlineEvent(ALICE, START),
        ]
        assert told.take(PeerOnlineEvent, *DESCRIBED) == expected
        alice.tell("connect", connection(ALICE, address, direction))
        assert told.take(PeerOnlineEvent, *DESCRIBED) == expected[1:]


def test_the_transport_of_a_connect_stands_until_the_disconnect(alice: Node) -> None:
    with watched(alice) as told:
        alice.tell("connect", connection(ALICE, "127.0.0.1", "out"))
        told.take()
        alice.addresses[ALICE] = "127.0.0.1:9735"
        alice.relist()
        alice.let_pass(HOUR)
        assert told.take() == []
        alice.tell("disconnect", {"id": str(ALICE)})
        alice.tell("connect", {"id": str(ALICE)})
        alice.let_pass(HOUR)
        assert told.take() == [PeerDescribedEvent(ALICE, transport="unknown", at=START + 2 * HOUR)]


def test_after_a_gap_transports_of_connects_are_forgotten(alice: Node) -> None:
    with watched(alice) as told:
        alice.tell("connect", connection(ALICE, "127.0.0.1", "out"))
        told.take()
        alice.addresses[ALICE] = "1.2.3.4:9735"
        alice.relist()
        with alice.held():
            alice.clock.advance(HOUR)
        alice.let_pass(SECOND)
        assert told.take() == [PeerDescribedEvent(ALICE, transport="clearnet", at=START + HOUR)]


def test_a_peer_without_a_channel_is_described_at_each_connect(node: Node) -> None:
    with watched(node) as told:
        for _ in range(2):
            node.tell("connect", connection(BOB, "1.2.3.4"))
            assert told.take(PeerOnlineEvent, *DESCRIBED) == [
                PeerOnlineEvent(BOB, START),
                PeerDescribedEvent(BOB, transport="clearnet", at=START),
            ]
            node.tell("disconnect", {"id": str(BOB)})


def test_an_opened_channel_and_its_peer_are_described(node: Node) -> None:
    node.rpc.aliases[str(BOB)] = "Bob"
    with watched(node) as told:
        node.set_state(
            ID_1,
            CHANNEL_1,
            BOB,
            total_msat=AMOUNT,
            private=True,
            alias={"local": "16000000x1x1"},
        )
        node.let_pass(NO_TIME)
        assert told.take(OpenChannelEvent, *DESCRIBED) == [
            OpenChannelEvent(CHANNEL_1, BOB, START),
            described(None, AMOUNT // 1000, True),
            PeerDescribedEvent(BOB, "Bob", at=START),
        ]
        node.entries[ID_1]["short_channel_id"] = "700000x1x0"
        node.connect(BOB)
        node.let_pass(NO_TIME)
        assert told.take() == [described("700000x1x0")]


def test_the_short_channel_id_of_a_state_change_is_told(alice: Node) -> None:
    with watched(alice) as told:
        told.take()
        state = "CHANNELD_AWAITING_SPLICE"
        alice.tell("channel_state_changed", change(ID_1, ALICE, state, short_channel_id="7x7x7"))
        assert told.take() == [described("7x7x7")]


def test_a_spliced_channel_is_described_again(alice: Node) -> None:
    with watched(alice) as told:
        told.take()
        alice.set_state(ID_1, CHANNEL_3, ALICE, NORMAL, total_msat=2 * AMOUNT, private=False)
        assert told.take() == [
            ChannelDescribedEvent(CHANNEL_3, None, 2 * AMOUNT // 1000, False, START)
        ]


# Aliases are strangers' text.


@pytest.mark.parametrize("alias", ["\x1b[2J", "", "x" * 5000, "\udcff", '"]}', "\N{SNOWMAN}" * 32])
def test_any_alias_is_told(alice: Node, alias: str) -> None:
    alice.rpc.aliases[str(ALICE)] = alias
    with watched(alice) as told:
        assert told.take()[-1] == PeerDescribedEvent(ALICE, alias, at=START)


def test_undecodable_bytes_of_an_alias_are_replaced(alice: Node) -> None:
    def answer(method: str, params: dict[str, Any]) -> object:
        if method != "listnodes":
            return alice.rpc.listed(method, params)
        return json.dumps({"result": {"nodes": [{"alias": "?"}]}}).encode().replace(b"?", b"\xff")

    alice.rpc.answer = answer
    with watched(alice) as told:
        assert told.take()[-1] == PeerDescribedEvent(ALICE, "\N{REPLACEMENT CHARACTER}", at=START)


@pytest.mark.parametrize(
    "answer", [b'{"error": {"message": "Unknown command"}}\n\n', b"", {"nodes": [{"alias": 5}]}, 5]
)
def test_a_failed_alias_lookup_costs_the_alias_only(
    alice: Node, answer: object, caplog: pytest.LogCaptureFixture
) -> None:
    alice.set_state(ID_2, CHANNEL_2, BOB)
    alice.rpc.answer = lambda method, params: (
        answer if method == "listnodes" else alice.rpc.listed(method, params)
    )
    with watched(alice) as told:
        alice.let_pass(HOUR)
        assert not any(getattr(event, "alias", None) for event in told.take())
        assert alice.watcher is not None
        assert alice.watcher.warnings() == []
    assert caplog.text.count("cannot look up an alias") == 1
