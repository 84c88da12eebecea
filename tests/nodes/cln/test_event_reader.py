"""Reader of lightningd's network events."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest

from chanfitness import ManualClock
from chanfitness.nodes.cln.event_reader import EventReader
from chanfitness.nodes.cln.network_events import NetworkEvent
from chanfitness.nodes.cln.rpc_client import LightningRpc

from ...support.fake_lightningd import RpcServer
from ...support.network_events import NetworkEvents
from ...support.stores import WAIT, Call
from ...support.values import ALICE, BOB, START


@pytest.fixture
def rpc(tmp_path: Path) -> Iterator[RpcServer]:
    with RpcServer(tmp_path) as rpc:
        yield rpc


@pytest.fixture
def events(rpc: RpcServer) -> NetworkEvents:
    events = NetworkEvents(ManualClock(START).now)
    events.attach(rpc)
    return events


def test_later_events_are_told_until_the_reader_is_stopped(
    rpc: RpcServer, events: NetworkEvents
) -> None:
    told: queue.SimpleQueue[NetworkEvent] = queue.SimpleQueue()
    lost: queue.SimpleQueue[str] = queue.SimpleQueue()
    events.add("connect", ALICE)
    events.add("connect", BOB)
    reader = EventReader(LightningRpc(rpc.path, WAIT), 1, told.put, lost.put)
    assert told.get(timeout=WAIT) == NetworkEvent(2, START, BOB, "connect")
    events.add("disconnect", BOB)
    assert told.get(timeout=WAIT) == NetworkEvent(3, START, BOB, "disconnect")
    Call(reader.stop).result()
    events.add("disconnect", ALICE)
    assert told.empty()
    assert lost.empty()


@pytest.mark.parametrize("is_fault", [True, False])
def test_the_reason_of_the_readers_end_is_told(
    rpc: RpcServer, events: NetworkEvents, is_fault: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: NetworkEvent) -> None:
        raise RuntimeError("a fault")

    lost: queue.SimpleQueue[str] = queue.SimpleQueue()
    reader = EventReader(LightningRpc(rpc.path, WAIT), 0, fail, lost.put)
    events.wait_until_read()
    if is_fault:
        events.add("connect", ALICE)
        assert "a fault" in lost.get(timeout=WAIT)
    else:
        events.hang_up()
        assert "connection closed" in lost.get(timeout=WAIT)
    assert ("cannot follow" in caplog.text) is is_fault
    Call(reader.stop).result()
