"""Parser of times that a person types."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from chanfitness.moments import parse_moment

from .support.time_zones import BERLIN, DELHI, machine_in

HOUR = timedelta(hours=1)
AT_MIDNIGHT = "<-03>3<-02>,M10.3.0/0,M2.3.0/0"  # summer time starts and ends at midnight


def utc(*fields: int) -> datetime:
    return datetime(*fields, tzinfo=timezone.utc)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22T11:20:00Z", utc(2026, 11, 22, 11, 20)),
        ("2026-11-22T11:20Z", utc(2026, 11, 22, 11, 20)),
        ("2026-11-22T11:20:30+01:00", utc(2026, 11, 22, 10, 20, 30)),
        ("2026-11-22 11:20:30.5-03:30", utc(2026, 11, 22, 14, 50, 30, 500_000)),
        ("2026-11-22T11:18:33.904732Z", utc(2026, 11, 22, 11, 18, 33, 904_732)),
    ],
)
def test_a_time_with_its_offset_is_the_same_everywhere(text: str, moment: datetime) -> None:
    for zone in (BERLIN, DELHI, "UTC0"):
        with machine_in(zone):
            assert parse_moment(text) == moment
            assert parse_moment(text).tzinfo is timezone.utc


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22T11:20", utc(2026, 11, 22, 10, 20)),
        ("2026-11-22 11:20", utc(2026, 11, 22, 10, 20)),
        ("2026-11-22 11:20:05.25", utc(2026, 11, 22, 10, 20, 5, 250_000)),
        ("2026-11-22", utc(2026, 11, 21, 23)),
        ("2026-07-01", utc(2026, 6, 30, 22)),
        ("2026-10-25T02:30", utc(2026, 10, 25, 0, 30)),  # the first of the two
        ("2026-03-29T02:30", utc(2026, 3, 29, 1, 30)),  # the start of summer time skips it
    ],
)
def test_a_time_without_an_offset_is_local(text: str, moment: datetime) -> None:
    with machine_in(BERLIN):
        assert parse_moment(text) == moment


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (BERLIN, "2026-03-29", 23),
        (BERLIN, "2026-10-25", 25),
        (BERLIN, "2026-05-05", 24),
        (AT_MIDNIGHT, "2026-10-17", 24),
        (AT_MIDNIGHT, "2026-10-18", 23),
        (AT_MIDNIGHT, "2026-02-14", 25),
    ],
)
def test_a_day_begins_at_its_first_moment(zone: str, day: str, hours: int) -> None:
    following = f"{day[:-2]}{int(day[-2:]) + 1:02}"
    with machine_in(zone):
        assert parse_moment(following) - parse_moment(day) == hours * HOUR


@pytest.mark.parametrize(
    "text",
    [
        "",
        "noon",
        "yesterday",
        "2026-11",
        "22.11.2026",
        "2026-11-22T",
        "2026-11-22T11",
        "2026-11-22T24:00",
        "2026-11-22Z",
        "2026-11-22+01:00",
        "2026-11-22T11:20:00.1234567Z",
        "2026-11-22T11:20:00 Z",
        " 2026-11-22",
        "2026-11-22\n",
        "2026-11-2\N{ARABIC-INDIC DIGIT TWO}",
        "\x1b[31m2026-11-22",
    ],
)
def test_text_of_another_form_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="bad time '") as raised:
        parse_moment(text)
    assert str(raised.value).isprintable()
    assert str(raised.value) == (
        f"bad time {text!a}: expected one like 2026-11-22, 2026-11-22T11:20 (local time) or"
        " 2026-11-22T11:20:00Z"
    )


@pytest.mark.parametrize(
    "text",
    ["2026-02-30", "2026-13-01", "2026-11-22T11:60", "2026-11-22T11:20+99:00", "0000-01-01"],
)
def test_a_date_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="bad time '"):
        parse_moment(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_a_time_outside_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="bad time '"):
        parse_moment(text)
