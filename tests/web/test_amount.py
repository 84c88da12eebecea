"""Limits of the page: open lists, folded rows, the first range."""

from __future__ import annotations

import re
from datetime import timedelta, timezone
from pathlib import Path

import pytest

from chanfitness.web.figures import WINDOWS, page_figures
from chanfitness.web.page import page_html

from ..support.made_up_peers import (
    DAY,
    HOUR,
    MINUTE,
    MadeUpPeer,
    make_database,
    many_peers,
    peer_with_habits,
)
from ..support.pages import Page, overviews, page_of

UTC = timezone.utc


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitness.db"


@pytest.mark.parametrize(("count", "open_lists"), [(1, 1), (3, 3), (4, 0), (25, 0)])
def test_few_peers_have_their_lists_open(path: Path, count: int, open_lists: int) -> None:
    page = page_of(make_database(path, many_peers(count), 3 * DAY))
    details = [named for tag, named in page.tags if tag == "details"]
    assert len(details) == count
    assert len([each for each in details if "open" in each]) == open_lists
    assert "more peer" not in page.text
    assert "Offline at one time" not in page.text


def test_only_the_worst_of_many_peers_are_not_folded(path: Path) -> None:
    page = page_of(make_database(path, many_peers(60), 3 * DAY))
    assert "35 more peers, better than these" in page.section("all")
    tables = page.html[page.html.index('id="s-all"') :].split("<table>")[1:3]
    assert [each.count('<tbody class="peer">') for each in tables] == [25, 35]
    assert not any("open" in named for tag, named in page.tags if tag == "details")
    assert re.search(r"Offline at one time, of 60 peers: at most \d+\.\d", page.section("all"))


def test_many_peers_that_were_never_offline_have_no_strip(path: Path) -> None:
    page = page_of(make_database(path, [MadeUpPeer()] * 30, DAY))
    assert "Offline at one time" not in page.text


def test_lists_have_the_newest_entries(path: Path) -> None:
    peer = peer_with_habits(1, 130, 10 * DAY, MINUTE)
    text = page_of(make_database(path, [peer], 10 * DAY), zone=UTC).text
    listed = text[text.index("Outages, one by one") :]
    begun = re.findall(r"2026-01-\d\d \d\d:\d\d:\d\d(?= to)", listed)
    assert len(begun) == 100
    assert begun == sorted(begun, reverse=True)
    assert "and 30 older ones." in listed


def test_lists_show_the_seen_time_and_cut_starts(path: Path) -> None:
    peer = MadeUpPeer(
        offline=[(HOUR, 30 * HOUR), (40 * HOUR, 44 * HOUR)], unusable=[(45 * HOUR, 46 * HOUR)]
    )
    make_database(path, [peer], 2 * DAY, blind=[(41 * HOUR, 42 * HOUR)])
    figures = page_figures(overviews(path, since=DAY))
    text = Page(page_html(figures, zone=UTC)).text
    assert text.endswith(
        "700001x0x0 unusable 2026-01-02 21:00:00 to 22:00:00: 1h 0m"
        " 2026-01-02 16:00:00 to 20:00:00: 3h 0m seen"
        " before 2026-01-02 00:00:00 to 06:00:00: 6h 0m Made by chanfitness 0.1.0."
    )


@pytest.mark.parametrize(("days", "chosen"), [(0.5, "all"), (30, "all"), (31, "30d")])
def test_the_first_range_is_all_time_or_at_most_30_days(
    path: Path, days: float, chosen: str
) -> None:
    page = page_of(make_database(path, [MadeUpPeer()], days * DAY))
    assert [named["id"] for tag, named in page.tags if "checked" in named] == [f"r-{chosen}"]


@pytest.mark.parametrize(
    ("since", "period"),
    [
        (timedelta(weeks=2), "the last 14 days"),
        (36 * HOUR, "the last 36 hours"),
        (90 * MINUTE, "the last 90 minutes"),
        (timedelta(seconds=1), "the last 0:00:01"),
    ],
)
def test_a_limited_page_names_its_period(path: Path, since: timedelta, period: str) -> None:
    make_database(path, [MadeUpPeer()], 20 * DAY)
    page = Page(page_html(page_figures(overviews(path, since))))
    assert f"in {period}." in page.section("all")
    assert [named["id"] for _, named in page.tags if "checked" in named] == ["r-all"]
    ids = [named["id"] for tag, named in page.tags if tag == "input"]
    assert len(ids) == 1 + sum(window < since for window in WINDOWS.values())
