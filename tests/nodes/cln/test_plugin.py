"""The plugin, driven over its standard input and output as by lightningd."""

from __future__ import annotations

import json
import os
import re
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from chanfitness import ManualClock
from chanfitness.recording.format import format_time

from ...support.cln_messages import change, channel_id, entry
from ...support.cln_plugin_fixtures import (
    BAD_PARAMETERS,
    FAILED,
    NORMAL,
    NOT_FOUND,
    clock,
    ids,
    inbox,
    rpc,
    tell,
    wire,
)
from ...support.fake_lightningd import RpcServer, Wire
from ...support.inbox import Inbox
from ...support.plugin_process import COMMAND, plugin_here
from ...support.stores import WAIT
from ...support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2, START

__all__ = ["clock", "inbox", "rpc", "wire"]


# Its description.


def test_the_manifest(tmp_path: Path) -> None:
    with plugin_here(tmp_path, is_initialised=False) as wire:
        manifest = wire.request("getmanifest", {"allow-deprecated-apis": False})["result"]
    assert {option["name"]: option["type"] for option in manifest["options"]} == {
        "chanfitness-db": "string",
        "chanfitness-own-outage": "string",
        "chanfitness-prometheus": "string",
        "chanfitness-web": "string",
        "chanfitness-web-password-file": "string",
        "chanfitness-alert-after": "string",
        "chanfitness-alert-command": "string",
        "chanfitness-alert-to": "string",
        "chanfitness-alert-without": "string",
    }
    assert {
        method["name"]: method["usage"].split("\n")[0].strip() for method in manifest["rpcmethods"]
    } == {
        "chanfitness": "",
        "chanfitness-peer": "id",
        "chanfitness-history": "channel [window]",
    }
    assert set(manifest["subscriptions"]) == {
        "connect",
        "disconnect",
        "channel_state_changed",
        "shutdown",
    }
    assert manifest["hooks"] == []
    assert manifest["dynamic"] is True


