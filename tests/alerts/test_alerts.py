"""Alerts of a running store: each sent once, also across restarts, without blocking the store."""

from __future__ import annotations

import logging
import queue
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chanfitness import (
    ChannelEventStore,
    OpenChannel,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SqliteStorage,
)
from chanfitness.alerts import Alerts
from chanfitness.periods import OWN_OUTAGE, outage_settings
from chanfitness.testing import FakeNode

from ..support.alerted_stores import Hanging, Phone, alerted, node, outbox_in, path, phone
from ..support.disks import no_file_may_grow
from ..support.driven_store import DrivenStore
from ..support.persistent_stores import FlushedByHand
from ..support.stores import WAIT, running
from ..support.values import outpoint, vertex

__all__ = ["node", "path", "phone"]

HOUR = timedelta(hours=1)


def test_a_callable_gets_messages(node: FakeNode, phone: Phone) -> None:
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


def test_alerts_poll_the_store_by_themselves(node: FakeNode, phone: Phone) -> None:
    channel = node.open_channel(node.new_peer(online=True))
    with alerted(node, phone, after=timedelta(seconds=1)) as alerts:
        alerts.look()
        node.close_channel(channel)
        assert phone.get().kind == "channel_closed"


def test_an_open_alert_is_reported_once_across_restarts(
    node: FakeNode, phone: Phone, path: Path
) -> None:
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
    assert down.text.startswith("peer 02000000...0001 offline 6 h")
    assert "told before" not in down.text
    node.peer_online(channel.peer)
    with alerted(node, phone, path=path) as alerts:
        alerts.look()
        assert phone.get().kind == "peer_back"
        alerts.look()
    assert phone.is_silent()


def test_without_a_database_a_restart_repeats_it_with_a_note(node: FakeNode, phone: Phone) -> None:
    channel = node.open_channel(node.new_peer(online=True))
    node.peer_offline(channel.peer)
    for _ in range(2):
        with alerted(node, phone) as alerts:
            node.advance(hours=7)
            alerts.look()
            assert "without a database it may have been told before" in phone.get().text


def test_messages_are_saved_before_they_are_delivered(node: FakeNode, path: Path) -> None:
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


def test_messages_are_delivered_even_if_they_cannot_be_saved(
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


@pytest.mark.parametrize("count", [3, 300])
def test_an_own_outage_is_one_message_and_its_end_another(count: int, phone: Phone) -> None:
    """Not one message per peer, however long the outage lasts."""
    channels = [OpenChannel(outpoint(number), vertex(number)) for number in range(count)]
    peers = [channel.peer for channel in channels]
    alerts = Alerts(phone)
    settings = outage_settings(OWN_OUTAGE) | {"history": timedelta(days=90)}
    with (
        DrivenStore(
            open_channels=channels, online=peers, on_event=alerts.on_event, **settings
        ) as driven,
        alerts.of(driven.store),
    ):
        driven.clock.advance(HOUR)
        alerts.look()
        for peer in peers:
            driven.clock.advance(timedelta(seconds=60) / count)
            driven.put(PeerOfflineEvent(peer))
        alerts.look()
        told = phone.get()
        assert (told.kind, told.peer) == ("own_outage", None)
        assert f"all its peers disconnected at once ({count} with a channel)" in told.text
        for _ in range(30):
            driven.clock.advance(HOUR)
            alerts.look()
        assert phone.is_silent()
        for peer in peers:
            driven.put(PeerOnlineEvent(peer))
        alerts.look()
        assert phone.get().kind == "own_outage_end"
        driven.clock.advance(10 * HOUR)
        alerts.look()
        assert phone.is_silent()


def test_a_splice_does_not_count_as_a_close(node: FakeNode, phone: Phone) -> None:
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


def test_receivers_get_all_messages_independently(node: FakeNode, phone: Phone) -> None:
    hanging, channel = Hanging(), node.open_channel(node.new_peer(online=True))
    with alerted(node, hanging, phone) as alerts:
        alerts.look()
        node.close_channel(channel)
        alerts.look()
        assert hanging.reached.wait(WAIT)
        assert phone.get().kind == "channel_closed"


# The saved state.


def test_the_state_is_saved_regularly_without_messages(node: FakeNode, path: Path) -> None:
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
def test_an_invalid_saved_state_is_logged_and_replaced(
    node: FakeNode, phone: Phone, path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    channel = node.open_channel(node.new_peer(online=True))
    storage = SqliteStorage(path)
    with running(ChannelEventStore(replace(node.config, storage=storage))):
        storage.keep_alerts(text)
    with alerted(node, phone, path=path) as alerts:
        alerts.look()
        assert "the saved state of alerts is invalid, they start afresh" in caplog.text
        node.close_channel(channel)
        alerts.look()
        assert phone.get().kind == "channel_closed"


def test_an_unexpected_error_is_logged_once_and_retried(
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
    assert caplog.text.count("error in the decision of alerts, tried again later") == 1
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
def test_bad_arguments_are_refused(
    options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        Alerts(print, **options)
    with pytest.raises(TypeError, match="nobody to tell"):
        Alerts()
    with pytest.raises(TypeError, match="bad tell 'print'"):
        Alerts("print")  # type: ignore[arg-type]
