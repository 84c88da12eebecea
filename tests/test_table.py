"""What a person sees."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chanfitness import ChannelInfo
from chanfitness.table import channel_table, duration, percentage

from .values import ALICE, BOB, CHANNEL_1, CHANNEL_2

INFOS = [
    ChannelInfo(CHANNEL_1, ALICE, timedelta(days=400, hours=3), timedelta(days=12)),
    ChannelInfo(CHANNEL_2, BOB, timedelta(0), timedelta(0)),
]


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (timedelta(0), "0.0s"),
        (timedelta(seconds=0.25), "0.2s"),
        (timedelta(seconds=9.99), "9.9s"),
        (timedelta(seconds=59.99), "59s"),
        (timedelta(seconds=60), "1m 0s"),
        (timedelta(minutes=59, seconds=59.9), "59m 59s"),
        (timedelta(hours=23, minutes=59), "23h 59m"),
        (timedelta(days=400, hours=3, minutes=59), "400d 3h"),
    ],
)
def test_a_duration_has_two_units_cut_off(time: timedelta, text: str) -> None:
    assert duration(time) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(None, "-"), (0.0, "0.00%"), (1.0, "100.00%"), (0.999999, "99.99%"), (0.5, "50.00%")],
)
def test_only_what_was_never_down_shows_a_hundred_percent(ratio: float | None, text: str) -> None:
    assert percentage(ratio) == text


def test_a_wide_table_has_a_channel_a_line() -> None:
    table = channel_table(INFOS, None)
    assert table[0].split() == ["CHANNEL", "POINT", "PEER", "LIFETIME", "UPTIME", "RATIO"]
    assert table[1].split() == [str(CHANNEL_1), str(ALICE), "400d", "3h", "12d", "0h", "2.99%"]
    assert table[2].split() == [str(CHANNEL_2), str(BOB), "0.0s", "0.0s", "-"]
    assert len({len(line) for line in table}) == 1


def test_a_terminal_of_80_columns_shows_whole_channel_points_to_copy() -> None:
    table = channel_table(INFOS, 80)
    assert max(map(len, table)) <= 80
    assert str(CHANNEL_1) in table
    assert str(CHANNEL_2) in table
    assert str(ALICE)[:20] in table[3]


def test_a_wide_terminal_shows_one_line_a_channel() -> None:
    assert channel_table(INFOS, 200) == channel_table(INFOS, None)
