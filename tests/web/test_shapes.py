"""The shapes of bands."""

from __future__ import annotations

from datetime import timezone
from pathlib import Path

import pytest

from ..support.made_up_peers import (
    DAY,
    HOUR,
    MadeUpPeer,
    make_database,
)
from ..support.pages import blind, boxes, half_a_day_is_seen, page_of
from ..support.values import START, vertex

KEY = str(vertex(1))
UTC = timezone.utc


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitness.db"


def test_unusable_time_has_half_the_height(path: Path) -> None:
    peer = MadeUpPeer(offline=[(12 * HOUR, 18 * HOUR)], unusable=[(6 * HOUR, 12 * HOUR)])
    band = page_of(make_database(path, [peer], DAY)).paths[KEY, "24h"]
    assert [boxes(each) for each in band["bad"]] == [[(180, 360, 0.5)]]
    assert [boxes(each) for each in band["off"]] == [[(360, 540, 1)]]


BLIND = blind(START + 10 * HOUR, START + 14 * HOUR)


def test_blind_time_is_hatched_through_all_rows(path: Path) -> None:
    make_database(path, [MadeUpPeer(), MadeUpPeer()], DAY, blind=[(10 * HOUR, 14 * HOUR)])
    page = page_of(path, [BLIND], zone=UTC)
    hatched = '<path class="blind" d="M300 9V0h120V9"/></g></defs>'
    assert page.html.count(hatched) == 2  # in 24 hours and in all time
    assert page.html.count('<use href="#f-all"/>') == 3
    assert "This node, all time Seen 20h 0m, not seen 4h 0m." in page.text
    listed = "2026-01-01 10:00:00 to 14:00:00: 4h 0m, watcher stopped"
    assert f"This node: 1 time in which it was not seen {listed}" in page.text


def test_blind_time_is_cut_out_of_outages(path: Path) -> None:
    peer = MadeUpPeer(offline=[(HOUR, 2 * HOUR), (8 * HOUR, 16 * HOUR), (20 * HOUR, 2 * DAY)])
    spans = [(10 * HOUR, 14 * HOUR), (22 * HOUR, 23 * HOUR)]
    make_database(path, [peer], DAY, blind=spans)
    told = [blind(START + begin, START + end) for begin, end in spans]
    page = page_of(path, told)
    drawn = [box for each in page.paths[KEY, "24h"]["off"] for box in boxes(each)]
    expected = [(1, 2), (8, 10), (14, 16), (20, 22), (23, 24)]
    assert [box[:2] for box in drawn] == [(begin * 30, end * 30) for begin, end in expected]
    assert page.offline[KEY, "24h"] == [(end - begin) * 3600 for begin, end in expected]


def test_an_outage_with_unexplained_blind_time_is_drawn_whole(path: Path) -> None:
    peer = MadeUpPeer(offline=[(8 * HOUR, 16 * HOUR)])
    make_database(path, [peer], DAY, blind=[(10 * HOUR, 14 * HOUR)])
    other = blind(START + 9 * HOUR, START + 10 * HOUR)
    for told in ([], [other]):
        page = page_of(path, told)
        assert page.offline[KEY, "24h"] == [4 * 3600]
        assert boxes(page.paths[KEY, "24h"]["off"][0]) == [(240, 480, 1)]


def test_blind_time_that_lasts_ends_now(path: Path) -> None:
    half_a_day_is_seen(path)
    page = page_of(path, [blind(START + 12 * HOUR, None)])
    assert [boxes(each) for each in page.paths[KEY, "24h"]["off"]] == [[(240, 360, 1)]]
    assert '<path class="blind" d="M360 9V0h360V9"/></g></defs>' in page.html


def test_a_lost_transport_is_blind_only_for_its_peers(path: Path) -> None:
    make_database(path, [MadeUpPeer("a", "tor"), MadeUpPeer("b", "i2p"), MadeUpPeer()], DAY)
    lost = blind(START + 6 * HOUR, START + 12 * HOUR, "transport outage", "tor", 1)
    page = page_of(path, [lost], zone=UTC)
    (shape,) = page.paths[KEY, "24h"]["blind"]
    assert boxes(shape) == [(180, 360, 1)]
    for other in (vertex(2), vertex(3)):
        assert page.paths[str(other), "24h"]["blind"] == []
    assert "06:00:00 to 12:00:00: 6h 0m, transport outage (tor: 1 peer)" in page.text


def test_blind_time_before_a_range_is_not_drawn(path: Path) -> None:
    make_database(path, [MadeUpPeer()], 3 * DAY, blind=[(HOUR, 2 * HOUR)])
    page = page_of(path, [blind(START + HOUR, START + 2 * HOUR)])
    begin = page.html.index('id="s-24h"')
    assert 'class="blind"' not in page.html[begin : page.html.index("</section>", begin)]
