"""Ends of a node that watches lnd: during calls and pauses, and after internal errors."""

from __future__ import annotations

import datetime
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from chanfitness import (
    NOT_YET_KNOWN,
    ChannelEventStore,
    ManualClock,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    PeerOnlineEvent,
    ShuttingDownError,
)
from chanfitness.nodes.backoff import Backoff
from chanfitness.nodes.lnd import LndNode
from chanfitness.nodes.lnd import connection as lnd_connection
from chanfitness.subscribe import ENDED

from ...support.fake_lnd import (
    CHANNEL_EVENTS,
    LIST_CHANNELS,
    LIST_PEERS,
    LOCKED,
    PEER_EVENTS,
    FakeLnd,
    online,
)
from ...support.lnd_nodes import a_node, closed_in_the_end, make_lnddir, next_of, undated, watching
from ...support.stores import WAIT, Call, OnRecord, call_together, running
from ...support.values import ALICE, CHANNEL_1

NOTHING = MonitoringResumedEvent([], [])


@pytest.fixture
def lnd() -> Iterator[FakeLnd]:
    with FakeLnd() as lnd:
        yield lnd


@pytest.fixture
def black_hole() -> Iterator[str]:
    """The address of a server that accepts connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("chanfitness-lnd")]


# End and new start.


def test_after_a_cancel_there_can_be_another_subscription(lnd: FakeLnd, tmp_path: Path) -> None:
    with watching(lnd, tmp_path) as (watcher, _):
        watcher.cancel()
        assert watcher.take_all(2) == [MonitoringPausedEvent(), ENDED]
        watcher.cancel()
        again = watcher.node.subscribe_peer_events()
        assert again is not watcher.subscription
        assert next_of(again.updates) == MonitoringResumedEvent([], [])


def test_a_store_can_be_started_after_another_has_stopped(lnd: FakeLnd, tmp_path: Path) -> None:
    lnd.set_state([OpenChannel(CHANNEL_1, ALICE)], [ALICE])
    with a_node(lnd, tmp_path) as (node, _):
        for _ in range(2):
            with running(ChannelEventStore(node.config())) as store:
                info = store.get_chan_info(CHANNEL_1, ALICE, timeout=WAIT)
                assert info.uptime == info.lifetime


def test_a_closed_node_stays_closed(lnd: FakeLnd, tmp_path: Path) -> None:
    with watching(lnd, tmp_path) as (watcher, _), watcher.node as node:
        pass
    assert watcher.take_all(2) == [MonitoringPausedEvent(), ENDED]
    for call in (
        node.subscribe_channel_events,
        node.subscribe_peer_events,
        node.get_open_channels,
    ):
        with pytest.raises(ShuttingDownError, match="closed"):
            call()
    Call(node.close).result()


def test_a_node_that_was_never_used_can_be_closed(lnd: FakeLnd, tmp_path: Path) -> None:
    with a_node(lnd, tmp_path) as (node, _):
        Call(node.close).result()
    assert lnd.calls == []


# Close during another call.


@pytest.mark.parametrize("method", [CHANNEL_EVENTS, PEER_EVENTS, LIST_CHANNELS, LIST_PEERS])
def test_close_in_a_call(method: str, lnd: FakeLnd, tmp_path: Path) -> None:
    def hold(_: object) -> None:
        asked.set()
        assert answer.wait(timeout=WAIT)

    asked, answer = threading.Event(), threading.Event()
    lnd.on = {method: hold}
    with a_node(lnd, tmp_path) as (node, _):
        opening = Call(node.get_open_channels)
        assert asked.wait(timeout=WAIT)
        Call(node.close).result()
        answer.set()
        if method in (LIST_CHANNELS, LIST_PEERS):
            with pytest.raises(ShuttingDownError):
                opening.result()
    assert threads() == []


def test_close_while_it_connects(black_hole: str, tmp_path: Path) -> None:
    node = LndNode(rpcserver=black_hole, lnddir=make_lnddir(tmp_path))
    updates = node.subscribe_channel_events().updates
    opening = Call(node.get_open_channels)
    Call(node.close).result()
    with pytest.raises(ShuttingDownError):
        opening.result()
    assert next_of(updates) is ENDED
    assert threads() == []


def test_patience_limits_the_wait_for_a_connection(black_hole: str, tmp_path: Path) -> None:
    node = LndNode(rpcserver=black_hole, lnddir=make_lnddir(tmp_path))
    node.patience = 0
    with closed_in_the_end(node):
        assert node.get_open_channels() is NOT_YET_KNOWN
        with running(ChannelEventStore(node.config())) as store:
            assert not store.get_overview(timeout=WAIT).sees


def test_close_in_a_pause(lnd: FakeLnd, tmp_path: Path) -> None:
    lnd.refuse(LOCKED)
    with a_node(lnd, tmp_path) as (node, _):
        node.backoff = Backoff(1000, 1000)
        assert node.get_open_channels() is NOT_YET_KNOWN
        Call(node.close).result()
    assert threads() == []


def test_close_from_many_threads_at_once(lnd: FakeLnd, tmp_path: Path) -> None:
    with watching(lnd, tmp_path) as (watcher, _):
        call_together(*[watcher.node.close, watcher.subscription.cancel] * 4)
        assert watcher.take_all(2) == [MonitoringPausedEvent(), ENDED]
    assert threads() == []


def test_close_at_any_moment(lnd: FakeLnd, tmp_path: Path) -> None:
    make_lnddir(tmp_path)
    for _ in range(50):
        node = LndNode(rpcserver=lnd.rpcserver, lnddir=tmp_path)
        updates = node.subscribe_channel_events().updates
        Call(node.close).result()
        events = [next_of(updates) for _ in range(updates.qsize())]
        assert events in ([ENDED], [NOTHING, MonitoringPausedEvent(), ENDED])
    assert threads() == []


def test_close_from_the_watching_thread(lnd: FakeLnd, tmp_path: Path, caplog: Any) -> None:
    caplog.set_level("INFO", "chanfitness.nodes.lnd")
    with a_node(lnd, tmp_path) as (node, _), OnRecord("connected to lnd", node.close):
        updates = node.subscribe_channel_events().updates
        assert [next_of(updates) for _ in range(3)] == [
            NOTHING,
            MonitoringPausedEvent(),
            ENDED,
        ]


def test_a_store_stops_at_once(lnd: FakeLnd, tmp_path: Path) -> None:
    lnd.set_state([OpenChannel(CHANNEL_1, ALICE)], [ALICE])
    with a_node(lnd, tmp_path) as (node, _), running(ChannelEventStore(node.config())):
        pass
    assert threads() == []


def test_a_script_that_forgets_to_close_exits(lnd: FakeLnd, tmp_path: Path) -> None:
    script = """
        import sys
        from chanfitness import ChannelEventStore
        from chanfitness.nodes.lnd import LndNode

        node = LndNode(rpcserver=sys.argv[1], lnddir=sys.argv[2])
        store = ChannelEventStore(node.config())
        store.start()
        print(store.list_channels())
    """
    command = [sys.executable, "-c", dedent(script), lnd.rpcserver, str(make_lnddir(tmp_path))]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=WAIT, check=False)
    assert (ended.stdout, ended.stderr, ended.returncode) == ("[]\n", "", 0)


# Internal errors.


class Breaking(queue.Queue[Any]):
    """Fails once, for one event, as if a store's clock had failed."""

    def __init__(self, refused: object) -> None:
        super().__init__()
        self.refused: object | None = refused

    def put(self, item: object, block: bool = True, timeout: float | None = None) -> None:
        if self.refused is not None and undated(item) == self.refused:
            self.refused = None
            raise RuntimeError("\x1b[31mno clock")
        super().put(item, block, timeout)


