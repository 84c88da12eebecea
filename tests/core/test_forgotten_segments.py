"""Forgotten segments: after years of pauses, the timeline keeps only those that date something."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chanfitness import (
    ChannelEventStore,
    ChannelHistory,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    Overview,
    Vertex,
)
from chanfitness.core.timeline import Anchor, Timeline
from chanfitness.testing import FakeNode

from ..support.persistent_stores import DAY, HOUR, ZERO, watching
from ..support.stores import WAIT, running
from ..support.values import SECOND, START

CUTS = 400


def cut(node: FakeNode, online: list[Vertex]) -> None:
    """Let an hour pass that is seen, and an hour that is blind."""
    node.advance(hours=1)
    node.channel_notifier.send_update(MonitoringPausedEvent())
    node.advance(hours=1)
    channels = list(node.config.get_open_channels())  # type: ignore[arg-type]
    node.channel_notifier.send_update(MonitoringResumedEvent(channels, online))


def segments(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        (count,) = database.execute("SELECT count(*) FROM stretches").fetchone()
        return int(count)


def timeline_of(store: ChannelEventStore) -> Timeline:
    assert store._session is not None
    return store._session.timeline


def cut_often(node: FakeNode, store: ChannelEventStore) -> tuple[Overview, ChannelHistory]:
    """Pause often, with a channel that opened long ago and a peer that flaps now and then."""
    old = node.open_channel(node.new_peer(online=True))
    flapping = node.open_channel(node.new_peer(online=True))
    unsteady = node.open_channel(old.peer)
    for number in range(CUTS):
        cut(node, [old.peer, flapping.peer])
        if number % 50 == 0:
            node.peer_offline(flapping.peer)
            node.advance(hours=1)
            node.peer_online(flapping.peer)
            node.channel_inactive(unsteady)
            node.advance(hours=1)
            node.channel_active(unsteady)
    window = 2 * DAY
    return (
        store.get_overview(timeout=WAIT),
        store.get_history(flapping.channel_point, window=window, timeout=WAIT),
    )


def expected(monkeypatch: pytest.MonkeyPatch) -> tuple[Overview, ChannelHistory]:
    """Return the answers of a store that forgets no segment."""
    with monkeypatch.context() as patch:
        patch.setattr("chanfitness.core.accounts._MANY_SEGMENTS", 10**9)
        node = FakeNode(history=3 * DAY)
        with running(node.store) as store:
            found = cut_often(node, store)
            assert len(timeline_of(store).anchors()) == CUTS + 1
            return found


def test_segments_are_bounded_and_no_date_changes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    node = FakeNode(history=3 * DAY)
    with watching(node, tmp_path / "db", history=3 * DAY) as store:
        overview, history = cut_often(node, store)
        assert (overview, history) == expected(monkeypatch)
        assert len(timeline_of(store).anchors()) < 260
        opened = store.get_history(overview.channels[0].channel_point).start
    assert opened == FakeNode().clock.now()
    assert segments(tmp_path / "db") < 260
    with watching(node, tmp_path / "db", history=3 * DAY) as store:
        again = store.get_overview()
    assert again.blind == overview.blind
    assert again.channels == overview.channels
    assert [info.last_flap for info in again.peers] == [info.last_flap for info in overview.peers]


def test_without_history_only_segments_that_date_something_are_kept() -> None:
    node = FakeNode()
    with running(ChannelEventStore(replace(node.config))) as store:
        overview = None
        node.open_channel(node.new_peer())
        for _ in range(CUTS):
            cut(node, [])
        overview = store.get_overview()
        assert len(timeline_of(store).anchors()) < 260
    assert overview.blind == CUTS * HOUR
    assert overview.channels[0].lifetime == CUTS * HOUR


def test_a_peer_that_flapped_long_ago_can_be_restored(tmp_path: Path) -> None:
    """Its old changes are dropped with their segments, on the disk too."""
    node = FakeNode()
    channel = node.open_channel(node.new_peer())
    with watching(node, tmp_path / "db", history=3 * DAY):
        for _ in range(5):
            cut(node, [])
            node.peer_online(channel.peer)
            node.peer_offline(channel.peer)
    with watching(node, tmp_path / "db", history=3 * DAY) as store:
        for _ in range(CUTS):
            cut(node, [])
        lifetime = store.get_chan_info(*channel, timeout=WAIT).lifetime
    with watching(node, tmp_path / "db", history=3 * DAY) as store:
        assert store.get_chan_info(*channel, timeout=WAIT).lifetime == lifetime


def returned_late_often(node: FakeNode, store: ChannelEventStore) -> list[ChannelHistory]:
    """Let a peer flap and return a second after each pause, and return its histories."""
    channel = node.open_channel(node.new_peer(online=True))
    for _ in range(CUTS):
        node.peer_offline(channel.peer)
        node.advance(minutes=1)
        node.peer_online(channel.peer)
        cut(node, [])
        node.advance(seconds=1)
        node.peer_online(channel.peer)
    windows = [None, DAY, 2 * DAY, 3 * DAY, 20 * DAY]
    return [store.get_history(channel.channel_point, window=each, timeout=WAIT) for each in windows]


def test_gaps_before_the_known_time_are_forgotten_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = []
    for number, many in enumerate([128, 10**9]):
        path = tmp_path / f"{number}.db"
        monkeypatch.setattr("chanfitness.core.accounts._MANY_SEGMENTS", many)
        node = FakeNode()
        rules: dict[str, Any] = {"history": 3 * DAY, "return_grace": 5 * SECOND}
        with watching(node, path, **rules) as store:
            histories = returned_late_often(node, store)
        with closing(sqlite3.connect(path)) as database:
            ((gaps,),) = database.execute("SELECT gaps FROM channels")
        found.append((histories, len(json.loads(gaps))))
    (some, few), (all_of_them, many_gaps) = found
    assert some == all_of_them
    assert few < 260 < many_gaps == CUTS


def a_cut_timeline() -> Timeline:
    """Return a timeline of ten segments of a second, two seconds apart."""
    anchors = [Anchor(number * SECOND, START + 3 * number * SECOND) for number in range(10)]
    return Timeline(START + 30 * SECOND, anchors, 10 * SECOND)


def date(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_the_first_the_last_and_needed_segments_are_kept() -> None:
    timeline = a_cut_timeline()
    timeline.forget(date(1000), {4})
    assert timeline.numbers() == [0, 4, 9, 10]
    assert [timeline.date((number * SECOND, number)) for number in timeline.numbers()] == [
        date(0),
        date(12),
        date(27),
        date(30),
    ]
    assert timeline.blind(timeline.instant()) == 20 * SECOND
    timeline.pause(timeline.instant())
    timeline.resume()
    assert timeline.numbers() == [0, 4, 9, 10, 11]


def test_later_segments_are_kept() -> None:
    timeline = a_cut_timeline()
    timeline.forget(date(24), ())
    assert timeline.numbers() == [0, 7, 8, 9, 10]
    assert timeline.locate(date(21.5)) == 7.5 * SECOND


def test_blind_time_between_two_kept_segments_is_one_span() -> None:
    timeline = a_cut_timeline()
    timeline.forget(date(1000), ())
    assert timeline.locate(date(5)) == 5 * SECOND
    assert timeline.locate(date(9)) == timeline.locate(date(26)) == 9 * SECOND


def test_forgetting_again_changes_nothing() -> None:
    timeline = a_cut_timeline()
    for _ in range(2):
        timeline.forget(date(1000), {4})
    assert timeline.numbers() == [0, 4, 9, 10]
    assert timeline.blind(timeline.instant()) == 20 * SECOND > ZERO
