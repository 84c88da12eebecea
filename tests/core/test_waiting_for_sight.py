"""``wait_until_seeing``: waits until the store sees its node."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from chanfitness import (
    NOT_YET_KNOWN,
    ChannelEventStore,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    NotStartedError,
    OpenChannel,
    OpenChannelEvent,
    PeerOfflineEvent,
    RequestTimeoutError,
    ShuttingDownError,
)
from chanfitness.core.sight_waits import SightWaits
from chanfitness.core.timeline import Timeline
from chanfitness.testing import FakeNode

from ..support.stores import WAIT, Call, asking, call_together, running, stop
from ..support.values import ALICE, BOB, CAROL, CHANNEL_1, START


@pytest.fixture
def node() -> FakeNode:
    return FakeNode()


@pytest.fixture
def blind(node: FakeNode) -> Iterator[ChannelEventStore]:
    """Return a store that starts blind."""
    config = replace(node.config, get_open_channels=lambda: NOT_YET_KNOWN)
    with running(ChannelEventStore(config)) as store:
        yield store


def test_a_store_that_sees_returns_at_once(node: FakeNode) -> None:
    with running(node.store) as store:
        Call(store.wait_until_seeing).result()
        store.wait_until_seeing(timeout=WAIT)


def test_the_first_snapshot_ends_all_waits(node: FakeNode, blind: ChannelEventStore) -> None:
    waits = [asking(blind.wait_until_seeing) for _ in range(3)]
    node.peer_notifier.send_update(MonitoringResumedEvent([OpenChannel(CHANNEL_1, ALICE)], [ALICE]))
    for wait in waits:
        wait.result()
    assert [info.channel_point for info in blind.list_channels(timeout=WAIT)] == [CHANNEL_1]


def test_promise_1_earlier_puts_count(node: FakeNode) -> None:
    with running(node.store) as store:
        node.peer_notifier.send_update(MonitoringPausedEvent())
        with pytest.raises(RequestTimeoutError, match=r"nothing was seen within 0\.01 seconds"):
            store.wait_until_seeing(timeout=0.01)
        node.peer_notifier.send_update(MonitoringResumedEvent([], []))
        node.peer_notifier.send_update(MonitoringPausedEvent())
        wait = asking(lambda: store.wait_until_seeing(timeout=WAIT))
        node.peer_notifier.send_update(MonitoringResumedEvent([], []))
        wait.result()


def test_a_wait_ends_with_an_own_outage() -> None:
    node = FakeNode()
    config = replace(node.config, own_outage=timedelta(seconds=90))
    with running(ChannelEventStore(config)) as store:
        for peer in (ALICE, BOB, CAROL):
            node.peer_online(peer)
            node.channel_notifier.send_update(OpenChannelEvent(CHANNEL_1, peer))
        for peer in (ALICE, BOB, CAROL):
            node.peer_notifier.send_update(PeerOfflineEvent(peer))
        wait = asking(store.wait_until_seeing)
        node.peer_online(ALICE)
        wait.result()


def test_promise_4_a_stop_ends_all_waits(blind: ChannelEventStore) -> None:
    waits = [asking(blind.wait_until_seeing) for _ in range(3)]
    stop(blind)
    for wait in waits:
        with pytest.raises(ShuttingDownError):
            wait.result()


def test_promise_4_a_wait_returns_in_a_race_with_stop(node: FakeNode) -> None:
    def wait() -> None:
        with pytest.raises((ShuttingDownError, RequestTimeoutError)):
            store.wait_until_seeing(timeout=WAIT)

    for _ in range(20):
        config = replace(FakeNode().config, get_open_channels=lambda: NOT_YET_KNOWN)
        store = ChannelEventStore(config)
        store.start()
        call_together(wait, wait, store.stop)


def test_a_wait_before_the_start_or_after_the_stop_is_refused(node: FakeNode) -> None:
    with pytest.raises(NotStartedError):
        node.store.wait_until_seeing()
    with running(node.store):
        pass
    with pytest.raises(ShuttingDownError):
        node.store.wait_until_seeing()
    with pytest.raises(ValueError, match="bad timeout"):
        node.store.wait_until_seeing(timeout=-1)


def test_an_abandoned_wait_is_forgotten() -> None:
    timeline = Timeline(START)
    waits = SightWaits(timeline)
    assert waits.begin() is None
    timeline.pause(timeline.instant())
    first, second = waits.begin(), waits.begin()
    assert first is not None
    assert second is not None
    waits.forget(first)
    waits.forget(first)
    assert len(waits) == 1
    timeline.resume()
    assert (len(waits), first.empty(), second.get_nowait()) == (0, True, True)


def test_a_blind_start_is_logged_once(node: FakeNode, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    config = replace(node.config, get_open_channels=lambda: NOT_YET_KNOWN)
    with running(ChannelEventStore(config)):
        pass
    with running(node.store):
        pass
    assert [record.getMessage() for record in caplog.records] == [
        "the node is not seen yet: starting blind, no time counts until it is"
    ]
