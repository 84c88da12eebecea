"""The same snapshot from a database, a running store and a replay; and the table columns."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from chanfitness import (
    MonitoringPausedEvent,
    OpenChannel,
    Overview,
    SqliteStorage,
    StorageCorruptError,
)
from chanfitness.recording.replay import replay
from chanfitness.reports.advice import ADVICE
from chanfitness.reports.formats import report
from chanfitness.reports.loading import load_database, load_windows
from chanfitness.reports.rows import Table
from chanfitness.reports.tables import CHANNELS, CLOSED, LIVE, OUTAGES, PEERS, TOTALS
from chanfitness.testing import FakeNode

from ..support.paths import DATA
from ..support.persistent_stores import DAY, HOUR, ZERO, watching
from ..support.stores import WAIT

TABLES = [TOTALS, CHANNELS, LIVE, OUTAGES, PEERS, CLOSED]
ALL_TABLES = [*TABLES, ADVICE]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitness.db"


def a_day(node: FakeNode) -> list[OpenChannel]:
    """Three channels, with a peer that was away, one that is away, and one never seen."""
    channels = [node.open_channel(node.new_peer(online=True)) for _ in range(2)]
    channels.append(node.open_channel(node.new_peer()))
    for online in (False, True):
        node.advance(hours=8)
        (node.peer_online if online else node.peer_offline)(channels[0].peer)
    node.peer_offline(channels[1].peer)
    node.advance(hours=8)
    return channels


@pytest.mark.parametrize("table", [TOTALS, LIVE])
def test_a_database_has_the_figures_of_its_store(table: Table, path: Path) -> None:
    node = FakeNode()
    with watching(node, path) as store:
        a_day(node)
        said = store.get_overview(timeout=WAIT)
    loaded = load_database(str(path))
    assert report(table, loaded).render("text", 200) == report(table, said).render("text", 200)
    assert report(table, loaded).as_object() == report(table, said).as_object()
    assert (loaded.sees, loaded.blind) == (said.sees, said.blind) == (True, ZERO)


@pytest.mark.parametrize("table", [TOTALS, LIVE])
def test_a_database_has_the_figures_of_the_replay_that_filled_it(table: Table, path: Path) -> None:
    with (DATA / "lnd-simnet-restarts.jsonl").open("rb") as lines:
        said = replay(lines, "r", storage=SqliteStorage(path), history=90 * DAY)
    loaded = load_database(str(path))
    assert report(table, loaded).as_object() == report(table, said).as_object()


def test_a_database_has_the_figures_of_peers_over_each_window(path: Path) -> None:
    node = FakeNode()
    windows = [12 * HOUR, *PEERS.windows]
    with watching(node, path) as store:
        a_day(node)
        said, *further = store.get_overviews(windows, timeout=WAIT)
    told = report(PEERS, said, further=further)
    loaded, *of_windows = load_windows(str(path), windows)
    read = report(PEERS, loaded, further=of_windows)
    assert read.render("text", 200) == told.render("text", 200)
    assert read.as_object() == told.as_object()


def test_a_store_that_ended_blind_is_shown_as_blind(path: Path) -> None:
    node = FakeNode()
    with watching(node, path):
        a_day(node)
        node.peer_notifier.send_update(MonitoringPausedEvent())
        node.advance(hours=2)
    loaded = load_database(str(path))
    assert (loaded.sees, loaded.blind, loaded.as_of) == (False, 2 * HOUR, node.clock.now())


def test_sums_and_histories_cover_the_requested_window(path: Path) -> None:
    node = FakeNode()
    with watching(node, path):
        a_day(node)
    loaded = load_database(str(path), 12 * HOUR)
    assert [(info.lifetime, info.uptime) for info in loaded.channels] == [
        (12 * HOUR, 8 * HOUR),
        (12 * HOUR, 4 * HOUR),
        (12 * HOUR, ZERO),
    ]
    assert loaded.histories is not None
    lengths = [[outage.duration for outage in each.outages] for each in loaded.histories if each]
    assert lengths == [[4 * HOUR], [8 * HOUR], [12 * HOUR]]


def test_without_history_sums_cover_all_time_and_outages_are_unknown(path: Path) -> None:
    node = FakeNode()
    with watching(node, path, history=None):
        a_day(node)
    loaded = load_database(str(path), HOUR)
    assert loaded.histories == (None, None, None)
    assert [info.lifetime for info in loaded.channels] == [24 * HOUR] * 3
    outages, longest = (
        [row[name] for row in rows_of(CHANNELS, loaded)]
        for name in ("outages", "longest_outage_seconds")
    )
    assert (outages, longest, rows_of(OUTAGES, loaded)) == ([None] * 3, [None] * 3, [])


def test_only_requested_parts_are_loaded(path: Path) -> None:
    node = FakeNode()
    with watching(node, path):
        node.close_channel(a_day(node)[0])
    loaded = load_database(str(path))
    assert (len(loaded.histories or ()), len(loaded.closed)) == (2, 1)
    bare = load_database(str(path), histories=False, closed=False)
    assert (bare.histories, bare.closed) == (None, ())
    assert bare.channels == loaded.channels


@pytest.mark.parametrize(
    "damage",
    [
        "channel_point = x'00'",
        "key = x'00'",
        "lifetime = 'much'",
        "closed = 1e300",
        "closed_unseen = 'perhaps'",
    ],
)
def test_a_damaged_closed_channel_is_refused(damage: str, path: Path) -> None:
    node = FakeNode()
    with watching(node, path):
        node.close_channel(a_day(node)[0])
        node.advance(days=91)  # too late to return under the same outpoint
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"UPDATE closed_channels SET {damage}")
        database.commit()
    with pytest.raises(StorageCorruptError, match=str(path)):
        load_database(str(path))


def rows_of(table: Table, overview: Overview) -> list[dict[str, object]]:
    rows = report(table, overview).as_object()[table.kind]
    assert isinstance(rows, list)
    return rows


# The columns.


def test_each_json_name_has_one_head_and_vice_versa() -> None:
    pairs = {(column.name, column.head) for table in ALL_TABLES for column in table.text_columns}
    assert len({name for name, _ in pairs}) == len({head for _, head in pairs}) == len(pairs)


def test_columns_have_the_same_order_in_every_table() -> None:
    """Except the columns of peers in JSON and CSV, which follow ``PeerInfo``."""
    for orders in (
        [[column.name for column in table.columns] for table in ALL_TABLES if table is not PEERS],
        [[column.name for column in table.text_columns] for table in ALL_TABLES],
    ):
        for first, second in itertools.combinations(orders, 2):
            shared = set(first) & set(second)
            assert [name for name in first if name in shared] == [
                name for name in second if name in shared
            ]


def test_names_of_periods_end_in_their_unit(path: Path) -> None:
    node = FakeNode()
    with watching(node, path):
        node.close_channel(a_day(node)[0])
    loaded = load_database(str(path), outages=True)
    for table in TABLES:
        rows = table.rows(loaded)
        assert rows
        for column in table.columns:
            is_period = {isinstance(column.get(row), timedelta) for row in rows}
            assert (True in is_period) == column.name.endswith("_seconds")


def test_several_windows_agree_with_single_ones(path: Path) -> None:
    node = FakeNode()
    with watching(node, path, history_limit=4):
        first, *_ = a_day(node)
        for _ in range(4):
            node.peer_offline(first.peer)
            node.advance(hours=1)
            node.peer_online(first.peer)
            node.advance(hours=5)
        node.open_channel(first.peer)
    windows = [None, 100 * DAY, 2 * DAY, 30 * HOUR, DAY, HOUR]
    assert load_windows(str(path), windows) == [load_database(str(path), each) for each in windows]


def test_a_transport_outage_is_found_when_the_database_is_read(path: Path) -> None:
    node = FakeNode()
    with watching(node, path, own_outage=HOUR) as store:
        peers = [node.open_channel(node.new_peer(online=True)).peer for _ in range(4)]
        for number, peer in enumerate(peers):
            node.describe_peer(peer, transport="tor" if number else "clearnet")
        node.advance(hours=1)
        for come_or_go in (node.peer_offline, node.peer_online):
            for peer in peers[1:]:
                come_or_go(peer)
            node.advance(hours=1)
        told = store.list_blind(timeout=WAIT)
    assert [(span.of, span.cause, span.duration) for span in told] == [
        ("tor", "transport outage", HOUR)
    ]
    assert load_database(str(path)).blind_spans == told
    with watching(node, path) as store:  # without outage detection
        assert store.list_blind(timeout=WAIT)[:1] == told
    assert load_database(str(path)).blind_spans[:1] == told
