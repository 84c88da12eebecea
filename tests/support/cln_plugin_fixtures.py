"""A plugin of a lightningd with one channel, whose peer Alice is online."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chanfitness import ManualClock

from .cln_messages import channel_id, channels, entry, peers
from .fake_lightningd import RpcServer, Wire
from .inbox import Inbox
from .plugin_process import plugin_here
from .values import ALICE, CHANNEL_1, START

NORMAL = "CHANNELD_NORMAL"
FAILED, NOT_FOUND, BAD_PARAMETERS = -1, -32601, -32602


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def rpc(tmp_path: Path) -> Iterator[RpcServer]:
    """A lightningd with one channel, whose peer Alice is online."""
    with RpcServer(tmp_path) as server:
        server.listings = {
            "listpeers": peers(ALICE),
            "listpeerchannels": channels(
                entry(channel_id(1), CHANNEL_1, ALICE, short_channel_id="1x1x1")
            ),
        }
        yield server


@pytest.fixture
def inbox(clock: ManualClock) -> Inbox:
    """The watcher's inbox, which moves the clock."""
    return Inbox(clock)


@pytest.fixture
def wire(tmp_path: Path, rpc: RpcServer, clock: ManualClock, inbox: Inbox) -> Iterator[Wire]:
    with plugin_here(tmp_path, clock=clock, inbox=inbox) as wire:
        wire.result("chanfitness")
        yield wire


def tell(wire: Wire, topic: str, params: dict[str, Any]) -> None:
    """Send a notification, and return when the plugin has noted its time."""
    wire.notify(topic, params)
    wire.result("chanfitness")


def ids(answer: dict[str, Any]) -> list[str]:
    return [channel["channel_point"] for channel in answer["channels"]]
