"""The page's figures in each range, and the sums of its shapes, compared with the store's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from chanfitness import BlindSpan
from chanfitness.commands.main import main
from chanfitness.testing import FakeNode
from chanfitness.web.figures import letters, page_figures, windows

from ..support.made_up_peers import DAY, HOUR, MINUTE, MadeUpPeer, make_database, peer_with_habits
from ..support.pages import blind, boxes, figures_of, overviews, page_of
from ..support.paths import DATA
from ..support.persistent_stores import watching
from ..support.terminal import rows_shown
from ..support.values import START, vertex

LENGTH = 40 * DAY
BLIND = [(5 * DAY, 5 * DAY + HOUR), (33 * DAY, 33 * DAY + 90 * MINUTE), (39.5 * DAY, 39.6 * DAY)]
NAMES = ["24h", "7d", "30d", "all"]
SUMS = ["lifetime", "uptime"]


def peers() -> list[MadeUpPeer]:
    return [
        *(peer_with_habits(seed, 10 * seed, LENGTH, seed * 20 * MINUTE) for seed in range(5)),
        MadeUpPeer(offline=[(4 * DAY, 34 * DAY), (39.4 * DAY, 39.7 * DAY)]),
        MadeUpPeer(offline=[(39.9 * DAY, 41 * DAY)], opened=[DAY, 39 * DAY]),
        MadeUpPeer(offline=[(0 * DAY, LENGTH + DAY)]),
    ]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("figures") / "fitness.db"
    return make_database(path, peers(), LENGTH, blind=BLIND)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitness.db"


def blind_spans(spans: Sequence[tuple[timedelta, timedelta]] = BLIND) -> list[BlindSpan]:
    return [blind(START + begin, START + end) for begin, end in spans]


def assert_adds_up(path: Path, told: Sequence[BlindSpan] = ()) -> None:
    """Assert that each band's shapes add up to the offline time of the peer's oldest channel."""
    page = page_of(path, told)
    for name in NAMES:
        rows = rows_shown(str(path), *([] if name == "all" else ["--window", name]))
        oldest = {row["peer"]: row for row in sorted(rows, key=lambda row: row["lifetime_seconds"])}
        for peer, row in oldest.items():
            lifetime, uptime = (Decimal(str(row[f"{sum_}_seconds"])) for sum_ in SUMS)
            assert page.seconds(peer, name) == lifetime - uptime, (peer, name)
            assert all(seconds > 0 for seconds in page.offline[peer, name])
        assert {peer for peer, each in page.paths if each == name} == set(oldest)


def test_shapes_add_up_to_the_offline_time_of_the_store(database: Path) -> None:
    assert_adds_up(database)
    assert_adds_up(database, blind_spans())


def test_merged_shapes_add_up_to_the_offline_time(path: Path) -> None:
    many = [peer_with_habits(seed, 900, 30 * DAY, 10 * MINUTE) for seed in range(2)]
    make_database(path, many, 30 * DAY, blind=[(DAY, 2 * DAY)])
    assert_adds_up(path)
    assert_adds_up(path, blind_spans([(DAY, 2 * DAY)]))


def test_shapes_of_a_real_recording_add_up(path: Path) -> None:
    assert main(["replay", str(DATA / "lnd-simnet-restarts.jsonl"), "--db", str(path)]) == 0
    assert_adds_up(path)


def test_shapes_of_thinned_outages_add_up(path: Path) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    with watching(node, path, history_limit=4):
        for hour in range(10):
            node.advance(days=1)
            node.peer_offline(channel.peer)
            node.advance(minutes=10 + hour)
            node.peer_online(channel.peer)
        node.advance(hours=1)
    assert_adds_up(path)
    page = page_of(path)
    whole, *listed = boxes("".join(page.paths[str(channel.peer), "all"]["off"]))
    assert whole[2] == pytest.approx(1 / 9)
    assert len(listed) == 2
    assert "10 outages" in page.text
    assert "8 older ones" in page.text
    assert page.text.count("*") == 1 + 3  # the legend; two shares and a count over 7 days
    (peer,) = figures_of(path).ranges[1].peers
    assert peer.history is not None
    assert not peer.history.complete


# The order of peers.


def test_the_worst_peer_is_the_first_in_each_range(database: Path) -> None:
    for each in figures_of(database).ranges:
        ratios = [peer.online_ratio for peer in each.peers]
        assert None not in ratios
        assert ratios == sorted(ratios, key=lambda ratio: ratio or 0)


def test_equal_shares_online_are_ordered_by_share_usable(path: Path) -> None:
    usable, unusable = MadeUpPeer(), MadeUpPeer(unusable=[(HOUR, 2 * HOUR)])
    make_database(path, [usable, unusable], DAY)
    worst, best = figures_of(path).ranges[-1].peers
    assert (worst.info.peer, best.info.peer) == (vertex(2), vertex(1))
    assert (worst.usable_ratio, best.usable_ratio) == (23 / 24, 1)


def test_a_peer_has_the_share_usable_of_its_worst_channel(path: Path) -> None:
    peer = MadeUpPeer(unusable=[(12 * HOUR, 18 * HOUR)], opened=[0 * HOUR, 12 * HOUR])
    make_database(path, [peer], DAY)
    (found,) = figures_of(path).ranges[-1].peers
    assert [each.info.usable_ratio for each in found.channels] == [0.75, 1]
    assert (found.online_ratio, found.usable_ratio) == (1, 0.75)


def test_unusable_spans_under_a_second_are_left_out(path: Path) -> None:
    moment = timedelta(milliseconds=900)
    spans = [(HOUR, HOUR + moment), (2 * HOUR, 2 * HOUR + timedelta(seconds=1))]
    make_database(path, [MadeUpPeer(unusable=spans)], DAY)
    (found,) = figures_of(path).ranges[-1].peers
    assert [each.duration for each in found.channels[0].unusable] == [timedelta(seconds=1)]


# Trend.


def test_the_trend_is_the_last_week_less_the_time_before(path: Path) -> None:
    peers = [
        MadeUpPeer(offline=[(DAY, 2 * DAY)]),
        MadeUpPeer(offline=[(8 * DAY, 15 * DAY - HOUR)]),
        MadeUpPeer(opened=[10 * DAY]),
    ]
    make_database(path, peers, 15 * DAY)
    trends = {each.info.peer: each.trend for each in figures_of(path).ranges[0].peers}
    assert trends[vertex(1)] == pytest.approx(1 / 8)
    assert trends[vertex(2)] == pytest.approx(1 / 168 - 1)
    assert trends[vertex(3)] is None
    asked = overviews(path, since=7 * DAY)
    assert [each.trend for each in page_figures(asked).ranges[-1].peers] == [None] * 3


# Where ranges begin.


def test_ranges_are_the_windows_and_all_time(database: Path) -> None:
    page = figures_of(database)
    begun = {each.name: page.as_of - each.begin for each in page.ranges}
    assert begun == {"24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "all": LENGTH}


def test_no_range_is_longer_than_requested(database: Path) -> None:
    assert windows(14 * DAY) == {"24h": DAY, "7d": 7 * DAY, "all": 14 * DAY}
    page = page_figures(overviews(database, since=14 * DAY))
    assert page.known_from == page.ranges[-1].begin == page.as_of - 14 * DAY


@pytest.mark.parametrize("since", [timedelta(0), timedelta(seconds=1)])
def test_no_range_is_empty(database: Path, since: timedelta) -> None:
    page = page_figures(overviews(database, since=since))
    assert page.as_of - page.ranges[-1].begin == MINUTE


def test_a_range_longer_than_the_history_begins_empty(path: Path) -> None:
    make_database(path, [MadeUpPeer(offline=[(DAY, 2 * DAY)])], 2 * DAY)
    page = page_of(path)
    band = str(vertex(1)), "30d"
    left, _, width, _ = page.places[band]
    assert (left, width) == (28 * 24, 2 * 24)
    assert boxes(page.paths[band]["off"][0]) == [(29 * 24, 720, 1)]


def test_a_band_begins_with_the_oldest_channel(path: Path) -> None:
    make_database(path, [MadeUpPeer(), MadeUpPeer(opened=[DAY, 3 * DAY])], 4 * DAY)
    page = page_of(path)
    assert (str(vertex(1)), "all") not in page.places  # its band begins with the axis
    assert page.places[str(vertex(2)), "all"][0] == 180


def test_a_channel_that_returned_keeps_its_age(path: Path) -> None:
    node = FakeNode()
    peer = node.new_peer(online=True)
    first = node.open_channel(peer)
    with watching(node, path):
        node.advance(hours=10)
        node.open_channel(peer)
        node.advance(hours=10)
        node.close_channel(first)
        node.advance(hours=1)
        node.open_channel(first.peer, first.channel_point)
        node.advance(hours=3)
    (found,) = figures_of(path).ranges[-1].peers
    assert found.channels[0].info.channel_point == first.channel_point
    assert found.history is not None
    assert found.history.end - found.history.start == DAY


def test_without_a_history_shares_cover_all_time(path: Path) -> None:
    node = FakeNode()
    node.open_channel(node.new_peer(online=True))
    with watching(node, path, history=None):
        node.advance(days=2)
    page = page_of(path)
    assert page.text.count("its history was not kept".capitalize()) == 4
    assert page.text.count("100.00%*") == 6
    assert page.offline == {}
    assert figures_of(path).known_from == node.clock.now() - 2 * DAY


# Letters in place of names.


@pytest.mark.parametrize(
    ("number", "text"), [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (702, "AAA")]
)
def test_letters(number: int, text: str) -> None:
    assert letters(number) == text


def test_a_redacted_page_has_no_names(database: Path) -> None:
    told = figures_of(database, redact=True)
    assert sorted(each.key for each in told.ranges[0].peers) == list("ABCDEFGH")
    names = {each.key: [channel.name for channel in each.channels] for each in told.ranges[0].peers}
    assert names["A"] == ["A1"]
    assert names["H"] == ["H1", "H2"]
