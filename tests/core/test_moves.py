"""Moves: a splice gives a channel a new channel point, and its figures go on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from chanfitness import (
    ChannelEventStore,
    ChannelMovedEvent,
    ChannelNotFoundError,
    OpenChannel,
    SqliteStorage,
)
from chanfitness.recording.replay import replay
from chanfitness.storage.sqlite import read
from chanfitness.testing import FakeNode

from ..support.persistent_stores import DAY, HOUR, FlushedByHand, figures, history_of, watching
from ..support.stores import WAIT, running
from ..support.values import CHANNEL_1, CHANNEL_2, START, outpoint

NEW = outpoint(1000)


@pytest.fixture
def node() -> FakeNode:
    return FakeNode(history=90 * DAY)


@pytest.fixture
def store(node: FakeNode) -> Iterator[ChannelEventStore]:
    with running(node.store) as store:
        yield store


def test_a_moved_channel_keeps_its_figures(node: FakeNode, store: ChannelEventStore) -> None:
    channel = node.open_channel(node.new_peer(online=True))
    node.advance(hours=1)
    node.peer_offline(channel.peer)
    node.advance(hours=1)
    moved = node.move_channel(channel, NEW)
    node.advance(hours=1)

    assert figures(store, moved) == (3, 1)
    assert history_of(store, moved).longest_outage == 2 * HOUR
    assert store.get_peer_info(channel.peer).channels == (NEW,)
    with pytest.raises(ChannelNotFoundError):
        store.get_chan_info(*channel)


def test_a_moved_channel_keeps_its_place_in_the_order(
    node: FakeNode, store: ChannelEventStore
) -> None:
    first, second, third = (node.open_channel(node.new_peer()) for _ in range(3))
    moved = node.move_channel(second, NEW)
    listed = [info.channel_point for info in store.list_channels()]
    assert listed == [first.channel_point, moved.channel_point, third.channel_point]


def test_the_old_channel_point_may_open_again(node: FakeNode, store: ChannelEventStore) -> None:
    channel = node.open_channel(node.new_peer(online=True))
    node.advance(hours=1)
    moved = node.move_channel(channel, NEW)
    node.open_channel(channel.peer, channel.channel_point)
    assert (figures(store, moved), figures(store, channel)) == ((1, 1), (0, 0))


@pytest.mark.parametrize("known", [True, False])
def test_a_move_of_a_channel_that_is_not_open_is_dropped(
    node: FakeNode, store: ChannelEventStore, caplog: pytest.LogCaptureFixture, known: bool
) -> None:
    channel = node.open_channel(node.new_peer())
    peer = node.new_peer()
    point = channel.channel_point if known else CHANNEL_1
    node.channel_notifier.send_update(ChannelMovedEvent(point, NEW, peer))
    assert [info.channel_point for info in store.list_channels()] == [channel.channel_point]
    assert [record.getMessage() for record in caplog.records] == [
        f"channel {point} with {peer} moved, but is not open: ignored"
    ]


def test_a_move_to_an_open_channel_point_is_refused(
    node: FakeNode, store: ChannelEventStore, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = (node.open_channel(node.new_peer()) for _ in range(2))
    event = ChannelMovedEvent(first.channel_point, second.channel_point, first.peer)
    node.channel_notifier.send_update(event)
    assert len(store.list_channels()) == 2
    assert [record.getMessage() for record in caplog.records] == [
        f"channel {first.channel_point} cannot move to {second.channel_point},"
        " which is open already"
    ]


@pytest.mark.parametrize("field", range(3))
def test_a_move_with_a_field_of_another_type_is_logged(
    node: FakeNode, store: ChannelEventStore, caplog: pytest.LogCaptureFixture, field: int
) -> None:
    channel = node.open_channel(node.new_peer())
    values = [channel.channel_point, NEW, channel.peer]
    values[field] = "nonsense"
    node.channel_notifier.send_update(ChannelMovedEvent(*values))  # type: ignore[arg-type]
    assert [info.channel_point for info in store.list_channels()] == [channel.channel_point]
    (record,) = caplog.records
    assert "could not handle ChannelMovedEvent" in record.getMessage()


def test_a_naive_time_is_refused(node: FakeNode) -> None:
    with pytest.raises(ValueError, match="naive time"):
        ChannelMovedEvent(CHANNEL_1, CHANNEL_2, node.new_peer(), datetime(2026, 1, 1))
    aware = ChannelMovedEvent(CHANNEL_1, CHANNEL_2, node.new_peer(), START)
    assert aware.at == START


# With storage.


def test_a_restart_finds_the_moved_channel(node: FakeNode, tmp_path: Path) -> None:
    first, second, third = (node.open_channel(node.new_peer(online=True)) for _ in range(3))
    with watching(node, tmp_path / "db") as store:
        node.advance(hours=1)
        storage = store._config.storage
        assert storage is not None
    with watching(node, tmp_path / "db"):
        moved = node.move_channel(second, NEW)
        node.advance(hours=1)
    with watching(node, tmp_path / "db") as store:
        assert figures(store, moved) == (2, 2)
        assert [info.channel_point for info in store.list_channels()] == [
            first.channel_point,
            NEW,
            third.channel_point,
        ]
    assert read(tmp_path / "db")[1] == []


def test_a_channel_keeps_its_place_after_a_move_to_a_closed_channel_point(
    node: FakeNode, tmp_path: Path
) -> None:
    """Between two flushes the other channel closes and is forgotten."""
    first, second, other = (node.open_channel(node.new_peer()) for _ in range(3))
    storage = FlushedByHand(tmp_path / "db")
    with watching(node, tmp_path / "db", storage=storage):
        assert storage.flush()
        node.close_channel(other)
        moved = node.move_channel(first, other.channel_point)
    with watching(node, tmp_path / "db") as store:
        points = [info.channel_point for info in store.list_channels(timeout=WAIT)]
    assert points == [moved.channel_point, second.channel_point]


def test_a_channel_may_open_move_and_close_between_two_flushes(
    node: FakeNode, tmp_path: Path
) -> None:
    with watching(node, tmp_path / "db"):
        peer = node.new_peer(online=True)
        kept = node.open_channel(peer)
        node.advance(hours=1)
        moved = node.move_channel(kept, NEW)
        again = node.move_channel(moved, CHANNEL_2)
        gone = node.move_channel(node.open_channel(peer), CHANNEL_1)
        node.close_channel(gone)
    saved, closed = read(tmp_path / "db")
    assert saved is not None
    assert [row.channel_point for row in saved.channels if row.closed is None] == [
        str(again.channel_point)
    ]
    assert [row.channel_point for row in closed] == [str(gone.channel_point)]


def test_an_unseen_move_may_be_put_before_the_resume(node: FakeNode, tmp_path: Path) -> None:
    """The channel was missing from a snapshot, so it is absent when it moves."""
    channel = node.open_channel(node.new_peer(online=True))
    with watching(node, tmp_path / "db"):
        node.advance(hours=1)
    node._open_channels.clear()
    with watching(node, tmp_path / "db"):
        node.advance(hours=1)
    moved = OpenChannel(NEW, channel.peer)
    with watching(node, tmp_path / "db") as store:
        node.channel_notifier.send_update(ChannelMovedEvent(channel.channel_point, *moved))
        node.open_channel(moved.peer, moved.channel_point)
        assert figures(store, moved) == (1, 1)


# The node's names of channels.


def test_the_names_of_channels_are_saved(node: FakeNode, tmp_path: Path) -> None:
    storage = SqliteStorage(tmp_path / "db")
    with running(ChannelEventStore(replace(node.config, storage=storage))):
        assert storage.channel_ids == {}
        storage.channel_ids = {"a": CHANNEL_1, "b": CHANNEL_2}
        assert storage.channel_ids == {"a": CHANNEL_1, "b": CHANNEL_2}
    again = SqliteStorage(tmp_path / "db")
    with running(ChannelEventStore(replace(node.config, storage=again))):
        assert again.channel_ids == {"a": CHANNEL_1, "b": CHANNEL_2}
        again.channel_ids = {"b": NEW}
    with running(ChannelEventStore(replace(node.config, storage=storage))):
        assert storage.channel_ids == {"b": NEW}


def test_names_set_during_a_flush_are_saved_by_the_next(node: FakeNode, tmp_path: Path) -> None:
    storage = FlushedByHand(tmp_path / "db")
    with running(ChannelEventStore(replace(node.config, storage=storage))):
        ask = storage.ask

        def ask_and_set(everything: bool) -> object:
            storage.channel_ids = {"a": CHANNEL_2}
            return ask(everything)

        storage.channel_ids = {"a": CHANNEL_1}
        storage.ask = ask_and_set
        storage.flush()
        assert ids_in(tmp_path / "db") == [("a", str(CHANNEL_1))]
    assert ids_in(tmp_path / "db") == [("a", str(CHANNEL_2))]


def ids_in(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT * FROM channel_ids").fetchall()


# Recordings.


def test_a_recording_may_have_a_move_between_a_stop_and_a_start() -> None:
    peer = "02" + "00" * 32
    first, second, third = (str(outpoint(number)) for number in (1, 2, 3))
    channel = f'{{"channel_point": "{first}", "peer": "{peer}"}}'
    again = f'{{"channel_point": "{third}", "peer": "{peer}"}}'
    moved = '"event": "channel_moved", "channel_point": "{}", "new_channel_point": "{}"'
    lines = [
        '{"at": "2026-01-01T00:00:00Z", "event": "monitoring_started", '
        f'"open_channels": [{channel}], "online_peers": ["{peer}"]}}',
        f'{{"at": "2026-01-01T01:00:00Z", {moved.format(first, second)}, "peer": "{peer}"}}',
        '{"at": "2026-01-01T02:00:00Z", "event": "monitoring_stopped"}',
        f'{{"at": "2026-01-01T03:00:00Z", {moved.format(second, third)}, "peer": "{peer}"}}',
        '{"at": "2026-01-01T03:00:00Z", "event": "monitoring_started", '
        f'"open_channels": [{again}], "online_peers": ["{peer}"]}}',
        f'{{"at": "2026-01-01T04:00:00Z", "event": "peer_online", "peer": "{peer}"}}',
    ]
    (info,) = replay([f"{line}\n".encode() for line in lines], "recording").channels
    assert str(info.channel_point) == third
    assert (info.lifetime, info.uptime) == (3 * HOUR, 3 * HOUR)