def test_started_by_hand_it_prints_its_description() -> None:
    no_lightningd = {name: value for name, value in os.environ.items() if "LIGHTNINGD" not in name}
    done = subprocess.run(
        COMMAND, env=no_lightningd, capture_output=True, timeout=WAIT, check=False, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "chanfitness-history" in done.stdout


# Questions.


def test_the_answer_for_all_channels_has_replays_figures_and_states(
    wire: Wire, rpc: RpcServer, inbox: Inbox
) -> None:
    inbox.let_pass(timedelta(hours=3))
    rpc.listings["listpeers"] = {"peers": []}
    tell(wire, "disconnect", {"id": str(ALICE)})
    inbox.let_pass(timedelta(hours=1))
    assert wire.result("chanfitness") == {
        "as_of": format_time(START + timedelta(hours=4)),
        "more": 0,
        "channels": [
            {
                "channel_point": str(CHANNEL_1),
                "peer": str(ALICE),
                "lifetime_seconds": 14400.0,
                "uptime_seconds": 10800.0,
                "uptime_ratio": 0.75,
                "alias": None,
                "short_channel_id": "1x1x1",
                "transport": None,
                "active": None,
                "usable_seconds": 10800.0,
                "unusable_seconds": 0.0,
                "usable_ratio": 0.75,
                "capacity": None,
                "private": None,
                "online": False,
                "since": format_time(START + timedelta(hours=3)),
                "outages": 1,
                "blind_seconds": 0.0,
                "complete": True,
            }
        ],
        "sees": True,
        "blind": 0.0,
    }


def test_the_answer_for_a_peer_has_its_flaps_and_channels(wire: Wire, inbox: Inbox) -> None:
    inbox.let_pass(timedelta(hours=1))
    tell(wire, "disconnect", {"id": str(ALICE)})
    flapped = format_time(inbox.clock.now())
    assert wire.result("chanfitness-peer", str(ALICE)) == {
        "peer": str(ALICE),
        "online": False,
        "since": flapped,
        "flap_count": 1,
        "last_flap": flapped,
        "alias": None,
        "transport": None,
        "channels": [str(CHANNEL_1)],
        "sees": True,
    }
    tell(wire, "connect", {"id": str(BOB)})
    stranger = wire.result("chanfitness-peer", str(BOB).upper())
    assert (stranger["online"], stranger["channels"]) == (True, [])


def test_a_peer_without_a_flap_has_a_null_last_flap(wire: Wire) -> None:
    assert wire.result("chanfitness-peer", str(ALICE))["last_flap"] is None


@pytest.mark.parametrize("name", [str(CHANNEL_1), "1x1x1"])
def test_a_history_is_found_by_channel_point_or_short_channel_id(
    wire: Wire, inbox: Inbox, name: str
) -> None:
    inbox.let_pass(timedelta(hours=2))
    tell(wire, "disconnect", {"id": str(ALICE)})
    inbox.let_pass(timedelta(hours=1))
    tell(wire, "connect", {"id": str(ALICE)})
    inbox.let_pass(timedelta(hours=1))
    answer = wire.result("chanfitness-history", name)
    assert answer == {
        "channel_point": str(CHANNEL_1),
        "alias": None,
        "short_channel_id": "1x1x1",
        "start": format_time(START),
        "end": format_time(START + timedelta(hours=4)),
        "complete": True,
        "lifetime_seconds": 14400.0,
        "uptime_seconds": 10800.0,
        "uptime_ratio": 0.75,
        "blind_seconds": 0.0,
        "outage_count": 1,
        "usable_seconds": 10800.0,
        "unusable_seconds": 0.0,
        "usable_ratio": 0.75,
        "unusable_spans": [],
        "outages": [
            {
                "start": format_time(START + timedelta(hours=2)),
                "end": format_time(START + timedelta(hours=3)),
                "duration_seconds": 3600.0,
                "cut": False,
            }
        ],
        "sees": True,
    }
    assert wire.result("chanfitness-history", name, "90m")["uptime_seconds"] == 3600.0
    tell(wire, "disconnect", {"id": str(ALICE)})
    inbox.let_pass(timedelta(minutes=50))
    assert wire.result("chanfitness-history", name, "1h")["outages"] == [
        {
            "start": format_time(START + timedelta(hours=4)),
            "end": None,
            "duration_seconds": 3000.0,
            "cut": False,
        }
    ]
    (outage,) = wire.result("chanfitness-history", name, "10m")["outages"]
    assert (outage["duration_seconds"], outage["cut"]) == (600.0, True)


def test_answers_say_whether_lightningd_is_seen(
    tmp_path: Path, rpc: RpcServer, clock: ManualClock, inbox: Inbox
) -> None:
    with plugin_here(tmp_path, clock=clock, inbox=inbox) as wire:
        assert wire.result("chanfitness")["sees"] is True
    rpc.listings["listpeers"] = {"nonsense": []}
    with plugin_here(tmp_path, clock=clock, inbox=inbox) as wire:
        for question in (
            ["chanfitness"],
            ["chanfitness-peer", str(ALICE)],
            ["chanfitness-history", str(CHANNEL_1)],
        ):
            answer = wire.result(*question)
            assert (answer["sees"], "figures may be incomplete" in answer["warning"]) == (
                False,
                True,
            )


def test_parameters_may_be_named(wire: Wire) -> None:
    answer = wire.request("chanfitness-history", {"channel": "1x1x1", "window": "7d"})
    assert answer["result"]["channel_point"] == str(CHANNEL_1)
    assert wire.request("chanfitness-peer", {"id": str(ALICE)})["result"]["online"]


@pytest.mark.parametrize(
    ("method", "parameters", "code", "reason"),
    [
        ("chanfitness-peer", [str(BOB)], FAILED, f"peer {BOB} is not known"),
        ("chanfitness-peer", ["2x2x2"], FAILED, "peer 2x2x2 is not known"),
        ("chanfitness-peer", ["Bob"], FAILED, "peer Bob is not known"),
        ("chanfitness-peer", ["\x1b[2J"], FAILED, r"peer \x1b[2J is not known"),
        ("chanfitness-peer", [5], BAD_PARAMETERS, "bad name 5"),
        ("chanfitness-peer", [""], BAD_PARAMETERS, "bad name ''"),
        ("chanfitness-peer", ["0" * 670], FAILED, f"peer {'0' * 80} is not known"),
        ("chanfitness-peer", [], BAD_PARAMETERS, "missing a required argument: 'id'"),
        ("chanfitness-history", [str(CHANNEL_2)], FAILED, f"no channel {CHANNEL_2} is open"),
        ("chanfitness-history", ["2x2x2"], FAILED, "no channel 2x2x2 is open"),
        ("chanfitness-history", ["here"], FAILED, "no channel here is open"),
        ("chanfitness-history", [None], BAD_PARAMETERS, "bad name None"),
        ("chanfitness-history", ["1x1x1", "soon"], BAD_PARAMETERS, "bad period 'soon'"),
        ("chanfitness-history", ["1x1x1", "0d"], BAD_PARAMETERS, "expected more than zero"),
        ("chanfitness-history", ["1x1x1", 7], BAD_PARAMETERS, "bad period 7"),
        ("chanfitness-history", [], BAD_PARAMETERS, "missing a required argument: 'channel'"),
        ("chanfitness-history", {"bogus": 1}, BAD_PARAMETERS, "'channel'"),
        ("chanfitness-history", {"channel": "1x1x1", "\x1b[2J": 1}, BAD_PARAMETERS, r"\x1b[2J"),
        ("chanfitness-history", {"channel": "1x1x1", "request": 1}, BAD_PARAMETERS, "request"),
        ("chanfitness-history", 5, BAD_PARAMETERS, "expected a list or an object, got 5"),
        ("chanfitness-history", "1x1x1", BAD_PARAMETERS, "expected a list or an object"),
        ("chanfitness", [1], BAD_PARAMETERS, "too many positional arguments"),
        ("getmanifest", [1], BAD_PARAMETERS, "too many positional arguments"),
        ("init", [], BAD_PARAMETERS, "missing a required argument: 'options'"),
        ("init", {"options": {}, "configuration": []}, BAD_PARAMETERS, "'get'"),
        ("chanfitness-everything", [], NOT_FOUND, "no method 'chanfitness-everything'"),
        ("\x1b[2J", [], NOT_FOUND, r"no method '\x1b[2J'"),
    ],
)
def test_an_unanswerable_question_is_refused(
    wire: Wire, method: str, parameters: object, code: int, reason: str
) -> None:
    wire.logs.clear()
    error = wire.request(method, parameters)["error"]
    assert set(error) == {"code", "message"}
    assert (error["code"], reason in error["message"]) == (code, True), error
    assert error["message"].isprintable()
    assert len(error["message"]) < 300
    assert ids(wire.result("chanfitness")) == [str(CHANNEL_1)]
    assert wire.logs == []


def test_a_question_before_init_is_refused(tmp_path: Path) -> None:
    with plugin_here(tmp_path, is_initialised=False) as wire:
        wire.request("getmanifest", {})
        wire.notify("connect", {"id": str(ALICE)})
        assert "was not started" in wire.refusal("chanfitness")[1]


def test_an_internal_error_is_answered_too(tmp_path: Path, rpc: RpcServer) -> None:
    class BrokenClock(ManualClock):
        is_broken = False

        def now(self) -> datetime:
            if self.is_broken:
                raise RuntimeError("no \x1b[2Jtime")
            return super().now()

    clock = BrokenClock(START)
    with plugin_here(tmp_path, clock=clock) as wire:
        while rpc.asked.get(timeout=WAIT)[0] != "listnodes":
            pass  # the last question that reads the clock
        wire.result("chanfitness")
        clock.is_broken = True
        assert wire.refusal("chanfitness") == (
            FAILED,
            r"internal error: RuntimeError('no \x1b[2Jtime')",
        )
        wire.notify("connect", {"id": str(ALICE)})
        assert wire.refusal("nothing")[0] == NOT_FOUND  # all earlier messages are handled
        clock.is_broken = False
        assert ids(wire.result("chanfitness")) == [str(CHANNEL_1)]
        (line,) = [text for level, text in wire.logs if level == "broken"]
    assert [text for level, text in wire.logs if level == "unusual"] == [
        r"ignored an unusable message of lightningd: RuntimeError('no \x1b[2Jtime')"
    ]
    assert re.match(r"could not answer a question: RuntimeError\('no \\x1b\[2Jtime'\) < ", line)


# Notifications.


@pytest.mark.parametrize("is_nested", [True, False])
def test_notifications_may_be_nested_or_flat(wire: Wire, is_nested: bool) -> None:
    params = {"id": str(BOB), "direction": "in"}
    wire.send({"method": "connect", "params": {"connect": params} if is_nested else params})
    assert wire.result("chanfitness-peer", str(BOB))["online"]


def test_a_channel_opens_and_closes(wire: Wire, rpc: RpcServer, clock: ManualClock) -> None:
    rpc.listings["listpeerchannels"]["channels"].append(entry(channel_id(2), CHANNEL_2, BOB))
    wire.notify("channel_state_changed", change(channel_id(2), BOB, NORMAL, old_state="x"))
    assert ids(wire.result("chanfitness")) == [str(CHANNEL_1), str(CHANNEL_2)]
    wire.notify("channel_state_changed", change(channel_id(1), ALICE, "ONCHAIN", message=None))
    assert ids(wire.result("chanfitness")) == [str(CHANNEL_2)]


@pytest.mark.parametrize(
    "message",
    [
        b"\n\n",
        b"nonsense\n\n",
        b"{}\n\n",
        b"5\n\n",
        b"\xff\xfe\n\n",
        b'{"method": "connect"}\n\n',
        b'{"method": "connect", "params": null}\n\n',
        b'{"method": "connect", "params": 5}\n\n',
        b'{"method": "connect", "params": []}\n\n',
        b'{"method": "connect", "params": {"connect": null}}\n\n',
        b'{"method": "connect", "params": {"connect": {"id": "\\u001b[2J"}}}\n\n',
        b'{"method": "connect", "params": {"connect": {"id": ' + b"[" * 100_000 + b"\n\n",
        b'{"method": "block_added", "params": {"block_added": {}}}\n\n',
        b'{"id": 1, "method": 5}\n\n',
        b'{"id": 1, "result": {}}\n\n',
        b'["connect"]\n\n',
    ],
)
def test_an_unusable_message_is_skipped(wire: Wire, message: bytes) -> None:
    wire.logs.clear()
    wire.send_raw(message)
    wire.notify("connect", {"id": str(BOB)})
    assert wire.result("chanfitness-peer", str(BOB))["online"]
    assert all(text.isprintable() for _, text in wire.logs)
    assert len(wire.logs) == bool(message.strip())


def test_a_message_may_come_in_pieces(wire: Wire) -> None:
    message = {"method": "connect", "params": {"connect": {"id": str(BOB)}}}
    for byte in json.dumps(message, indent=1).encode() + b"\n\n":
        wire.send_raw(bytes([byte]))
    assert wire.result("chanfitness-peer", str(BOB))["online"]
