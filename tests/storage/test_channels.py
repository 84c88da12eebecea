"""Closed channels and history over restarts."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from chanfitness import (
    ChannelNotFoundError,
    HistoryDisabledError,
    MonitoringResumedEvent,
    OpenChannel,
)
from chanfitness.core.saved_state import date_to_int
from chanfitness.reports.loading import load_database
from chanfitness.storage.sqlite import read
from chanfitness.testing import FakeNode

from ..support.old_versions import as_version_2
from ..support.persistent_stores import (
    DAY,
    HOUR,
    MICROSECOND,
    ZERO,
    figures,
    history_of,
    watching,
)
from ..support.stores import WAIT


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitness.db"


def test_a_closed_channel_keeps_its_final_figures(path: Path) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    with watching(node, path):
        opened = node.clock.now()
        node.advance(hours=1)
    node.advance(hours=5)
    with watching(node, path):
        node.advance(hours=1)
        node.peer_offline(channel.peer)
        node.advance(hours=1)
        node.close_channel(channel)
        closed = node.clock.now()

    _, (row,) = read(path)

    assert (row.channel_point, row.key) == (str(channel.channel_point), bytes(channel.peer))
    assert (row.closed - row.opened) * MICROSECOND == closed - opened
    assert (row.lifetime * MICROSECOND, row.uptime * MICROSECOND) == (3 * HOUR, 2 * HOUR)


@pytest.mark.parametrize("restarts", [1, 2])
def test_a_channel_closed_by_absence_goes_on_if_it_appears_again(path: Path, restarts: int) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    with watching(node, path):
        node.advance(hours=4)
    for _ in range(restarts):
        with watching(node, path, get_open_channels=list) as store:
            node.advance(hours=10)
            with pytest.raises(ChannelNotFoundError):
                store.get_chan_info(channel.channel_point, timeout=WAIT)
    with watching(node, path) as store:
        node.peer_offline(channel.peer)
        node.advance(hours=1)

        history = history_of(store, channel)

        assert figures(store, channel) == (5, 4)
        assert history.blind == restarts * 10 * HOUR
        assert history.start == history.end - history.blind - 5 * HOUR


@pytest.mark.parametrize("restarts", [0, 1])
def test_a_channel_listed_with_another_peer_is_closed_with_its_figures(
    path: Path, restarts: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a restart in between one snapshot closes it, with one the earlier snapshot does."""
    node = FakeNode()
    alice, bob = node.new_peer(online=True), node.new_peer(online=True)
    channel = node.open_channel(alice)
    with watching(node, path):
        node.advance(hours=4)
    for _ in range(restarts):
        with watching(node, path, get_open_channels=list):
            node.advance(hours=1)
    with watching(node, path, get_open_channels=lambda: [channel._replace(peer=bob)]) as store:
        node.advance(hours=2)
        (info,) = store.list_channels(timeout=WAIT)

    saved, (row,) = read(path)
    assert (info.peer, info.lifetime) == (bob, 2 * HOUR)
    assert (row.channel_point, row.key) == (str(channel.channel_point), bytes(alice))
    assert (row.lifetime * MICROSECOND, row.uptime * MICROSECOND) == (4 * HOUR, 4 * HOUR)
    assert saved is not None
    assert [each.key for each in saved.channels] == [bytes(bob)]
    assert f"is with {bob} now, not with {alice}" in caplog.text


def test_a_channel_closed_by_absence_goes_on_if_an_event_opens_it(path: Path) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    with watching(node, path):
        node.advance(hours=4)
    with watching(node, path, get_open_channels=list) as store:
        node.advance(hours=10)
        node.peer_online(channel.peer)
        node.open_channel(channel.peer, channel.channel_point)
        node.advance(hours=1)

        assert figures(store, channel) == (5, 5)
        assert history_of(store, channel).blind == 10 * HOUR


def test_a_late_close_event_dates_a_channel_that_was_closed_by_absence(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "chanfitness")
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    with watching(node, path):
        node.advance(hours=4)
    with watching(node, path, get_open_channels=list):
        missing = node.clock.now()
        node.advance(hours=10)
    _, (found,) = read(path)
    with watching(node, path, get_open_channels=list):
        node.close_channel(channel)
        told = node.clock.now()
        node.advance(hours=1)
        node.channel_notifier.notify_closed_channel(*channel)

    _, (row,) = read(path)
    assert (found.closed, found.closed_unseen) == (date_to_int(missing), 1)
    assert (row.closed, row.closed_unseen) == (date_to_int(told), 0)
    assert found.lifetime * MICROSECOND == row.lifetime * MICROSECOND == 4 * HOUR
    gone, repeated = [each for each in caplog.records if "already" in each.message]
    for record, what in ((gone, "found missing already"), (repeated, "closed already")):
        assert record.levelno == logging.DEBUG
        assert what in record.message
        assert str(channel.channel_point) in record.message


