"""Closed channels that come back: they continue, and the time between is blind for them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from chanfitness import (
    ChannelEventStore,
    ChannelMovedEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
)
from chanfitness.reports.loading import load_database
from chanfitness.storage.sqlite import read
from chanfitness.testing import FakeNode

from ..support.persistent_stores import (
    DAY,
    HOUR,
    MICROSECOND,
    ZERO,
    FlushedByHand,
    figures,
    history_of,
    watching,
)
from ..support.stores import running
from ..support.values import SECOND, outpoint


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitness.db"


def close_by_event(node: FakeNode, channel: OpenChannel) -> None:
    node.close_channel(channel)


def listed(node: FakeNode, *, missing: OpenChannel) -> list[OpenChannel]:
    """List all open channels but one."""
    channels = node.config.get_open_channels()
    assert isinstance(channels, list)
    return [each for each in channels if each != missing]


def close_by_absence(node: FakeNode, channel: OpenChannel) -> None:
    """Put a snapshot without it."""
    channels = listed(node, missing=channel)
    node.peer_notifier.send_update(MonitoringResumedEvent(channels, [channel.peer]))


def close_by_another_snapshot_in_blind_time(node: FakeNode, channel: OpenChannel) -> None:
    node.peer_notifier.send_update(MonitoringPausedEvent())
    node.advance(hours=3)
    close_by_absence(node, channel)


CLOSES = [close_by_event, close_by_absence, close_by_another_snapshot_in_blind_time]
Close = Callable[[FakeNode, OpenChannel], None]


@pytest.mark.parametrize("close", CLOSES)
@pytest.mark.parametrize("restarts", [(), ("stop",), ("kill",), ("stop", "kill", "stop")])
@pytest.mark.parametrize("event", [True, False])
def test_a_channel_that_comes_back_continues_after_blind_time(
    path: Path, close: Close, restarts: tuple[str, ...], event: bool
) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    with ExitStack() as stack:

        def start() -> tuple[FlushedByHand, ChannelEventStore]:
            storage = FlushedByHand(path)
            channels = listed(node, missing=channel) if closed else [channel]
            settings = {"storage": storage, "get_open_channels": lambda: channels}
            return storage, stack.enter_context(watching(node, path, **settings))

        closed = False
        storage, store = start()
        opened = node.clock.now()
        node.advance(hours=4)
        close(node, channel)
        closed = True
        for restart in restarts:
            node.advance(hours=1)
            storage.flush()
            if restart == "kill":
                shutil.copy(path, path.with_suffix(".killed"))
                path = path.with_suffix(".killed")
                node.advance(hours=1)
            stack.close()
            storage, store = start()
        node.advance(hours=1)
        node.peer_online(channel.peer)
        if event:
            node.open_channel(channel.peer, channel.channel_point)
        else:
            node.peer_notifier.send_update(MonitoringResumedEvent([channel], [channel.peer]))
        node.advance(hours=1)

        assert figures(store, channel) == (5, 5)
        history = history_of(store, channel)
        assert (history.start, history.end) == (opened, node.clock.now())
        assert history.blind == history.end - history.start - 5 * HOUR
        assert history.outages == ()
    assert read(path)[1] == []


@pytest.mark.parametrize("close", CLOSES)
def test_without_a_storage_a_channel_that_comes_back_begins_at_zero(close: Close) -> None:
    """This is as in lnd."""
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    with running(ChannelEventStore(node.config)) as store:
        node.advance(hours=4)
        close(node, channel)
        node.advance(hours=1)
        node.open_channel(channel.peer, channel.channel_point)
        node.advance(hours=1)
        assert figures(store, channel) == (1, 1)


@pytest.mark.parametrize("close", CLOSES)
def test_a_closed_channel_is_listed_at_once_with_closed_unseen(path: Path, close: Close) -> None:
    node = FakeNode()
    channel, other = (node.open_channel(node.new_peer(online=True)) for _ in range(2))
    storage = FlushedByHand(path)
    with watching(node, path, storage=storage):
        opened = node.clock.now()
        node.advance(hours=4)
        close(node, channel)
        closed = node.clock.now()
        node.advance(hours=1)
        storage.flush()
        loaded = load_database(str(path))
    unseen = close is not close_by_event
    point = str(channel.channel_point)
    assert [each[:7] for each in loaded.closed] == [
        (point, channel.peer, 4 * HOUR, 4 * HOUR, opened, closed, unseen)
    ]
    assert [info.channel_point for info in loaded.channels] == [other.channel_point]


@pytest.mark.parametrize("close", CLOSES)
@pytest.mark.parametrize("history", [30 * DAY, None])
@pytest.mark.parametrize("restart", [True, False])
@pytest.mark.parametrize("late", [True, False])
def test_a_closed_channel_comes_back_only_within_the_history_period(
    path: Path, close: Close, history: timedelta | None, *, restart: bool, late: bool
) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    with ExitStack() as stack:
        store = stack.enter_context(watching(node, path, history=history))
        node.advance(hours=4)
        close(node, channel)
        node.clock.advance((history or 90 * DAY) - (ZERO if late else SECOND))
        if restart:
            stack.close()
            settings = {"history": history, "get_open_channels": list}
            store = stack.enter_context(watching(node, path, **settings))
        node.peer_online(channel.peer)
        node.open_channel(channel.peer, channel.channel_point)
        node.advance(hours=1)

        assert figures(store, channel) == ((1, 1) if late else (5, 5))
    closed = [(row.channel_point, row.lifetime * MICROSECOND) for row in read(path)[1]]
    assert closed == ([(str(channel.channel_point), 4 * HOUR)] if late else [])


def test_a_peer_is_kept_for_as_long_as_its_channels_may_come_back(path: Path) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    node.open_channel(node.new_peer(online=True))
    with watching(node, path):
        node.advance(hours=1)
        node.close_channel(channel)
        node.peer_offline(channel.peer)
    for days, kept in ((89, 2), (1, 1)):
        node.advance(days=days)
        with watching(node, path):
            pass
        saved, (row,) = read(path)
        assert saved is not None
        assert row.channel_point == str(channel.channel_point)
        assert [len(saved.peers), len(saved.histories), len(saved.channels)] == [kept] * 3


def test_a_move_replaces_a_closed_channel_at_its_new_channel_point(path: Path) -> None:
    node = FakeNode()
    closed, moving = (node.open_channel(node.new_peer(online=True)) for _ in range(2))
    with watching(node, path) as store:
        node.advance(hours=1)
        node.close_channel(closed)
        node.advance(hours=1)
        moved = node.move_channel(moving, closed.channel_point)
        assert figures(store, moved) == (2, 2)
    saved, (row,) = read(path)
    assert saved is not None
    assert [each.channel_point for each in saved.channels] == [row.channel_point]
    assert (row.key, row.lifetime * MICROSECOND) == (bytes(closed.peer), HOUR)


def test_a_channel_that_closed_moves_and_comes_back(path: Path) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    new = channel._replace(channel_point=outpoint(1000))
    with watching(node, path) as store:
        node.advance(hours=1)
        node.close_channel(channel)
        node.channel_notifier.send_update(ChannelMovedEvent(channel[0], *new))
        node.open_channel(new.peer, new.channel_point)
        node.open_channel(*channel[::-1])
        node.advance(hours=1)
        assert (figures(store, new), figures(store, channel)) == ((2, 2), (1, 1))


def test_a_channel_that_comes_back_with_another_peer_begins_at_zero(path: Path) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    with watching(node, path):
        node.advance(hours=4)
    changed = node.open_channel(node.new_peer(online=True), channel.channel_point)
    with watching(node, path) as store:
        node.advance(hours=1)
        assert figures(store, changed) == (1, 1)
