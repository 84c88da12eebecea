"""Bands of characters, their legend and their axis."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest

from chanfitness.clock import FIRST_DATE, LAST_DATE
from chanfitness.reports.character_band import (
    BLOCKS,
    PLAIN,
    Band,
    axis_text,
    band_text,
    legend,
)
from chanfitness.reports.seen_parts import Part
from chanfitness.terminal.zones import LOCAL, Zone

from ..support.time_zones import BERLIN, KATHMANDU, UTC, machine_in

MICROSECOND, MINUTE = timedelta(microseconds=1), timedelta(minutes=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 3, 2, tzinfo=timezone.utc)  # a Monday


def part(begin: float, end: float, seen: float | None = None) -> Part:
    return START + begin * HOUR, START + end * HOUR, HOUR * (end - begin if seen is None else seen)


def band(hours: float, **shown: Sequence[Part]) -> Band:
    return Band(START, START + hours * HOUR, START, **shown)


def drawn(of: Band, cells: int = 10) -> tuple[str, str]:
    """The band in blocks and in ASCII."""
    return band_text(of, cells, BLOCKS), band_text(of, cells, PLAIN)


# Cells of an hour.


def test_a_peer_always_online_is_a_thin_line() -> None:
    assert drawn(band(10)) == ("\u00b7" * 10, "." * 10)


def test_the_height_is_the_share_of_the_cell_offline() -> None:
    offline = [part(number, number + number / 8) for number in range(1, 9)]
    assert drawn(band(10, offline=offline)) == (
        "\u00b7▁▂▃▄▅▆▇█\u00b7",
        ".2345678#.",
    )


@pytest.mark.parametrize("edge", [3, 3.999999])
def test_the_shortest_offline_time_is_visible(edge: float) -> None:
    begin = START + edge * HOUR
    shown = band(10, offline=[(begin, begin + MICROSECOND, MICROSECOND)])
    assert drawn(shown) == ("\u00b7\u00b7\u00b7▁" + "\u00b7" * 6, "...1......")


def test_only_a_cell_offline_throughout_is_full() -> None:
    nearly = (START + 4 * HOUR + MICROSECOND, START + 6 * HOUR, 2 * HOUR - MICROSECOND)
    assert drawn(band(10, offline=[nearly]))[0][4:7] == "▇█\u00b7"
    in_parts = [part(4, 4.3), part(4.3, 5)]
    assert drawn(band(10, offline=in_parts))[0][4:6] == "█\u00b7"


def test_an_outage_that_lasts_reaches_the_end() -> None:
    assert drawn(band(10, offline=[(START + 8 * HOUR, None, 2 * HOUR)]))[1] == "........##"


def test_the_seen_time_of_a_part_is_spread_evenly() -> None:
    assert drawn(band(10, offline=[part(2, 6, 2)]))[0] == "\u00b7\u00b7▄▄▄▄\u00b7\u00b7\u00b7\u00b7"


def test_offline_overrides_unusable_which_overrides_blind() -> None:
    shown = band(
        10,
        offline=[part(1, 1.1)],
        unusable=[part(1, 1.2), part(3, 3.01)],
        blind=[part(1, 2), part(3, 4), part(5, 5.5), part(7, 7.4)],
    )
    assert drawn(shown) == ("\u00b7▁\u00b7~\u00b7░\u00b7\u00b7\u00b7\u00b7", ".1.~.?....")


def test_blind_time_may_begin_before_the_band() -> None:
    assert drawn(band(10, blind=[part(-5, 2)]))[1] == "??........"


def test_time_before_the_first_known_instant_is_blank() -> None:
    shown = band(10)._replace(known=START + 2.5 * HOUR, blind=[part(2.5, 2.8)])
    assert drawn(shown)[1] == "  ?......."


def test_cells_divide_the_band_equally() -> None:
    edges = band(10).edges(7)
    assert (edges[0], edges[-1], len(edges)) == (START, START + 10 * HOUR, 8)
    lengths = {end - begin for begin, end in pairwise(edges)}
    assert max(lengths) - min(lengths) <= MICROSECOND


# The legend.


def test_the_legend_fits_on_a_line() -> None:
    for glyphs in (BLOCKS, PLAIN):
        lines = [legend(cells, glyphs) for cells in (40, 80, 200)]
        assert [len(line) <= cells for line, cells in zip(lines, (40, 80, 200), strict=True)]
        assert len(set(lines)) == 3
        for line in lines:
            assert all(word in line for word in ("online", "offline", "usable", "blind"))
    assert legend(200, PLAIN).isascii()


# The axis.


def axis(length: timedelta, cells: int, zone: str = UTC, begin: datetime = START) -> str:
    with machine_in(zone):
        return axis_text(Band(begin, begin + length, begin), cells)


def test_dates_are_where_local_days_begin() -> None:
    line = axis(10 * DAY, 80)
    assert (
        line == "|2 Mar          |4 Mar          |6 Mar          |8 Mar          |10 Mar      UTC"
    )
    line = axis(5 * DAY, 80, KATHMANDU)  # whose days begin at 18:15 UTC
    assert line.index("|3 Mar") == int(18.25 / 24 * 16)
    assert line.endswith(" UTC+05:45")


@pytest.mark.parametrize(
    ("length", "labels"),
    [
        (MINUTE, ["2 Mar"]),
        (30 * MINUTE, ["2 Mar", *(f"00:{minute:02}" for minute in range(5, 26, 5))]),
        (HOUR, ["2 Mar", "00:15", "00:30", "00:45"]),
        (6 * HOUR, ["2 Mar", *(f"{hour:02}:00" for hour in range(1, 6))]),
        (2 * DAY, ["2 Mar", "12:00", "3 Mar", "12:00"]),
        (30 * DAY, ["2 Mar", "9 Mar", "16 Mar", "23 Mar"]),
        (120 * DAY, ["Apr 2026", "May 2026", "Jun 2026"]),
        (600 * DAY, [f"{month} 2026" for month in ("Apr", "Jul", "Oct")] + ["Jan 2027"]),
        (2000 * DAY, [f"Jan {year}" for year in range(2027, 2031)]),
        (4000 * DAY, [f"Jan {year}" for year in range(2028, 2036, 2)]),
        (200_000 * DAY, [f"Jan {year}" for year in range(2100, 2500, 100)]),
    ],
)
def test_an_axis_has_as_many_dates_as_fit(length: timedelta, labels: list[str]) -> None:
    line = axis(length, 80)
    found = [each.strip() for each in line.rsplit(" ", 1)[0].split("|")[1:]]
    assert found[: len(labels)] == labels
    assert len(found) <= 7
    assert len(line) == 80
    assert line.endswith(" UTC")


@pytest.mark.parametrize("cells", [12, 40, 41, 79, 200])
def test_an_axis_is_never_longer_than_its_cells(cells: int) -> None:
    for days in (1, 3, 30, 400):
        for zone in (UTC, BERLIN, KATHMANDU):
            assert len(axis(days * DAY, cells, zone)) == cells


def test_days_of_23_and_25_hours_have_their_true_length() -> None:
    begin = datetime(2026, 10, 24, 10, tzinfo=timezone.utc)
    line = axis(48 * HOUR, 48, BERLIN, begin)
    assert (line.index("|25 Oct"), line.index("|26 Oct")) == (12, 37)
    assert line.endswith(" CET")
    begin = datetime(2026, 3, 28, 10, tzinfo=timezone.utc)
    line = axis(48 * HOUR, 48, BERLIN, begin)
    assert (line.index("|29 Mar"), line.index("|30 Mar")) == (13, 36)


def test_a_repeated_hour_has_one_tick() -> None:
    begin = datetime(2026, 10, 24, 22, 30, tzinfo=timezone.utc)
    line = axis(5 * HOUR, 60, BERLIN, begin)
    places = [line.index(f"|{hour}") for hour in ("01:00", "02:00", "03:00")]
    assert places == [6, 18, 42]
    assert line.count("|") == 3


def test_the_axis_works_at_the_last_dates() -> None:
    for begin, end in ((FIRST_DATE, FIRST_DATE + DAY), (LAST_DATE - DAY, LAST_DATE)):
        for zone in (BERLIN, KATHMANDU):
            with machine_in(zone):
                assert axis_text(Band(begin, end, begin), 80).strip()
                assert LOCAL.dated(begin)


# Local dates.


def test_a_date_has_its_zone() -> None:
    summer = datetime(2026, 7, 1, 12, 0, 5, 7, tzinfo=timezone.utc)
    with machine_in(BERLIN):
        assert LOCAL.dated(summer) == "2026-07-01 14:00:05 CEST"
        assert LOCAL.minute(summer) == "2026-07-01 14:00"
        assert LOCAL.short_name(START) == "CET"
        assert Zone(timezone.utc).dated(summer) == "2026-07-01 12:00:05 UTC"
    with machine_in(KATHMANDU):
        assert LOCAL.dated(summer) == "2026-07-01 17:45:05 UTC+05:45"
    assert Zone(timezone.utc).dated(FIRST_DATE) == "0001-01-01 00:00:00 UTC"
