"""The page in a real browser, without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from ..support.browsers import running_browser, shown, violations
from ..support.lengths import Record
from ..support.made_up_peers import (
    DAY,
    HOSTILE,
    HOUR,
    MINUTE,
    MadeUpPeer,
    make_database,
    peer_with_habits,
)
from ..support.pages import blind, page_of
from ..support.values import START, vertex

LENGTH = 10 * DAY
BLIND = [blind(START + 3 * DAY, START + 3 * DAY + HOUR)]
VISIBLE = "each => each.checkVisibility()"
LAYOUT_LIMIT = 10_000  # milliseconds: a fifth of it alone, more where tests run beside it


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Return a function that makes the page of ``count`` peers with blind time and odd names."""
    folder = tmp_path_factory.mktemp("pages")

    def make(count: int) -> Path:
        target = folder / f"{count}.html"
        if not target.exists():
            database = make_database(folder / f"{count}.db", peers(count), LENGTH)
            target.write_text(page_of(database, BLIND).html, encoding="utf-8")
        return target

    return make


def peers(count: int) -> list[MadeUpPeer]:
    """Peers, of which the second has unusable time."""
    made = [
        peer_with_habits(number, number % 30, LENGTH, number % 7 * 10 * MINUTE)._replace(
            transport="tor"
        )
        for number in range(count)
    ]
    made[1:2] = [
        MadeUpPeer("half", unusable=[(9 * DAY, 11 * DAY)], opened=[HOUR, DAY]) for _ in made[1:2]
    ]
    for place, alias in enumerate(HOSTILE, 3):
        if place < count:
            made[place] = made[place]._replace(alias=alias)
    return made


@pytest.mark.parametrize("count", [0, 1, 3, 30, 300])
def test_the_page_fits_and_logs_no_errors(
    count: int, browser: Browser, file: Callable[[int], Path]
) -> None:
    for width in (360, 1600):
        with shown(browser, file(count), width) as page:
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                wide, room = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
                assert wide <= room
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            assert page.locator(".range:visible").count() == 1


@pytest.mark.parametrize(
    ("count", "scheme"), [(0, "dark"), (3, "light"), (3, "dark"), (30, "light")]
)
def test_the_page_is_accessible(
    count: int, scheme: Literal["light", "dark"], browser: Browser, file: Callable[[int], Path]
) -> None:
    with shown(browser, file(count), color_scheme=scheme) as page:
        assert violations(page) == []


def test_shapes_in_the_browser_add_up_to_all_offline_time(
    browser: Browser, file: Callable[[int], Path]
) -> None:
    read = page_of(file(30).with_suffix(".db"), BLIND)
    with shown(browser, file(30)) as page:
        summed = page.evaluate(
            "[...document.querySelectorAll('[data-peer]')].map(band =>"
            " [band.dataset.peer, band.dataset.range,"
            " [...band.querySelectorAll('[data-offline]')].map(each => each.dataset.offline)])"
        )
    assert len(summed) == 4 * 30
    for peer, name, seconds in summed:
        assert sum(map(Decimal, seconds)) == read.seconds(peer, name)


@pytest.mark.parametrize("width", [360, 1600])
def test_each_outage_is_visible_in_its_place(width: int, browser: Browser, tmp_path: Path) -> None:
    moment = MINUTE / 60
    peer = MadeUpPeer("a", offline=[(5 * DAY, 5 * DAY + moment), (6 * DAY, 8 * DAY)])
    target = tmp_path / "page.html"
    target.write_text(page_of(make_database(tmp_path / "db", [peer], LENGTH)).html)
    with shown(browser, target, width) as page:
        page.locator("#r-all").check()
        band = page.locator(f"[data-peer='{vertex(1)}'][data-range=all]").bounding_box()
        drawn = [page.locator("#s-all .off").nth(number).bounding_box() for number in range(2)]
        stroke = page.locator("#s-all .off").first.evaluate(
            "each => parseFloat(getComputedStyle(each).strokeWidth) *"
            " (getComputedStyle(each).stroke !== 'none')"
        )
    assert band is not None
    for box, begin, days in zip(drawn, (5, 6), (0, 2), strict=True):
        assert box is not None
        assert box["width"] + stroke >= max(1, days / 10 * band["width"]) - 0.01
        assert abs(box["x"] - band["x"] - begin / 10 * band["width"]) <= 2
        assert box["height"] >= band["height"] - 1


