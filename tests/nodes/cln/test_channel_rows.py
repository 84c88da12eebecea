"""Rows of the plugin's ``chanfitness``: their fields and their order."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from chanfitness import ManualClock
from chanfitness.recording.format import format_time

from ...support.cln_messages import channel_id, channels, entry, peers
from ...support.cln_plugin_fixtures import clock, ids, inbox, rpc, tell
from ...support.fake_lightningd import RpcServer
from ...support.inbox import Inbox
from ...support.plugin_process import plugin_here
from ...support.values import ALICE, BOB, CAROL, CHANNEL_1, CHANNEL_2, CHANNEL_3, START

__all__ = ["clock", "inbox", "rpc"]

SOME = timedelta(minutes=10)  # the test takes less than an hour, after which lists are compared


def test_rows_have_state_outages_and_blind_time_the_worst_first(
    tmp_path: Path, rpc: RpcServer, clock: ManualClock, inbox: Inbox
) -> None:
    rpc.listings = {
        "listpeers": peers(ALICE, BOB, CAROL),
        "listpeerchannels": channels(
            entry(channel_id(1), CHANNEL_1, ALICE),
            entry(channel_id(2), CHANNEL_2, BOB),
            entry(channel_id(3), CHANNEL_3, CAROL),
        ),
    }
    with plugin_here(tmp_path, clock=clock, inbox=inbox) as wire:
        wire.result("chanfitness")
        inbox.let_pass(SOME)
        tell(wire, "disconnect", {"id": str(CAROL)})
        inbox.let_pass(SOME)
        tell(wire, "connect", {"id": str(CAROL)})
    clock.advance(3 * SOME)  # while the plugin does not run
    with plugin_here(tmp_path, clock=clock, inbox=inbox) as wire:
        wire.result("chanfitness")
        inbox.let_pass(SOME)
        tell(wire, "disconnect", {"id": str(CAROL)})
        tell(wire, "disconnect", {"id": str(BOB)})
        inbox.let_pass(SOME)
        answer = wire.result("chanfitness")
    assert (answer["sees"], answer["blind"]) == (True, 1800.0)
    assert ids(answer) == [str(CHANNEL_3), str(CHANNEL_2), str(CHANNEL_1)]
    rows: list[dict[str, Any]] = answer["channels"]
    gone = format_time(START + 6 * SOME)
    state = ["online", "since", "outages", "uptime_ratio"]
    assert [[row[name] for name in state] for row in rows] == [
        [False, gone, 2, 0.5],
        [False, gone, 1, 0.75],
        [True, format_time(START), 0, 1.0],
    ]
    assert {(row["blind_seconds"], row["complete"]) for row in rows} == {(1800.0, True)}
