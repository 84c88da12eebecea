"""Activity of lnd's channels."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from chanfitness import (
    ActiveChannelEvent,
    ClosedChannelEvent,
    InactiveChannelEvent,
    ManualClock,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    SnapshotEvent,
)
from chanfitness.nodes.lnd import messages as lnd_messages

from ...support.fake_lnd import FakeLnd, active, closed, inactive, opened
from ...support.lnd_nodes import Timer, a_node, next_dated, watching
from ...support.stores import WAIT
from ...support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2, START

HOUR = timedelta(hours=1)
KINDS = (ActiveChannelEvent, InactiveChannelEvent, OpenChannelEvent, ClosedChannelEvent)


@pytest.fixture
def lnd() -> Iterator[FakeLnd]:
    with FakeLnd() as lnd:
        yield lnd


@pytest.mark.parametrize("as_text", [False, True])
def test_a_channel_becomes_active_and_inactive(as_text: bool, lnd: FakeLnd, tmp_path: Path) -> None:
    with watching(lnd, tmp_path) as (watcher, link):
        link.channels.send(active(CHANNEL_1, as_text=as_text), inactive(CHANNEL_2, as_text=as_text))
        updates = watcher.subscription.updates
        assert [updates.get(timeout=WAIT) for _ in range(2)] == [
            ActiveChannelEvent(CHANNEL_1),
            InactiveChannelEvent(CHANNEL_2),
        ]


@pytest.mark.parametrize("said", [True, False])
def test_a_new_channel_is_inactive_until_lnd_says_otherwise(said: bool) -> None:
    """lnd reports new channels as active before the peer is ready."""
    raw = opened(OpenChannel(CHANNEL_1, ALICE, active=said))
    assert [event for event in lnd_messages.channel_events(raw) if isinstance(event, KINDS)] == [
        OpenChannelEvent(CHANNEL_1, ALICE),
        InactiveChannelEvent(CHANNEL_1),
    ]


def test_a_snapshot_has_the_activity_of_channels(lnd: FakeLnd, tmp_path: Path) -> None:
    used, unused = OpenChannel(CHANNEL_1, ALICE, True), OpenChannel(CHANNEL_2, BOB, False)
    lnd.set_state([used, unused], [ALICE, BOB])
    with a_node(lnd, tmp_path) as (node, _):
        timer = Timer(ManualClock(START), node)
        updates = node.subscribe_channel_events().updates
        for kind in (MonitoringResumedEvent, SnapshotEvent):
            snapshot = next_dated(updates)
            assert isinstance(snapshot, kind)
            assert [each.active for each in snapshot.open_channels] == [True, False]
            timer.let_pass(HOUR)


def test_the_hourly_snapshot_is_put_also_during_a_close(lnd: FakeLnd, tmp_path: Path) -> None:
    """A closing channel is inactive, and in no list. The store decides what that means."""
    channel = OpenChannel(CHANNEL_1, ALICE)
    with a_node(lnd, tmp_path) as (node, _):
        timer = Timer(ManualClock(START), node)
        updates = node.subscribe_channel_events().updates
        link = lnd.accept()
        link.channels.send(opened(channel), inactive(CHANNEL_1))
        came = [next_dated(updates), next_dated(updates)]
        lnd.set_state([], [ALICE])
        timer.let_pass(HOUR)
        snapshot = next_dated(updates)
        link.channels.send(closed(channel))
        assert next_dated(updates) == ClosedChannelEvent(CHANNEL_1, ALICE)
    assert OpenChannelEvent(CHANNEL_1, ALICE) in came
    assert snapshot == SnapshotEvent([], [ALICE], START + HOUR)
