"""Figures of peers: shares side by side, trends, flaps in a window, and the order of rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chanfitness import MonitoringPausedEvent
from chanfitness.recording.format import format_time
from chanfitness.reports.formats import report
from chanfitness.reports.tables import PEERS
from chanfitness.testing import FakeNode

from ..support.made_up_peers import DAY, HOUR, MadeUpPeer, Span, make_database, peer_with_habits
from ..support.persistent_stores import watching
from ..support.stores import WAIT
from ..support.terminal import answer_of, printed_by, rows_shown
from ..support.values import START, vertex

LENGTH = 40 * DAY
FIRST = [
    *["peer", "alias", "transport", "online", "since", "uptime_ratio", "usable_ratio"],
    *["outages", "longest_outage_seconds", "flap_count", "channels"],
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitness.db"


def rows_of(path: Path, *options: str) -> dict[str, dict[str, Any]]:
    """The rows by peer."""
    return {row["peer"]: row for row in rows_shown(str(path), "--peers", *options)}


def row_of(path: Path, *options: str) -> dict[str, Any]:
    (row,) = rows_of(path, *options).values()
    return row


def clipped(spans: Sequence[Span], begin: timedelta) -> list[timedelta]:
    """The length after ``begin`` of each span that ends after it."""
    return [min(end, LENGTH) - max(start, begin) for start, end in spans if end > begin]


def online_share(spans: Sequence[Span], begin: timedelta, end: timedelta = LENGTH) -> float:
    """The share of the time from ``begin`` to ``end`` outside the spans."""
    offline = [max(min(over, end) - max(start, begin), 0 * DAY) for start, over in spans]
    return 1 - sum(offline, 0 * DAY) / (end - begin)


# The row of a peer.


def test_a_row_has_all_fields_of_a_peer(path: Path) -> None:
    spans = [(10 * DAY, 14 * DAY), (36 * DAY, 37 * DAY), (39.5 * DAY, 41 * DAY)]
    make_database(path, [MadeUpPeer("Alice", "tor", spans)], LENGTH)
    row = row_of(path)
    assert list(row)[: len(FIRST)] == FIRST
    assert [row[name] for name in FIRST[:5]] == [
        *[str(vertex(1)), "Alice", "tor", False],
        format_time(START + 39.5 * DAY),
    ]
    assert row["uptime_ratio"] == row["usable_ratio"] == pytest.approx(34.5 / 40)
    assert (row["outages"], row["longest_outage_seconds"]) == (3, 4 * 86400)
    assert (row["channels"], row["complete"]) == (1, True)
    assert row["last_flap"] == row["since"]
    assert row["figures_since"] == format_time(START)
    assert row["uptime_ratio_1d"] == pytest.approx(0.5)
    assert row["uptime_ratio_7d"] == pytest.approx(5.5 / 7)
    assert row["uptime_ratio_30d"] == pytest.approx(24.5 / 30)
    assert row["trend"] == pytest.approx(5.5 / 7 - 29 / 33)


@pytest.mark.parametrize("window", [None, DAY, 12 * DAY])
def test_the_figures_are_sums_of_the_habits(window: timedelta | None, path: Path) -> None:
    habits = {vertex(seed + 1): peer_with_habits(seed, 20 * seed, LENGTH) for seed in range(4)}
    make_database(path, [*habits.values()], LENGTH)
    options = [] if window is None else ["--window", f"{window.days}d"]
    rows, begin = rows_of(path, *options), LENGTH - (window or LENGTH)
    for peer, habit in habits.items():
        row, offline = rows[str(peer)], clipped(habit.offline, begin)
        longest = max(offline, default=None)
        assert row["uptime_ratio"] == pytest.approx(online_share(habit.offline, begin))
        assert row["outages"] == len(offline)
        assert row["longest_outage_seconds"] == (longest and longest.total_seconds())
        for days in (1, 7, 30):
            share = online_share(habit.offline, LENGTH - days * DAY)
            assert row[f"uptime_ratio_{days}d"] == pytest.approx(share)
        change = online_share(habit.offline, 33 * DAY)
        change -= online_share(habit.offline, 0 * DAY, 33 * DAY)
        assert row["trend"] == pytest.approx(change)


def test_a_peer_has_the_figures_of_its_oldest_channel_and_the_lowest_share_usable(
    path: Path,
) -> None:
    peer = MadeUpPeer(
        offline=[(10 * DAY, 20 * DAY)], unusable=[(30 * DAY, 34 * DAY)], opened=[0 * DAY, 30 * DAY]
    )
    make_database(path, [peer], LENGTH)
    row = row_of(path)
    assert (row["uptime_ratio"], row["channels"]) == (0.75, 2)
    assert row["usable_ratio"] == pytest.approx(26 / 40)
    for name in ("700001x0x0", "700002x0x1"):  # a channel's name selects its peer
        assert row_of(path, name) == row


def test_a_peer_without_time_before_has_no_trend(path: Path) -> None:
    make_database(path, [MadeUpPeer(opened=[35 * DAY], offline=[(38 * DAY, 39 * DAY)])], LENGTH)
    row = row_of(path)
    assert row["uptime_ratio_7d"] == row["uptime_ratio_30d"] == 0.8
    assert row["trend"] is None


def test_better_and_worse_have_an_arrow(path: Path) -> None:
    peers = [
        MadeUpPeer("better", offline=[(0 * DAY, 3.3 * DAY)]),
        MadeUpPeer("worse", offline=[(33 * DAY, 33.7 * DAY)]),
        MadeUpPeer("same"),
    ]
    make_database(path, peers, LENGTH)
    _, heads, *lines = printed_by("show", str(path), "--peers").splitlines()
    end = heads.index("TREND") + len("TREND")
    assert "     1D       7D      30D     TREND" in heads
    assert {line.split()[0]: line[:end].split("  ")[-1].strip() for line in lines} == {
        "better": "\u25b2 +10.00",
        "worse": "\u25bc \u221210.00",
        "same": "= 0.00",
    }


# Flaps.


@pytest.mark.parametrize("days", [1, 4, 5, 6, 7, 20, 39, 50])
def test_flaps_of_a_window_are_the_changes_within_it(days: int, path: Path) -> None:
    spans = [(DAY, 2 * DAY), (20.5 * DAY, 34 * DAY), (35 * DAY, 36 * DAY), (39 * DAY, 41 * DAY)]
    make_database(path, [MadeUpPeer(offline=spans)], LENGTH)
    changes = [each for span in spans for each in span if LENGTH - days * DAY < each < LENGTH]
    for view in ([], ["--peers"]):
        (row,) = rows_shown(str(path), *view, "--window", f"{days}d")
        assert row["flap_count"] == len(changes)


def test_over_all_time_old_flaps_count_less(path: Path) -> None:
    """Counts decay by the factor 0.95 every eight hours, as in lnd."""
    spans = [(9 * HOUR, 10 * HOUR), (11 * HOUR, 12 * HOUR)]
    make_database(path, [MadeUpPeer(offline=spans)], 52 * HOUR)
    counted = int(4 * 0.95 ** (40 / 8))
    for view in ([], ["--peers"]):
        (row,) = rows_shown(str(path), *view)
        assert row["flap_count"] == counted


def test_a_peer_never_seen_online_has_no_flaps(path: Path) -> None:
    node = FakeNode()
    node.open_channel(node.new_peer())
    with watching(node, path):
        node.advance(hours=2)
    for window in ("1h", "7d"):
        row = row_of(path, "--window", window)
        assert (row["flap_count"], row["outages"], row["uptime_ratio"]) == (0, 1, 0)


# The order.


def test_offline_peers_come_first_then_the_worst(path: Path) -> None:
    peers = [
        MadeUpPeer("always there"),
        MadeUpPeer("not usable", unusable=[(DAY, 2 * DAY)]),
        MadeUpPeer("away at first", offline=[(0 * DAY, 30 * DAY)]),
        MadeUpPeer("just gone", offline=[(39.9 * DAY, 41 * DAY)]),
        MadeUpPeer("long gone", offline=[(10 * DAY, 41 * DAY)]),
    ]
    make_database(path, peers, LENGTH)
    order = ["long gone", "just gone", "away at first", "not usable", "always there"]
    assert [row["alias"] for row in rows_shown(str(path), "--peers")] == order
    limited = answer_of("show", str(path), "--peers", "--limit", "2")["peers"]
    assert [row["alias"] for row in limited] == order[:2]
    within = rows_shown(str(path), "--peers", "--window", "9d")
    assert [row["alias"] for row in within] == [*order[:2], "always there", *order[3:1:-1]]


def test_peers_without_a_channel_come_last(path: Path) -> None:
    node = FakeNode()
    alone, channel = node.new_peer(), node.open_channel(node.new_peer(online=True))
    with watching(node, path) as store:
        node.peer_online(alone)
        node.advance(days=2)
        overview, *further = store.get_overviews([DAY, *PEERS.windows], timeout=WAIT)
    told = report(PEERS, overview, further=further)
    rows = told.as_object()["peers"]
    assert isinstance(rows, list)
    first, last = rows
    assert (first["peer"], last["peer"]) == (str(channel.peer), str(alone))
    unknown = [name for name, value in last.items() if value is None]
    assert unknown == [
        *["alias", "transport", "uptime_ratio", "usable_ratio", "outages"],
        *["longest_outage_seconds", "flap_count", "uptime_ratio_1d", "uptime_ratio_7d"],
        *["uptime_ratio_30d", "trend", "figures_since"],
    ]
    assert told.render("text", None).splitlines()[-1].split()[-5:] == ["-"] * 4 + ["0"]


# Unknown figures.


def test_without_a_history_sums_cover_all_time(path: Path) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    with watching(node, path, history=None):
        node.advance(days=9)
        node.peer_offline(channel.peer)
        node.advance(days=1)
    row = row_of(path, "--window", "1d")
    assert (row["uptime_ratio"], row["complete"]) == (0.9, False)
    for name in ("outages", "flap_count", "uptime_ratio_1d", "uptime_ratio_30d", "trend"):
        assert row[name] is None
    _, _, line, note = printed_by("show", str(path), "--peers", "--window", "1d").splitlines()
    assert line.split().count("90.00%*") == 2
    assert line.count("*") == 2
    assert note == "* over all time where OUTAGES has no figure: no history was kept"
    of_all = printed_by("show", str(path), "--peers").splitlines()
    assert not any("*" in each for each in of_all)


def test_shares_that_cover_less_than_their_window_are_marked(path: Path) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    with watching(node, path, history_limit=4):
        for _ in range(10):
            node.advance(hours=12)
            node.peer_offline(channel.peer)
            node.advance(hours=2)
            node.peer_online(channel.peer)
            node.advance(hours=10)
    _, _, line, note = printed_by("show", str(path), "--peers").splitlines()
    of_six_and_a_half_days = "91.02%*"  # 1 - 7 * 2 / 156
    assert [cell for cell in line.split() if "*" in cell] == [of_six_and_a_half_days]
    assert note == "* not all of that time: earlier history is not known (--json has its start)"
    assert row_of(path)["complete"] is True


def test_in_blind_time_peers_have_their_last_seen_state(path: Path) -> None:
    node = FakeNode()
    gone, there = (node.open_channel(node.new_peer(online=True)).peer for _ in range(2))
    with watching(node, path):
        node.advance(hours=2)
        node.peer_offline(gone)
        node.advance(hours=1)
        seen_until = format_time(node.clock.now())
        node.peer_notifier.send_update(MonitoringPausedEvent())
        node.advance(hours=1)
    heading, *_ = printed_by("show", str(path), "--peers").splitlines()
    assert heading.endswith(f"its node was last seen at {seen_until}")
    rows = rows_of(path)
    assert {peer: row["online"] for peer, row in rows.items()} == {
        str(gone): False,
        str(there): True,
    }
    assert rows[str(gone)]["uptime_ratio"] == pytest.approx(2 / 3)
