"""Text formatting of periods, dates, peers and channels."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from chanfitness.alerts import texts

NOW = datetime(2026, 11, 28, 1, 30, tzinfo=timezone.utc)
ZONE = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0.9, "0 s"),
        (9.9, "9 s"),
        (60, "1 min"),
        (2479, "41 min 19 s"),
        (21600, "6 h"),
        (21659, "6 h"),
        (97200, "1 d 3 h"),
        (86400 * 400, "400 d"),
    ],
)
def test_a_period_has_two_units_at_most(seconds: float, text: str) -> None:
    assert texts.period(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (timedelta(hours=3), "00:30"),
        (timedelta(hours=4), "Fri 27 Nov 23:30"),
        (timedelta(days=10), "Wed 18 Nov 03:30"),
        (timedelta(days=400), "Fri 24 Oct 2025"),
    ],
)
def test_a_date_is_local_and_as_short_as_possible(before: timedelta, text: str) -> None:
    assert texts.since(NOW - before, NOW, ZONE) == text


def test_a_peer_without_an_alias_has_its_cut_key() -> None:
    assert texts.peer("02" * 33, None) == texts.peer("02" * 33, "") == "peer 02020202...0202"
    assert texts.peer("02" * 33, "a\nb") == "a\\nb"


def test_a_channel_without_a_short_id_has_its_cut_point() -> None:
    assert texts.channel("ab" * 32 + ":7", None) == "abababab...abab:7"
    assert texts.channel("ab" * 32 + ":7", "7x1x0") == "7x1x0"


@pytest.mark.parametrize(
    ("capacities", "text"),
    [
        ([None], "1x1x0"),
        ([1_000_000], "1,000,000 sat (1x1x0)"),
        ([1, None], "at least 1 sat (1x1x0, 2x1x0)"),
        ([1, 2, 3, 4, 5], "15 sat (1x1x0, 2x1x0, 3x1x0 and 2 more)"),
    ],
)
def test_channels_are_named_and_added_up(capacities: list[int | None], text: str) -> None:
    names = [f"{number}x1x0" for number in range(1, len(capacities) + 1)]
    assert texts.channels(names, capacities) == text


@pytest.mark.parametrize(
    ("hours", "longest", "text"),
    [
        (24 * 90, 41, "its longest in 30 days was 41 min"),
        (24 * 2.6, 1, "its longest in 3 days was 1 min"),
        (30, None, "its first in a day"),
        (6.5, None, "its first in 6 h 30 min"),
    ],
)
def test_an_outage_is_compared_with_the_known_history(
    hours: float, longest: int | None, text: str
) -> None:
    compared = texts.compared(
        timedelta(hours=hours),
        None if longest is None else timedelta(minutes=longest),
        timedelta(days=30),
    )
    assert compared == text
