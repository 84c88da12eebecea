"""Notifiers, and clients that refuse an update or have shut their queue down."""

from __future__ import annotations

import queue
import sys
from datetime import datetime
from typing import Any

import pytest

from chanfitness import (
    ChannelNotifier,
    ClosedChannelEvent,
    ManualClock,
    OpenChannelEvent,
    PeerNotifier,
    PeerOfflineEvent,
    PeerOnlineEvent,
    ShuttingDownError,
    Vertex,
)
from chanfitness.subscribe import ENDED, Client, Server

from .support.stores import WAIT, Call, make_store, running
from .support.values import ALICE, BOB, CHANNEL_1, SECOND, START

needs_shutdown = pytest.mark.skipif(
    sys.version_info < (3, 13), reason="queue.Queue.shutdown() is of Python 3.13"
)


def drain(client: Client[Any]) -> list[Any]:
    """Return the content of a client's queue."""
    return [client.updates.get_nowait() for _ in range(client.updates.qsize())]


def shut_down(updates: Any, immediate: bool = False) -> None:
    updates.shutdown(immediate)


@pytest.fixture
def server() -> Server[object]:
    return Server()


def test_an_event_of_a_peer_is_made_once_and_of_a_few_thousand_peers_kept() -> None:
    notifier = PeerNotifier()
    client = notifier.subscribe_peer_events()
    peers = [Vertex(b"\x02" + number.to_bytes(32, "big")) for number in range(5_000)]
    for peer in [ALICE, ALICE, *peers, ALICE]:
        notifier.notify_peer_online(peer)
        notifier.notify_peer_offline(peer)
    first, again, *others, last = drain(client)[::2]
    assert again is first
    assert last is not first
    assert [first, *others, last] == [PeerOnlineEvent(peer) for peer in [ALICE, *peers, ALICE]]


# Clients that refuse, and queues that are shut down


class BrokenClock:
    """A clock that returns START until it breaks."""

    broken = False

    def now(self) -> datetime:
        if self.broken:
            raise OSError("no such clock")
        return START


@pytest.mark.parametrize("place", [0, 1, 2])
def test_other_clients_get_an_update_that_a_store_s_clock_refused(place: int) -> None:
    server, clock = PeerNotifier(), BrokenClock()
    clients = [server.subscribe_peer_events() for _ in range(3)]
    refusing = clients.pop(place)

    with running(make_store(refusing, clock=clock)):
        clock.broken = True
        with pytest.raises(OSError, match="no such clock"):
            server.notify_peer_online(ALICE)
        clock.broken = False
        server.notify_peer_online(BOB)

    expected = [PeerOnlineEvent(ALICE), PeerOnlineEvent(BOB)]
    assert [drain(client) for client in clients] == [expected, expected]
    assert drain(refusing) == [ENDED]  # the store handled BOB and then cancelled


def test_the_error_of_a_store_s_clock_reaches_the_sender() -> None:
    server, clock = PeerNotifier(), BrokenClock()
    client = server.subscribe_peer_events()

    with running(make_store(client, clock=clock)):
        clock.broken = True
        with pytest.raises(OSError, match="no such clock"):
            server.notify_peer_online(ALICE)
        clock.broken = False
        assert client.updates.unfinished_tasks == 0


@needs_shutdown
@pytest.mark.parametrize("immediate", [True, False])
def test_a_client_that_shut_its_queue_down_gets_no_more_updates(
    server: Server[object], immediate: bool
) -> None:
    client, other = server.subscribe(), server.subscribe()
    server.send_update("a")

    shut_down(client.updates, immediate)
    server.send_update("b")
    server.stop()

    assert drain(client) == ([] if immediate else ["a"])
    assert drain(other) == ["a", "b", ENDED]


@needs_shutdown
def test_a_shutdown_wakes_a_waiting_reader(server: Server[object]) -> None:
    client = server.subscribe()
    reader = Call(client.updates.get, True, WAIT)

    shut_down(client.updates)

    with pytest.raises(vars(queue)["ShutDown"]):
        reader.result()


# Notifiers


def test_a_channel_notifier_publishes_channels_that_open_and_close() -> None:
    notifier = ChannelNotifier()
    client = notifier.subscribe_channel_events()

    notifier.notify_open_channel(CHANNEL_1, ALICE)
    notifier.notify_closed_channel(CHANNEL_1, ALICE)
    notifier.send_update(OpenChannelEvent(CHANNEL_1, BOB, at=START))
    notifier.stop()

    assert drain(client) == [
        OpenChannelEvent(CHANNEL_1, ALICE),
        ClosedChannelEvent(CHANNEL_1, ALICE),
        OpenChannelEvent(CHANNEL_1, BOB, at=START),
        ENDED,
    ]
    with pytest.raises(ShuttingDownError):
        notifier.notify_open_channel(CHANNEL_1, ALICE)
    with pytest.raises(ShuttingDownError):
        notifier.notify_closed_channel(CHANNEL_1, ALICE)
    with pytest.raises(ShuttingDownError):
        notifier.subscribe_channel_events()


def test_a_peer_notifier_publishes_peers_that_come_and_go() -> None:
    notifier = PeerNotifier()
    client = notifier.subscribe_peer_events()

    notifier.notify_peer_online(ALICE)
    notifier.notify_peer_offline(ALICE)
    notifier.send_update(PeerOnlineEvent(ALICE, at=START))
    notifier.stop()

    assert drain(client) == [
        PeerOnlineEvent(ALICE),
        PeerOfflineEvent(ALICE),
        PeerOnlineEvent(ALICE, at=START),
        ENDED,
    ]
    with pytest.raises(ShuttingDownError):
        notifier.notify_peer_online(ALICE)
    with pytest.raises(ShuttingDownError):
        notifier.notify_peer_offline(ALICE)
    with pytest.raises(ShuttingDownError):
        notifier.subscribe_peer_events()


def test_promises_1_and_2_two_stores_on_the_same_notifiers_agree() -> None:
    channels, peers, clock = ChannelNotifier(), PeerNotifier(), ManualClock(START)
    stores = [
        make_store(channels.subscribe_channel_events(), peers.subscribe_peer_events(), clock=clock)
        for _ in range(2)
    ]

    with running(stores[0]), running(stores[1]):
        channels.notify_open_channel(CHANNEL_1, ALICE)
        clock.advance(SECOND)
        peers.notify_peer_online(ALICE)
        clock.advance(2 * SECOND)
        one, two = (store.get_chan_info(CHANNEL_1, ALICE, timeout=WAIT) for store in stores)

    assert (one.lifetime, one.uptime) == (3 * SECOND, 2 * SECOND)
    assert two == one


def test_a_store_that_stops_cancels_its_clients_and_no_others() -> None:
    peers = PeerNotifier()
    client, other = peers.subscribe_peer_events(), peers.subscribe_peer_events()

    with running(make_store(client)):
        assert not client.quit.is_set()

    assert client.quit.is_set()
    assert not other.quit.is_set()
    assert drain(client) == [ENDED]
