"""Lookup of channels and peers by name in the plugin's commands."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chanfitness import ManualClock, OutPoint, Vertex
from chanfitness.recording.format import format_time

from ...support.cln_messages import change, channel_id, channels, entry, peers
from ...support.cln_plugin_fixtures import (
    BAD_PARAMETERS,
    FAILED,
    NORMAL,
    clock,
    ids,
    inbox,
    rpc,
    tell,
    wire,
)
from ...support.fake_lightningd import RpcServer, Wire
from ...support.inbox import Inbox
from ...support.plugin_process import plugin_here
from ...support.values import ALICE, BOB, CAROL, CHANNEL_1, CHANNEL_2, CHANNEL_3, START

NO_TIME = timedelta(0)

__all__ = ["clock", "inbox", "rpc", "wire"]

TWINS = OutPoint("ab" * 32, 1), OutPoint("ab" * 32, 12)


@pytest.fixture
def rpc_of_many(rpc: RpcServer) -> RpcServer:
    """Alice has one channel, Bob two of the same transaction, Carol none."""
    rpc.listings = {
        "listpeers": peers(ALICE, BOB, CAROL),
        "listpeerchannels": channels(
            entry(
                channel_id(1),
                CHANNEL_1,
                ALICE,
                short_channel_id="1x1x1",
                alias={"local": "16000000x1x2", "remote": "16000000x3x4"},
            ),
            entry(channel_id(2), TWINS[0], BOB, short_channel_id="2x2x2", alias={"local": 5}),
            entry("ee" * 32, TWINS[1], BOB, alias="none"),
        ),
    }
    return rpc


@pytest.fixture
def many(tmp_path: Path, rpc_of_many: RpcServer, clock: ManualClock) -> Any:
    with plugin_here(tmp_path, clock=clock) as wire:
        wire.result("chanfitness")
        yield wire


@pytest.mark.parametrize(
    ("name", "point", "peer"),
    [
        (str(CHANNEL_1), CHANNEL_1, ALICE),
        (str(CHANNEL_1).upper(), CHANNEL_1, ALICE),
        ("1x1x1", CHANNEL_1, ALICE),
        ("16000000x1x2", CHANNEL_1, ALICE),
        ("16000000x3x4", CHANNEL_1, ALICE),
        (channel_id(1), CHANNEL_1, ALICE),
        ("ee" * 32, TWINS[1], BOB),
        ("ee" * 31, TWINS[1], BOB),
        ("eeee", TWINS[1], BOB),
        ("16000000", CHANNEL_1, ALICE),
        (str(CHANNEL_1)[:-1], CHANNEL_1, ALICE),
        (CHANNEL_1.txid, CHANNEL_1, ALICE),
        (CHANNEL_1.txid[:60], CHANNEL_1, ALICE),
        (str(TWINS[0]), TWINS[0], BOB),
        (str(TWINS[1]), TWINS[1], BOB),
        ("2x2x2", TWINS[0], BOB),
        (str(ALICE), CHANNEL_1, ALICE),
    ],
)
def test_a_channel_and_its_peer_have_many_names(
    many: Wire, name: str, point: OutPoint, peer: Vertex
) -> None:
    assert many.result("chanfitness-history", name)["channel_point"] == str(point)
    assert many.result("chanfitness-peer", name)["peer"] == str(peer)


def test_a_peer_is_found_by_the_beginning_of_its_key(many: Wire) -> None:
    stranger = "03" + "cd" * 32
    many.notify("connect", {"id": stranger})
    for name in ("03cd", "03CDC", "03cdcdcd...cdcd", stranger):
        assert many.result("chanfitness-peer", name)["peer"] == stranger


def test_the_name_of_a_peer_with_several_channels_is_ambiguous(many: Wire) -> None:
    code, reason = many.refusal("chanfitness-history", str(BOB))
    assert code == BAD_PARAMETERS
    assert reason.startswith(f"{BOB} is ambiguous: - ")
    assert names_both_twins(reason)
    assert many.result("chanfitness-peer", TWINS[0].txid)["peer"] == str(BOB)


def test_a_peer_without_a_channel_has_no_history(many: Wire) -> None:
    assert many.refusal("chanfitness-history", str(CAROL)) == (
        FAILED,
        f"no channel {CAROL} is open, and none is saved as closed",
    )


def names_both_twins(reason: str) -> bool:
    """Return whether both channel points are named, cut but with their output indexes."""
    return " abababab...abab:1, " in reason and reason.endswith(" abababab...abab:12")


def test_an_ambiguous_beginning_is_refused_with_the_candidates(many: Wire) -> None:
    code, reason = many.refusal("chanfitness-history", "abab")
    assert (code, reason[:19]) == (BAD_PARAMETERS, "abab is ambiguous: ")
    assert names_both_twins(reason)
    code, reason = many.refusal("chanfitness-peer", "0200")
    assert code == BAD_PARAMETERS
    assert all(f"- 02000000...000{number}" in reason for number in (1, 2, 3))


@pytest.mark.parametrize("name", ["", " ", None, 5, ["Bob"]])
def test_an_impossible_name_is_refused(many: Wire, name: object) -> None:
    code, reason = many.refusal("chanfitness-history", name)
    assert (code, reason.partition(":")[0]) == (BAD_PARAMETERS, f"bad name {name!r}")


# Names that change.


def test_a_late_short_channel_id_is_known_after_the_peers_next_notification(
    wire: Wire, rpc: RpcServer, inbox: Inbox
) -> None:
    rpc.listings["listpeerchannels"] = channels(
        entry(channel_id(1), CHANNEL_1, ALICE, short_channel_id="1x1x1"),
        entry(channel_id(2), CHANNEL_2, BOB, alias={"local": "16000000x1x2"}),
    )
    tell(wire, "channel_state_changed", change(channel_id(2), BOB, NORMAL))
    inbox.let_pass(NO_TIME)
    assert wire.refusal("chanfitness-history", "700000x1x0")[0] == FAILED
    (_, ours) = rpc.listings["listpeerchannels"]["channels"]
    ours["short_channel_id"] = "700000x1x0"
    asked = rpc.asked.qsize()
    tell(wire, "connect", {"id": str(CAROL)})
    tell(wire, "disconnect", {"id": str(ALICE)})
    inbox.let_pass(NO_TIME)
    assert rpc.asked.qsize() == asked
    tell(wire, "connect", {"id": str(BOB)})
    inbox.let_pass(NO_TIME)
    answer = wire.result("chanfitness-history", "700000x1x0")
    assert answer == wire.result("chanfitness-history", "16000000x1x2")
    assert answer["channel_point"] == str(CHANNEL_2)
    asked = rpc.asked.qsize()
    tell(wire, "disconnect", {"id": str(BOB)})
    inbox.let_pass(NO_TIME)
    assert rpc.asked.qsize() == asked


def test_a_short_channel_id_without_an_answer_is_asked_for_later(
    wire: Wire, rpc: RpcServer, inbox: Inbox
) -> None:
    rpc.listings["listpeerchannels"] = channels(entry(channel_id(2), CHANNEL_2, BOB))
    tell(wire, "channel_state_changed", change(channel_id(2), BOB, NORMAL))
    rpc.answer = lambda method, params: "?"
    tell(wire, "connect", {"id": str(BOB)})
    inbox.let_pass(NO_TIME)
    rpc.listings["listpeerchannels"] = channels(
        entry(channel_id(2), CHANNEL_2, BOB, short_channel_id="2x2x2")
    )
    rpc.answer = rpc.listed
    tell(wire, "disconnect", {"id": str(BOB)})
    inbox.let_pass(NO_TIME)
    assert wire.result("chanfitness-peer", "2x2x2")["peer"] == str(BOB)


def test_a_channel_keeps_its_names_over_a_splice(wire: Wire, rpc: RpcServer) -> None:
    rpc.listings["listpeerchannels"] = channels(
        entry(channel_id(1), CHANNEL_3, ALICE, short_channel_id="3x3x3")
    )
    wire.notify("channel_state_changed", change(channel_id(1), ALICE, NORMAL))
    for name in ("1x1x1", "3x3x3", str(CHANNEL_1), str(CHANNEL_3), channel_id(1)):
        assert wire.result("chanfitness-history", name)["channel_point"] == str(CHANNEL_3)


# Closed channels.


def closed_after_an_hour(wire: Wire, inbox: Inbox) -> None:
    inbox.let_pass(timedelta(minutes=45))
    tell(wire, "disconnect", {"id": str(ALICE)})
    inbox.let_pass(timedelta(minutes=15))
    tell(wire, "channel_state_changed", change(channel_id(1), ALICE, "ONCHAIN"))
    assert ids(wire.result("chanfitness")) == []


def test_the_answer_for_a_closed_channel_has_its_final_figures(
    tmp_path: Path, rpc: RpcServer, clock: ManualClock, inbox: Inbox
) -> None:
    with plugin_here(tmp_path, clock=clock, inbox=inbox) as wire:
        wire.result("chanfitness")
        closed_after_an_hour(wire, inbox)
        code, reason = wire.refusal("chanfitness-history", "1x1x1")
        assert (code, "no channel 1x1x1 is open, and none is saved" in reason) == (FAILED, True)
    rpc.listings["listpeerchannels"] = channels(
        entry(channel_id(1), CHANNEL_1, ALICE, "ONCHAIN", short_channel_id="1x1x1")
    )
    with plugin_here(tmp_path, clock=clock) as wire:
        wire.result("chanfitness")
        for name in (str(CHANNEL_1), "1x1x1", channel_id(1), CHANNEL_1.txid[:60]):
            assert wire.result("chanfitness-history", name) == {
                "channel_point": str(CHANNEL_1),
                "start": format_time(START),
                "end": format_time(START + timedelta(hours=1)),
                "lifetime_seconds": 3600.0,
                "uptime_seconds": 2700.0,
                "uptime_ratio": 0.75,
                "alias": None,
                "short_channel_id": "1x1x1",
                "usable_seconds": 2700.0,
                "unusable_seconds": 0.0,
                "usable_ratio": 0.75,
                "blind_seconds": 0.0,
                "outages": None,
                "closed": True,
            }
            assert wire.result("chanfitness-peer", name)["peer"] == str(ALICE)
        code, reason = wire.refusal("chanfitness-history", "1x1x1", "7d")
        assert (code, "has closed" in reason) == (BAD_PARAMETERS, True)


def test_a_closed_channel_that_was_never_seen_has_no_ratio(
    tmp_path: Path, rpc: RpcServer, clock: ManualClock
) -> None:
    with plugin_here(tmp_path, clock=clock) as wire:
        wire.result("chanfitness")
        wire.notify("channel_state_changed", change(channel_id(1), ALICE, "ONCHAIN"))
        wire.result("chanfitness")
    rpc.listings["listpeerchannels"] = channels()
    with plugin_here(tmp_path, clock=clock) as wire:
        assert wire.result("chanfitness-history", str(CHANNEL_1))["uptime_ratio"] is None
