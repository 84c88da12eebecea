"""Conformance: scenarios with the answers of lnd's own store, played through the public API.

Each answer must be exact although nothing waits between an event, the next step of the clock
and the question. Promises 1, 2 and 3.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chanfitness import (
    ChannelEventStore,
    ChannelInfo,
    ChannelNotFoundError,
    ChannelNotifier,
    ClosedChannelEvent,
    Config,
    ManualClock,
    OpenChannel,
    OpenChannelEvent,
    OutPoint,
    PeerNotFoundError,
    PeerNotifier,
    PeerOfflineEvent,
    PeerOnlineEvent,
    Reading,
    Vertex,
)

from .support.model import Event, Model
from .support.paths import DATA
from .support.values import START

SCENARIOS: list[dict[str, Any]] = [
    json.loads(line) for line in (DATA / "scenarios.jsonl").read_text().splitlines()
]

ERRORS: dict[str, type[LookupError] | tuple[type[LookupError], ...]] = {
    "channel_not_found": ChannelNotFoundError,
    "peer_not_found": PeerNotFoundError,
    "not_found": (ChannelNotFoundError, PeerNotFoundError),
}


@pytest.fixture(params=[None, 1e-6], ids=["default-switch", "1us-switch"])
def switch_interval(request: pytest.FixtureRequest) -> Iterator[None]:
    """Set how often Python switches threads: as usual, or as often as possible."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(request.param or usual)
    yield
    sys.setswitchinterval(usual)


class Scenario:
    """A store with notifiers and a clock, driven by the lines of one scenario."""

    def __init__(self, open_at_start: list[dict[str, Any]]) -> None:
        self.clock = ManualClock(START)
        self.channels = ChannelNotifier()
        self.peers = PeerNotifier()
        self.store = ChannelEventStore(
            Config(
                subscribe_channel_events=self.channels.subscribe_channel_events,
                subscribe_peer_events=self.peers.subscribe_peer_events,
                get_open_channels=lambda: [OpenChannel(*_channel(op)) for op in open_at_start],
                clock=self.clock,
            )
        )

    def play(self, op: dict[str, Any]) -> None:
        self.clock.set(START + timedelta(microseconds=op["at_us"]))
        if op["op"] == "online":
            self.peers.notify_peer_online(_peer(op))
        elif op["op"] == "offline":
            self.peers.notify_peer_offline(_peer(op))
        elif op["op"] == "open":
            self.channels.notify_open_channel(*_channel(op))
        elif op["op"] == "close":
            self.channels.notify_closed_channel(*_channel(op))
        else:
            self.ask(op)

    def ask(self, op: dict[str, Any]) -> None:
        assert op["op"] == "query"
        if "error" in op:
            with pytest.raises(ERRORS[op["error"]]):
                self.store.get_chan_info(*_channel(op), timeout=30)
        else:
            answer = self.store.get_chan_info(*_channel(op), timeout=30)
            assert answer == ChannelInfo(
                *_channel(op),
                lifetime=timedelta(microseconds=op["lifetime_us"]),
                uptime=timedelta(microseconds=op["uptime_us"]),
            )


def _peer(op: dict[str, Any]) -> Vertex:
    return Vertex.parse(op["peer"])


def _channel(op: dict[str, Any]) -> tuple[OutPoint, Vertex]:
    return OutPoint.parse(op["channel_point"]), _peer(op)


def test_no_scenario_is_missing() -> None:
    names = {scenario["name"] for scenario in SCENARIOS}
    questions = [op for scenario in SCENARIOS for op in scenario["ops"] if op["op"] == "query"]
    assert len(names) == len(SCENARIOS) == 50
    assert len(questions) == 693


@pytest.mark.usefixtures("switch_interval")
@pytest.mark.parametrize("lines", SCENARIOS, ids=lambda lines: str(lines["name"]))
def test_the_store_answers_as_lnd_did(lines: dict[str, Any]) -> None:
    """Promises 1, 2 and 3."""
    scenario = Scenario(lines["open_at_start"])
    with scenario.store:
        for op in lines["ops"]:
            scenario.play(op)


@pytest.mark.usefixtures("switch_interval")
@pytest.mark.parametrize("lines", SCENARIOS, ids=lambda lines: str(lines["name"]))
def test_a_list_agrees_with_a_question_for_each_channel(lines: dict[str, Any]) -> None:
    """Promises 1 and 2: both give the same answers while the clock stands still."""
    scenario = Scenario(lines["open_at_start"])
    with scenario.store as store:
        for op in lines["ops"]:
            scenario.play(op)
        listed = store.list_channels(timeout=30)
        alone = [store.get_chan_info(info.channel_point, info.peer, timeout=30) for info in listed]
    assert listed == alone


@pytest.mark.parametrize("lines", SCENARIOS, ids=lambda lines: str(lines["name"]))
def test_the_model_answers_as_lnd_did(lines: dict[str, Any]) -> None:
    """``test_model`` relies on the model, which shares no accounting with the store."""
    model = Model(Reading(START, timedelta(0)))
    for op in lines["open_at_start"] + lines["ops"]:
        at = timedelta(microseconds=op["at_us"])
        now = Reading(START + at, at)
        if op["op"] != "query":
            model.put(_event(op), now)
            continue
        answer = model.ask(*_channel(op), now)
        if isinstance(answer, ChannelInfo):
            assert answer.lifetime == timedelta(microseconds=op["lifetime_us"])
            assert answer.uptime == timedelta(microseconds=op["uptime_us"])
        else:
            assert issubclass(answer, ERRORS[op["error"]])


def _event(op: dict[str, Any]) -> Event:
    if op["op"] == "online":
        return PeerOnlineEvent(_peer(op))
    if op["op"] == "offline":
        return PeerOfflineEvent(_peer(op))
    if op["op"] == "open":
        return OpenChannelEvent(*_channel(op))
    assert op["op"] == "close"
    return ClosedChannelEvent(*_channel(op))