@pytest.mark.parametrize(
    ("refused", "comes"),
    [
        (NOTHING, [NOTHING, PeerOnlineEvent(ALICE), MonitoringPausedEvent(), NOTHING]),
        (PeerOnlineEvent(ALICE), [NOTHING, MonitoringPausedEvent(), NOTHING]),
        (
            MonitoringPausedEvent(),
            [NOTHING, PeerOnlineEvent(ALICE), MonitoringPausedEvent(), NOTHING],
        ),
    ],
)
def test_a_failing_put_breaks_the_connection(
    refused: object, comes: list[object], lnd: FakeLnd, tmp_path: Path, caplog: Any
) -> None:
    """A snapshot follows, so no event is lost in silence."""
    lnd.refuse(LOCKED)
    with a_node(lnd, tmp_path) as (node, turnstile), turnstile.one_by_one():
        subscription: Any = node.subscribe_channel_events()
        turnstile.reached()
        updates = subscription.updates = Breaking(refused)
        lnd.accept_again()
        turnstile.let_pass()
        link = lnd.accept()
        if refused == NOTHING:
            turnstile.let_one_pass()
            link = lnd.accept()
        assert next_of(updates) == comes.pop(0)
        link.peers.send(online(ALICE))
        if refused != PeerOnlineEvent(ALICE):
            assert next_of(updates) == comes.pop(0)
            link.end()
        turnstile.let_one_pass()
        assert [next_of(updates) for _ in comes] == comes
    assert r"RuntimeError('\x1b[31mno clock')" in caplog.text


class FailingClock(ManualClock):
    """Fails once, in the thread that reads lnd's messages."""

    has_failed = False

    def now(self) -> datetime.datetime:
        if not self.has_failed and threading.current_thread().name == "chanfitness-lnd-calls":
            self.has_failed = True
            raise RuntimeError("no clock")
        return super().now()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dying_reader_breaks_the_connection(lnd: FakeLnd, tmp_path: Path, caplog: Any) -> None:
    with a_node(lnd, tmp_path) as (node, _):
        node.config(clock=FailingClock())
        updates = node.subscribe_channel_events().updates
        assert next_of(updates) == NOTHING
        lnd.accept().peers.send(online(ALICE))
        assert [next_of(updates) for _ in range(2)] == [MonitoringPausedEvent(), NOTHING]
    assert "a thread of the connection died" in caplog.text


def test_an_unstartable_thread_breaks_the_connection(
    lnd: FakeLnd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        monkeypatch.undo()
        raise RuntimeError("can't start new thread")

    with a_node(lnd, tmp_path) as (node, _):
        monkeypatch.setattr(threading.Thread, "start", fail)
        with pytest.raises(RuntimeError, match="start new thread"):
            node.subscribe_channel_events()
        assert node.get_open_channels() is NOT_YET_KNOWN
        assert next_of(node.subscribe_channel_events().updates) == NOTHING


def test_a_missing_answer_breaks_the_connection(
    lnd: FakeLnd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    answer = threading.Event()
    monkeypatch.setattr(lnd_connection, "LIST_SECONDS", 0.01)
    lnd.on = {LIST_CHANNELS: lambda _: answer.wait(timeout=WAIT)}
    with a_node(lnd, tmp_path) as (node, turnstile), turnstile.one_by_one():
        assert node.get_open_channels() is NOT_YET_KNOWN
        turnstile.reached()
        answer.set()
    assert "DEADLINE_EXCEEDED" in caplog.text
