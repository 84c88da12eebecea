"""A hostile lnd: cut, restarted, locked, slow or disordered streams, and huge lists."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from chanfitness import (
    NOT_YET_KNOWN,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
)

from ...support.fake_lnd import (
    AWAY,
    ENDED,
    LIST_CHANNELS,
    LIST_PEERS,
    LOCKED,
    PEER_EVENTS,
    FakeLnd,
    Status,
    message,
    offline,
    online,
    opened,
)
from ...support.lnd_nodes import DETAILS, a_node, first_snapshot, next_of, recorded, send, watching
from ...support.stores import WAIT
from ...support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2, outpoint, vertex

CODE = grpc.StatusCode
BROKEN: Status = (CODE.INTERNAL, "Received RST_STREAM with error code 2")

STARTING: list[Status] = [
    LOCKED,
    (CODE.UNKNOWN, "waiting to start, RPC services not available"),
    (CODE.UNKNOWN, "wallet not created, create one to enable full RPC access"),
    (
        CODE.UNKNOWN,
        "the RPC server is in the process of starting up, but not yet ready to accept calls",
    ),
    (CODE.UNKNOWN, "unable to determine macaroon permissions"),
    (CODE.UNKNOWN, "cannot retrieve macaroon: cannot get macaroon: macaroon store is locked"),
    (CODE.UNAVAILABLE, "connection reset by peer"),
    (CODE.UNIMPLEMENTED, "unknown service lnrpc.Lightning"),
]

NOTHING = MonitoringResumedEvent([], [])


@pytest.fixture
def lnd() -> Iterator[FakeLnd]:
    with FakeLnd() as lnd:
        yield lnd


# Cut streams.


@pytest.mark.parametrize("status", [ENDED, AWAY, BROKEN])
@pytest.mark.parametrize("cut", ["channels", "peers"])
def test_a_cut_after_each_message(cut: str, status: Status, lnd: FakeLnd, tmp_path: Path) -> None:
    """Recorded streams, cut after the first message, then after the second, and so on."""
    segment = recorded()[0]
    _, *lines, _ = segment.lines
    with watching(lnd, tmp_path) as (watcher, first):
        link = first
        for count in range(len(segment.after)):
            sent = segment.after[:count]
            expected = [line.event for line in lines if sent and line.at <= sent[-1].at]
            send(link, sent)
            assert sorted(watcher.take_all(len(expected)), key=repr) == sorted(expected, key=repr)
            getattr(link, cut).end(status)
            assert watcher.take_all(2) == [MonitoringPausedEvent(), NOTHING]
            link = lnd.accept()


@pytest.mark.parametrize("status", [ENDED, AWAY, BROKEN])
def test_messages_before_a_cut_are_put(status: Status, lnd: FakeLnd, tmp_path: Path) -> None:
    with watching(lnd, tmp_path) as (watcher, first):
        link = first
        for count in range(50):
            link.peers.send(*[online(vertex(number)) for number in range(count)])
            link.peers.end(status)
            assert watcher.take_all(count + 2) == [
                *[PeerOnlineEvent(vertex(number)) for number in range(count)],
                MonitoringPausedEvent(),
                NOTHING,
            ]
            link = lnd.accept()


def test_the_end_of_one_stream_ends_the_other(lnd: FakeLnd, tmp_path: Path) -> None:
    gone = threading.Event()
    lnd.on = {PEER_EVENTS: lambda context: context.add_callback(gone.set)}
    with watching(lnd, tmp_path) as (watcher, link):
        link.channels.end()
        assert gone.wait(timeout=WAIT)
        assert watcher.take_all(2) == [MonitoringPausedEvent(), NOTHING]


def test_restarts_of_lnd(lnd: FakeLnd, tmp_path: Path) -> None:
    resumed = MonitoringResumedEvent([OpenChannel(CHANNEL_1, ALICE)], [ALICE])
    lnd.set_state(resumed.open_channels, resumed.online_peers)
    with watching(lnd, tmp_path) as (watcher, _):
        for _ in range(3):
            with watcher.turnstile.one_by_one() as turnstile:
                lnd.stop()
                assert watcher.take() == MonitoringPausedEvent()
                for _ in range(2):
                    turnstile.let_one_pass()  # refused: no server listens
                turnstile.reached()
                lnd.start()
            link = lnd.accept()
            assert watcher.take() == resumed
            link.peers.send(offline(ALICE))
            assert watcher.take() == PeerOfflineEvent(ALICE)


# An lnd that is not ready.


@pytest.mark.parametrize("status", STARTING)
def test_errors_of_a_starting_lnd_are_retried(
    status: Status, lnd: FakeLnd, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lnd.refuse(status)
    with a_node(lnd, tmp_path) as (node, turnstile), turnstile.one_by_one():
        updates = node.subscribe_channel_events().updates
        assert node.get_open_channels() is NOT_YET_KNOWN
        for _ in range(3):
            turnstile.let_one_pass()
        turnstile.reached()
        assert updates.empty()
        lnd.accept_again()
        turnstile.let_pass()
        assert next_of(updates) == NOTHING
        lnd.accept().peers.send(online(ALICE))
        assert next_of(updates) == PeerOnlineEvent(ALICE)
        assert node.get_open_channels() is NOT_YET_KNOWN
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize("method", [LIST_CHANNELS, LIST_PEERS])
@pytest.mark.parametrize("status", [LOCKED, (CODE.RESOURCE_EXHAUSTED, "larger than max")])
def test_a_failed_listing_is_no_snapshot(
    method: str, status: Status, lnd: FakeLnd, tmp_path: Path
) -> None:
    lnd.refuse(status, method)
    with a_node(lnd, tmp_path) as (node, turnstile), turnstile.one_by_one():
        updates = node.subscribe_channel_events().updates
        assert node.get_open_channels() is NOT_YET_KNOWN
        turnstile.reached()
        assert updates.empty()
        lnd.accept_again()
        turnstile.let_pass()
        assert next_of(updates) == NOTHING


def test_a_stream_that_ends_before_the_snapshot(lnd: FakeLnd, tmp_path: Path) -> None:
    """Its events are put, though the node is not seen yet: the next snapshot corrects them."""

    def cut(_: object) -> None:
        lnd.on = {}
        link = lnd.accept()
        link.peers.send(online(ALICE))
        link.peers.end()
        answer.wait(timeout=WAIT)

    answer = threading.Event()
    lnd.on = {LIST_CHANNELS: cut}
    with a_node(lnd, tmp_path) as (node, _):
        updates = node.subscribe_channel_events().updates
        assert next_of(updates) == PeerOnlineEvent(ALICE)
        assert next_of(updates) == NOTHING
        answer.set()
        lnd.accept().peers.send(online(BOB))
        assert next_of(updates) == PeerOnlineEvent(BOB)


def test_events_during_a_slow_listing_precede_the_snapshot(lnd: FakeLnd, tmp_path: Path) -> None:
    def slow(_: object) -> None:
        link = lnd.accept()
        link.peers.send(offline(ALICE), online(ALICE), online(BOB))
        link.channels.send(*[opened(channel) for channel in (first, second)])
        arrived.set()
        assert answer.wait(timeout=WAIT)

    first, second = OpenChannel(CHANNEL_1, ALICE), OpenChannel(CHANNEL_2, BOB)
    arrived, answer = threading.Event(), threading.Event()
    lnd.set_state([first], [ALICE])
    lnd.on = {LIST_CHANNELS: slow}
    with a_node(lnd, tmp_path) as (node, _):
        node.patience = 0
        updates = node.subscribe_channel_events().updates
        assert arrived.wait(timeout=WAIT)
        assert node.get_open_channels() is NOT_YET_KNOWN
        events = [next_of(updates) for _ in range(5)]
        details = [updates.get() for _ in range(updates.qsize())]
        assert all(isinstance(each, DETAILS) for each in details)
        answer.set()
        assert next_of(updates) == MonitoringResumedEvent([first], [ALICE])
    opening = [event for event in events if isinstance(event, OpenChannelEvent)]
    assert opening == [OpenChannelEvent(*first), OpenChannelEvent(*second)]
    others = [event for event in events if event not in opening]
    assert others == [PeerOfflineEvent(ALICE), PeerOnlineEvent(ALICE), PeerOnlineEvent(BOB)]


def test_a_list_of_50_mib(lnd: FakeLnd, tmp_path: Path) -> None:
    """60,000 channels, each with unknown fields."""
    more = (1000, "x" * 750)
    lnd.answers[LIST_CHANNELS] = b"".join(
        message((11, message((2, str(ALICE)), (3, str(outpoint(number))), more)))
        for number in range(60_000)
    )
    assert len(lnd.answers[LIST_CHANNELS]) > 50 * 2**20
    with a_node(lnd, tmp_path) as (node, _):
        assert list(first_snapshot(node).open_channels) == [
            OpenChannel(outpoint(number), ALICE) for number in range(60_000)
        ]
