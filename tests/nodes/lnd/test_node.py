"""lnd as a source: a real one's recording becomes its events."""

from __future__ import annotations

import logging
import queue
import threading
from pathlib import Path
from typing import Any

import pytest

from chanfitness import (
    NOT_YET_KNOWN,
    ChannelEventStore,
    ClosedChannelEvent,
    ManualClock,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
)
from chanfitness.recording.replay import replay

from ...support.fake_lnd import (
    CHANNEL_EVENTS,
    LIST_CHANNELS,
    LIST_PEERS,
    MACAROON,
    PEER_EVENTS,
    FakeLnd,
    Link,
    closed,
    offline,
    online,
    opened,
)
from ...support.fake_lnd import ENDED as STREAM_ENDED
from ...support.lnd_nodes import (
    Segment,
    Timer,
    a_node,
    first_snapshot,
    next_dated,
    next_of,
    recorded,
    send,
    watching,
)
from ...support.paths import DATA
from ...support.stores import WAIT, running
from ...support.values import ALICE, BOB, CAROL, CHANNEL_1, CHANNEL_2, SECOND

SEGMENTS = recorded()
OF_CHANNELS = (OpenChannelEvent, ClosedChannelEvent)
OF_PEERS = (PeerOnlineEvent, PeerOfflineEvent)


@pytest.fixture
def lnd() -> Any:
    with FakeLnd() as lnd:
        yield lnd


def of(kinds: tuple[type, ...], events: list[object]) -> list[object]:
    return [event for event in events if isinstance(event, kinds)]


# The recording.


def test_the_recording_has_all_kinds_of_events() -> None:
    assert len(SEGMENTS) == 7
    assert sum(len(each.before) + len(each.after) for each in SEGMENTS) == 229
    assert all(set(each.answers) == {LIST_CHANNELS, LIST_PEERS} for each in SEGMENTS)


@pytest.mark.parametrize("number", range(len(SEGMENTS)))
def test_recorded_messages_become_the_recorded_events(
    number: int, lnd: FakeLnd, tmp_path: Path
) -> None:
    segment = SEGMENTS[number]
    resumed, *expected, paused = [line.event for line in segment.lines]
    assert isinstance(resumed, MonitoringResumedEvent)
    lnd.answers = segment.answers
    links: list[Link] = []

    def early(_: object) -> None:
        lnd.on = {}
        links.append(lnd.accept())
        send(links[0], segment.before)

    lnd.on = {LIST_CHANNELS: early}
    with a_node(lnd, tmp_path) as (node, _):
        updates = node.subscribe_channel_events().updates
        contained: list[object] = []
        while (event := next_of(updates)) != resumed:
            contained.append(event)
        send(links[0], segment.after)
        events = all_that_comes(updates, links[0])
        links[0].end(segment.statuses[0])
        assert next_of(updates) == paused
    for kinds in (OF_CHANNELS, OF_PEERS):
        came, wanted = of(kinds, [*contained, *events]), of(kinds, expected)
        repeated = came[: len(came) - len(wanted)]
        assert came == repeated + wanted
        check_contained(repeated, resumed, segment)
    assert len(events) == len(of(OF_CHANNELS, events)) + len(of(OF_PEERS, events))


def all_that_comes(updates: queue.Queue[Any], link: Link) -> list[object]:
    """Return all events up to an end mark sent on each stream."""
    link.channels.send(closed(OpenChannel(CHANNEL_1, ALICE)))
    link.peers.send(offline(ALICE))
    last = {ClosedChannelEvent(CHANNEL_1, ALICE), PeerOfflineEvent(ALICE)}
    events: list[object] = []
    while not last.issubset(events):
        events.append(next_of(updates))
    return [event for event in events if event not in last]


def check_contained(events: list[Any], resumed: MonitoringResumedEvent, segment: Segment) -> None:
    """Check that messages sent before the snapshot only repeat its state."""
    assert len(events) <= len(segment.before)
    for event in events:
        assert isinstance(event, PeerOnlineEvent)
        assert event.peer in resumed.online_peers


@pytest.mark.parametrize("number", range(len(SEGMENTS)))
def test_a_store_has_the_figures_of_the_recording(
    number: int, lnd: FakeLnd, tmp_path: Path
) -> None:
    segment = SEGMENTS[number]
    lines = (DATA / "lnd-simnet-restarts.jsonl").read_bytes().splitlines(keepends=True)
    first, last = segment.lines[0], segment.lines[-1]
    expected = replay(lines[first.number - 1 : last.number], "segment")
    clock = ManualClock(first.at)
    handled: queue.SimpleQueue[Any] = queue.SimpleQueue()
    lnd.answers = segment.answers
    wanted = [line for line in segment.lines if not isinstance(line.event, MonitoringResumedEvent)]
    with a_node(lnd, tmp_path) as (node, _):
        timer = Timer(clock, node)
        config = node.config(clock=clock, on_event=lambda event, _: handled.put(event))
        with running(ChannelEventStore(config)) as store:
            assert next_of(handled) == first.event
            link = lnd.accept()
            for sent in segment.after:
                timer.pass_until(sent.at)
                send(link, [sent])
                if wanted[0].at == sent.at:
                    assert next_of(handled) == wanted.pop(0).event
            timer.pass_until(last.at)
            lnd.refuse(segment.statuses[0])
            link.end(segment.statuses[0])
            assert next_of(handled) == MonitoringPausedEvent() == wanted.pop(0).event
            channels = store.list_channels(timeout=WAIT)
    assert [each[:4] for each in channels] == [each[:4] for each in expected.channels]
    assert wanted == []


# Requests to lnd.


