"""Backfills: blind time of an absent source, filled in from its node's record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chanfitness import (
    NOT_YET_KNOWN,
    ActiveChannelEvent,
    ChannelEventStore,
    InactiveChannelEvent,
    MonitoringResumedEvent,
    OpenChannel,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SteadyClock,
)
from chanfitness.core.blind_spans import FILLED_IN, BlindSpan
from chanfitness.events import BackfillEvent
from chanfitness.reports.loading import Database
from chanfitness.testing import FakeNode

from ..support.nodes_with_channels import channels_of, node_with_channels, pause, put
from ..support.persistent_stores import (
    HOUR,
    ZERO,
    FlushedByHand,
    figures,
    history_of,
    watching,
)
from ..support.stores import running
from ..support.values import SECOND

MINUTE = 60 * SECOND


@pytest.fixture(params=["a plain clock", "a steady clock"])
def node(request: pytest.FixtureRequest) -> FakeNode:
    """Two peers online, with a channel each."""
    node = node_with_channels(True, True)
    if request.param == "a steady clock":
        begun = node.clock.now()

        def seconds() -> float:
            return (node.clock.now() - begun).total_seconds()

        clock = SteadyClock(utc=node.clock.now, monotonic=seconds, boottime=seconds)
        node.config = replace(node.config, clock=clock)
    return node


def backfill(
    node: FakeNode, since: datetime, *events: object, online: int = 2, active: bool | None = None
) -> None:
    """Put a backfill from ``since`` on, when the first ``online`` peers were online."""
    channels = [OpenChannel(*channel, active) for channel in channels_of(node)]
    begun = MonitoringResumedEvent(channels, [peer for _, peer in channels[:online]], since)
    ended = MonitoringResumedEvent(channels_of(node), [peer for _, peer in channels])
    put(node, BackfillEvent(since, [begun, *events, ended]))


def gone(
    channel: OpenChannel, since: datetime, *minutes: float
) -> tuple[PeerOfflineEvent, PeerOnlineEvent]:
    """Return the events of an outage of a channel's peer between two minutes."""
    left, back = (since + minute * MINUTE for minute in minutes)
    return PeerOfflineEvent(channel.peer, left), PeerOnlineEvent(channel.peer, back)


def lose(node: FakeNode, *, hours: int = 1) -> datetime:
    """Lose the node after an hour, for some hours; return when."""
    node.advance(hours=1)
    lost = node.clock.now()
    pause(node)
    node.advance(hours=hours)
    return lost


def test_filled_in_time_counts_as_recorded(node: FakeNode) -> None:
    first, second = channels_of(node)
    with running(ChannelEventStore(node.config)) as store:
        lost = lose(node)
        backfill(node, lost, *gone(first, lost, 15, 45))
        node.advance(hours=1)
        assert figures(store, first) == (3, 2.5)
        assert figures(store, second) == (3, 3)
        (outage,) = history_of(store, first).outages
        assert (outage.start, outage.end) == (lost + 15 * MINUTE, lost + 45 * MINUTE)
        assert store.get_peer_info(first.peer).flap_count == 2
        assert store.get_overview().blind == ZERO
        assert store.list_blind() == ()


def test_time_before_the_record_stays_blind(node: FakeNode) -> None:
    first, second = channels_of(node)
    with running(ChannelEventStore(node.config)) as store:
        lost = lose(node, hours=2)
        begun = lost + HOUR
        came = [PeerOnlineEvent(each.peer, begun + SECOND) for each in (first, second)]
        backfill(node, begun, *came, online=0)
        node.advance(hours=1)
        assert figures(store, first) == figures(store, second) == (3, 3 - 1 / 3600)
        assert store.list_blind() == (BlindSpan(lost, begun, HOUR, "all", "source", 2),)


@pytest.mark.parametrize("ago", [timedelta(days=1), timedelta(days=-1)])
def test_a_backfill_changes_neither_seen_time_nor_the_future(
    node: FakeNode, ago: timedelta
) -> None:
    first, _ = channels_of(node)
    with running(ChannelEventStore(node.config)) as store:
        lost = lose(node)
        backfill(node, lost - ago, *gone(first, lost - ago, 0, 30))
        node.advance(hours=1)
        lifetime, uptime = figures(store, first)
        assert lifetime == (3 if ago > ZERO else 2)
        assert lifetime == uptime


