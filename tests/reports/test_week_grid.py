"""The text grid of a week, its sums and its worst hours."""

from __future__ import annotations

from datetime import timedelta, timezone

import pytest
from rich.cells import cell_len

from chanfitness.core.overview import Overview
from chanfitness.core.peerlog import PeerInfo
from chanfitness.reports.by_hour import Hour, Share, Week
from chanfitness.reports.naming import Named
from chanfitness.reports.one_peer import Look
from chanfitness.reports.week_grid import week_grid
from chanfitness.terminal.zones import Zone

from ..support.made_up_peers import DAY, HOSTILE, HOUR
from ..support.values import ALICE, START

ZERO, MINUTE = timedelta(0), timedelta(minutes=1)
END = START + 28 * DAY


def week(offline: dict[tuple[int, int], timedelta], seen: timedelta = 4 * HOUR) -> Week:
    """Four weeks, in which each hour of the week was seen four times."""
    hours = [divmod(number, 24) for number in range(168)]
    shares = [Share(seen, offline.get(hour, ZERO)) for hour in hours]
    return Week(START, END, [Hour(*hour, each) for hour, each in zip(hours, shares, strict=True)])


def grid(of: Week, alias: str | None = "ACINQ", **how: object) -> list[str]:
    info = PeerInfo(ALICE, True, START, 0, None, (), alias)
    overview = Overview(END, True, ZERO, (), None, (info,))
    look = Look(END + HOUR, zone=Zone(timezone.utc))._replace(**how)  # type: ignore[arg-type]
    return week_grid(of, overview, Named(ALICE, alias, None, ()), look).split("\n")


NIGHTS = {(5, 3): 100 * MINUTE, (5, 4): 24 * MINUTE, (6, 23): 4 * HOUR, (0, 12): MINUTE}


def test_a_day_is_a_line_and_an_hour_a_character() -> None:
    lines = grid(week(NIGHTS))
    assert lines[:3] == [
        "ACINQ",
        "offline by hour of the week, 2026-01-01 00:00 to 2026-01-29 00:00 UTC",
        "as of 2026-01-29 00:00:00 UTC (1h 0m ago)",
    ]
    days = {line[:3]: line[5:29] for line in lines if line[3:5] == "  " and line[:3].isalpha()}
    assert list(days) == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    assert days["Tue"] == "." * 24
    assert days["Mon"] == "." * 12 + "▁" + "." * 11
    assert days["Sat"] == "...▃▁" + "." * 19
    assert days["Sun"] == "." * 23 + "█"
    (ruler,) = [line for line in lines if line.endswith("OFFLINE")]
    assert [ruler.index(f" {hour} ") - 4 for hour in (0, 6, 12, 18)] == [0, 6, 12, 18]


def test_nights_days_weekdays_and_weekends_have_sums() -> None:
    lines = grid(week(NIGHTS))
    shares = {line[:14].strip(): line[14:].strip() for line in lines if "%" in line}
    night, weekend = timedelta(minutes=124), timedelta(minutes=364)
    whole, of_all = timedelta(minutes=365), 28 * DAY
    assert shares["at night (0-6)"] == cut(night / (of_all / 4)) == "1.23%"
    assert shares["by day"] == cut((whole - night) / (of_all * 3 / 4))
    assert shares["on weekdays"] == cut(MINUTE / (of_all * 5 / 7)) == "<0.01%"
    assert shares["at weekends"] == cut(weekend / (of_all * 2 / 7))
    assert shares["in all"] == f"{cut(whole / of_all)}: 6h 5m of 28d 0h"
    by_day = {line[:3]: line.split()[-1] for line in lines if line[3:5] == "  "}
    assert (by_day["Tue"], by_day["Sun"]) == ("0.00%", cut(4 * HOUR / (4 * DAY)))


def cut(ratio: float) -> str:
    return f"{int(ratio * 10_000) / 100:.2f}%" if ratio >= 0.0001 else "<0.01%"


def test_the_worst_three_hours_are_listed_in_words() -> None:
    assert grid(week(NIGHTS))[-4:] == [
        "The worst hours:",
        "Sun 23:00-24:00: offline 100 %",
        "Sat 03:00-04:00: offline 41 %",
        "Sat 04:00-05:00: offline 10 %",
    ]
    assert grid(week({(1, 0): MINUTE}))[-2:] == [
        "The worst hour:",
        "Tue 00:00-01:00: offline less than 1 %",
    ]
    assert grid(week({}))[-1] == "It was never offline."


def test_hours_never_seen_are_blank() -> None:
    lines = grid(week({}, ZERO))
    assert [line for line in lines if line.startswith("Mon")] == [f"Mon{' ' * 34}-"]
    assert any(line.startswith("in all") and "-: 0.0s of 0.0s" in line for line in lines)


def test_a_note_says_if_outages_are_missing() -> None:
    note = "Earlier outages are not kept one by one, and are not in these figures."
    assert grid(week({})._replace(is_partial=True))[-1] == note
    assert note not in grid(week({}))


@pytest.mark.parametrize("alias", [*HOSTILE, "\u6f22\u5b57" * 5, None])
@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_every_line_fits_whatever_the_alias_is(
    alias: str | None, plain: bool, columns: int
) -> None:
    partial = week(NIGHTS, 9999 * DAY)._replace(is_partial=True)
    lines = grid(partial, alias, plain=plain, columns=columns)
    assert all(line.isprintable() for line in lines)
    assert max(map(cell_len, lines)) <= columns
    assert not plain or all(line.isascii() for line in lines)
