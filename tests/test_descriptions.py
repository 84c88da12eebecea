"""Descriptions of peers and channels, and activity in events and lists."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from chanfitness import (
    ActiveChannelEvent,
    ChannelDescribedEvent,
    ChannelNotifier,
    InactiveChannelEvent,
    OpenChannel,
    PeerDescribedEvent,
    PeerOnlineEvent,
)
from chanfitness.events import TRANSPORTS, activity
from chanfitness.testing import FakeNode

from .support.stores import WAIT
from .support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2, START

EVENTS = [
    ActiveChannelEvent(CHANNEL_1),
    InactiveChannelEvent(CHANNEL_1, START),
    PeerDescribedEvent(ALICE, "alice", "tor"),
    PeerDescribedEvent(ALICE, at=START),
    ChannelDescribedEvent(CHANNEL_1, "700000x1x0", 5, private=False),
    ChannelDescribedEvent(CHANNEL_1, private=True, at=START),
]
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


# Open channels


@pytest.mark.parametrize("active", [True, False, None])
def test_equality_of_open_channels_ignores_active(active: bool | None) -> None:
    channel, plain = OpenChannel(CHANNEL_1, ALICE, active), (CHANNEL_1, ALICE)
    assert (channel, hash(channel), len(channel)) == (plain, hash(plain), 2)
    assert channel == OpenChannel(CHANNEL_1, ALICE)
    assert channel != OpenChannel(CHANNEL_1, BOB, active)
    assert dict([channel]) == {CHANNEL_1: ALICE}
    assert (channel.active, activity(channel), activity(plain)) == (active, active, None)


@pytest.mark.parametrize("active", [True, False, None])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_copy_of_an_open_channel_keeps_active(active: bool | None, protocol: int) -> None:
    channel = OpenChannel(CHANNEL_1, ALICE, active)
    for twin in (
        pickle.loads(pickle.dumps(channel, protocol)),
        copy.copy(channel),
        copy.deepcopy(channel),
    ):
        assert (type(twin), twin, twin.active) == (OpenChannel, channel, active)


@pytest.mark.parametrize("active", [1, 0, "yes", [], 1.0])
def test_active_of_another_type_is_refused(active: Any) -> None:
    with pytest.raises(TypeError, match=r"bad active .*: expected True, False or None"):
        OpenChannel(CHANNEL_1, ALICE, active)


@pytest.mark.parametrize("name", ["active", "peer", "channel_point", "colour"])
def test_an_open_channel_is_immutable(name: str) -> None:
    channel = OpenChannel(CHANNEL_1, ALICE, active=True)
    with pytest.raises(AttributeError, match=f"cannot set {name}"):
        setattr(channel, name, None)
    with pytest.raises(AttributeError, match=f"cannot delete {name}"):
        delattr(channel, name)
    assert channel.active is True


# Events


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_is_immutable_and_hashable(event: Any) -> None:
    for twin in (pickle.loads(pickle.dumps(event)), copy.deepcopy(event)):
        assert (twin, type(twin), hash(twin)) == (event, type(event), hash(event))
    assert [event == other for other in EVENTS].count(True) == 1
    with pytest.raises(AttributeError):
        event.at = None
    with pytest.raises(AttributeError):
        event.colour = "red"


def test_an_active_and_an_inactive_event_differ() -> None:
    assert ActiveChannelEvent(CHANNEL_1) != InactiveChannelEvent(CHANNEL_1)
    assert ActiveChannelEvent(CHANNEL_1) != ActiveChannelEvent(CHANNEL_2)


@pytest.mark.parametrize(
    "make",
    [
        lambda at: ActiveChannelEvent(CHANNEL_1, at),
        lambda at: InactiveChannelEvent(CHANNEL_1, at),
        lambda at: PeerDescribedEvent(ALICE, at=at),
        lambda at: ChannelDescribedEvent(CHANNEL_1, at=at),
    ],
)
def test_a_naive_time_and_another_type_are_refused(make: Callable[[Any], object]) -> None:
    with pytest.raises(ValueError, match="naive time"):
        make(START.replace(tzinfo=None))
    with pytest.raises(TypeError, match="no time: 'noon'"):
        make("noon")


# Aliases


@pytest.mark.parametrize(
    ("alias", "expected"),
    [
        ("", ""),
        ("alice", "alice"),
        ("x" * 33, "x" * 32),
        ("\N{PILE OF POO}" * 9, "\N{PILE OF POO}" * 8),
        ("x" + "\N{PILE OF POO}" * 8, "x" + "\N{PILE OF POO}" * 7),
        ("x" * 31 + "\N{LATIN SMALL LETTER E WITH ACUTE}", "x" * 31),
        ("\N{CJK UNIFIED IDEOGRAPH-4E2D}" * 11, "\N{CJK UNIFIED IDEOGRAPH-4E2D}" * 10),
        ("\ud800", REPLACEMENT),
        ("a\ud800b\udfffc", f"a{REPLACEMENT}b{REPLACEMENT}c"),
        ("\udfff\ud800", REPLACEMENT * 2),
        ("\udce9t\udce9", f"{REPLACEMENT}t{REPLACEMENT}"),
        ("\ud83d\udca9", "\N{PILE OF POO}"),
        ("\ufeffmark", "\ufeffmark"),
        ("\0\x1b[2J\n\u202e", "\0\x1b[2J\n\u202e"),
        ("\ud800" * 11, REPLACEMENT * 10),
    ],
)
def test_an_alias_is_cut_to_32_bytes_and_made_encodable(alias: str, expected: str) -> None:
    found = PeerDescribedEvent(ALICE, alias).alias
    assert found == expected
    assert len(expected.encode()) <= 32
    assert PeerDescribedEvent(ALICE, found).alias == found


@pytest.mark.parametrize("alias", [b"alice", 7, ["alice"]])
def test_an_alias_that_is_no_text_is_refused(alias: Any) -> None:
    with pytest.raises(TypeError, match="an alias is a str, not "):
        PeerDescribedEvent(ALICE, alias)


# Transports and channels


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_known_transport_is_accepted(transport: str) -> None:
    assert PeerDescribedEvent(ALICE, transport=transport).transport == transport


@pytest.mark.parametrize("transport", ["", "TOR", "pigeon", 7, b"tor", ["tor"]])
def test_an_unknown_transport_is_refused(transport: Any) -> None:
    with pytest.raises(ValueError, match=r"bad transport .*: expected one of clearnet, tor, i2p"):
        PeerDescribedEvent(ALICE, transport=transport)


@pytest.mark.parametrize(
    "short_id", ["", "1x2", "1x2x3x4", "1:2:3", "1x2x-3", " 1x2x3", "1x2x3\n", "\u0661x2x3", 7]
)
def test_a_malformed_short_channel_id_is_refused(short_id: Any) -> None:
    with pytest.raises(ValueError, match=r"bad short channel id .*: expected one like 700000x1x0"):
        ChannelDescribedEvent(CHANNEL_1, short_id)


@pytest.mark.parametrize("capacity", [-1, 2**62, 1.0, "5", True])
def test_a_malformed_capacity_is_refused(capacity: Any) -> None:
    with pytest.raises(ValueError, match=r"bad capacity .*: expected satoshi, 0 or more"):
        ChannelDescribedEvent(CHANNEL_1, capacity=capacity)


@pytest.mark.parametrize("private", [0, 1, "no"])
def test_private_of_another_type_is_refused(private: Any) -> None:
    with pytest.raises(TypeError, match=r"bad private .*: expected True, False or None"):
        ChannelDescribedEvent(CHANNEL_1, private=private)


# Notifiers


def test_a_notifier_publishes_activity() -> None:
    notifier = ChannelNotifier()
    client = notifier.subscribe_channel_events()
    notifier.notify_inactive_channel(CHANNEL_1)
    notifier.notify_active_channel(CHANNEL_1)
    told = [client.updates.get(timeout=WAIT) for _ in range(2)]
    assert told == [InactiveChannelEvent(CHANNEL_1), ActiveChannelEvent(CHANNEL_1)]


def test_a_notifier_refuses_a_channel_point_of_another_type() -> None:
    notifier: Any = ChannelNotifier()
    for notify in (notifier.notify_inactive_channel, notifier.notify_active_channel):
        with pytest.raises(TypeError, match="expected OutPoint, got "):
            notify(str(CHANNEL_1))


# Through a store


def described(node: FakeNode, channel: OpenChannel) -> tuple[object, ...]:
    info = node.store.get_chan_info(*channel, timeout=WAIT)
    peer = node.store.get_peer_info(channel.peer, timeout=WAIT)
    return peer.alias, peer.transport, info.short_channel_id, info.capacity, info.private


def test_a_field_without_a_value_is_left_as_it_was() -> None:
    with FakeNode() as node:
        channel = node.open_channel(node.new_peer())
        assert described(node, channel) == (None,) * 5
        node.describe_peer(channel.peer, alias="alice", transport="tor")
        node.describe_channel(channel, short_channel_id="1x2x3", capacity=5, private=False)
        node.describe_peer(channel.peer)
        node.describe_channel(channel)
        assert described(node, channel) == ("alice", "tor", "1x2x3", 5, False)
        node.describe_peer(channel.peer, transport="unknown")
        node.describe_channel(channel, short_channel_id="2x2x3", private=True)
        assert described(node, channel) == ("alice", None, "2x2x3", 5, True)
        node.describe_peer(channel.peer, alias="")
        assert described(node, channel) == ("", None, "2x2x3", 5, True)


def test_a_description_of_an_unknown_peer_is_dropped() -> None:
    with FakeNode() as node:
        peer = node.new_peer()
        node.describe_peer(peer, alias="stranger")
        node.describe_channel(OpenChannel(CHANNEL_1, peer), capacity=5)
        channel = node.open_channel(peer, CHANNEL_1)
        assert described(node, channel) == (None,) * 5


def test_a_description_of_an_online_peer_without_a_channel_is_kept() -> None:
    with FakeNode() as node:
        peer = node.new_peer(online=True)
        node.describe_peer(peer, alias="alice")
        assert node.store.get_peer_info(peer, timeout=WAIT).alias == "alice"
        node.peer_offline(peer)
        node.peer_notifier.send_update(PeerOnlineEvent(peer))
        assert node.store.get_peer_info(peer, timeout=WAIT).alias is None


def test_the_snapshot_of_a_fake_node_has_the_activity() -> None:
    node = FakeNode()
    channels = [node.open_channel(node.new_peer(online=True)) for _ in range(3)]
    node.channel_inactive(channels[0])
    node.channel_active(channels[1])
    with node:
        moved = node.move_channel(channels[0])
        infos = node.store.list_channels(timeout=WAIT)
    assert [info.active for info in infos] == [False, True, None]
    assert infos[0].channel_point == moved.channel_point


@pytest.mark.parametrize(
    "event",
    [
        InactiveChannelEvent("x:0"),  # type: ignore[arg-type]
        PeerDescribedEvent("alice"),  # type: ignore[arg-type]
        ChannelDescribedEvent(b"x"),  # type: ignore[arg-type]
    ],
)
def test_an_event_with_a_field_of_another_type_is_logged(
    event: object, caplog: pytest.LogCaptureFixture
) -> None:
    with FakeNode() as node:
        node.peer_notifier.send_update(event)
        assert node.store.list_channels(timeout=WAIT) == []
    assert "could not handle" in caplog.text
