"""Watched clients of a notifier: their items go straight to the loop."""

from __future__ import annotations

import gc
import queue
import sys
import threading
import time
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from chanfitness import (
    ChanFitnessError,
    ChannelEventStore,
    ChannelNotFoundError,
    ChannelNotifier,
    Config,
    ManualClock,
    OpenChannelEvent,
    PeerNotFoundError,
    PeerNotifier,
    PeerOfflineEvent,
    PeerOnlineEvent,
    threads,
)
from chanfitness.core import watchable_queue
from chanfitness.subscribe import ENDED

from ..support.stores import WAIT, Call, Hold, QueueSubscription, make_store, running, stop
from ..support.values import ALICE, BOB, CHANNEL_1, START


def drain(updates: queue.Queue[Any]) -> list[Any]:
    return [updates.get_nowait() for _ in range(updates.qsize())]


def test_items_of_before_the_start_are_handled_first() -> None:
    notifier = ChannelNotifier()
    client = notifier.subscribe_channel_events()
    notifier.notify_open_channel(CHANNEL_1, ALICE)
    with running(make_store(client)) as store:
        notifier.notify_closed_channel(CHANNEL_1, ALICE)
        assert store.list_channels(timeout=WAIT) == []
        client.updates.join()


def test_join_waits_until_sent_items_are_handled() -> None:
    notifier = PeerNotifier()
    client = notifier.subscribe_peer_events()
    with running(make_store(client)) as store, Hold("nonsense") as hold:
        notifier.send_update("nonsense")
        hold.reached()
        notifier.notify_peer_online(ALICE)
        joining = Call(client.updates.join)
        hold.release()
        joining.result()
        assert store.get_peer_info(ALICE, timeout=WAIT).online


def test_items_of_after_the_stop_are_in_the_queue_in_order_and_counted() -> None:
    notifier = PeerNotifier()
    client = notifier.subscribe_peer_events()
    other = notifier.subscribe_peer_events()
    store = make_store(client)
    store.start()
    with Hold("nonsense") as hold:
        notifier.send_update("nonsense")
        hold.reached()
        notifier.notify_peer_online(ALICE)  # put before the stop, so it is handled
        stopping = Call(store.stop)
        joining = Call(client.updates.join)
        hold.release()
        stopping.result()
    assert drain(client.updates) == [ENDED]
    client.updates.task_done()
    joining.result()
    notifier.notify_peer_offline(ALICE)  # the other client gets it
    assert drain(other.updates) == ["nonsense", PeerOnlineEvent(ALICE), PeerOfflineEvent(ALICE)]


def test_a_dead_loop_puts_unhandled_items_back() -> None:
    notifier = PeerNotifier()
    client = notifier.subscribe_peer_events()

    def die(event: object, at: object) -> None:
        raise SystemExit

    store = ChannelEventStore(
        Config(
            subscribe_channel_events=lambda: client,
            subscribe_peer_events=lambda: client,
            get_open_channels=list,
            clock=ManualClock(START),
            on_event=die,
        )
    )
    store.start()
    with Hold("nonsense") as hold:
        notifier.send_update("nonsense")
        hold.reached()
        for peer in (ALICE, BOB):
            notifier.notify_peer_online(peer)
        waiting = Call(client.updates.join)
        notifier.notify_peer_offline(BOB)
        hold.release()
        stop(store)
    left = drain(client.updates)
    assert left == [PeerOnlineEvent(BOB), PeerOfflineEvent(BOB), ENDED]
    for _ in left:
        client.updates.task_done()
    waiting.result()


@pytest.mark.skipif(sys.version_info < (3, 13), reason="queue.Queue.shutdown() is of Python 3.13")
def test_a_watched_client_that_is_shut_down_ends_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "chanfitness")
    notifier = PeerNotifier()
    client = notifier.subscribe_peer_events()
    updates: Any = client.updates
    with running(make_store(client)) as store:
        notifier.notify_peer_online(ALICE)
        updates.shutdown()
        updates.shutdown(immediate=True)
        notifier.notify_peer_online(BOB)
        assert store.get_peer_info(ALICE, timeout=WAIT).online
        with pytest.raises(PeerNotFoundError):
            store.get_peer_info(BOB, timeout=WAIT)
    assert sum("has ended" in record.getMessage() for record in caplog.records) == 1


def test_a_publisher_far_ahead_yields_to_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notifier = PeerNotifier()
    yielded: list[float] = []
    client = notifier.subscribe_peer_events()
    monkeypatch.setattr(watchable_queue, "BACKLOG", 10)
    monkeypatch.setattr(time, "sleep", yielded.append)
    with running(make_store(client)), Hold("nonsense") as hold:
        notifier.send_update("nonsense")
        hold.reached()
        for _ in range(10):
            notifier.notify_peer_online(ALICE)
        assert yielded == []
        notifier.notify_peer_online(ALICE)
        assert yielded == [0]
        hold.release()


def test_the_loop_s_own_thread_never_yields(monkeypatch: pytest.MonkeyPatch) -> None:
    notifier = PeerNotifier()
    yielded: list[float] = []
    client = notifier.subscribe_peer_events()
    monkeypatch.setattr(watchable_queue, "BACKLOG", -1)

    def echo(event: object, at: object) -> None:
        if event == PeerOnlineEvent(ALICE):
            monkeypatch.setattr(time, "sleep", yielded.append)
            notifier.notify_peer_online(BOB)
            monkeypatch.undo()

    store = ChannelEventStore(
        Config(
            subscribe_channel_events=lambda: client,
            subscribe_peer_events=lambda: client,
            get_open_channels=list,
            clock=ManualClock(START),
            on_event=echo,
        )
    )
    with running(store):
        client.updates.put(PeerOnlineEvent(ALICE))
        client.updates.join()
        assert store.get_peer_info(BOB, timeout=WAIT).online
    assert yielded == []


