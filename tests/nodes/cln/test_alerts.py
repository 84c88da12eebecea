"""Alerts of the plugin by its options, whose secrets are not shown."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from ...support.cln_plugin_fixtures import clock, inbox, rpc
from ...support.fake_lightningd import RpcServer, init_params
from ...support.inbox import Inbox
from ...support.plugin_process import plugin_here
from ...support.receivers import HttpReceiver
from ...support.stores import Call
from ...support.values import ALICE

__all__ = ["clock", "inbox", "rpc"]


def disabled(directory: Path, **options: object) -> str:
    """Return the reason for which a plugin with these options is disabled."""
    named = {f"chanfitness-{name.replace('_', '-')}": value for name, value in options.items()}
    with plugin_here(directory, is_initialised=False) as wire:
        wire.request("getmanifest", {})
        result = wire.request("init", init_params(directory, options=named))["result"]
        assert not [text for _, text in wire.logs if "hidden" in text]
    return str(result["disable"])


def test_the_alert_command_gets_alerts(tmp_path: Path, rpc: RpcServer, inbox: Inbox) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    options: dict[str, object] = {
        "chanfitness-alert-after": "1s",
        "chanfitness-alert-command": f"tee {fifo}",
        "chanfitness-alert-without": ["channel_closed"],
        "chanfitness-own-outage": "off",
    }
    with plugin_here(tmp_path, options=options, clock=inbox.clock, inbox=inbox) as wire:
        wire.result("chanfitness")
        wire.notify("connect", {"id": str(ALICE)})
        wire.notify("disconnect", {"id": str(ALICE)})
        wire.result("chanfitness")
        inbox.let_pass(timedelta(minutes=30))
        wire.result("chanfitness")
        line = Call(fifo.read_text).result()
    message = json.loads(line)
    assert (message["kind"], message["peer"]) == ("peer_down", str(ALICE))


def test_the_alert_url_gets_alerts(tmp_path: Path, rpc: RpcServer, inbox: Inbox) -> None:
    with HttpReceiver() as receiver:
        options: dict[str, object] = {
            "chanfitness-alert-after": "1s",
            "chanfitness-alert-to": [f"json://127.0.0.1:{receiver.port}/hidden"],
            "chanfitness-own-outage": "off",
        }
        with plugin_here(tmp_path, options=options, clock=inbox.clock, inbox=inbox) as wire:
            wire.result("chanfitness")
            wire.notify("connect", {"id": str(ALICE)})
            wire.notify("disconnect", {"id": str(ALICE)})
            wire.result("chanfitness")
            inbox.let_pass(timedelta(minutes=30))
            wire.result("chanfitness")
            assert "offline" in json.loads(receiver.get().body)["message"]
        assert not [text for _, text in wire.logs if "hidden" in text]
    assert b"hidden" not in (tmp_path / "chanfitness.db").read_bytes()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"alert_after": "6h"}, "chanfitness-alert-after without a receiver"),
        ({"alert_after": "soon", "alert_command": "true"}, "bad period 'soon'"),
        ({"alert_after": "0s", "alert_command": "true"}, "expected more than zero"),
        ({"alert_command": 5}, "bad chanfitness-alert-command"),
        ({"alert_command": "'hidden"}, "bad alert command: No closing quotation"),
        ({"alert_to": ["hidden"]}, "apprise cannot use URL 1 of those for alerts"),
        (
            {"alert_to": "@nowhere"},
            "nowhere: cannot read URLs for alerts: No such file or directory",
        ),
        ({"alert_to": [5]}, "bad chanfitness-alert-to"),
        ({"alert_command": "true", "alert_without": ["rain"]}, "bad kind 'rain'"),
    ],
)
def test_a_bad_alert_option_disables_the_plugin_without_showing_the_value(
    tmp_path: Path, options: dict[str, object], reason: str
) -> None:
    said = disabled(tmp_path, **options)
    assert reason in said
    assert "hidden" not in said
