"""lnd at its worst: cut, restarted, locked, slow, out of order, and talking nonsense."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from chanfitness import (
    NOT_YET_KNOWN,
    ChannelEventStore,
    ClosedChannelEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
)
from chanfitness.nodes import lnd_watch

from .fake_lnd import (
    AWAY,
    ENDED,
    LIST_CHANNELS,
    LIST_PEERS,
    LOCKED,
    PEER_EVENTS,
    FakeLnd,
    Link,
    Status,
    channels,
    closed,
    message,
    offline,
    online,
    opened,
    peers,
)
from .lengths import length
from .lnd_nodes import a_node, recorded, watching
from .stores import WAIT, running
from .values import ALICE, BOB, CAROL, CHANNEL_1, CHANNEL_2, outpoint, vertex

CODE = grpc.StatusCode
ROUNDS = length(20, 1000)

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


@pytest.fixture
def lnd() -> Iterator[FakeLnd]:
    with FakeLnd() as lnd:
        yield lnd


# Cut streams.


@pytest.mark.parametrize("status", [ENDED, AWAY, (CODE.INTERNAL, "RST_STREAM")])
def test_a_stream_that_is_cut_after_any_message(
    status: Status, lnd: FakeLnd, tmp_path: Path
) -> None:
    sent = recorded()[0].after
    with watching(lnd, tmp_path) as (watcher, link):
        for cut in range(len(sent)):
            of_peers = [each.message for each in sent[:cut] if each.stream == PEER_EVENTS]
            for each in of_peers[-3:]:
                link.peers.send(each)
            link.peers.end(status)
            events = [watcher.take() for _ in of_peers[-3:]]
            assert {type(event) for event in events} <= {PeerOnlineEvent, PeerOfflineEvent}
            assert watcher.take() == MonitoringPausedEvent()
            assert watcher.take() == MonitoringResumedEvent([], [])
            link = lnd.accept()


def test_when_one_stream_ends_the_other_is_ended(lnd: FakeLnd, tmp_path: Path) -> None:
    gone = threading.Event()
    with watching(lnd, tmp_path) as (watcher, link):
        lnd.on = {PEER_EVENTS: lambda context: context.add_callback(gone.set)}
        link.channels.end()
        watcher.take_all(2)
        lnd.accept().channels.end(AWAY)
        assert gone.wait(timeout=WAIT)
        assert watcher.take_all(2) == [MonitoringPausedEvent(), MonitoringResumedEvent([], [])]


def test_lnd_restarts(lnd: FakeLnd, tmp_path: Path) -> None:
    lnd.set_state([OpenChannel(CHANNEL_1, ALICE)], [ALICE])
    with watching(lnd, tmp_path) as (watcher, _):
        for _ in range(3):
            with watcher.turnstile.one_by_one() as turnstile:
                lnd.stop()
                assert watcher.take() == MonitoringPausedEvent()
                for _ in range(2):  # refused while it is down
                    turnstile.reached()
                    turnstile.let_pass()
                turnstile.reached()
                lnd.start()
            link = lnd.accept()
            assert watcher.take() == MonitoringResumedEvent(
                [OpenChannel(CHANNEL_1, ALICE)], [ALICE]
            )
            link.peers.send(offline(ALICE))
            assert watcher.take() == PeerOfflineEvent(ALICE)


# An lnd that is not ready.


@pytest.mark.parametrize("status", STARTING)
def test_what_lnd_says_while_it_starts_is_waited_out(
    status: Status, lnd: FakeLnd, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lnd.refuse(status)
    with a_node(lnd, tmp_path) as (node, turnstile), turnstile.one_by_one():
        updates = node.subscribe_channel_events().updates
        assert node.get_open_channels() is NOT_YET_KNOWN
        for _ in range(3):
            turnstile.reached()
            turnstile.let_pass()
        turnstile.reached()
        assert updates.empty()
        lnd.accept_again()
        turnstile.let_pass()
        assert updates.get(timeout=WAIT) == MonitoringResumedEvent([], [])
        assert node.get_open_channels() == []
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize("method", [LIST_CHANNELS, LIST_PEERS])
@pytest.mark.parametrize("status", [LOCKED, (CODE.RESOURCE_EXHAUSTED, "too big")])
def test_a_snapshot_that_fails_is_no_snapshot(
    method: str, status: Status, lnd: FakeLnd, tmp_path: Path
) -> None:
    lnd.on = {method: lambda context: context.abort(*status)}
    with a_node(lnd, tmp_path) as (node, turnstile), turnstile.one_by_one():
        updates = node.subscribe_channel_events().updates
        assert node.get_open_channels() is NOT_YET_KNOWN
        lnd.accept_again()
        turnstile.let_pass()
        assert updates.get(timeout=WAIT) == MonitoringResumedEvent([], [])


def test_an_unknown_error_is_logged_once_and_escaped(
    lnd: FakeLnd, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with a_node(lnd, tmp_path) as (node, turnstile), turnstile.one_by_one():
        node.subscribe_channel_events()
        turnstile.reached
        for text in ("\x1b[31mzap\n", "\x1b[31mzap\n", "another", "\x1b[31mzap\n"):
            lnd.refuse((CODE.UNKNOWN, text))
            turnstile.let_pass()
            turnstile.reached()
    told = [record.getMessage() for record in caplog.records]
    assert [r"UNKNOWN '\x1b[31mzap\n'" in told[0]] == [True]
