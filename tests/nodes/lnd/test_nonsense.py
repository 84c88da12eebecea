"""Unexpected values from lnd: they are skipped, and never shown raw."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
from chanfitness.nodes import told_reasons
from chanfitness.nodes.lnd.messages import listed_channels

from ...support.fake_lnd import (
    LIST_CHANNELS,
    LIST_PEERS,
    FakeLnd,
    channels,
    message,
    offline,
    online,
    opened,
    peers,
)
from ...support.lnd_nodes import a_node, next_of, watching
from ...support.values import ALICE, BOB, CAROL, CHANNEL_1

CODE = grpc.StatusCode

NOTHING = MonitoringResumedEvent([], [])


@pytest.fixture
def lnd() -> Iterator[FakeLnd]:
    with FakeLnd() as lnd:
        yield lnd


NO_NEWS = [
    message(),
    message((4, message((1, bytes(32)))), (5, 3)),  # inactive_channel
    message((9, b"what will be"), (5, 9)),
    message((77, 1)),
]


def test_messages_of_unread_kinds_are_ignored(
    lnd: FakeLnd, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with watching(lnd, tmp_path) as (watcher, link):
        link.channels.send(*NO_NEWS)
        link.channels.send(opened(OpenChannel(CHANNEL_1, ALICE)) + message((99, "later")))
        assert watcher.take() == OpenChannelEvent(CHANNEL_1, ALICE)
        link.peers.send(message((1, str(ALICE)), (2, 7)))  # neither online nor offline
        link.peers.send(online(BOB) + message((3, 2**60), (4, b"\xff")))
        assert watcher.take() == PeerOnlineEvent(BOB)
    assert caplog.text == ""


BAD_EVENTS = [
    message((1, message((2, "\x1b[31mAlice"), (3, str(CHANNEL_1))))),
    message((1, message((2, str(ALICE)), (3, "\x1b[31mtxid:0")))),
    message((1, message((2, b"\xff\xfe"), (3, b"\xff")))),
    message((2, message((5, str(ALICE)), (1, "")))),
    message((1, b"")),
]


@pytest.mark.parametrize("bad", BAD_EVENTS)
def test_an_event_with_a_bad_value_is_skipped(
    bad: bytes, lnd: FakeLnd, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with watching(lnd, tmp_path) as (watcher, link):
        link.channels.send(bad, opened(OpenChannel(CHANNEL_1, ALICE)))
        assert watcher.take() == OpenChannelEvent(CHANNEL_1, ALICE)
        link.peers.send(message((1, "\x1b[31mBob")), online(BOB))
        assert watcher.take() == PeerOnlineEvent(BOB)
    assert caplog.text.count("skipped an event of lnd: bad ") == 2
    assert "\x1b" not in caplog.text


def test_unusable_entries_of_a_list_are_skipped(
    lnd: FakeLnd, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = OpenChannel(CHANNEL_1, ALICE)
    lnd.answers = {
        LIST_CHANNELS: message((11, message((3, "\x1b:0")))) + channels(good, good),
        LIST_PEERS: message((1, message((1, b"\xff")))) + peers(BOB, CAROL),
    }
    with a_node(lnd, tmp_path) as (node, _):
        updates = node.subscribe_channel_events().updates
        assert next_of(updates) == MonitoringResumedEvent([good, good], [BOB, CAROL])
    assert caplog.text.count("skipped an unusable entry in lnd's answer: bad ") == 2
    assert "\x1b" not in caplog.text


def test_a_long_list_of_nonsense_logs_few_lines(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert listed_channels(message((11, b"")) * 1000) == []
    assert len(caplog.records) == 11
    assert caplog.messages[-1] == "skipped 990 more entries of that answer"


def test_an_undecodable_message_breaks_the_connection(
    lnd: FakeLnd, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with watching(lnd, tmp_path) as (watcher, link):
        link.channels.send(b"\x0a\xff")
        assert watcher.take_all(2) == [MonitoringPausedEvent(), NOTHING]
        lnd.accept().peers.send(b"\xff")
        assert watcher.take_all(2) == [MonitoringPausedEvent(), NOTHING]
    assert caplog.text.count("it sent an undecodable message") == 2


@pytest.mark.parametrize("method", [LIST_CHANNELS, LIST_PEERS])
def test_an_undecodable_answer_breaks_the_connection(
    method: str, lnd: FakeLnd, tmp_path: Path
) -> None:
    lnd.answers[method] = b"\xff"
    with a_node(lnd, tmp_path) as (node, turnstile), turnstile.one_by_one():
        updates = node.subscribe_channel_events().updates
        assert node.get_open_channels() is NOT_YET_KNOWN
        lnd.answers[method] = b""
        turnstile.let_one_pass()
        assert next_of(updates) == NOTHING


def test_repeated_and_reversed_events_are_put_as_they_come(lnd: FakeLnd, tmp_path: Path) -> None:
    """A store accepts repeated and reversed events."""
    with watching(lnd, tmp_path) as (watcher, link):
        link.peers.send(offline(ALICE), online(ALICE), online(ALICE), offline(ALICE))
        assert watcher.take_all(4) == [
            PeerOfflineEvent(ALICE),
            PeerOnlineEvent(ALICE),
            PeerOnlineEvent(ALICE),
            PeerOfflineEvent(ALICE),
        ]


# Unknown errors.


def tell(lnd: FakeLnd, directory: Path, texts: list[str]) -> None:
    """Connect once for each text, with which lnd refuses."""
    with a_node(lnd, directory) as (node, turnstile), turnstile.one_by_one():
        lnd.refuse((CODE.UNKNOWN, texts[0]))
        updates = node.subscribe_channel_events().updates
        for text in texts[1:]:
            turnstile.reached()
            lnd.refuse((CODE.UNKNOWN, text))
            turnstile.let_pass()
        turnstile.reached()
        assert (updates.empty(), node.fault) == (True, None)


def test_an_unknown_error_is_logged_once_and_escaped(
    lnd: FakeLnd, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tell(lnd, tmp_path, ["\x1b[31m", "\x1b[31m", "permission denied by /var/disk", "\x1b[31m"])
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        r"UNKNOWN '\x1b[31m'",
        "UNKNOWN 'permission denied by /var/disk'",
    ]


def test_the_number_of_remembered_errors_is_limited(
    lnd: FakeLnd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr(told_reasons, "MAXIMUM", 3)
    tell(lnd, tmp_path, [f"number {number}" for number in range(10)])
    assert len(caplog.records) == 3