def test_recorded_events_are_handled_as_one_item(node: FakeNode) -> None:
    first, _ = channels_of(node)
    asked: list[object] = []
    store = ChannelEventStore(
        replace(node.config, on_event=lambda event, at: asked.append((type(event), at)))
    )
    with running(store):
        lost = lose(node)
        backfill(node, lost, *gone(first, lost, 15, 45))
        store.get_overview()
    assert asked[1:] == [
        (MonitoringResumedEvent, lost),
        (PeerOfflineEvent, lost + 15 * MINUTE),
        (PeerOnlineEvent, lost + 45 * MINUTE),
        (MonitoringResumedEvent, lost + HOUR),
    ]


def test_activity_is_filled_in_too(node: FakeNode) -> None:
    first, second = channels_of(node)
    with running(ChannelEventStore(node.config)) as store:
        put(node, InactiveChannelEvent(first.channel_point))
        lost = node.clock.now()
        pause(node)
        node.advance(hours=1)
        active = ActiveChannelEvent(first.channel_point, lost + 45 * MINUTE)
        backfill(node, lost, active)
        assert store.get_chan_info(*first).unusable == 45 * MINUTE
        assert store.get_chan_info(*second).active is None


def test_a_backfill_while_the_source_sees_is_ignored(
    node: FakeNode, caplog: pytest.LogCaptureFixture
) -> None:
    first, _ = channels_of(node)
    with running(ChannelEventStore(node.config)) as store:
        node.advance(hours=1)
        backfill(node, node.clock.now() - HOUR, PeerOfflineEvent(first.peer))
        assert figures(store, first) == (1, 1)
    assert "a source that sees has nothing to fill in" in caplog.text


def test_a_backfill_does_not_end_an_own_outage(node: FakeNode) -> None:
    node = node_with_channels(True, True, True, own_outage=90 * SECOND)
    with running(ChannelEventStore(node.config)) as store:
        node.advance(hours=1)
        lost = node.clock.now()
        for _, peer in channels_of(node):
            put(node, PeerOfflineEvent(peer))
        pause(node)
        node.advance(hours=1)
        begun = MonitoringResumedEvent(channels_of(node), [], lost)
        put(node, BackfillEvent(lost, [begun, begun]))
        assert not store.get_overview().sees
        assert {span.cause for span in store.list_blind()} == {"own outage"}


# Over a restart of the store.


def stopped(node: FakeNode, path: Path, **more: Any) -> None:
    """Let a store watch for an hour, and stop it."""
    with watching(node, path, **more):
        node.advance(hours=1)


@pytest.mark.parametrize("flushes", [False, True])
def test_a_backfill_covers_a_restart_of_the_store(
    node: FakeNode, tmp_path: Path, flushes: bool
) -> None:
    path = tmp_path / "fitness.db"
    first, second = channels_of(node)
    stopped(node, path)
    lost = node.clock.now()
    node.advance(hours=8)
    storage = FlushedByHand(path)
    with watching(node, path, get_open_channels=lambda: NOT_YET_KNOWN, storage=storage):
        if flushes:
            node.advance(minutes=1)
            assert storage.flush()
        backfill(node, lost, *gone(first, lost, 60, 120))
        filled = node.clock.now()
        node.advance(hours=1)
    database = Database(str(path)).between()
    assert database.blind_spans == ()
    assert database.filled_in == (BlindSpan(lost, filled, ZERO, "all", FILLED_IN, 2),)
    assert database.blind == ZERO
    with watching(node, path) as store:
        hours = 10 + flushes / 60
        assert figures(store, first) == pytest.approx((hours, hours - 1))
        assert figures(store, second) == pytest.approx((hours, hours))
        assert history_of(store, first).blind == ZERO


def test_filled_in_spans_are_trimmed_to_a_window(node: FakeNode, tmp_path: Path) -> None:
    path = tmp_path / "fitness.db"
    stopped(node, path)
    lost = node.clock.now()
    node.advance(hours=1)
    with watching(node, path, get_open_channels=lambda: NOT_YET_KNOWN):
        backfill(node, lost)
        node.advance(hours=2)
    between: Callable[..., Any] = Database(str(path)).between
    assert len(between(HOUR * 3).filled_in) == 1
    assert between(HOUR).filled_in == ()
