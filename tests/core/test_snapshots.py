"""The snapshot with which a store sees again: what it decides, and that it is one moment."""

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
from chanfitness.core.peerlog import Channel

from ..support.driven_store import Watched
from ..support.stores import WAIT
from ..support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2, CHANNEL_3, SECOND, START, outpoint

ZERO, DAYS_90 = timedelta(0), timedelta(days=90)
ONE, TWO = OpenChannel(CHANNEL_1, ALICE), OpenChannel(CHANNEL_2, ALICE)


def peer_info(watched: Watched) -> PeerInfo:
    return watched.store.get_peer_info(ALICE, timeout=WAIT)


# One moment


def test_a_peer_is_remembered_whose_channels_are_all_others_in_the_snapshot() -> None:
    with Watched(open_channels=[ONE], online=[ALICE]) as watched:
        watched.put(PeerOfflineEvent(ALICE))
        watched.clock.advance(10 * SECOND)

        watched.put(MonitoringResumedEvent([TWO], []))

        assert peer_info(watched) == (ALICE, False, START, 1, START, (CHANNEL_2,))


def test_a_peer_is_remembered_who_went_offline_and_got_a_channel_unseen() -> None:
    with Watched() as watched:
        watched.put(PeerOnlineEvent(ALICE))
        watched.put(MonitoringPausedEvent())
        watched.clock.advance(10 * SECOND)

        watched.put(MonitoringResumedEvent([ONE], []))

        resumed = START + 10 * SECOND
        assert peer_info(watched) == (ALICE, False, resumed, 1, START, (CHANNEL_1,))


# What opened unseen


def test_a_channel_that_opened_unseen_begins_at_the_resume() -> None:
    with Watched(history=DAYS_90) as watched:
        watched.put(MonitoringPausedEvent())
        watched.clock.advance(SECOND)
        watched.put(OpenChannelEvent(*ONE))
        watched.clock.advance(SECOND)
        unseen = watched.store.get_chan_info(CHANNEL_1, timeout=WAIT)
        watched.put(MonitoringResumedEvent([ONE], [ALICE]))
        watched.clock.advance(SECOND)

        assert (unseen.lifetime, unseen.uptime) == (ZERO, ZERO)
        history = watched.store.get_history(CHANNEL_1, timeout=WAIT)
        assert (history.start, history.end) == (START + 2 * SECOND, START + 3 * SECOND)
        assert (history.lifetime, history.uptime, history.outages) == (SECOND, SECOND, ())


def test_a_channel_that_opened_unseen_changes_nothing_of_one_that_opened_at_the_pause() -> None:
    with Watched(open_channels=[ONE], history=DAYS_90) as watched:
        watched.put(MonitoringPausedEvent())
        watched.put(OpenChannelEvent(*TWO))
        watched.clock.advance(10 * SECOND)
        watched.put(MonitoringResumedEvent([ONE, TWO], []))
        watched.clock.advance(5 * SECOND)

        history = watched.store.get_history(CHANNEL_1, timeout=WAIT)

        assert (history.start, history.lifetime, history.blind) == (START, 5 * SECOND, 10 * SECOND)
        assert history.outages == ((START, None, 5 * SECOND),)


def test_a_channel_that_opened_unseen_brings_back_nothing_that_was_dropped() -> None:
    with Watched(open_channels=[ONE], history=DAYS_90, history_limit=1) as watched:
        watched.clock.advance(10 * SECOND)
        watched.put(PeerOnlineEvent(ALICE))
        watched.put(MonitoringPausedEvent())
        watched.put(OpenChannelEvent(*TWO))
        watched.put(MonitoringResumedEvent([ONE, TWO], [ALICE]))
        watched.clock.advance(5 * SECOND)

        history = watched.store.get_history(CHANNEL_1, timeout=WAIT)

        assert history.start == START + 10 * SECOND
        assert (history.lifetime, history.uptime) == (5 * SECOND, 5 * SECOND)


def test_channels_that_open_and_close_unseen_cost_nothing() -> None:
    """Promise 7."""
    with Watched(open_channels=[ONE], history=DAYS_90) as watched:
        watched.put(MonitoringPausedEvent())
        for number in range(1000):
            watched.put(OpenChannelEvent(outpoint(number + 10), ALICE))
            watched.put(ClosedChannelEvent(outpoint(number + 10), ALICE))

        assert len(watched.store.list_channels(timeout=WAIT)) == 1
        kept = [each for each in gc.get_objects() if isinstance(each, Channel)]
        assert len([each for each in kept if each.peer == ALICE]) < 100


# Bad ones


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
    """Promise 8: it is handled or it is not."""
    with Watched(open_channels=[ONE]) as watched, caplog.at_level(logging.ERROR):
        watched.clock.advance(SECOND)
        watched.put(MonitoringPausedEvent())
        watched.put(snapshot())
        watched.clock.advance(SECOND)

        assert watched.store.list_channels(timeout=WAIT) == [(*ONE, SECOND, ZERO)]
        assert peer_info(watched) == (ALICE, False, START, 0, None, (CHANNEL_1,))
    assert "could not handle" in caplog.text
