"""Descriptions of lnd's peers and channels: put after a snapshot, and when they change."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from chanfitness import (
    ChannelDescribedEvent,
    InactiveChannelEvent,
    ManualClock,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerDescribedEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SnapshotEvent,
)
from chanfitness.nodes.lnd import messages as lnd_messages

from ...support.fake_lnd import (
    LIST_CHANNELS,
    LIST_PEERS,
    Connected,
    Described,
    FakeLnd,
    Link,
    channels,
    closed,
    message,
    offline,
    online,
    opened,
    peers,
)
from ...support.lnd_nodes import Timer, a_node
from ...support.stores import WAIT
from ...support.values import ALICE, BOB, CAROL, CHANNEL_1, CHANNEL_2, START

HOUR = timedelta(hours=1)
LOOK = timedelta(seconds=10)
ONION = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd.onion:9735"
PLACE = 700_000 << 40 | 2_500 << 16 | 1
ALIAS_PLACE = 16_000_000 << 40

ONE = OpenChannel(CHANNEL_1, ALICE)
TWO = OpenChannel(CHANNEL_2, BOB)
CHANNELS = [
    Described(ONE, PLACE, 1_000_000, private=True, peer_alias="alice"),
    Described(TWO, PLACE + 1, 20_000, peer_alias="bob"),
]
PEERS = [Connected(ALICE, ONION), Connected(CAROL, "8.8.8.8:9735", inbound=True)]
DESCRIPTIONS = [
    PeerDescribedEvent(ALICE, "alice", "tor"),
    PeerDescribedEvent(BOB, "bob"),
    PeerDescribedEvent(CAROL, None, "clearnet"),
    ChannelDescribedEvent(CHANNEL_1, "700000x2500x1", 1_000_000, True),
    ChannelDescribedEvent(CHANNEL_2, "700000x2500x2", 20_000, False),
]


@pytest.fixture
def lnd() -> Iterator[FakeLnd]:
    with FakeLnd() as lnd:
        yield lnd


class Session:
    """A node that watches an lnd from its start, on a clock that only a test moves."""

    def __init__(self, lnd: FakeLnd, updates: Any, timer: Timer) -> None:
        self.lnd, self.let_pass, self._updates = lnd, timer.let_pass, updates
        self.link: Link = lnd.accept()

    def take(self, count: int) -> list[object]:
        return [self._updates.get(timeout=WAIT) for _ in range(count)]

    def take_snapshot(self, kind: type = MonitoringResumedEvent) -> None:
        (event,) = self.take(1)
        assert isinstance(event, kind)

    def check_rest(self, *expected: object) -> None:
        """Check that only these events come before a close that is sent now."""
        self.link.channels.send(closed(ONE))
        *rest, last = self.take(len(expected) + 1)
        assert rest == [*expected]
        assert type(last).__name__ == "ClosedChannelEvent"


@contextmanager
def watching(lnd: FakeLnd, directory: Path) -> Iterator[Session]:
    with a_node(lnd, directory) as (node, _):
        timer = Timer(ManualClock(START), node)
        yield Session(lnd, node.subscribe_channel_events().updates, timer)


# After snapshots.


def test_descriptions_follow_the_snapshot(lnd: FakeLnd, tmp_path: Path) -> None:
    lnd.set_state(CHANNELS, PEERS)
    with watching(lnd, tmp_path) as session:
        session.take_snapshot()
        assert session.take(5) == DESCRIPTIONS
        session.check_rest()
    assert lnd.requests == {LIST_CHANNELS: message((6, 1)), LIST_PEERS: b""}


def test_the_hourly_lists_put_only_changed_descriptions(lnd: FakeLnd, tmp_path: Path) -> None:
    lnd.set_state(CHANNELS, PEERS)
    with watching(lnd, tmp_path) as session:
        session.take(6)
        session.let_pass(HOUR)
        session.take_snapshot(SnapshotEvent)
        session.check_rest()
        one, two = CHANNELS
        lnd.set_state(
            [one._replace(peer_alias="Alice II"), two._replace(private=True)],
            [PEERS[0]._replace(address="8.8.8.8:9735"), PEERS[1]],
        )
        session.let_pass(HOUR)
        session.take_snapshot(SnapshotEvent)
        session.check_rest(
            PeerDescribedEvent(ALICE, "Alice II", "clearnet"),
            ChannelDescribedEvent(CHANNEL_2, "700000x2500x2", 20_000, True),
        )


def test_a_lost_detail_keeps_its_last_value(lnd: FakeLnd, tmp_path: Path) -> None:
    """An offline peer has no address."""
    lnd.set_state(CHANNELS, PEERS)
    with watching(lnd, tmp_path) as session:
        session.take(6)
        lnd.set_state([CHANNELS[0]._replace(peer_alias="")], [])
        session.let_pass(HOUR)
        session.take_snapshot(SnapshotEvent)
        session.check_rest()


def test_a_peer_missing_from_a_list_is_described_again(lnd: FakeLnd, tmp_path: Path) -> None:
    """A store may have forgotten the peer."""
    lnd.set_state(CHANNELS, PEERS)
    with watching(lnd, tmp_path) as session:
        session.take(6)
        lnd.set_state([], [])
        session.let_pass(HOUR)
        session.take_snapshot(SnapshotEvent)
        lnd.set_state(CHANNELS, PEERS)
        session.let_pass(HOUR)
        session.take_snapshot(SnapshotEvent)
        assert session.take(5) == DESCRIPTIONS


def test_a_new_connection_describes_everything_again(lnd: FakeLnd, tmp_path: Path) -> None:
    lnd.set_state(CHANNELS, PEERS)
    with watching(lnd, tmp_path) as session:
        session.take(6)
        session.link.end()
        session.take_snapshot(MonitoringPausedEvent)
        session.take_snapshot()
        assert session.take(5) == DESCRIPTIONS


# Newcomers.


def test_several_new_peers_are_listed_once(lnd: FakeLnd, tmp_path: Path) -> None:
    with watching(lnd, tmp_path) as session:
        session.take(1)
        session.link.peers.send(online(ALICE), online(CAROL))
        assert session.take(2) == [PeerOnlineEvent(ALICE), PeerOnlineEvent(CAROL)]
        lnd.set_state([], PEERS)
        asked = lnd.calls.count(LIST_PEERS)
        session.let_pass(LOOK)
        assert session.take(2) == [
            PeerDescribedEvent(ALICE, None, "tor"),
            PeerDescribedEvent(CAROL, None, "clearnet"),
        ]
        session.let_pass(3 * LOOK)
        session.check_rest()
        assert lnd.calls.count(LIST_PEERS) == asked + 1
        assert lnd.calls.count(LIST_CHANNELS) == 1


def test_a_returned_peer_is_described_again(lnd: FakeLnd, tmp_path: Path) -> None:
    """A store forgets an offline peer without a channel."""
    lnd.set_state(CHANNELS, PEERS)
    with watching(lnd, tmp_path) as session:
        session.take(6)
        session.link.peers.send(offline(CAROL), online(CAROL))
        assert session.take(2) == [PeerOfflineEvent(CAROL), PeerOnlineEvent(CAROL)]
        session.let_pass(LOOK)
        assert session.take(1) == [PeerDescribedEvent(CAROL, None, "clearnet")]
        session.check_rest()


def test_newcomers_are_listed_at_most_every_ten_seconds(lnd: FakeLnd, tmp_path: Path) -> None:
    """The limit holds however many peers come."""
    lnd.set_state([], PEERS[:1])
    with watching(lnd, tmp_path) as session:
        session.take(2)
        asked = lnd.calls.count(LIST_PEERS)
        for _ in range(3):
            for _ in range(10):
                session.link.peers.send(online(ALICE))
                assert session.take(1) == [PeerOnlineEvent(ALICE)]
                session.let_pass(timedelta(seconds=1))
            assert session.take(1) == [PeerDescribedEvent(ALICE, None, "tor")]
        session.check_rest()
        assert lnd.calls.count(LIST_PEERS) == asked + 3


def test_a_new_channel_is_described_and_then_its_peer(lnd: FakeLnd, tmp_path: Path) -> None:
    with watching(lnd, tmp_path) as session:
        session.take(1)
        session.link.channels.send(opened(CHANNELS[0]))
        assert session.take(3) == [
            OpenChannelEvent(CHANNEL_1, ALICE),
            InactiveChannelEvent(CHANNEL_1),
            DESCRIPTIONS[3],
        ]
        lnd.set_state(CHANNELS[:1], PEERS[:1])
        session.let_pass(LOOK)
        assert session.take(1) == DESCRIPTIONS[:1]
        session.let_pass(HOUR)
        session.take_snapshot(SnapshotEvent)
        session.check_rest()
        assert lnd.calls.count(LIST_CHANNELS) == 3


def test_listings_due_during_a_listing_follow_it(lnd: FakeLnd, tmp_path: Path) -> None:
    """The listing of newcomers lasts until the hourly lists and another one are due."""
    is_asked, is_let_go = threading.Event(), threading.Event()

    def wait(_: object) -> None:
        is_asked.set()
        assert is_let_go.wait(timeout=WAIT)

    with watching(lnd, tmp_path) as session:
        session.take(1)
        lnd.on = {LIST_PEERS: wait}
        session.link.peers.send(online(ALICE))
        session.take(1)
        session.let_pass(LOOK)
        assert is_asked.wait(timeout=WAIT)
        session.link.peers.send(online(CAROL))
        session.take(1)
        session.let_pass(HOUR)
        lnd.set_state([], PEERS)
        is_let_go.set()
        assert session.take(2) == [
            PeerDescribedEvent(ALICE, None, "tor"),
            PeerDescribedEvent(CAROL, None, "clearnet"),
        ]
        session.take_snapshot(SnapshotEvent)
        session.check_rest()


def test_a_failed_list_of_newcomers_ends_the_connection(lnd: FakeLnd, tmp_path: Path) -> None:
    def fail(context: grpc.ServicerContext) -> None:
        lnd.on = {}
        context.abort(grpc.StatusCode.INTERNAL, "no")

    with watching(lnd, tmp_path) as session:
        session.take(1)
        session.link.peers.send(online(ALICE))
        session.take(1)
        lnd.on = {LIST_PEERS: fail}
        session.let_pass(LOOK)
        session.take_snapshot(MonitoringPausedEvent)
        session.take_snapshot()


# Values in lnd's lists.


def described(**details: Any) -> ChannelDescribedEvent:
    (listed,) = lnd_messages.listed_channels(channels(Described(ONE, **details)))
    return listed.description


@pytest.mark.parametrize(
    ("details", "short_channel_id"),
    [
        ({"chan_id": PLACE}, "700000x2500x1"),
        ({"chan_id": 2**64 - 1}, "16777215x16777215x65535"),
        ({"chan_id": 1}, "0x0x1"),
        ({"chan_id": 0}, None),
        ({}, None),
        ({"zero_conf": True, "chan_id": ALIAS_PLACE}, None),
        (
            {"zero_conf": True, "chan_id": ALIAS_PLACE, "zero_conf_confirmed_scid": PLACE},
            "700000x2500x1",
        ),
    ],
)
def test_a_short_channel_id_is_the_place_of_the_funding(
    details: dict[str, Any], short_channel_id: str | None
) -> None:
    assert described(**details) == ChannelDescribedEvent(CHANNEL_1, short_channel_id, None, False)


@pytest.mark.parametrize(
    ("said", "capacity"),
    [(1, 1), (21 * 10**14, 21 * 10**14), (0, None), (2**63 - 1, None), (2**64 - 1, None)],
)
def test_an_impossible_capacity_counts_as_unknown(said: int, capacity: int | None) -> None:
    assert described(capacity=said).capacity == capacity


@pytest.mark.parametrize(
    ("said", "alias"),
    [
        ("alice", "alice"),
        ("\N{HIGH VOLTAGE SIGN}" * 5, "\N{HIGH VOLTAGE SIGN}" * 5),
        (b"a\xffb", "a\N{REPLACEMENT CHARACTER}b"),
        ("\x1b[31m<script>", "\x1b[31m<script>"),
        ("unable to lookup peer alias: me", "unable to lookup peer alias: me"),
        ("unable to lookup peer alias: alias for node not found", None),
        ("", None),
        (None, None),
    ],
)
def test_an_alias_is_any_text_but_lnds_lookup_error(
    said: bytes | str | None, alias: str | None
) -> None:
    (listed,) = lnd_messages.listed_channels(channels(Described(ONE, peer_alias=said)))
    assert listed.alias == alias


@pytest.mark.parametrize(
    ("address", "inbound", "transport"),
    [
        (ONION, False, "tor"),
        ("127.0.0.1:54321", True, "unknown"),
        ("127.0.0.1:9735", None, "local"),
        (b"\xff\x1b", None, "unknown"),
        ("", True, None),
        (None, None, None),
    ],
)
def test_the_transport_is_that_of_the_address(
    address: bytes | str | None, inbound: bool | None, transport: str | None
) -> None:
    (listed,) = lnd_messages.listed_peers(peers(Connected(ALICE, address, inbound)))
    assert listed.transport == transport
