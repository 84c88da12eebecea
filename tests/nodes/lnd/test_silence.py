"""A silent lnd: noticed within 45 seconds, and blind from its last sign of life."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from chanfitness import (
    ChannelEventStore,
    ManualClock,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SnapshotEvent,
)
from chanfitness.nodes import signs_of_life
from chanfitness.nodes.lnd import connection as lnd_connection

from ...support.fake_lnd import (
    AWAY,
    GET_STATE,
    LIST_CHANNELS,
    LIST_PEERS,
    FakeLnd,
    Link,
    Status,
    offline,
    online,
)
from ...support.inbox import Inbox
from ...support.lnd_nodes import Timer, Watcher, a_node, next_dated, next_of
from ...support.stores import WAIT, running
from ...support.values import ALICE, BOB, CHANNEL_1, SECOND, START

CODE = grpc.StatusCode
HOUR = timedelta(hours=1)
ASKED_EVERY = timedelta(seconds=30)
NOTHING = MonitoringResumedEvent([], [])
SILENCES = [CODE.UNAVAILABLE, CODE.DEADLINE_EXCEEDED, CODE.CANCELLED]
SIGNS = [code for code in CODE if code not in (*SILENCES, CODE.OK)]


@pytest.fixture
def lnd() -> Iterator[FakeLnd]:
    with FakeLnd() as lnd:
        yield lnd


class Session:
    """A node that watches an lnd, on a clock that only a test moves."""

    def __init__(self, watcher: Watcher, link: Link, timer: Timer) -> None:
        self.watcher, self.link = watcher, link
        self.clock, self.let_pass = timer.clock, timer.let_pass

    @property
    def updates(self) -> queue.Queue[Any]:
        """The events put, with their times."""
        return self.watcher.subscription.updates


@contextmanager
def watching(lnd: FakeLnd, directory: Path) -> Iterator[Session]:
    clock = ManualClock(START)
    with a_node(lnd, directory) as (node, turnstile):
        timer = Timer(clock, node)
        watcher = Watcher(node, turnstile, node.subscribe_channel_events())
        link = lnd.accept()
        assert isinstance(watcher.take(), MonitoringResumedEvent)
        yield Session(watcher, link, timer)


def once(lnd: FakeLnd, *statuses: Status | None) -> None:
    """Answer the next questions for a sign of life with these statuses; None: as usual."""

    def answer(context: grpc.ServicerContext) -> None:
        status = left.pop(0) if left else None
        if status is not None:
            context.abort(*status)

    left = list(statuses)
    lnd.on = {GET_STATE: answer}


# Signs.


def test_a_sign_of_life_is_asked_for_twice_a_minute(lnd: FakeLnd, tmp_path: Path) -> None:
    with watching(lnd, tmp_path) as session:
        session.let_pass(timedelta(minutes=10))
        assert lnd.calls.count(GET_STATE) == 20
        session.link.peers.send(online(ALICE))
        assert session.watcher.take() == PeerOnlineEvent(ALICE)


@pytest.mark.parametrize("code", SIGNS)
def test_any_answer_of_an_lnd_is_a_sign(
    code: grpc.StatusCode, lnd: FakeLnd, tmp_path: Path
) -> None:
    once(lnd, *[(code, "so it is")] * 10)
    with watching(lnd, tmp_path) as session:
        session.let_pass(timedelta(minutes=5))
        session.link.peers.send(online(ALICE))
        assert session.watcher.take() == PeerOnlineEvent(ALICE)


@pytest.mark.parametrize("code", SILENCES)
def test_codes_of_grpc_itself_are_no_sign(
    code: grpc.StatusCode, lnd: FakeLnd, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    once(lnd, None, (code, "nobody there"))
    with watching(lnd, tmp_path) as session:
        session.let_pass(2 * ASKED_EVERY)
        assert session.watcher.take_all(2) == [
            MonitoringPausedEvent(START + ASKED_EVERY),
            NOTHING,
        ]
    assert f"no sign of life (GetState: {code.name} 'nobody there')" in caplog.text


def test_a_message_of_a_stream_is_a_sign(lnd: FakeLnd, tmp_path: Path) -> None:
    """Even without an answer to ``GetState``, as behind a proxy without a route for it."""

    def after_a_message(context: grpc.ServicerContext) -> None:
        session.link.peers.send(online(ALICE))
        assert session.watcher.take() == PeerOnlineEvent(ALICE)
        context.abort(*AWAY)

    with watching(lnd, tmp_path) as session:
        lnd.on = {GET_STATE: after_a_message}
        session.let_pass(timedelta(minutes=5))
        lnd.on = {}
        assert session.updates.empty()


def test_a_question_for_a_sign_times_out_after_15_seconds(
    lnd: FakeLnd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert signs_of_life.ANSWER_SECONDS == 15
    monkeypatch.setattr(lnd_connection, "ANSWER_SECONDS", 0.01)
    thawed = threading.Event()
    lnd.on = {GET_STATE: lambda _: thawed.wait(timeout=WAIT)}
    with watching(lnd, tmp_path) as session:
        session.let_pass(ASKED_EVERY)
        assert session.watcher.take_all(2) == [MonitoringPausedEvent(START), NOTHING]
        thawed.set()


# A freeze at each point.


@pytest.mark.parametrize("asked", [1, 2])
@pytest.mark.parametrize("method", [LIST_PEERS, LIST_CHANNELS])
def test_an_lnd_frozen_before_its_lists_is_connected_to_again(
    method: str, asked: int, lnd: FakeLnd, tmp_path: Path
) -> None:
    """A list may take long, but signs of life must come meanwhile."""

    def freeze(_: object) -> None:
        if lnd.calls.count(method) == asked:
            frozen.set()
            assert thawed.wait(timeout=WAIT)

    frozen, thawed = threading.Event(), threading.Event()
    clock = ManualClock(START)
    once(lnd, None, AWAY)
    lnd.on[method] = freeze
    with a_node(lnd, tmp_path) as (node, _):
        timer = Timer(clock, node)
        updates = node.subscribe_channel_events().updates
        if (method, asked) == (LIST_CHANNELS, 2):
            assert next_of(updates) == NOTHING
            lnd.accept().end()
            assert next_of(updates) == MonitoringPausedEvent()
        assert frozen.wait(timeout=WAIT)
        timer.pass_until(START + 2 * ASKED_EVERY)
        assert updates.get(timeout=WAIT).at == START + 2 * ASKED_EVERY
        thawed.set()


def test_a_stream_ended_while_a_sign_is_owed_ends_at_the_last_sign(
    lnd: FakeLnd, tmp_path: Path
) -> None:
    def cut(_: object) -> None:
        lnd.on = {}
        session.link.end(AWAY)
        assert session.watcher.take_all(2) == [MonitoringPausedEvent(START), NOTHING]

    with watching(lnd, tmp_path) as session:
        lnd.on = {GET_STATE: cut}
        session.let_pass(ASKED_EVERY)


def test_a_stream_ended_while_no_sign_is_owed_ends_now(lnd: FakeLnd, tmp_path: Path) -> None:
    with watching(lnd, tmp_path) as session:
        session.let_pass(ASKED_EVERY)
        session.link.end(AWAY)
        assert session.watcher.take_all(2) == [MonitoringPausedEvent(), NOTHING]


# This process is frozen: it asked nothing, and messages arrive late.


def test_a_message_after_a_gap_ends_the_connection(
    lnd: FakeLnd, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with watching(lnd, tmp_path) as session:
        session.clock.advance(timedelta(seconds=46))
        lnd.set_state([], [BOB])
        session.link.peers.send(online(ALICE), online(BOB))
        assert session.watcher.take_all(2) == [
            MonitoringPausedEvent(START),
            MonitoringResumedEvent([], [BOB]),
        ]
    assert "it or this process was frozen" in caplog.text


def test_an_answer_after_a_gap_ends_the_connection(lnd: FakeLnd, tmp_path: Path) -> None:
    def late(_: object) -> None:
        lnd.on = {}
        session.clock.advance(timedelta(seconds=16))

    with watching(lnd, tmp_path) as session:
        lnd.on = {GET_STATE: late}
        session.let_pass(timedelta(seconds=46))
        assert session.watcher.take_all(2) == [MonitoringPausedEvent(START), NOTHING]


def test_a_list_after_a_gap_ends_the_connection(lnd: FakeLnd, tmp_path: Path) -> None:
    clock = ManualClock(START)

    def late(_: object) -> None:
        lnd.on = {}
        clock.advance(timedelta(seconds=46))

    lnd.on = {LIST_CHANNELS: late}
    with a_node(lnd, tmp_path) as (node, _):
        Timer(clock, node)
        updates = node.subscribe_channel_events().updates
        assert updates.get(timeout=WAIT) == MonitoringResumedEvent([], [], clock.now())
        assert lnd.calls.count(LIST_CHANNELS) == 2


def test_an_end_after_a_gap_is_dated_at_the_last_sign(lnd: FakeLnd, tmp_path: Path) -> None:
    with watching(lnd, tmp_path) as session:
        session.clock.advance(timedelta(seconds=46))
        session.link.end()
        assert session.watcher.take_all(2) == [MonitoringPausedEvent(START), NOTHING]


def test_a_clock_correction_moves_the_date_of_the_last_sign(lnd: FakeLnd, tmp_path: Path) -> None:
    with watching(lnd, tmp_path) as session:
        session.clock.advance(-HOUR)
        session.let_pass(ASKED_EVERY)
        assert session.updates.empty()


def test_a_question_after_close_is_no_sign(lnd: FakeLnd, tmp_path: Path) -> None:
    class Late(Inbox):
        """Lets the thread ask once more after the connection was closed."""

        is_closed = False

        def get(self, *, timeout: float | None) -> Any:
            self.is_closed = self.is_closed or super().get(timeout=timeout) is None
            raise queue.Empty

    with a_node(lnd, tmp_path) as (node, _):
        node.make_inbox = lambda: Late(ManualClock())
        assert next_of(node.subscribe_channel_events().updates) == NOTHING


# Drift: once an hour the lists correct missed and wrong events.


def test_once_an_hour_the_lists_are_asked_for_and_put(lnd: FakeLnd, tmp_path: Path) -> None:
    with watching(lnd, tmp_path) as session:
        channel = OpenChannel(CHANNEL_1, ALICE)
        for hour in (1, 2):
            lnd.set_state([channel][:hour], [ALICE, BOB][hour - 1 :])
            session.let_pass(HOUR)
            snapshot = next_dated(session.updates)
            assert snapshot == SnapshotEvent(
                [channel][:hour], [ALICE, BOB][hour - 1 :], START + hour * HOUR
            )
        assert lnd.calls.count(LIST_CHANNELS) == 3


def test_events_during_the_hourly_lists_are_put_before_them(lnd: FakeLnd, tmp_path: Path) -> None:
    def answer(_: object) -> None:
        session.link.peers.send(offline(ALICE))
        assert is_put.wait(timeout=WAIT)

    is_put = threading.Event()
    with watching(lnd, tmp_path) as session:
        lnd.set_state([], [ALICE])
        lnd.on = {LIST_PEERS: answer}
        session.let_pass(HOUR)
        assert session.watcher.take() == PeerOfflineEvent(ALICE)
        session.clock.advance(SECOND)
        is_put.set()
        snapshot = session.updates.get(timeout=WAIT)
        assert snapshot == SnapshotEvent([], [ALICE], START + HOUR)


def test_failed_lists_end_the_connection(lnd: FakeLnd, tmp_path: Path) -> None:
    def fail(context: grpc.ServicerContext) -> None:
        lnd.on = {}
        context.abort(CODE.INTERNAL, "no")

    with watching(lnd, tmp_path) as session:
        lnd.on = {LIST_PEERS: fail}
        session.let_pass(HOUR)
        assert session.watcher.take_all(2) == [MonitoringPausedEvent(), NOTHING]


def test_a_stray_event_stands_for_an_hour_at_most(lnd: FakeLnd, tmp_path: Path) -> None:
    clock = ManualClock(START)
    lnd.set_state([OpenChannel(CHANNEL_1, ALICE)], [ALICE])
    handled: Any = queue.SimpleQueue()
    with a_node(lnd, tmp_path) as (node, _):
        timer = Timer(clock, node)
        config = node.config(clock=clock, on_event=lambda event, _: handled.put(event))
        with running(ChannelEventStore(config)) as store:
            link = lnd.accept()
            assert isinstance(next_of(handled), MonitoringResumedEvent)
            link.peers.send(online(ALICE), online(ALICE), offline(ALICE))
            for kind in (PeerOnlineEvent, PeerOnlineEvent, PeerOfflineEvent):
                assert isinstance(next_of(handled), kind)
            assert not store.get_peer_info(ALICE, timeout=WAIT).online
            timer.pass_until(START + HOUR)
            assert isinstance(next_of(handled), SnapshotEvent)
            info = store.get_peer_info(ALICE, timeout=WAIT)
            assert (info.online, info.flap_count) == (True, 1)
