"""Local time: days of 23 and 25 hours, zones of all kinds, and the last dates."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone

import pytest

from chanfitness.web.bands import Axis
from chanfitness.web.local_time import LocalTime, Tick

from ..support.pages import at

BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"
DELHI = "IST-5:30"
SAO_PAULO = "<-03>3"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
UTC = LocalTime(timezone.utc)


@pytest.fixture
def machine_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], LocalTime]]:
    """Return a function that sets this machine's time zone."""

    def move(zone: str) -> LocalTime:
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        return LocalTime()

    yield move
    monkeypatch.undo()
    time.tzset()


def test_zones_have_names(machine_in: Callable[[str], LocalTime]) -> None:
    winter, summer = at("2026-01-01T12:00+00:00"), at("2026-07-01T12:00+00:00")
    assert UTC.name(winter) == "UTC"
    berlin = machine_in(BERLIN)
    assert berlin.name(winter) == "CET (UTC+01:00)"
    assert berlin.name(summer) == "CEST (UTC+02:00)"
    assert machine_in(SAO_PAULO).name(winter) == "UTC-03:00"
    assert machine_in("UTC0").name(winter) == "UTC"


def test_dates_are_local(machine_in: Callable[[str], LocalTime]) -> None:
    berlin = machine_in(BERLIN)
    assert berlin.text(at("2026-01-01T23:30:15+00:00")) == "2026-01-02 00:30"
    assert berlin.text(at("2026-01-01T23:30:15+00:00"), seconds=True) == "2026-01-02 00:30:15"


def test_a_span_has_two_dates_only_if_they_differ() -> None:
    begin = at("2026-01-01T22:00+00:00")
    assert UTC.span(begin, begin + HOUR) == "2026-01-01 22:00:00 to 23:00:00"
    assert UTC.span(begin, begin + DAY) == "2026-01-01 22:00:00 to 2026-01-02 22:00:00"
    assert UTC.span(begin, None) == "since 2026-01-01 22:00:00"


def test_a_repeated_hour_is_unambiguous(
    machine_in: Callable[[str], LocalTime],
) -> None:
    berlin = machine_in(BERLIN)
    first = at("2026-10-25T00:30+00:00")
    assert berlin.span(first, first + HOUR) == "2026-10-25 02:30:00 CEST to 02:30:00 CET"
    assert berlin.span(first, None) == "since 2026-10-25 02:30:00 CEST"
    assert berlin.span(first + 2 * DAY, None) == "since 2026-10-27 01:30:00"


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-05-05", 24)]
)
def test_days_have_their_true_length(
    machine_in: Callable[[str], LocalTime], day: str, hours: int
) -> None:
    noon = at(f"{day}T12:00+00:00")
    ticks = machine_in(BERLIN).ticks(Axis(noon - 3 * DAY, noon + 3 * DAY))
    begun = max(tick for tick in ticks if tick.at < noon)
    ended = min(tick for tick in ticks if tick.at > noon)
    assert ended.at - begun.at == hours * HOUR
    assert begun.label == f"{int(day[-2:])} {noon:%b}"
    assert len(ticks) == 6


@pytest.mark.parametrize("zone", [BERLIN, DELHI, SAO_PAULO, "UTC0"])
@pytest.mark.parametrize("end", ["2026-03-29T12:34:56+00:00", "2026-10-25T12:34:56+00:00"])
def test_24_hours_have_a_tick_every_third_local_hour(
    machine_in: Callable[[str], LocalTime], zone: str, end: str
) -> None:
    local = machine_in(zone)
    ticks = local.ticks(Axis(at(end) - DAY, at(end)))
    hours = [local.at(tick.at) for tick in ticks]
    assert {(each.hour % 3, each.minute, each.second) for each in hours} == {(0, 0, 0)}
    assert 7 <= len(ticks) <= 9
    midnight = [tick for tick in ticks if not local.at(tick.at).hour]
    assert [tick.label for tick in midnight if tick.label] in ([], [f"{at(end).day} {at(end):%b}"])


def test_short_axes_have_hourly_ticks() -> None:
    begin = at("2026-01-01T11:45:30.500+00:00")
    assert UTC.ticks(Axis(begin, begin + HOUR)) == [Tick(at("2026-01-01T12:00+00:00"), "12:00")]
    assert UTC.ticks(Axis(begin, begin + HOUR / 60)) == []


@pytest.mark.parametrize(
    ("days", "count", "label"),
    [
        (30, 30, "31 Jan"),
        (61, 61, "3 Mar"),
        (365, 12, "Jan 2027"),
        (4 * 365, 47, "Dec 2029"),
        (20 * 365, 19, "2045"),
    ],
)
def test_ticks_are_days_months_or_years_few_of_them_labelled(
    days: int, count: int, label: str
) -> None:
    begin = at("2026-01-01T12:00+00:00")
    ticks = UTC.ticks(Axis(begin, begin + days * DAY))
    labels = [tick.label for tick in ticks if tick.label]
    assert len(ticks) == count
    assert 4 <= len(labels) <= 8
    assert ticks[-1].label == labels[-1]
    assert labels[-1] == label


@pytest.mark.parametrize("zone", [BERLIN, "UTC0", SAO_PAULO])
@pytest.mark.parametrize("length", [HOUR, DAY, 30 * DAY, 700 * DAY, 9000 * 365 * DAY])
def test_ticks_at_the_last_dates(
    machine_in: Callable[[str], LocalTime], zone: str, length: timedelta
) -> None:
    local = machine_in(zone)
    first = datetime.min.replace(tzinfo=timezone.utc)
    last = datetime.max.replace(tzinfo=timezone.utc)
    for axis in (Axis(first, first + length), Axis(last - length, last)):
        assert all(axis.begin < tick.at < axis.end for tick in local.ticks(axis))
        assert local.text(axis.begin)
        assert local.name(axis.end)
        assert local.span(axis.begin, axis.end)
