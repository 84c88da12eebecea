"""Recordings of a real lightningd, played to the plugin and compared with expected events."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from chanfitness import (
    ActiveChannelEvent,
    ChannelDescribedEvent,
    ChannelMovedEvent,
    InactiveChannelEvent,
    ManualClock,
    MonitoringResumedEvent,
    OutPoint,
    PeerDescribedEvent,
)
from chanfitness.nodes.cln.plugin import TOPICS
from chanfitness.periods import OWN_OUTAGE, outage_settings
from chanfitness.recording.format import parse_time, read
from chanfitness.recording.replay import replay
from chanfitness.reports.formats import report
from chanfitness.reports.tables import TOTALS

from ...support.fake_lightningd import Listings, Notification, RpcServer, Wire, recorded
from ...support.inbox import Inbox
from ...support.paths import DATA
from ...support.plugin_process import plugin_here


def time(text: str) -> datetime:
    """Return a time of the day of the recordings."""
    return parse_time(f"2026-11-22T{text}Z")


class Segment(NamedTuple):
    """A run of the plugin; ``end`` if lightningd was killed."""

    at: datetime
    killed_at: datetime | None = None


NEVER = Segment(time("23:59:59"))
NORMAL = "CHANNELD_NORMAL"
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


NOT_WRITTEN = {
    ActiveChannelEvent,
    InactiveChannelEvent,
    ChannelDescribedEvent,
    PeerDescribedEvent,
}


class Told:
    """Plays a recording to a plugin; keeps its events and its last answer."""

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
        self._connected: set[str] = set()
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
        if topic in ("connect", "disconnect"):
            change = self._connected.add if topic == "connect" else self._connected.discard
            change(params[topic]["id"])
        self._rpc.listings = self._with_the_connected(listings)
        if topic == "shutdown":
            self.answer = wire.result("chanfitness")
            wire.send({"method": topic, "params": params})
        elif topic in TOPICS:
            wire.send({"method": topic, "params": params})
            assert wire.result("chanfitness")["as_of"]  # answered after all notifications

    def _with_the_connected(self, listings: Listings) -> Listings:
        """Complete a listing: the next one was recorded only some time later."""
        listings = deepcopy(listings)
        for entry in listings["listpeerchannels"]["channels"]:
            if entry["peer_id"] in self._connected and not entry["peer_connected"]:
                entry.update(peer_connected=True, reestablished=False)
        return listings


@pytest.mark.parametrize("name", SEGMENTS)
def test_recordings_become_the_expected_events(name: str, tmp_path: Path) -> None:
    expected = DATA / f"{name}.expected.jsonl"
    with expected.open("rb") as lines:
        written = [(line.at, line.event) for line in read(lines, expected.name)]

    told = Told(name, tmp_path)

    told_as_written = [
        (utc, event._replace(at=None))
        for utc, event in told.events
        if type(event) not in NOT_WRITTEN
    ]
    assert told_as_written == written
    with expected.open("rb") as lines:
        replayed = replay(lines, expected.name, **outage_settings(OWN_OUTAGE))
    answers: list[Any] = [told.answer, report(TOTALS, replayed).as_object()]
    told_rows, replayed_rows = (
        [{name: row[name] for name in WRITTEN} for row in answer["channels"]] for answer in answers
    )
    assert told_rows == replayed_rows


WRITTEN = ("channel_point", "peer", "lifetime_seconds", "uptime_seconds", "uptime_ratio")
"""The types of the expected events, which have no descriptions."""


def points_by_id(name: str) -> dict[str, OutPoint]:
    """Return the last recorded channel point of each channel."""
    return {
        entry["channel_id"]: OutPoint(entry["funding_txid"], entry["funding_outnum"])
        for each in recorded(f"{name}.jsonl")
        for entry in each.listings.get("listpeerchannels", {"channels": []})["channels"]
        if "funding_txid" in entry
    }


@pytest.mark.parametrize("name", SEGMENTS)
def test_the_final_activity_is_that_of_the_last_listing(name: str, tmp_path: Path) -> None:
    active: dict[OutPoint, bool | None] = {}
    for _, event in Told(name, tmp_path).events:
        if isinstance(event, MonitoringResumedEvent):
            active |= {each.channel_point: each.active for each in event.open_channels}
        elif isinstance(event, ActiveChannelEvent | InactiveChannelEvent):
            active[event.channel_point] = isinstance(event, ActiveChannelEvent)
        elif isinstance(event, ChannelMovedEvent):
            active[event.new_channel_point] = active.pop(event.channel_point)

    *_, last = recorded(f"{name}.jsonl")
    listed = last.listings["listpeerchannels"]["channels"]
    reestablished = {each["channel_id"] for each in listed if each["state"] == NORMAL}
    points = points_by_id(name)
    assert {points[each] for each in reestablished} == {
        point for point, is_active in active.items() if is_active
    }


@pytest.mark.parametrize("name", SEGMENTS)
def test_activity_follows_the_connects_of_the_peer(name: str, tmp_path: Path) -> None:
    events = Told(name, tmp_path).events
    inactive = [utc for utc, event in events if isinstance(event, InactiveChannelEvent)]
    changes = [each for each in recorded(f"{name}.jsonl") if each.topic in TOPICS]
    assert set(inactive) <= {each.at for each in changes}
    comes = [each.at for each in changes if each.topic != "disconnect"]
    for utc, event in events:
        if isinstance(event, ActiveChannelEvent):
            assert any(timedelta(0) <= utc - at < timedelta(seconds=5) for at in comes)


def test_descriptions_are_as_recorded(tmp_path: Path) -> None:
    events = [event for _, event in Told("cln-regtest", tmp_path).events]
    short_ids = {each.short_channel_id for each in events if type(each) is ChannelDescribedEvent}
    assert short_ids == {"114x1x1", "114x2x0", "120x1x0", "126x1x0", "126x2x1", "132x1x0"}
    transports = {
        (str(each.peer)[:6], each.transport) for each in events if type(each) is PeerDescribedEvent
    }
    assert transports == {
        ("0269c5", "local"),
        ("03803c", "local"),
        ("024a8e", "local"),  # outbound
        ("024a8e", "unknown"),  # inbound
    }
