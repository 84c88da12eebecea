"""The end of alerts: within a second, with undelivered messages kept for the next start."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from chanfitness import (
    ChannelEventStore,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    NotStartedError,
)
from chanfitness.alerts import Alerts, Message, UndeliveredError
from chanfitness.testing import FakeNode

from ..support.alerted_stores import Hanging, Phone, alerted, node, outbox_in, path, phone
from ..support.stores import WAIT, Call, Hold, QueueSubscription, make_store, running

__all__ = ["node", "path", "phone"]


@pytest.mark.parametrize("can_be_aborted", [False, True])
def test_a_stop_takes_at_most_a_second_and_logs_undelivered_messages(
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
    assert "undelivered alerts: 3, kept for the next start" in caplog.text
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


def test_without_a_database_undelivered_messages_are_lost(
    node: FakeNode, caplog: pytest.LogCaptureFixture
) -> None:
    hanging, channel = Hanging(), node.open_channel(node.new_peer(online=True))
    with alerted(node, hanging) as alerts:
        alerts.look()
        node.close_channel(channel)
        alerts.look()
        assert hanging.reached.wait(WAIT)
    assert "undelivered alerts: 1, lost" in caplog.text


def test_messages_for_removed_receivers_are_dropped(
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


def test_after_a_restart_receivers_get_only_missing_messages(
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


def test_a_receiver_behind_an_own_outage_gets_one_message(node: FakeNode, phone: Phone) -> None:
    """The outage cuts off the receiver too, so that only its end is reported, when it is over."""
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


def test_alerts_may_start_before_the_store_and_stop_at_any_time(node: FakeNode) -> None:
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


def test_a_stopped_store_is_not_logged(node: FakeNode, caplog: pytest.LogCaptureFixture) -> None:
    alerts = Alerts(print)
    with running(ChannelEventStore(node.config)) as store:
        alerts.start(store)
    alerts.look()
    alerts.stop()
    assert caplog.text == ""