def test_ranges_work_without_script(browser: Browser, file: Callable[[int], Path]) -> None:
    with shown(browser, file(3), java_script_enabled=False) as page:
        for name, label in (("24h", "24 hours"), ("7d", "7 days"), ("30d", "30 days")):
            page.get_by_role("radio", name=label).check()
            expect(page.locator(f"#s-{name}")).to_be_visible()
            assert page.locator(".range:visible").count() == 1


def test_everything_works_with_the_keyboard(browser: Browser, file: Callable[[int], Path]) -> None:
    with shown(browser, file(30)) as page:
        page.keyboard.press("Tab")
        expect(page.locator("#r-all")).to_be_focused()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
        expect(page.locator("#s-7d")).to_be_visible()
        page.keyboard.press("Tab")
        expect(page.get_by_role("searchbox")).to_be_focused()
        page.keyboard.type("half")
        rows = page.locator("#s-7d tbody.peer:visible")
        expect(rows).to_have_count(1)
        expect(page.locator("#s-7d details.rest")).to_have_attribute("open", "")
        page.keyboard.press("Control+A")
        page.keyboard.press("Delete")
        expect(rows).to_have_count(30)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#s-7d th[aria-sort=descending]")).to_have_count(2)
        page.locator("#s-7d details.rest summary").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#s-7d details.rest")).not_to_have_attribute("open", "")
        page.locator("#s-7d td a").first.focus()
        page.keyboard.press("Enter")
        expect(page.locator("details:target")).to_have_attribute("open", "")
        expect(page.locator("details:target > summary")).to_be_visible()


def test_a_click_on_a_heading_sorts(browser: Browser, file: Callable[[int], Path]) -> None:
    heads = ["Online", "Usable", "Outages", "Longest", "Now", "Flaps", "Trend"]
    with shown(browser, file(30)) as page:
        page.locator("#r-7d").check()
        for column, head in enumerate(heads, 2):
            button = page.locator("#s-7d").get_by_role("button", name=head).first
            for is_rising in (False, True):
                button.click()
                figures = figures_of_column(page, column)
                assert figures == sorted(figures, reverse=not is_rising), head
                assert len(figures) > 20


def figures_of_column(page: Page, column: int) -> list[float]:
    """The known figures of a column, in order."""
    cells = page.locator(f"#s-7d tbody.peer tr:first-child td:nth-child({column})")
    return [figure(text) for text in cells.all_text_contents() if text != "-"]


def figure(text: str) -> float:
    """Parse a share, a count, a difference or a duration."""
    units = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    if text == "online":
        return 0
    if text[-1] in units:
        return sum(float(part[:-1]) * units[part[-1]] for part in text.split())
    return float(text.rsplit(maxsplit=1)[-1].replace("\N{MINUS SIGN}", "-").rstrip("%*"))


def test_a_print_has_the_chosen_range_and_all_lists(
    browser: Browser, file: Callable[[int], Path]
) -> None:
    with shown(browser, file(30)) as page:
        folded = [page.locator("#s-all .rest tbody").last, page.locator(".lists ol").last]
        assert not any(each.evaluate(VISIBLE) for each in folded)
        page.emulate_media(media="print")
        assert all(each.evaluate(VISIBLE) for each in folded)
        expect(page.locator(".tools")).to_be_hidden()


def test_a_page_of_two_thousand_channels_opens_quickly(
    browser: Browser, tmp_path: Path, record_property: Record
) -> None:
    many = [peer._replace(opened=[HOUR * place for place in range(7)]) for peer in peers(286)]
    target = tmp_path / "page.html"
    target.write_text(page_of(make_database(tmp_path / "db", many, LENGTH), BLIND).html)
    with shown(browser, target) as page:
        taken = page.evaluate(
            "() => { const begun = performance.now();"
            " for (const each of document.querySelectorAll('details')) each.open = true;"
            " document.body.getBoundingClientRect();"
            " scrollTo(0, document.body.scrollHeight / 2);"
            " return performance.now() - begun }"
        )
        assert page.locator("#s-all tr.channel:visible").count() > 1500
    record_property("milliseconds to lay out 2,000 channels", round(taken))
    assert taken < LAYOUT_LIMIT
