"""The plugin, told what a real lightningd told, against what was written by hand of it."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from chanfitness import ManualClock
from chanfitness.nodes.cln.watcher import TOPICS
from chanfitness.periods import OWN_OUTAGE, outage_settings
from chanfitness.recording.format import parse_time, read
from chanfitness.recording.replay import replay
from chanfitness.reports.formats import report
from chanfitness.reports.tables import TOTALS

from ...support.fake_lightningd import Notification, RpcServer, Wire, recorded
from ...support.inbox import Inbox
from ...support.paths import DATA
from ...support.plugin_process import plugin_here


def time(text: str) -> datetime:
    """A time of the day on which all was recorded."""
    return parse_time(f"2026-11-22T{text}Z")


class Segment(NamedTuple):
    """A start of the plugin, and its end if lightningd was killed."""

    at: datetime
    killed_at: datetime | None = None


NEVER = Segment(time("23:59:59"))
SEGMENTS = {
    "cln-regtest": [
        Segment(time("11:27:33.681006")),
        Segment(time("11:35:06.169934")),
        Segment(time("11:35:43.788454")),
    ],
    "cln-regtest-2": [
        Segment(time("11:38:30.744219")),
        Segment(time("11:38:40.309588"), killed_at=time("11:38:51.436872")),
        Segment(time("11:38:58.864606")),
    ],
}


class Told:
    """Tells a plugin all that was recorded; keeps what came of it, and its last answer."""

    def __init__(self, name: str, directory: Path) -> None:
        self.events: list[tuple[datetime, Any]] = []
        self.answer: dict[str, Any] = {}
        self._clock = ManualClock(time("00:00:00"))
        self._inbox = Inbox(self._clock)
        listed_first, *notifications = recorded(f"{name}.jsonl")
        with RpcServer(directory) as self._rpc:
            self._rpc.listings = listed_first.listings
            for segment, following in pairwise([*SEGMENTS[name], NEVER]):
                of_it = [each for each in notifications if segment.at <= each.at < following.at]
                self._tell(segment, of_it, directory)

    def _tell(self, segment: Segment, notifications: list[Notification], directory: Path) -> None:
        self._clock.set(segment.at)
        with plugin_here(
            directory,
            clock=self._clock,
            inbox=self._inbox,
            on_event=lambda event, utc: self.events.append((utc, event)),
        ) as wire:
            self.answer = wire.result("chanfitness")
            for notification in notifications:
                self._notify(wire, notification)
            if segment.killed_at is not None:
                self._inbox.pass_until(segment.killed_at)

    def _notify(self, wire: Wire, notification: Notification) -> None:
        at, topic, params, listings = notification
        self._inbox.pass_until(at)
        self._rpc.listings = listings
        if topic == "shutdown":
            self.answer = wire.result("chanfitness")
            wire.send({"method": topic, "params": params})
        elif topic in TOPICS:
            wire.send({"method": topic, "params": params})
            assert wire.result("chanfitness")["as_of"]  # it has all that was told


@pytest.mark.parametrize("name", SEGMENTS)
def test_a_recorded_lightningd_becomes_the_events_that_were_written_by_hand(
    name: str, tmp_path: Path
) -> None:
    expected = DATA / f"{name}.expected.jsonl"
    with expected.open("rb") as lines:
        written = [(line.at, line.event) for line in read(lines, expected.name)]

    told = Told(name, tmp_path)

    assert [(utc, event._replace(at=None)) for utc, event in told.events] == written
    with expected.open("rb") as lines:
        replayed = replay(lines, expected.name, **outage_settings(OWN_OUTAGE))
    assert told.answer == {**report(TOTALS, replayed).as_object(), "sees": True}
