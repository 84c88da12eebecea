"""Aliases of peers in the plugin's commands and answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chanfitness import ManualClock, OpenChannel
from chanfitness.recording.format import format_time
from chanfitness.testing import FakeNode

from ...support.cln_messages import channel_id, channels, entry, peers
from ...support.cln_plugin_fixtures import BAD_PARAMETERS, FAILED
from ...support.fake_lightningd import RpcServer, Wire
from ...support.persistent_stores import HOUR, watching
from ...support.plugin_process import plugin_here
from ...support.values import ALICE, BOB, CAROL, CHANNEL_1, CHANNEL_2, CHANNEL_3, SECOND, START

NAMES = {ALICE: "Alice & \U0001f468\u200d\U0001f469", BOB: "Twin", CAROL: "twin"}
CHANNELS = [
    OpenChannel(CHANNEL_1, ALICE),
    OpenChannel(CHANNEL_2, BOB),
    OpenChannel(CHANNEL_3, CAROL),
]


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    """A plugin that continues from a database in which peers have aliases.

    Alice's channel was inactive for an hour, and before that for less than a second.
    """
    node = FakeNode(ManualClock(START))
    with watching(node, tmp_path / "chanfitness.db"):
        for point, peer in CHANNELS:
            node.peer_online(peer)
            node.open_channel(peer, point)
            node.describe_peer(peer, alias=NAMES[peer], transport="tor")
        node.describe_channel(CHANNELS[0], short_channel_id="700000x1x0")
        for seconds in (0.999, 3600):
            node.channel_inactive(CHANNELS[0])
            node.advance(seconds=seconds)
            node.channel_active(CHANNELS[0])
            node.advance(seconds=1)
        node.close_channel(CHANNELS[2])
        node.peer_offline(CAROL)
    with RpcServer(tmp_path) as rpc:
        rpc.listings = {
            "listpeers": peers(ALICE, BOB),
            "listpeerchannels": channels(
                entry(channel_id(1), CHANNEL_1, ALICE), entry(channel_id(2), CHANNEL_2, BOB)
            ),
        }
        with plugin_here(tmp_path, clock=node.clock) as wire:
            wire.result("chanfitness")
            yield wire


@pytest.mark.parametrize(
    "name", ["alice", "ALICE & \U0001f468\u200d\U0001f469", r"Alice & 👨\u200d👩", "700000x1x0"]
)
def test_a_peer_is_found_by_its_alias(wire: Wire, name: str) -> None:
    assert wire.result("chanfitness-history", name)["channel_point"] == str(CHANNEL_1)
    peer = wire.result("chanfitness-peer", name)
    assert (peer["peer"], peer["alias"], peer["transport"]) == (str(ALICE), NAMES[ALICE], "tor")


def test_open_channels_are_listed_with_their_names(wire: Wire) -> None:
    rows = {row["channel_point"]: row for row in wire.result("chanfitness")["channels"]}
    alice = rows[str(CHANNEL_1)]
    assert (alice["alias"], alice["short_channel_id"]) == (NAMES[ALICE], "700000x1x0")
    assert alice["unusable_seconds"] == 3600.999
    assert rows[str(CHANNEL_2)]["alias"] == "Twin"


def test_a_history_has_unusable_spans_of_a_second_or_more(wire: Wire) -> None:
    history = wire.result("chanfitness-history", "alice")
    assert (history["alias"], history["short_channel_id"]) == (NAMES[ALICE], "700000x1x0")
    assert (history["usable_seconds"], history["unusable_seconds"]) == (2.0, 3600.999)
    (span,) = history["unusable_spans"]
    begun = START + 1.999 * SECOND
    assert span == {
        "start": format_time(begun),
        "end": format_time(begun + HOUR),
        "duration_seconds": 3600.0,
    }


def test_open_channels_are_found_before_closed_ones(wire: Wire) -> None:
    """The other twin's channel is closed, and its peer is offline."""
    assert wire.result("chanfitness-history", "twin")["channel_point"] == str(CHANNEL_2)


def test_an_alias_finds_a_closed_channel(wire: Wire) -> None:
    closed = wire.result("chanfitness-history", str(CAROL))
    assert (closed["channel_point"], closed["alias"]) == (str(CHANNEL_3), "twin")
    assert (closed["closed"], closed["usable_ratio"]) == (True, 1.0)


def test_an_alias_of_an_online_peer_without_a_channel_finds_its_closed_channel(wire: Wire) -> None:
    wire.notify("connect", {"id": str(CAROL)})
    assert wire.result("chanfitness-peer", str(CAROL))["channels"] == []
    assert wire.result("chanfitness-history", str(CAROL))["closed"]


def test_an_ambiguous_or_unknown_alias_is_refused(wire: Wire) -> None:
    wire.notify("connect", {"id": str(CAROL)})
    wire.result("chanfitness")
    code, reason = wire.refusal("chanfitness-peer", "TWIN")
    assert code == BAD_PARAMETERS
    assert reason == "TWIN is ambiguous: Twin 02000000...0002, twin 02000000...0003"
    code, reason = wire.refusal("chanfitness-peer", "\u05d0\x1b")
    assert (code, reason) == (FAILED, "peer \\u05d0\\x1b is not known")
