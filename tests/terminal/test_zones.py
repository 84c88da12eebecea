"""Dates in a time zone (see also ``tests/web/test_local_time.py``)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from chanfitness.terminal.zones import Zone

from ..support.time_zones import BERLIN, DELHI, SAO_PAULO, machine_in

WINTER = datetime(2026, 1, 1, 23, 30, 15, tzinfo=timezone.utc)
SUMMER = WINTER + timedelta(days=180)


@pytest.mark.parametrize(
    ("zone", "text", "offset", "name"),
    [
        (BERLIN, "2026-01-02 00:30:15", "+01:00", "CET (UTC+01:00)"),
        (DELHI, "2026-01-02 05:00:15", "+05:30", "IST (UTC+05:30)"),
        (SAO_PAULO, "2026-01-01 20:30:15", "-03:00", "UTC-03:00"),
        ("UTC0", "2026-01-01 23:30:15", "+00:00", "UTC"),
    ],
)
def test_dates_are_formatted_in_the_zone(zone: str, text: str, offset: str, name: str) -> None:
    with machine_in(zone):
        local = Zone()
        assert local.text(WINTER, seconds=True) == text
        assert local.text(WINTER) == text[:-3]
        assert (local.offset(WINTER), local.name(WINTER)) == (offset, name)


def test_is_one_tells_whether_dates_share_an_offset() -> None:
    with machine_in(BERLIN):
        assert Zone().is_one([WINTER, WINTER])
        assert not Zone().is_one([WINTER, SUMMER])
    with machine_in(DELHI):
        assert Zone().is_one([WINTER, SUMMER])
    assert Zone(timezone.utc).is_one([WINTER, SUMMER])
    assert Zone(timezone.utc).is_one([])
