"""Alerts of a running store: told once, over restarts too, and never in anybody's way."""

from __future__ import annotations

import json
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chanfitness import (
    ChannelEventStore,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    NotStartedError,
    SqliteStorage,
)
from chanfitness.alerts import Alerts, Message, UndeliveredError
from chanfitness.testing import FakeNode

from ..support.disks import no_file_may_grow
from ..support.persistent_stores import FlushedByHand
from ..support.stores import WAIT, Call, Hold, QueueSubscription, make_store, running

HOUR = timedelta(hours=1)


class Phone:
    """A receiver: what it was told, in order."""

    def __init__(self) -> None:
        self.messages: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def __call__(self, message: Message) -> None:
        self.messages.put(message)

    def get(self) -> Message:
        return self.messages.get(timeout=WAIT)

    def is_silent(self) -> bool:
        return self.messages.empty()


class Hanging:
    """A receiver that takes a message and hangs, until it is aborted."""

    name = "hanging"

    def __init__(self, *, can_be_aborted: bool = True) -> None:
        self.reached, self._over = threading.Event(), threading.Event()
        if can_be_aborted:
            self.abort = self._over.set

    def __call__(self, _: Message) -> None:
        self.reached.set()
        assert self._over.wait(WAIT)
        raise UndeliveredError("broken off")

    def release(self) -> None:
        self._over.set()


@contextmanager
def alerted(
    node: FakeNode,
    *tell: Callable[[Message], object],
    path: Path | None = None,
    storage: SqliteStorage | None = None,
    **options: Any,
) -> Iterator[Alerts]:
    """A run of a store of ``node``, and its alerts."""
    if path is not None:
        storage = SqliteStorage(path)
    alerts = Alerts(*tell, storage=storage, **options)
    config = replace(node.config, storage=storage, on_event=alerts.on_event)
    with running(ChannelEventStore(config)) as store, alerts.of(store):
        yield alerts


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitness.db"


@pytest.fixture
def phone() -> Phone:
    return Phone()


@pytest.fixture
def node() -> FakeNode:
    return FakeNode(history=timedelta(days=90))


def outbox_in(path: Path) -> list[str]:
    """The texts that are left to tell, as of the disk."""
    with closing(sqlite3.connect(path)) as database:
        ((text,),) = database.execute("SELECT state FROM alerts").fetchall()
    return [each["message"]["text"] for each in json.loads(text)["outbox"]]


def test_a_callable_is_told(node: FakeNode, phone: Phone) -> None:
    with alerted(node, phone) as alerts:
        channel = node.open_channel(node.new_peer(online=True))
        alerts.look()
        node.peer_offline(channel.peer)
        alerts.look()
        node.advance(hours=7)
        alerts.look()
        assert phone.get().kind == "peer_down"
        node.peer_online(channel.peer)
        alerts.look()
        assert phone.get().kind == "peer_back"


def test_it_looks_by_itself(node: FakeNode, phone: Phone) -> None:
    channel = node.open_channel(node.new_peer(online=True))
    with alerted(node, phone, after=timedelta(seconds=1)) as alerts:
        alerts.look()
        node.close_channel(channel)
        assert phone.get().kind == "channel_closed"


def test_what_lasts_is_told_once_over_restarts(node: FakeNode, phone: Phone, path: Path) -> None:
    channel = node.open_channel(node.new_peer(online=True))
    with alerted(node, phone, path=path) as alerts:
        alerts.look()
        node.peer_offline(channel.peer)
        node.advance(hours=5)
        alerts.look()
    for minutes in (59, 1):
        node.advance(days=1)  # blind
        assert phone.is_silent()
        with alerted(node, phone, path=path) as alerts:
            node.advance(minutes=minutes)
            alerts.look()
            if minutes == 1:
                down = phone.get()
    with alerted(node, phone, path=path) as alerts:
        node.advance(days=1)
        alerts.look()
    assert phone.is_silent()
    assert down.text.startswith("peer 020000000000... offline 6 h")
    assert "told before" not in down.text
    node.peer_online(channel.peer)
    with alerted(node, phone, path=path) as alerts:
        alerts.look()
        assert phone.get().kind == "peer_back"
        alerts.look()
    assert phone.is_silent()


def test_without_a_database_it_is_told_once_more_and_says_so(node: FakeNode, phone: Phone) -> None:
    channel = node.open_channel(node.new_peer(online=True))
    node.peer_offline(channel.peer)
    for _ in range(2):
        with alerted(node, phone) as alerts:
            node.advance(hours=7)
            alerts.look()
            assert "without a database it may have been told before" in phone.get().text


def test_nothing_is_told_before_it_is_on_the_disk(node: FakeNode, path: Path) -> None:
    found: queue.SimpleQueue[list[str]] = queue.SimpleQueue()
    channel = node.open_channel(node.new_peer(online=True))
    with alerted(node, lambda _: found.put(outbox_in(path)), path=path) as alerts:
        alerts.look()
        node.peer_offline(channel.peer)
        node.advance(hours=7)
        alerts.look()
        (text,) = found.get(timeout=WAIT)
        assert "offline 7 h" in text
    assert outbox_in(path) == []


