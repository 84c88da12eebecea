"""Snapshots of a resume: their decisions, and their atomicity."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chanfitness import (
    ClosedChannelEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerInfo,
    PeerOfflineEvent,
    PeerOnlineEvent,
)
from chanfitness.core.channel import Channel

from ..support.driven_store import DrivenStore
from ..support.stores import WAIT
from ..support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2, CHANNEL_3, SECOND, START, outpoint

ZERO, DAYS_90 = timedelta(0), timedelta(days=90)
ONE, TWO = OpenChannel(CHANNEL_1, ALICE), OpenChannel(CHANNEL_2, ALICE)


def peer_info(driven: DrivenStore) -> PeerInfo:
    return driven.store.get_peer_info(ALICE, timeout=WAIT)


# One moment


def test_a_peer_with_other_channels_in_the_snapshot_is_kept() -> None:
    with DrivenStore(open_channels=[ONE], online=[ALICE]) as driven:
        driven.put(PeerOfflineEvent(ALICE))
        driven.clock.advance(10 * SECOND)

        driven.put(MonitoringResumedEvent([TWO], []))

        assert peer_info(driven)[:6] == (ALICE, False, START, 1, START, (CHANNEL_2,))


def test_a_peer_that_went_offline_and_got_a_channel_in_blind_time_is_kept() -> None:
    with DrivenStore() as driven:
        driven.put(PeerOnlineEvent(ALICE))
        driven.put(MonitoringPausedEvent())
        driven.clock.advance(10 * SECOND)

        driven.put(MonitoringResumedEvent([ONE], []))

        resumed = START + 10 * SECOND
        assert peer_info(driven)[:6] == (ALICE, False, resumed, 1, START, (CHANNEL_1,))


# Channels that opened in blind time


def test_a_channel_that_opened_in_blind_time_begins_at_the_resume() -> None:
    with DrivenStore(history=DAYS_90) as driven:
        driven.put(MonitoringPausedEvent())
        driven.clock.advance(SECOND)
        driven.put(OpenChannelEvent(*ONE))
        driven.clock.advance(SECOND)
        unseen = driven.store.get_chan_info(CHANNEL_1, timeout=WAIT)
        driven.put(MonitoringResumedEvent([ONE], [ALICE]))
        driven.clock.advance(SECOND)

        assert (unseen.lifetime, unseen.uptime) == (ZERO, ZERO)
        history = driven.store.get_history(CHANNEL_1, timeout=WAIT)
        assert (history.start, history.end) == (START + 2 * SECOND, START + 3 * SECOND)
        assert (history.lifetime, history.uptime, history.outages) == (SECOND, SECOND, ())


def test_a_channel_that_opened_in_blind_time_leaves_one_that_opened_at_the_pause() -> None:
    with DrivenStore(open_channels=[ONE], history=DAYS_90) as driven:
        driven.put(MonitoringPausedEvent())
        driven.put(OpenChannelEvent(*TWO))
        driven.clock.advance(10 * SECOND)
        driven.put(MonitoringResumedEvent([ONE, TWO], []))
        driven.clock.advance(5 * SECOND)

        history = driven.store.get_history(CHANNEL_1, timeout=WAIT)

        assert (history.start, history.lifetime, history.blind) == (START, 5 * SECOND, 10 * SECOND)
        assert history.outages == ((START, None, 5 * SECOND),)


def test_a_channel_that_opened_in_blind_time_restores_no_dropped_history() -> None:
    with DrivenStore(open_channels=[ONE], history=5 * SECOND) as driven:
        driven.clock.advance(10 * SECOND)
        driven.put(PeerOnlineEvent(ALICE))
        driven.put(MonitoringPausedEvent())
        driven.put(OpenChannelEvent(*TWO))
        driven.put(MonitoringResumedEvent([ONE, TWO], [ALICE]))
        driven.clock.advance(5 * SECOND)

        history = driven.store.get_history(CHANNEL_1, timeout=WAIT)

        assert history.start == START + 10 * SECOND
        assert (history.lifetime, history.uptime) == (5 * SECOND, 5 * SECOND)


def test_promise_7_channels_that_open_and_close_in_blind_time_leave_nothing() -> None:
    with DrivenStore(open_channels=[ONE], history=DAYS_90) as driven:
        driven.put(MonitoringPausedEvent())
        for number in range(1000):
            driven.put(OpenChannelEvent(outpoint(number + 10), ALICE))
            driven.put(ClosedChannelEvent(outpoint(number + 10), ALICE))

        assert len(driven.store.list_channels(timeout=WAIT)) == 1
        kept = [each for each in gc.get_objects() if isinstance(each, Channel)]
        assert len([each for each in kept if each.peer == ALICE]) < 100


# Bad snapshots


@pytest.mark.parametrize(
    "snapshot",
    [
        lambda: MonitoringResumedEvent([(CHANNEL_2, ALICE), (CHANNEL_3, "bob")], []),  # type: ignore[list-item]
        lambda: MonitoringResumedEvent([(CHANNEL_2, ALICE), ("3:0", BOB)], []),  # type: ignore[list-item]
        lambda: MonitoringResumedEvent([ONE], [ALICE, "bob"]),  # type: ignore[list-item]
        lambda: MonitoringResumedEvent([ONE, 3], []),  # type: ignore[list-item]
    ],
    ids=["peer of a channel", "channel point", "online peer", "no channel"],
)
def test_a_bad_snapshot_is_logged_and_changes_nothing(
    snapshot: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Promise 8: a snapshot is applied as a whole or not at all."""
    with DrivenStore(open_channels=[ONE]) as driven, caplog.at_level(logging.ERROR):
        driven.clock.advance(SECOND)
        driven.put(MonitoringPausedEvent())
        driven.put(snapshot())
        driven.clock.advance(SECOND)

        assert [each[:4] for each in driven.store.list_channels(timeout=WAIT)] == [
            (*ONE, SECOND, ZERO)
        ]
        assert peer_info(driven)[:6] == (ALICE, False, START, 0, None, (CHANNEL_1,))
    assert "could not handle" in caplog.text