def test_it_subscribes_first_and_lists_once(lnd: FakeLnd, tmp_path: Path) -> None:
    with watching(lnd, tmp_path) as (watcher, link):
        link.peers.send(online(ALICE))
        assert watcher.take() == PeerOnlineEvent(ALICE)
        # Calls made before the connection are sent in any order.
        assert sorted(lnd.calls[:3]) == [LIST_PEERS, CHANNEL_EVENTS, PEER_EVENTS]
        assert lnd.calls[3:] == [LIST_CHANNELS, LIST_PEERS]


def test_each_call_has_the_macaroon_in_hex(lnd: FakeLnd, tmp_path: Path) -> None:
    seen: list[tuple[str, str | bytes]] = []
    lnd.on = dict.fromkeys(
        [CHANNEL_EVENTS, PEER_EVENTS, LIST_CHANNELS, LIST_PEERS],
        lambda context: seen.extend(context.invocation_metadata()),
    )
    with watching(lnd, tmp_path):
        assert [value for key, value in seen if key == "macaroon"] == [MACAROON.hex()] * 5


def test_events_during_a_listing_are_put_before_the_lists(lnd: FakeLnd, tmp_path: Path) -> None:
    """The snapshot has the time of its request, so that a store knows which is newer."""

    def then_offline(_: object) -> None:
        if lnd.calls.count(LIST_PEERS) == 2:
            link = lnd.accept()
            link.peers.send(offline(ALICE))
            link.channels.send(opened(OpenChannel(CHANNEL_1, BOB)))
            assert are_put.wait(timeout=WAIT)

    are_put = threading.Event()
    lnd.set_state([], [ALICE])
    lnd.on = {LIST_PEERS: then_offline}
    with a_node(lnd, tmp_path) as (node, _):
        clock = ManualClock()
        Timer(clock, node)
        updates = node.subscribe_channel_events().updates
        events = [next_of(updates) for _ in range(2)]
        clock.advance(SECOND)
        are_put.set()
        snapshot = next_dated(updates)
    assert sorted(events, key=repr) == [OpenChannelEvent(CHANNEL_1, BOB), PeerOfflineEvent(ALICE)]
    assert snapshot == MonitoringResumedEvent([], [ALICE], clock.now() - SECOND)


# Events for a store.


def test_a_config_has_the_node_and_the_given_options(lnd: FakeLnd, tmp_path: Path) -> None:
    clock = ManualClock()
    with a_node(lnd, tmp_path) as (node, _):
        config = node.config(clock=clock, own_outage=SECOND)
        assert (config.clock, config.own_outage) == (clock, SECOND)
        assert config.subscribe_channel_events() is config.subscribe_peer_events()
        assert config.get_open_channels() is NOT_YET_KNOWN
        assert config.is_peer_online is None


def test_a_store_starts_with_the_snapshot_and_takes_it_once(lnd: FakeLnd, tmp_path: Path) -> None:
    lnd.set_state([OpenChannel(CHANNEL_1, ALICE), OpenChannel(CHANNEL_2, BOB)], [BOB, CAROL])
    handled: list[object] = []
    with a_node(lnd, tmp_path) as (node, _):
        config = node.config(on_event=lambda event, _: handled.append(event))
        with running(ChannelEventStore(config)) as store:
            overview = store.get_overview(timeout=WAIT)
    assert overview.sees
    assert [each.channel_point for each in overview.channels] == [CHANNEL_1, CHANNEL_2]
    assert {each.peer: each.online for each in overview.peers} == {
        ALICE: False,
        BOB: True,
        CAROL: True,
    }
    assert [type(event) for event in handled[:1]] == [MonitoringResumedEvent]
    assert not any(isinstance(event, MonitoringResumedEvent) for event in handled[1:])


def test_get_open_channels_returns_once_the_snapshot_is_put(lnd: FakeLnd, tmp_path: Path) -> None:
    lnd.set_state([OpenChannel(CHANNEL_1, ALICE)], [BOB])
    with a_node(lnd, tmp_path) as (node, _):
        channels = [OpenChannel(CHANNEL_1, ALICE)]
        assert first_snapshot(node) == MonitoringResumedEvent(channels, [BOB])
        assert node.fault is None


def test_repeats_are_put_as_they_come(lnd: FakeLnd, tmp_path: Path) -> None:
    channel = OpenChannel(CHANNEL_1, ALICE)
    lnd.set_state([channel], [])
    with watching(lnd, tmp_path) as (watcher, link):
        link.channels.send(opened(channel), closed(channel), closed(channel))
        assert watcher.take_all(3) == [
            OpenChannelEvent(*channel),
            ClosedChannelEvent(*channel),
            ClosedChannelEvent(*channel),
        ]


def test_closes_are_always_put(lnd: FakeLnd, tmp_path: Path) -> None:
    with watching(lnd, tmp_path) as (watcher, link):
        link.channels.send(closed(OpenChannel(CHANNEL_1, ALICE)))
        assert watcher.take() == ClosedChannelEvent(CHANNEL_1, ALICE)


def test_each_loss_and_each_return_is_logged_once(
    lnd: FakeLnd, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "chanfitness.nodes.lnd")
    lnd.set_state([OpenChannel(CHANNEL_1, ALICE)], [ALICE, BOB])
    with watching(lnd, tmp_path) as (watcher, first):
        link = first
        for _ in range(2):
            link.channels.end(STREAM_ENDED)
            watcher.take_all(2)
            link = lnd.accept()
    connected = f"connected to lnd at {lnd.rpcserver}: 1 channels, 2 peers"
    lost = f"cannot see lnd at {lnd.rpcserver}, trying again: it ended the stream"
    assert [record.getMessage() for record in caplog.records] == [connected, lost] * 2 + [connected]