def test_while_nothing_can_be_saved_it_is_told_all_the_same(
    node: FakeNode, phone: Phone, path: Path
) -> None:
    storage = FlushedByHand(path)
    channel = node.open_channel(node.new_peer(online=True))
    with alerted(node, phone, storage=storage) as alerts:
        alerts.look()
        node.peer_offline(channel.peer)
        node.advance(hours=1)
        with no_file_may_grow():
            storage.flush()
            node.advance(hours=6)
            alerts.look()
            assert {phone.get().kind, phone.get().kind} == {"peer_down", "unsaved"}
        storage.flush()
        alerts.look()
        storage.flush()
        assert phone.get().kind == "unsaved_end"


def test_a_splice_is_no_close(node: FakeNode, phone: Phone) -> None:
    channel = node.open_channel(node.new_peer(online=True))
    with alerted(node, phone) as alerts:
        alerts.look()
        moved = node.move_channel(channel)
        alerts.look()
        moved = node.move_channel(moved)
        alerts.look()
        node.close_channel(moved)
        alerts.look()
        assert phone.get().channels == (str(moved.channel_point),)


def test_each_receiver_gets_all_and_none_waits_for_another(node: FakeNode, phone: Phone) -> None:
    hanging, channel = Hanging(), node.open_channel(node.new_peer(online=True))
    with alerted(node, hanging, phone) as alerts:
        alerts.look()
        node.close_channel(channel)
        alerts.look()
        assert hanging.reached.wait(WAIT)
        assert phone.get().kind == "channel_closed"


# The end.


