"""Overviews, blind starts and ``on_event``."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from chanfitness import (
    NOT_YET_KNOWN,
    ChannelEventStore,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannelEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
)
from chanfitness.checks import extra
from chanfitness.testing import FakeNode

from ..support.persistent_stores import DAY, HOUR, ZERO, watching
from ..support.stores import WAIT, running
from ..support.values import ALICE


@pytest.fixture
def node() -> FakeNode:
    return FakeNode(history=90 * DAY)


@pytest.fixture
def store(node: FakeNode) -> Iterator[ChannelEventStore]:
    with running(node.store) as store:
        yield store


def test_an_overview_has_all_channels_and_peers(node: FakeNode, store: ChannelEventStore) -> None:
    first = node.open_channel(node.new_peer(online=True))
    node.advance(hours=1)
    node.peer_offline(first.peer)
    node.open_channel(node.new_peer(online=True))
    node.advance(hours=1)
    stranger = node.new_peer(online=True)

    overview = store.get_overview(timeout=WAIT)
    assert overview.as_of == node.clock.now()
    assert (overview.sees, overview.blind) == (True, ZERO)
    assert list(overview.channels) == store.list_channels()
    assert list(overview.peers) == store.list_peers()
    assert [info.peer for info in overview.peers][-1] == stranger
    assert overview.outages == (1, 0)


def test_outages_before_the_opening_of_a_channel_do_not_count(
    node: FakeNode, store: ChannelEventStore
) -> None:
    peer = node.new_peer(online=True)
    for _ in range(3):
        node.open_channel(peer)
        for _ in range(2):
            node.advance(hours=1)
            node.peer_offline(peer)
            node.advance(hours=1)
            node.peer_online(peer)
    overview = store.get_overview()
    assert overview.outages == (6, 4, 2)
    for info, outages in zip(overview.channels, overview.outages, strict=True):
        assert len(store.get_history(info.channel_point).outages) == outages


def test_without_history_outages_are_none() -> None:
    node = FakeNode()
    node.open_channel(node.new_peer())
    with running(node.store) as store:
        assert store.get_overview().outages is None


def test_blind_time_adds_up_over_pauses_and_restarts(node: FakeNode, tmp_path: Path) -> None:
    with watching(node, tmp_path / "db") as store:
        node.advance(hours=1)
        node.peer_notifier.send_update(MonitoringPausedEvent())
        node.advance(hours=2)
        assert (store.get_overview().sees, store.get_overview().blind) == (False, 2 * HOUR)
        node.peer_notifier.send_update(MonitoringResumedEvent([], []))
        node.advance(hours=4)
    node.advance(hours=8)
    with watching(node, tmp_path / "db") as store:
        node.advance(hours=16)
        assert (store.get_overview().sees, store.get_overview().blind) == (True, 10 * HOUR)


# Blind starts.


def test_a_store_may_start_blind(node: FakeNode) -> None:
    config = replace(node.config, get_open_channels=lambda: NOT_YET_KNOWN)
    with running(ChannelEventStore(config)) as store:
        assert not store.get_overview().sees
        node.advance(hours=1)
        channel = node.open_channel(node.new_peer())
        node.peer_notifier.send_update(MonitoringResumedEvent([channel], [channel.peer]))
        node.advance(hours=1)
        info = store.get_chan_info(*channel)
        assert (info.lifetime, info.uptime) == (HOUR, HOUR)
        assert store.get_overview().blind == HOUR


def test_a_blind_start_answers_from_the_database(node: FakeNode, tmp_path: Path) -> None:
    channel = node.open_channel(node.new_peer(online=True))
    with watching(node, tmp_path / "db"):
        node.advance(hours=3)
    node.advance(days=1)
    with watching(node, tmp_path / "db", get_open_channels=lambda: NOT_YET_KNOWN) as store:
        node.advance(days=1)
        assert store.get_chan_info(*channel).lifetime == 3 * HOUR
        node.peer_notifier.send_update(MonitoringResumedEvent([channel], [channel.peer]))
        node.advance(hours=1)
        info = store.get_chan_info(*channel)
        assert (info.lifetime, info.uptime) == (4 * HOUR, 4 * HOUR)


# Calls of ``on_event``.


def test_on_event_gets_each_handled_event_with_its_time(node: FakeNode) -> None:
    told: list[tuple[object, datetime]] = []
    config = replace(node.config, on_event=lambda event, at: told.append((event, at)))
    begun = node.clock.now()
    with running(ChannelEventStore(config)) as store:
        node.peer_online(ALICE)
        node.advance(hours=1)
        channel = node.open_channel(ALICE)
        node.peer_notifier.send_update(PeerOfflineEvent(ALICE, begun))
        node.peer_notifier.send_update("nonsense")
        store.list_channels()
    assert told == [
        (PeerOnlineEvent(ALICE), begun),
        (OpenChannelEvent(*channel), begun + HOUR),
        (PeerOfflineEvent(ALICE, begun), begun + HOUR),  # time never runs backwards
    ]


def test_promise_8_an_error_of_on_event_is_logged(
    node: FakeNode, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(event: object, at: datetime) -> None:
        raise RuntimeError("no more room")

    with running(ChannelEventStore(replace(node.config, on_event=fail))) as store:
        node.peer_online(ALICE)
        assert store.get_peer_info(ALICE).online
    (record,) = caplog.records
    assert record.getMessage().startswith("on_event failed for PeerOnlineEvent(")
    assert record.exc_info is not None


# Extras.


def test_a_missing_extra_says_how_to_install_it() -> None:
    with pytest.raises(ModuleNotFoundError) as raised, extra("lnd"):
        importlib.import_module("no_such_module")
    assert raised.value.name == "no_such_module"
    assert str(raised.value) == ("no_such_module is not installed: pip install 'chanfitness[lnd]'")