def test_history_is_the_same_with_and_without_restarts(path: Path) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer())
    with watching(node, path):
        for change in [node.peer_online, node.peer_offline] * 3:
            node.advance(hours=1)
            change(channel.peer)
    with watching(node, path) as store:
        node.advance(hours=1)
        whole, window = history_of(store, channel), history_of(store, channel, window=2.5 * HOUR)

    end = node.clock.now()
    assert (whole.lifetime, whole.uptime, whole.blind) == (7 * HOUR, 3 * HOUR, ZERO)
    assert [outage.start for outage in whole.outages] == [
        end - each * HOUR for each in (7, 5, 3, 1)
    ]
    assert (window.start, window.uptime) == (end - 2.5 * HOUR, HOUR)
    assert [outage.duration for outage in window.outages] == [0.5 * HOUR, HOUR]


def test_thinned_changes_stay_thinned_and_figures_exact(path: Path) -> None:
    """Each of twelve runs has four changes, an hour apart, and keeps three of them."""
    node = FakeNode()
    channel = node.open_channel(node.new_peer())
    for _ in range(12):
        with watching(node, path, history_limit=3) as store:
            for change in [node.peer_online, node.peer_offline] * 2:
                node.advance(hours=1)
                change(channel.peer)
            node.advance(hours=1)
            history = store.get_history(channel.channel_point, timeout=WAIT)
            last_12 = store.get_history(channel.channel_point, window=12 * HOUR, timeout=WAIT)
    assert (history.complete, history.lifetime, history.uptime) == (True, 60 * HOUR, 24 * HOUR)
    assert [outage.duration for outage in history.outages] == [HOUR, HOUR]
    assert (history.outage_count, history.longest_outage) == (25, 2 * HOUR)
    with watching(node, path) as store:
        assert store.get_history(channel.channel_point, timeout=WAIT) == history
        again = store.get_history(channel.channel_point, window=12 * HOUR, timeout=WAIT)
        assert again == last_12
        assert figures(store, channel) == (60, 24)
    saved, _ = read(path)
    assert saved is not None
    assert [(len(rows.changes), len(rows.checkpoints)) for rows in saved.histories] == [(3, 3)]


@pytest.mark.parametrize("days_after", [0, 1, 3])
def test_a_channel_that_was_absent_in_thinned_time_is_known_from_its_return(
    path: Path, days_after: int
) -> None:
    """With a flap a day, the part of a thinned day that lay in the gap is unknown."""
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    with watching(node, path, history_limit=2) as store:
        flap_a_day(node, channel, 2)
        node.peer_notifier.send_update(MonitoringResumedEvent([], [channel.peer]))
        flap_a_day(node, channel, 2)
        node.peer_notifier.send_update(MonitoringResumedEvent([channel], [channel.peer]))
        node.advance(hours=1)
        flap_a_day(node, channel, days_after)
        history = store.get_history(channel.channel_point, timeout=WAIT)
        counted = store.get_overview(timeout=WAIT).outages
    days = max(days_after - 1, 0)
    assert counted == (history.outage_count,) == (days_after,)
    assert history.lifetime == days * DAY + (12 * HOUR if days_after else HOUR)
    assert not history.complete


def flap_a_day(node: FakeNode, channel: OpenChannel, days: int) -> None:
    for _ in range(days):
        node.advance(hours=12)
        node.peer_offline(channel.peer)
        node.advance(hours=6)
        node.peer_online(channel.peer)
        node.advance(hours=6)


@pytest.mark.parametrize("dropped", [False, True])
def test_a_history_of_version_2_begins_at_its_oldest_kept_change(path: Path, dropped: bool) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    with watching(node, path):
        node.advance(hours=1)
        node.peer_offline(channel.peer)
        node.advance(hours=1)
    with closing(sqlite3.connect(path)) as database:
        if dropped:
            database.execute("DELETE FROM changes WHERE number = 0")
            database.execute("UPDATE histories SET first = 1")
        as_version_2(database, dropped=dropped)
    (loaded,) = load_database(str(path)).histories or ()
    with watching(node, path) as store:
        history = store.get_history(channel.channel_point, timeout=WAIT)
        assert figures(store, channel) == (2, 1)
    assert loaded == history
    assert history.complete is not dropped
    assert history.lifetime == (HOUR if dropped else 2 * HOUR)
    assert (history.outage_count, history.longest_outage) == (1, HOUR)


def test_history_begins_where_it_was_turned_on(path: Path) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    with watching(node, path):
        node.advance(hours=1)
    with watching(node, path, history=None) as store:
        node.peer_offline(channel.peer)
        node.advance(hours=1)
        with pytest.raises(HistoryDisabledError):
            store.get_history(channel.channel_point, timeout=WAIT)
    with watching(node, path) as store:
        node.advance(hours=1)

        assert figures(store, channel) == (3, 1)
        assert history_of(store, channel).start == node.clock.now() - HOUR
        assert history_of(store, channel).lifetime == HOUR


def test_history_without_changes_while_it_was_off_is_complete(path: Path) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    for history in [90 * DAY, None, 90 * DAY]:
        with watching(node, path, history=history) as store:
            node.advance(hours=1)
    with watching(node, path) as store:
        assert history_of(store, channel).uptime == 3 * HOUR
        assert figures(store, channel) == (3, 3)


def test_an_absence_of_no_length_leaves_no_gap(path: Path) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer())
    with watching(node, path):
        node.peer_notifier.send_update(MonitoringResumedEvent([], []))
        node.channel_notifier.notify_open_channel(*channel)
    saved, _ = read(path)
    assert saved is not None
    assert [row.gaps for row in saved.channels] == ["[]"]