@pytest.mark.parametrize("can_be_aborted", [False, True])
def test_a_stop_ends_within_a_second_and_tells_what_it_left(
    node: FakeNode,
    phone: Phone,
    path: Path,
    can_be_aborted: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hanging = Hanging(can_be_aborted=can_be_aborted)
    channels = [node.open_channel(node.new_peer(online=True)) for _ in range(3)]
    with alerted(node, hanging, path=path) as alerts:
        alerts.look()
        for channel in channels:
            node.close_channel(channel)
        alerts.look()
        assert hanging.reached.wait(WAIT)
        begun = time.monotonic()
        alerts.stop()
        assert time.monotonic() - begun < 1
    hanging.release()
    assert "alerts that were not delivered: 3, told after the next start" in caplog.text
    phone.name = "hanging"  # type: ignore[attr-defined]
    with alerted(node, phone, path=path) as alerts:
        told = [phone.get() for _ in range(3)]
    assert [each.text.endswith("(perhaps told before)") for each in told] == [True, False, False]
    assert [each.channels for each in told] == [(str(each.channel_point),) for each in channels]
    with alerted(node, phone, path=path) as alerts:
        alerts.look()
    assert phone.is_silent()


def test_a_stop_does_not_wait_for_a_store_that_does_not_answer(node: FakeNode) -> None:
    alerts = Alerts(print)
    source = QueueSubscription()
    with running(make_store(source)) as store, Hold("nonsense") as hold:
        alerts.start(store)
        alerts.look()
        source.updates.put("nonsense")
        hold.reached()
        looking = Call(alerts.look)
        begun = time.monotonic()
        alerts.stop()
        assert time.monotonic() - begun < 1
        alerts.stop()
        too_late = Call(alerts.look)
        hold.release()
        looking.result()
        too_late.result()


def test_what_is_left_without_a_database_is_lost(
    node: FakeNode, caplog: pytest.LogCaptureFixture
) -> None:
    hanging, channel = Hanging(), node.open_channel(node.new_peer(online=True))
    with alerted(node, hanging) as alerts:
        alerts.look()
        node.close_channel(channel)
        alerts.look()
        assert hanging.reached.wait(WAIT)
    assert "alerts that were not delivered: 1, lost" in caplog.text


def test_what_is_owed_to_a_receiver_that_is_no_more_is_forgotten(
    node: FakeNode, phone: Phone, path: Path
) -> None:
    hanging, channel = Hanging(), node.open_channel(node.new_peer(online=True))
    with alerted(node, hanging, path=path) as alerts:
        alerts.look()
        node.close_channel(channel)
        alerts.look()
        assert hanging.reached.wait(WAIT)
    with alerted(node, phone, path=path) as alerts:
        alerts.look()
    assert phone.is_silent()
    assert outbox_in(path) == []


def test_each_gets_after_a_restart_what_it_has_not_got(
    node: FakeNode, phone: Phone, path: Path
) -> None:
    hanging, channel = Hanging(), node.open_channel(node.new_peer(online=True))
    with alerted(node, phone, hanging, path=path) as alerts:
        alerts.look()
        node.close_channel(channel)
        alerts.look()
        assert hanging.reached.wait(WAIT)
        assert phone.get().kind == "channel_closed"
    other = Phone()
    other.name = "hanging"  # type: ignore[attr-defined]
    with alerted(node, phone, other, path=path):
        assert other.get().kind == "channel_closed"
    assert phone.is_silent()


def test_a_line_that_was_cut_is_one_message_to_whom_it_cut_off(
    node: FakeNode, phone: Phone
) -> None:
    """The node was not seen, and neither was the receiver: when both are, one message says it."""
    is_cut = True

    def remote(message: Message) -> None:
        tried.set()
        if is_cut:
            raise UndeliveredError("no line")
        phone(message)

    tried, channel = threading.Event(), node.open_channel(node.new_peer(online=True))
    with alerted(node, remote) as alerts:
        alerts.look()
        node.channel_notifier.send_update(MonitoringPausedEvent())
        alerts.look()
        node.advance(minutes=6)
        alerts.look()
        assert tried.wait(WAIT)
        node.channel_notifier.send_update(MonitoringResumedEvent([channel], [channel.peer]))
        is_cut = False
        alerts.look()
        assert phone.get().kind == "blind_end"
    assert phone.is_silent()


def test_a_store_is_answered_while_a_receiver_hangs(node: FakeNode) -> None:
    hanging, channel = Hanging(), node.open_channel(node.new_peer(online=True))
    with alerted(node, hanging) as alerts:
        alerts.look()
        node.close_channel(channel)
        alerts.look()
        assert hanging.reached.wait(WAIT)
        node.open_channel(channel.peer)
        node.peer_offline(channel.peer)
        alerts.look()


def test_it_may_start_before_the_store_and_be_stopped_at_any_time(node: FakeNode) -> None:
    store = ChannelEventStore(node.config)
    alerts = Alerts(print)
    alerts.stop()
    with pytest.raises(NotStartedError):
        alerts.look()
    alerts = Alerts(print)
    with alerts.of(store):
        alerts.look()
    Call(alerts.look).result()
    alerts.stop()


def test_a_store_that_has_stopped_is_nothing_to_complain_of(
    node: FakeNode, caplog: pytest.LogCaptureFixture
) -> None:
    alerts = Alerts(print)
    with running(ChannelEventStore(node.config)) as store:
        alerts.start(store)
    alerts.look()
    alerts.stop()
    assert caplog.text == ""


# What was kept.


def test_it_is_kept_now_and_then_though_nothing_is_told(node: FakeNode, path: Path) -> None:
    storage = FlushedByHand(path)
    node.open_channel(node.new_peer(online=True))
    with alerted(node, print, storage=storage) as alerts:
        alerts.look()
        before = storage.alerts
        node.open_channel(node.new_peer(online=True))
        alerts.look()
        assert storage.alerts == before
        for _ in range(30):
            alerts.look()
        assert storage.alerts != before


@pytest.mark.parametrize(
    "text", ["", "null", "{}", '{"state": {}, "outbox": [], "stopped": true}', "[" * 10_000]
)
def test_what_was_kept_and_cannot_be_used_begins_anew(
    node: FakeNode, phone: Phone, path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    channel = node.open_channel(node.new_peer(online=True))
    storage = SqliteStorage(path)
    with running(ChannelEventStore(replace(node.config, storage=storage))):
        storage.keep_alerts(text)
    with alerted(node, phone, path=path) as alerts:
        alerts.look()
        assert "what was kept of alerts cannot be used, they begin anew" in caplog.text
        node.close_channel(channel)
        alerts.look()
        assert phone.get().kind == "channel_closed"


def test_a_fault_is_logged_once_and_tried_again(
    node: FakeNode, phone: Phone, caplog: pytest.LogCaptureFixture
) -> None:
    class FaultyClock:
        def now(self) -> object:
            if is_faulty:
                raise RuntimeError("no time")
            return node.clock.now()

    is_faulty = False
    channel = node.open_channel(node.new_peer(online=True))
    alerts = Alerts(phone)
    config = replace(node.config, clock=FaultyClock())  # type: ignore[arg-type]
    with running(ChannelEventStore(config)) as store, alerts.of(store):
        alerts.look()
        is_faulty = True
        alerts.look()
        alerts.look()
        is_faulty = False
        node.close_channel(channel)
        alerts.look()
        assert phone.get().kind == "channel_closed"
    assert caplog.text.count("could not decide of alerts, tried again") == 1
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        (
            {"after": 6},
            TypeError,
            r"bad after 6: expected a timedelta, such as timedelta\(hours=6\)",
        ),
        ({"after": timedelta(0)}, ValueError, "expected more than zero"),
        ({"without": ["peer_dwon"]}, ValueError, "bad kind 'peer_dwon': expected one of peer_down"),
    ],
)
def test_what_cannot_be_used_is_refused(
    options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        Alerts(print, **options)
    with pytest.raises(TypeError, match="nobody to tell"):
        Alerts()
    with pytest.raises(TypeError, match="bad tell 'print'"):
        Alerts("print")  # type: ignore[arg-type]
