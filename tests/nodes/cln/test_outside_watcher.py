"""Watcher of a lightningd from outside, over its socket alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chanfitness import (
    ChannelNotFoundError,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SnapshotEvent,
)
from chanfitness.nodes.cln.outside_watcher import POLL_SECONDS, RETRY_SECONDS
from chanfitness.storage.sqlite import read

from ...support.cln_messages import entry
from ...support.cln_watchers import (
    HOUR,
    ID_1,
    ID_2,
    SEEN,
    SPLICING,
    figures,
    history,
    peer_info,
    points,
    sees,
)
from ...support.fake_lightningd import Refusal
from ...support.outside_nodes import OutsideNode, node
from ...support.stores import WAIT
from ...support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2, SECOND

__all__ = ["node"]

HALF_A_MINUTE = timedelta(seconds=30)
POLL = POLL_SECONDS * SECOND


def with_alice(node: OutsideNode) -> None:
    """A node with an active channel with Alice, who is online."""
    node.entries[ID_1] = entry(ID_1, CHANNEL_1, ALICE)
    node.online[ALICE] = None
    node.relist()
    node.reestablish(ID_1)


def test_peers_are_online_and_offline_as_recorded(node: OutsideNode) -> None:
    with_alice(node)
    with node.watched() as store:
        node.let_pass(HOUR)
        node.disconnect(ALICE)
        node.let_pass(HOUR)
        node.connect(ALICE)
        node.let_pass(HOUR)
        assert figures(store) == (3, 2)
        assert peer_info(store).flap_count == 2
        (outage,) = history(store).outages
        assert outage.duration == HOUR


def test_pings_and_failed_connects_are_skipped(node: OutsideNode) -> None:
    with_alice(node)
    with node.watched() as store:
        asked = node.rpc.asked.qsize()
        for _ in range(3):
            node.events.add("ping", ALICE, duration_nsec=10**7)
            node.catch_up()
        node.events.add("connect_fail", BOB, reason="no address", connect_attempted=False)
        node.catch_up()
        methods = [node.rpc.asked.get()[0] for _ in range(node.rpc.asked.qsize())][asked:]
        assert set(methods) == {"wait"}
        assert not peer_info(store).flap_count
        node.disconnect(ALICE)
        assert peer_info(store).flap_count == 1


def test_an_event_has_the_time_of_its_reading_or_its_own_second(
    node: OutsideNode,
) -> None:
    events: list[Any] = []
    with node.watched(on_event=lambda event, at: events.append((type(event), at))):
        node.clock.advance(timedelta(seconds=0.75))
        node.connect(BOB)
        read = node.clock.now()
        node.events.hold(lambda: node.clock.advance(10 * SECOND))
        node.clock.advance(5 * SECOND)
        node.disconnect(BOB)
    assert events[1:3] == [
        (PeerOnlineEvent, read),
        (PeerOfflineEvent, (read + 5 * SECOND).replace(microsecond=0)),
    ]


def test_opens_moves_and_closes_are_seen_twice_a_minute(node: OutsideNode) -> None:
    with_alice(node)
    with node.watched() as store:
        node.set_state(ID_2, CHANNEL_2, ALICE, short_channel_id="7x1x0")
        node.let_pass(HALF_A_MINUTE)
        assert points(store) == [CHANNEL_1, CHANNEL_2]
        node.entries[ID_1] = entry(ID_1, CHANNEL_1, ALICE, SPLICING)
        node.let_pass(HALF_A_MINUTE)
        assert points(store) == [CHANNEL_1, CHANNEL_2]
        node.set_state(ID_2, CHANNEL_2, ALICE, "CHANNELD_SHUTTING_DOWN")
        node.let_pass(HALF_A_MINUTE)
        assert store.get_chan_info(CHANNEL_2).active is False
        node.set_state(ID_2, CHANNEL_2, ALICE, SEEN)
        node.let_pass(HALF_A_MINUTE)
        with pytest.raises(ChannelNotFoundError):
            figures(store, CHANNEL_2)
    _, (closed,) = read(node.database)
    assert (closed.short_channel_id, closed.closed_unseen) == ("7x1x0", 0)


def test_a_channel_is_active_soon_after_its_peer_returns(node: OutsideNode) -> None:
    with_alice(node)
    with node.watched() as store:
        node.disconnect(ALICE)
        assert store.get_chan_info(CHANNEL_1).active is False
        node.connect(ALICE)
        node.reestablish(ID_1)
        node.let_pass(SECOND)
        assert store.get_chan_info(CHANNEL_1).active


def test_events_recorded_since_the_lists_were_asked_for_are_newer(node: OutsideNode) -> None:
    with_alice(node)

    def late(method: str, params: dict[str, Any]) -> object:
        result = node.rpc.listed(method, params)
        if method != "listpeerchannels" or params or ALICE not in node.online:
            return result
        result = {"channels": [dict(each) for each in node.entries.values()]}
        node.clock.advance(SECOND)
        del node.online[ALICE]
        node.relist()

        def goes(send: Callable[[object], object]) -> None:
            node.events.add("disconnect", ALICE)
            node.events.wait_until_read()
            send(result)

        return lambda send: threading.Thread(target=goes, args=[send]).start()

    with node.watched() as store:
        node.rpc.answer = late
        node.let_pass(HALF_A_MINUTE)
        assert not peer_info(store).online
        assert store.get_chan_info(CHANNEL_1).active is False


def test_a_peer_connecting_during_the_snapshot_is_corrected_soon(
    node: OutsideNode,
) -> None:
    with_alice(node)
    node.restart()
    node.events.add("connect", ALICE)
    with node.watched() as store:
        node.online[ALICE] = None
        node.relist()
        node.let_pass(HALF_A_MINUTE)
        assert peer_info(store).online


def test_a_peer_connecting_during_a_comparison_is_online(node: OutsideNode) -> None:
    with_alice(node)
    node.restart()
    with node.watched() as store:
        node.let_pass(HALF_A_MINUTE - SECOND)
        node.events.add("connect", ALICE)
        node.catch_up()
        node.let_pass(SECOND)
        assert peer_info(store).online


def test_once_an_hour_the_lists_correct_the_accounts(node: OutsideNode) -> None:
    events: list[Any] = []
    with node.watched(on_event=lambda event, at: events.append((type(event), at))):
        begun = node.clock.now()
        node.let_pass(3 * HOUR)
    assert [at - begun for kind, at in events if kind is SnapshotEvent] == [
        HALF_A_MINUTE + hours * HOUR for hours in range(3)
    ]


# lightningd is away.


def test_the_end_of_lightningd_is_noticed_at_once_and_its_return_soon(
    node: OutsideNode, caplog: pytest.LogCaptureFixture
) -> None:
    with_alice(node)
    paused = threading.Event()

    def note(event: object, _: object) -> None:
        if isinstance(event, MonitoringPausedEvent):
            paused.set()

    with node.watched(on_event=note) as store:
        node.let_pass(HOUR)
        node.end()
        assert paused.wait(WAIT)
        node.inbox.let_pass(HOUR)
        node.catch_up()
        assert not sees(store)
        assert figures(store) == (1, 1)
        node.start()
        node.inbox.let_pass(RETRY_SECONDS * SECOND)
        node.connect(ALICE)
        node.let_pass(HOUR)
        assert history(store).blind == HOUR + RETRY_SECONDS * SECOND  # until Alice is back
        assert figures(store) == (2, 2)
        assert peer_info(store).flap_count == 0
    assert caplog.text.count("lightningd closed the connection") == 1


def test_a_frozen_lightningd_is_blind_from_its_last_sign_without_a_backfill(
    node: OutsideNode,
) -> None:
    with_alice(node)
    with node.watched() as store:
        node.let_pass(HALF_A_MINUTE)
        node.is_silent()
        node.inbox.let_pass(HOUR)
        node.catch_up()
        assert not sees(store)
        node.is_silent(False)
        node.let_pass(RETRY_SECONDS * SECOND)
        assert sees(store)
        assert history(store).blind == HOUR + 2 * SECOND
        assert figures(store) == (30 / 3600, 30 / 3600)


def test_a_lightningd_that_refuses_is_asked_again(node: OutsideNode) -> None:
    node.rpc.others["wait"] = Refusal(-1, "still starting")
    with node.watched() as store:
        assert not sees(store)
        node.rpc.others["wait"] = node.events
        node.let_pass(RETRY_SECONDS * SECOND)
        assert sees(store)


# This process is away.


def test_time_in_which_this_process_was_frozen_is_filled_in(node: OutsideNode) -> None:
    with_alice(node)
    with node.watched() as store:
        node.let_pass(HALF_A_MINUTE)
        with node.held():
            node.clock.advance(HOUR)
            node.events.add("disconnect", ALICE)
            node.clock.advance(HOUR)
            node.events.add("connect", ALICE)
            node.events.wait_until_read()
            node.clock.advance(HOUR)
        node.let_pass(HALF_A_MINUTE)
        assert history(store).blind == 0 * HOUR
        assert figures(store) == (3 + 1 / 60, 2 + 1 / 60)
        assert peer_info(store).flap_count == 2


def test_a_restart_of_this_process_is_filled_in(node: OutsideNode) -> None:
    with_alice(node)
    with node.watched():
        node.let_pass(HOUR)
    node.clock.advance(HOUR)
    node.disconnect(ALICE)
    node.clock.advance(HOUR)
    node.connect(ALICE)
    node.reestablish(ID_1)
    node.clock.advance(HOUR)
    with node.watched() as store:
        node.let_pass(HOUR)
        info = store.get_chan_info(CHANNEL_1)
        assert figures(store) == (5, 4)
        assert (info.unusable, info.active) == (0 * HOUR, True)
        assert peer_info(store).flap_count == 2
        assert store.get_overview(timeout=WAIT).blind == 0 * HOUR


# An old lightningd without a record.


def test_an_old_lightningd_is_polled_and_that_is_logged_once(
    node: OutsideNode, caplog: pytest.LogCaptureFixture
) -> None:
    node.is_old()
    with_alice(node)
    with node.watched() as store:
        node.let_pass(HOUR)
        node.disconnect(ALICE)
        node.let_pass(HOUR)
        node.connect(ALICE)
        node.reestablish(ID_1)
        node.let_pass(HOUR)
        lifetime, uptime = figures(store)
        assert (lifetime, uptime) == (3, 2)
        assert peer_info(store).flap_count == 2
        assert store.get_chan_info(CHANNEL_1).active
        node.is_silent()
        node.let_pass(HOUR)
        node.is_silent(False)
        node.let_pass(HOUR)
        assert sees(store)
    assert caplog.text.count("times are known to the nearest 15 seconds") == 1


def test_unwatched_time_of_an_old_lightningd_stays_blind(node: OutsideNode) -> None:
    node.is_old()
    with_alice(node)
    with node.watched():
        node.let_pass(HOUR)
    node.clock.advance(HOUR)
    events: list[Any] = []
    with node.watched(on_event=lambda event, _: events.append(event)) as store:
        assert history(store).blind == HOUR
    assert isinstance(events[0], MonitoringResumedEvent)