# Errors.


def test_an_error_of_the_loop_comes_with_the_frames_of_both_threads() -> None:
    with running(make_store()) as store:
        with pytest.raises(PeerNotFoundError) as caught:
            store.get_peer_info(ALICE, timeout=WAIT)
        names = [entry.name for entry in caught.traceback]
    assert names[0] == "test_an_error_of_the_loop_comes_with_the_frames_of_both_threads"
    assert {"get_peer_info", "_answer", "peer_info"} <= set(names)


def test_the_loop_keeps_no_reference_to_an_error() -> None:
    with running(make_store()) as store:
        try:
            store.get_chan_info(CHANNEL_1, timeout=WAIT)
        except ChannelNotFoundError as error:
            kept = weakref.ref(error)
        gc.collect()
        assert kept() is None


@pytest.mark.parametrize(
    ("notify", "arguments", "message"),
    [
        (PeerNotifier().notify_peer_online, ["alice"], r"got 'alice': for text, Vertex\.parse"),
        (PeerNotifier().notify_peer_offline, [b"a"], "expected Vertex, got b'a'"),
        (ChannelNotifier().notify_open_channel, ["a:0", ALICE], r"for text, OutPoint\.parse"),
        (ChannelNotifier().notify_closed_channel, [CHANNEL_1, None], "got None"),
    ],
)
def test_a_notifier_refuses_values_of_another_type(
    notify: Callable[..., None], arguments: list[Any], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        notify(*arguments)


@pytest.mark.parametrize("subscription", [queue.Queue(), None, object()])
def test_a_bad_subscription_is_shown_in_the_error(subscription: Any) -> None:
    good = QueueSubscription()
    store = ChannelEventStore(
        Config(
            subscribe_channel_events=lambda: good,
            subscribe_peer_events=lambda: subscription,
            get_open_channels=list,
        )
    )
    with pytest.raises(TypeError, match=r"expected an object with a queue\.Queue as `updates`"):
        store.start()
    assert good.cancels == 1


@pytest.mark.parametrize("channel", [str(CHANNEL_1), (CHANNEL_1,), CHANNEL_1.txid])
def test_a_bad_snapshot_is_shown_in_the_error(channel: Any) -> None:
    with pytest.raises(TypeError, match=r"get_open_channels returned .* among the channels"):
        make_store(open_channels=[channel]).start()


def test_an_event_may_be_put_into_the_queue_of_a_client() -> None:
    notifier = ChannelNotifier()
    client = notifier.subscribe_channel_events()
    client.updates.put(OpenChannelEvent(CHANNEL_1, ALICE))
    assert drain(client.updates) == [OpenChannelEvent(CHANNEL_1, ALICE)]


@pytest.mark.parametrize(
    ("module", "fake", "name"),
    [
        ("gevent.monkey", {"is_module_patched": "queue".__eq__}, "gevent"),
        ("eventlet.patcher", {"is_monkey_patched": "thread".__eq__}, "eventlet"),
    ],
)
def test_patched_threads_are_refused(
    module: str, fake: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stand-ins report the patching; gevent itself is tested in a process of its own."""
    monkeypatch.setitem(sys.modules, module, SimpleNamespace(**fake))
    with pytest.raises(ChanFitnessError, match=f"{name} has replaced threads and queues"):
        make_store().start()


def test_an_ended_client_gets_no_more_updates() -> None:
    notifier = PeerNotifier()
    client = notifier.subscribe_peer_events()
    client.updates.put(ENDED)
    client.updates.put(ENDED)
    notifier.notify_peer_online(ALICE)
    assert drain(client.updates) == [ENDED]


def test_a_client_may_have_ended_before_the_start(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "chanfitness")
    notifier = PeerNotifier()
    client = notifier.subscribe_peer_events()
    notifier.stop()
    notifier.stop()
    with running(make_store(client)) as store:
        client.updates.put(PeerOnlineEvent(ALICE))
        assert store.list_peers(timeout=WAIT) == []
    assert sum("has ended" in record.getMessage() for record in caplog.records) == 1


# Ends at unusual points.


def test_stop_in_the_middle_of_a_put_returns_at_once() -> None:
    """A signal's handler may call it: the loop cannot end before the put does."""
    notifier = PeerNotifier()
    client = notifier.subscribe_peer_events()
    store = make_store(client)
    store.start()
    with client.updates.mutex:
        store.stop()
        assert not client.quit.is_set()
    store.stop()
    assert client.quit.is_set()


def test_a_loop_that_begins_after_its_start_was_undone_ends_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    launched: list[threading.Thread] = []

    def interrupted(thread: threading.Thread) -> None:
        launched.append(thread)
        raise KeyboardInterrupt

    source = QueueSubscription()
    store = make_store(source)
    with monkeypatch.context() as patch:
        patch.setattr(threads, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.start()
    assert source.cancels == 1
    (late,) = launched
    with running(store):
        late.start()
        late.join(WAIT)
        assert not late.is_alive()
        assert store.list_channels(timeout=WAIT) == []
    assert source.cancels == 2
