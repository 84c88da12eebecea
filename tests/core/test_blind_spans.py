"""Blind spans: each has a cause, and together they are all blind time."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from chanfitness import (
    NOT_YET_KNOWN,
    BlindSpan,
    ChannelEventStore,
    ManualClock,
    MonitoringResumedEvent,
    Reading,
)
from chanfitness.core.blind_spans import BlindCauses
from chanfitness.core.timeline import Anchor, Timeline
from chanfitness.testing import FakeNode

from ..support.nodes_with_channels import (
    channels_of,
    node_with_channels,
    pause,
    peers_of,
    put,
    restart,
    resume,
)
from ..support.old_versions import as_version_3
from ..support.persistent_stores import HOUR, ZERO, FlushedByHand, watching
from ..support.stores import WAIT, running
from ..support.values import SECOND, START

MINUTE = 60 * SECOND


@pytest.fixture
def node() -> FakeNode:
    """Three peers online, with a channel each."""
    return node_with_channels(True, True, True, own_outage=90 * SECOND)


def found(store: ChannelEventStore) -> list[tuple[str, str | None, int | None, timedelta]]:
    """Return the blind spans, after a check that they are in order and add up to all blind time."""
    spans = store.list_blind(timeout=WAIT)
    assert sum((span.duration for span in spans), ZERO) == store.get_overview().blind
    for span in spans:
        assert span.end is None or span.end - span.start == span.duration
    assert [span.start for span in spans] == sorted(span.start for span in spans)
    return [(span.of, span.cause, span.peers, span.duration) for span in spans]


def test_a_store_that_was_never_blind_has_no_span(node: FakeNode) -> None:
    with running(ChannelEventStore(node.config)) as store:
        node.advance(hours=1)
        assert found(store) == []


def test_a_paused_source_has_a_span(node: FakeNode) -> None:
    with running(ChannelEventStore(node.config)) as store:
        node.advance(hours=1)
        begun = node.clock.now()
        pause(node)
        node.advance(hours=2)
        assert store.list_blind() == (BlindSpan(begun, None, 2 * HOUR, "all", "source", 3),)
        resume(node, *peers_of(node))
        node.advance(hours=1)
        assert store.list_blind() == (
            BlindSpan(begun, begun + 2 * HOUR, 2 * HOUR, "all", "source", 3),
        )
        assert found(store) == [("all", "source", 3, 2 * HOUR)]


def test_a_pause_that_has_just_begun_is_listed_and_an_ended_one_of_no_length_is_not(
    node: FakeNode,
) -> None:
    with running(ChannelEventStore(node.config)) as store:
        pause(node)
        (span,) = store.list_blind()
        assert (span.start, span.end, span.duration) == (node.clock.now(), None, ZERO)
        resume(node)
        assert store.list_blind() == ()


def test_a_late_pause_is_blind_from_its_time(node: FakeNode) -> None:
    with running(ChannelEventStore(node.config)) as store:
        node.advance(hours=1)
        lost = node.clock.now()
        node.advance(minutes=1)
        pause(node, lost)
        assert found(store) == [("all", "source", 3, MINUTE)]


def test_an_own_outage_counts_peers_with_a_channel_or_that_went_offline(node: FakeNode) -> None:
    node.open_channel(node.new_peer())
    with running(ChannelEventStore(node.config)) as store:
        stranger = node.new_peer(online=True)
        node.advance(hours=1)
        for peer in [*peers_of(node), stranger]:
            node.peer_offline(peer)
        node.advance(hours=1)
        assert found(store) == [("all", "own outage", 5, HOUR)]
        node.peer_online(stranger)
        node.advance(hours=1)
        assert found(store) == [("all", "own outage", 5, HOUR)]


def test_a_pause_in_an_own_outage_has_a_span_of_its_own(node: FakeNode) -> None:
    with running(ChannelEventStore(node.config)) as store:
        for peer in peers_of(node):
            node.peer_offline(peer)
        node.advance(hours=1)
        pause(node)
        node.advance(hours=2)
        resume(node)  # nobody is online: the outage goes on
        node.advance(hours=3)
        node.peer_online(peers_of(node)[0])
        assert found(store) == [
            ("all", "own outage", 3, HOUR),
            ("all", "source", 3, 2 * HOUR),
            ("all", "own outage", 3, 3 * HOUR),
        ]


def test_a_blind_start_has_a_span(node: FakeNode) -> None:
    config = replace(node.config, get_open_channels=lambda: NOT_YET_KNOWN)
    with running(ChannelEventStore(config)) as store:
        node.advance(hours=1)
        pause(node)  # monitoring never began
        node.advance(hours=1)
        resume(node)
        assert found(store) == [("all", "starting", 0, 2 * HOUR)]


def test_a_suspend_has_a_span() -> None:
    timeline = Timeline(Reading(START, ZERO))
    timeline.concerned = lambda: 7
    timeline.advance(Reading(START + 10 * SECOND, 10 * SECOND))
    timeline.advance(Reading(START + 100 * SECOND, 12 * SECOND, 88 * SECOND))
    (span,) = timeline.blind_spans()
    assert (span.cause, span.peers, span.duration) == ("suspended", 7, 88 * SECOND)


# Restarts.


def test_a_stop_and_a_blind_start_have_a_span_each(node: FakeNode, tmp_path: Path) -> None:
    with watching(node, tmp_path / "db"):
        node.advance(hours=1)
    node.advance(hours=2)
    unseeing = {"get_open_channels": lambda: NOT_YET_KNOWN}
    with watching(node, tmp_path / "db", **unseeing) as store:
        node.advance(hours=3)
        resume(node)
        node.advance(hours=4)
        expected = [("all", "stopped", 3, 2 * HOUR), ("all", "starting", 3, 3 * HOUR)]
        assert found(store) == expected
    node.advance(hours=5)
    with watching(node, tmp_path / "db") as store:
        assert found(store) == [*expected, ("all", "stopped", 3, 5 * HOUR)]


def test_a_killed_store_is_blind_from_its_last_heartbeat(node: FakeNode, tmp_path: Path) -> None:
    storage = FlushedByHand(tmp_path / "db")
    with watching(node, tmp_path / "db", storage=storage):
        node.advance(hours=1)
        storage.flush()
        node.advance(hours=1)
        shutil.copy(tmp_path / "db", tmp_path / "crashed")
    node.advance(hours=1)
    with watching(node, tmp_path / "crashed") as store:
        assert found(store) == [("all", "killed", 3, 2 * HOUR)]
        node.advance(hours=1)
    with watching(node, tmp_path / "crashed") as store:
        assert found(store) == [("all", "killed", 3, 2 * HOUR)]


def test_a_stop_during_a_pause_has_a_span_of_its_own(node: FakeNode, tmp_path: Path) -> None:
    with watching(node, tmp_path / "db"):
        node.advance(hours=1)
        pause(node)
        node.advance(hours=2)
    node.advance(hours=3)
    with watching(node, tmp_path / "db") as store:
        node.advance(hours=1)
        assert found(store) == [
            ("all", "source", 3, 2 * HOUR),
            ("all", "stopped", 3, 3 * HOUR),
        ]


def test_spans_of_an_earlier_version_have_no_cause(node: FakeNode, tmp_path: Path) -> None:
    with watching(node, tmp_path / "db"):
        restart(node, *peers_of(node))
    with closing(sqlite3.connect(tmp_path / "db")) as database:
        as_version_3(database)
    node.advance(hours=2)
    with watching(node, tmp_path / "db") as store:
        node.advance(hours=1)
        restart(node, *peers_of(node))
        assert found(store) == [
            ("all", None, None, HOUR),
            ("all", None, None, 2 * HOUR),
            ("all", "source", 3, HOUR),
        ]


# Forgotten segments.


def test_merged_spans_have_the_cause_of_the_longest(node: FakeNode, tmp_path: Path) -> None:
    with watching(node, tmp_path / "db", history=HOUR) as store:
        for channel in channels_of(node):
            node.close_channel(channel)
        for number in range(200):
            node.advance(hours=1)
            pause(node)
            node.advance(hours=2 if number == 3 else 1)
            put(node, MonitoringResumedEvent([], []))
        spans = found(store)
    assert len(spans) < 150
    assert max(span[3] for span in spans) > HOUR
    assert {span[1:3] for span in spans} == {("source", 0)}
    node.advance(hours=1)
    with watching(node, tmp_path / "db") as store:
        assert found(store) == [*spans, ("all", "stopped", 0, HOUR)]


def test_the_longest_span_gives_the_merged_one_its_cause() -> None:
    causes = BlindCauses()
    anchors = [Anchor(each * HOUR, START + 2 * each * HOUR) for each in range(4)]
    causes.add(2, START, "source", 1)
    causes.add(2, START + 4 * HOUR - MINUTE, "killed", 2)
    causes.add(4, START, "own outage", 4)
    timeline = Timeline(START + 9 * HOUR, anchors, 4 * HOUR, causes=causes)
    assert [span.cause for span in timeline.blind_spans()] == [
        None,
        "source",
        "killed",
        None,
        "own outage",
    ]
    timeline.forget(START + 20 * HOUR, ())
    first, last = timeline.blind_spans()
    assert (first.cause, first.peers, first.duration) == (None, None, 3 * HOUR)
    assert (last.cause, last.peers, last.duration) == ("own outage", 4, 2 * HOUR)


def test_merged_spans_of_no_length_leave_nothing() -> None:
    causes = BlindCauses()
    anchors = [Anchor(each * HOUR, START + each * HOUR) for each in range(3)]
    causes.add(1, START, "source", 1)
    timeline = Timeline(START + 3 * HOUR, anchors, 3 * HOUR, causes=causes)
    timeline.forget(START + 20 * HOUR, ())
    assert timeline.blind_spans() == []
    assert causes.since(0) == []


def test_a_clock_correction_leaves_no_gap_between_two_spans() -> None:
    clock = ManualClock(START)
    timeline = Timeline(Reading(clock.now(), ZERO))
    timeline.pause(timeline.instant())
    timeline.blame("own outage")
    for wrong, cause in ((HOUR, "source"), (ZERO, "own outage")):
        clock.advance(MINUTE)
        timeline.advance(Reading(clock.now() + wrong, clock.now() - START))
        timeline.blame(cause)
    spans = timeline.blind_spans()
    assert sum((span.duration for span in spans), ZERO) == timeline.blind(timeline.instant())
    assert (spans[-1].cause, spans[-1].end) == ("own outage", None)


def test_a_repeated_cause_continues_the_span() -> None:
    clock = ManualClock(START)
    timeline = Timeline(Reading(clock.now(), ZERO))
    timeline.pause(timeline.instant())
    for _ in range(2):
        clock.advance(MINUTE)
        timeline.advance(Reading(clock.now(), clock.now() - START))
        timeline.blame("own outage")
    (span,) = timeline.blind_spans()
    assert (span.cause, span.duration) == ("own outage", 2 * MINUTE)
