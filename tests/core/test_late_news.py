"""Late events: a pause that goes back, and lists that events have overtaken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from chanfitness import (
    NOT_YET_KNOWN,
    ChannelEventStore,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    Reading,
    SnapshotEvent,
)
from chanfitness.core.recent_events import RecentEvents
from chanfitness.recording.recorder import Recorder
from chanfitness.recording.replay import replay
from chanfitness.storage.sqlite import read as read_database
from chanfitness.testing import FakeNode

from ..support.nodes_with_channels import channels_of, node_with_channels, put
from ..support.persistent_stores import (
    HOUR,
    MICROSECOND,
    FlushedByHand,
    figures,
    history_of,
    watching,
)
from ..support.stores import WAIT, running
from ..support.values import ALICE, SECOND, START, vertex

INDIA = timezone(timedelta(hours=5, minutes=30))
Happened = list[tuple[Any, datetime]]


@pytest.fixture
def happened() -> Happened:
    """Collect the calls of `on_event`."""
    return []


@pytest.fixture
def node(happened: Happened) -> FakeNode:
    """Two peers online, with a channel each."""

    def tell(event: Any, at: datetime) -> None:
        happened.append((event, at))

    return node_with_channels(True, True, on_event=tell)


@pytest.fixture
def store(node: FakeNode) -> Iterator[ChannelEventStore]:
    with running(ChannelEventStore(node.config)) as store:
        yield store


# Pauses that go back.


def test_a_late_pause_is_blind_from_its_time(
    node: FakeNode, store: ChannelEventStore, happened: Happened
) -> None:
    """Promise 3, as amended: neither questions nor flushes move the bound."""
    first, second = channels_of(node)
    node.advance(hours=1)
    node.peer_offline(second.peer)
    node.advance(hours=1)
    lost = node.clock.now()
    node.advance(hours=1)
    assert figures(store, first) == (3, 3)
    node.advance(hours=1)
    put(node, MonitoringPausedEvent(at=lost.astimezone(INDIA)))
    assert figures(store, first) == (2, 2)
    assert figures(store, second) == (2, 1)
    assert store.get_overview().blind == 2 * HOUR
    assert happened[-1][1] == lost
    put(node, MonitoringResumedEvent(channels_of(node), [first.peer]))
    node.advance(hours=1)
    assert figures(store, first) == (3, 3)
    (outage,) = history_of(store, second).outages
    assert outage.duration == 2 * HOUR


def test_a_late_pause_goes_back_to_the_last_event_at_most(
    node: FakeNode, store: ChannelEventStore, happened: Happened
) -> None:
    channel, _ = channels_of(node)
    node.advance(hours=1)
    put(node, PeerOnlineEvent(channel.peer))  # a repeat is a sign of life too
    seen = node.clock.now()
    node.advance(hours=1)
    put(node, MonitoringPausedEvent(at=seen - HOUR))
    assert figures(store, channel) == (1, 1)
    assert happened[-1][1] == seen


def test_a_late_pause_goes_back_to_the_first_sight_at_most(
    node: FakeNode, store: ChannelEventStore
) -> None:
    channel, _ = channels_of(node)
    begun = node.clock.now()
    node.advance(hours=1)
    put(node, MonitoringPausedEvent())
    node.advance(hours=1)
    put(node, MonitoringResumedEvent(channels_of(node), [channel.peer]))
    node.advance(hours=1)
    put(node, MonitoringPausedEvent(at=begun))
    assert figures(store, channel) == (1, 1)


def test_a_late_pause_goes_back_to_the_end_of_a_suspend_at_most() -> None:
    class Machine:
        asleep = seen = 0 * HOUR

        def now(self) -> datetime:
            return START + self.seen + self.asleep

        def read(self) -> Reading:
            return Reading(self.now(), self.seen, self.asleep)

    node, machine = FakeNode(), Machine()
    channel = node.open_channel(node.new_peer(online=True))
    with running(ChannelEventStore(replace(node.config, clock=machine))) as store:
        machine.seen += HOUR
        machine.asleep += HOUR
        store.list_channels(timeout=WAIT)
        machine.seen += HOUR
        put(node, MonitoringPausedEvent(at=START))
        assert figures(store, channel) == (1, 1)


def test_a_second_pause_changes_nothing(
    node: FakeNode, store: ChannelEventStore, happened: Happened
) -> None:
    channel, _ = channels_of(node)
    node.advance(hours=1)
    put(node, MonitoringPausedEvent())
    node.advance(hours=1)
    put(node, MonitoringPausedEvent(at=node.clock.now() - 2 * HOUR))
    assert figures(store, channel) == (1, 1)
    assert [at for _, at in happened] == sorted(at for _, at in happened)


def test_the_next_flush_rewrites_later_rows(node: FakeNode, tmp_path: Path) -> None:
    storage = FlushedByHand(tmp_path / "db")
    channel, _ = channels_of(node)
    with watching(node, tmp_path / "db", storage=storage, return_grace=5 * SECOND):
        node.advance(hours=1)
        lost = node.clock.now()
        node.advance(hours=1)
        assert storage.flush()
        put(node, MonitoringPausedEvent(at=lost))
        assert storage.flush()
        saved, _ = read_database(tmp_path / "db")
        assert saved is not None
        assert saved.position == HOUR // MICROSECOND
    with watching(node, tmp_path / "db") as store:
        node.advance(hours=1)
        assert figures(store, channel) == (2, 2)


def test_a_written_history_is_taken_back(node: FakeNode, tmp_path: Path) -> None:
    """A peer was given up and that was written; then a late pause takes it back."""
    storage = FlushedByHand(tmp_path / "db")
    first, second = channels_of(node)
    with watching(node, tmp_path / "db", storage=storage, return_grace=5 * SECOND) as store:
        node.advance(hours=1)
        put(node, MonitoringPausedEvent())
        put(node, MonitoringResumedEvent(channels_of(node), [second.peer]))
        node.advance(hours=1)
        assert len(history_of(store, first).outages) == 1
        assert storage.flush()
        put(node, MonitoringPausedEvent(at=node.clock.now() - HOUR + 4 * SECOND))
        assert storage.flush()
    with watching(node, tmp_path / "db") as store:
        node.advance(hours=1)
        assert figures(store, first) == (2, 2)
        assert history_of(store, first).outages == ()


def test_a_recording_of_a_late_pause_replays_the_same(
    node: FakeNode, happened: Happened, tmp_path: Path
) -> None:
    path = tmp_path / "recording"
    with running(ChannelEventStore(node.config)) as store:
        put(node, MonitoringResumedEvent(channels_of(node), []))
        node.advance(hours=1)
        lost = node.clock.now()
        node.advance(hours=1)
        store.list_channels(timeout=WAIT)
        put(node, MonitoringPausedEvent(at=lost))
        put(node, MonitoringResumedEvent(channels_of(node), []))
        node.advance(hours=1)
        put(node, PeerOnlineEvent(ALICE))
        expected = store.list_channels(timeout=WAIT)
    record(path, happened)
    assert list(replay(lines_of(path), "r").channels) == expected


def record(path: Path, happened: Happened) -> None:
    with Recorder(path) as recorder:
        for event, at in happened:
            recorder.write(event, at)


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


# Lists that events have overtaken.

LISTS = pytest.mark.parametrize("kind", [MonitoringResumedEvent, SnapshotEvent])
Kind = type[MonitoringResumedEvent] | type[SnapshotEvent]


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("online", [True, False])
def test_events_during_the_first_list_request_are_no_flaps(
    node: FakeNode, *, listed: bool, online: bool
) -> None:
    """The lists may be older or newer than the event, which wins either way."""
    channel, _ = channels_of(node)
    config = replace(node.config, get_open_channels=lambda: NOT_YET_KNOWN)
    with running(ChannelEventStore(config)) as store:
        asked = node.clock.now()
        node.advance(seconds=1)
        for event in [PeerOnlineEvent, PeerOfflineEvent, PeerOnlineEvent][online:]:
            put(node, event(channel.peer))
        if not online:
            put(node, PeerOfflineEvent(channel.peer))
        node.advance(seconds=1)
        put(node, MonitoringResumedEvent([channel], [channel.peer] if listed else [], asked))
        node.advance(hours=1)
        info = store.get_chan_info(*channel)
        assert (info.lifetime, info.uptime) == (HOUR + SECOND, (HOUR + SECOND) * online)
        assert store.get_peer_info(channel.peer).flap_count == 0
        assert len(history_of(store, channel).outages) == (not online)


@LISTS
def test_a_later_event_wins_over_the_lists(
    node: FakeNode, store: ChannelEventStore, kind: Kind
) -> None:
    kept, closed = channels_of(node)
    asked = node.clock.now()
    node.advance(seconds=1)
    node.peer_offline(kept.peer)
    node.close_channel(closed)
    opened = node.open_channel(node.new_peer(online=True))
    moved = node.move_channel(kept)
    node.advance(seconds=1)
    put(node, kind([kept, closed], [kept.peer, closed.peer], asked))
    assert [info[:2] for info in store.list_channels()] == [moved, opened]
    assert [info.online for info in store.list_peers()] == [False, True, True]


@LISTS
@pytest.mark.parametrize("late", [0, 1])
def test_the_lists_win_over_an_earlier_event(
    node: FakeNode, store: ChannelEventStore, kind: Kind, late: int
) -> None:
    channel, _ = channels_of(node)
    node.peer_offline(channel.peer)
    node.close_channel(channel)
    asked = node.clock.now() + late * SECOND
    node.advance(seconds=2)
    put(node, kind([channel], [channel.peer], asked))
    assert [info[:2] for info in store.list_channels()] == [channel]
    assert store.get_peer_info(channel.peer).online


@LISTS
def test_lists_without_a_time_win_over_all_events(
    node: FakeNode, store: ChannelEventStore, kind: Kind
) -> None:
    channel, _ = channels_of(node)
    node.peer_offline(channel.peer)
    node.advance(seconds=1)
    put(node, kind([channel], [channel.peer]))
    assert store.get_peer_info(channel.peer).online


def test_the_lists_win_over_an_event_with_an_earlier_at(
    node: FakeNode, store: ChannelEventStore
) -> None:
    channel, _ = channels_of(node)
    node.advance(hours=1)
    asked = node.clock.now()
    node.advance(seconds=1)
    put(node, PeerOfflineEvent(channel.peer, at=asked - SECOND))
    put(node, SnapshotEvent(channels_of(node), [channel.peer], asked))
    assert store.get_peer_info(channel.peer).online


def test_the_lists_win_over_an_event_before_a_pause(
    node: FakeNode, store: ChannelEventStore
) -> None:
    """This holds also if the clock was set back since."""
    channel, _ = channels_of(node)
    asked = node.clock.now()
    node.advance(hours=1)
    node.peer_offline(channel.peer)
    put(node, MonitoringPausedEvent())
    put(node, MonitoringResumedEvent(channels_of(node), [channel.peer], asked))
    assert store.get_peer_info(channel.peer).online


def test_on_event_gets_the_lists_as_applied(
    node: FakeNode, store: ChannelEventStore, happened: Happened, tmp_path: Path
) -> None:
    kept, closed = channels_of(node)
    put(node, MonitoringResumedEvent(channels_of(node), [kept.peer]))
    asked = node.clock.now()
    node.advance(seconds=1)
    node.close_channel(closed)
    node.peer_online(closed.peer)
    put(node, SnapshotEvent([kept, closed], [kept.peer], asked))
    put(node, MonitoringPausedEvent())
    put(node, MonitoringResumedEvent([kept, closed], [kept.peer], asked))
    peers = [info.online for info in store.list_peers()]
    snapshot, _, resumed = (event for event, _ in happened[-3:])
    assert snapshot == SnapshotEvent([kept], [kept.peer, closed.peer], asked)
    assert resumed == MonitoringResumedEvent([kept, closed], [kept.peer], asked)
    record(tmp_path / "recording", happened)
    found = replay(lines_of(tmp_path / "recording"), "r")
    assert [info.online for info in found.peers] == peers


def test_promise_7_overtaking_events_are_forgotten_after_minutes() -> None:
    recent = RecentEvents(lambda key: True)
    for number in range(100_000):
        recent.note(vertex(number), START + number * SECOND, None)
    assert 300 < len(recent.since(START)) < 1000


def test_promise_7_only_the_last_few_unknown_peers_are_remembered() -> None:
    recent = RecentEvents(lambda key: key == ALICE)
    recent.note(ALICE, START, None)
    for number in range(100_000):
        recent.note(vertex(number), START + number * MICROSECOND, None)
    remembered = recent.since(START - SECOND)
    assert 64 <= len(remembered) < 200
    assert {ALICE, *map(vertex, range(100_000 - 64, 100_000))} <= remembered


def test_a_repeated_event_is_kept_once() -> None:
    recent = RecentEvents(lambda key: True)
    for number in range(100_000):
        recent.note(ALICE, Reading(START, number * SECOND), None)
    assert recent.since(START - SECOND) == {ALICE}
    assert recent.since(START) == set()
