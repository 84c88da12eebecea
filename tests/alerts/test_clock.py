"""A corrected clock, by seconds or by decades: dates change, but it causes no messages."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from chanfitness import ChannelEventStore, SteadyClock

from ..support.alerted_nodes import AlertedNode

BOOTED = datetime(1970, 1, 1, tzinfo=timezone.utc)
HOUR = 3600.0


class Machine:
    """A machine whose date may be wrong, but whose steady clock is right."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.error = timedelta(0)

    def utc(self) -> datetime:
        return BOOTED + timedelta(seconds=self.seconds) + self.error

    def monotonic(self) -> float:
        return self.seconds


@pytest.mark.parametrize(
    "step",
    [timedelta(days=365 * 56), timedelta(hours=7), timedelta(hours=-7), timedelta(seconds=9)],
)
@pytest.mark.parametrize("hours", [1, 7])
def test_a_peer_is_down_after_six_hours_whatever_the_date_was(step: timedelta, hours: int) -> None:
    """``hours``: the length of the outage when the clock is set."""
    machine, node = Machine(), AlertedNode()
    clock = SteadyClock(utc=machine.utc, monotonic=machine.monotonic, boottime=machine.monotonic)
    machine.error = timedelta(days=365)
    node.store = ChannelEventStore(replace(node.config, clock=clock))
    with node:
        channel = node.channel_with("ACINQ")
        node.look()
        machine.seconds += HOUR
        node.peer_offline(channel.peer)
        told = {}
        for hour in range(24):
            if hour == hours:
                machine.error += step
            told[hour] = [each.kind for each in node.look()]
            machine.seconds += HOUR
        assert {hour: kinds for hour, kinds in told.items() if kinds} == {6: ["peer_down"]}
        node.peer_online(channel.peer)
        (back,) = node.look()
        assert "ACINQ is back, after 1 d." in back.text
        assert back.since == machine.utc() - timedelta(days=1)


def test_a_node_is_blind_after_five_minutes_whatever_the_date_was() -> None:
    machine, node = Machine(), AlertedNode()
    clock = SteadyClock(utc=machine.utc, monotonic=machine.monotonic, boottime=machine.monotonic)
    node.store = ChannelEventStore(replace(node.config, clock=clock))
    with node:
        channel = node.channel_with()
        node.look()
        node.pause()
        told = {}
        for minute in range(10):
            machine.error += timedelta(days=365)
            told[minute] = [each.kind for each in node.look()]
            machine.seconds += 60
        node.resume([channel], [channel.peer])
        told[10] = [each.kind for each in node.look()]
        assert {minute: kinds for minute, kinds in told.items() if kinds} == {
            5: ["blind"],
            10: ["blind_end"],
        }
