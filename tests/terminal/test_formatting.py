"""What a person sees."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chanfitness.terminal.formatting import duration, percentage, table

from ..support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2

HEADS = ["CHANNEL POINT", "PEER", "LIFETIME", "ONLINE"]
ROWS = [
    [str(CHANNEL_1), str(ALICE), "400d 3h", "2.99%"],
    [str(CHANNEL_2), str(BOB), "0.0s", "-"],
]


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (timedelta(0), "0.0s"),
        (timedelta(seconds=0.25), "0.2s"),
        (timedelta(seconds=5), "5.0s"),
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
    [
        (None, "-"),
        (0.0, "0.00%"),
        (0.57, "57.00%"),
        (0.999999, "99.99%"),
        (1 - 1e-15, "99.99%"),
        (1.0, "100.00%"),
    ],
)
def test_only_what_was_never_down_shows_a_hundred_percent(ratio: float | None, text: str) -> None:
    assert percentage(ratio) == text


def test_a_wide_table_has_a_row_a_line() -> None:
    lines = table([HEADS, *ROWS], None, names=2)
    assert lines[0].split() == ["CHANNEL", "POINT", "PEER", "LIFETIME", "ONLINE"]
    assert lines[1].split() == [str(CHANNEL_1), str(ALICE), "400d", "3h", "2.99%"]
    assert lines[2].split() == [str(CHANNEL_2), str(BOB), "0.0s", "-"]
    assert len({len(line) for line in lines}) == 1


def test_a_terminal_of_80_columns_shows_whole_first_names_to_copy() -> None:
    lines = table([HEADS, *ROWS], 80, names=2)
    assert max(map(len, lines)) <= 80
    assert str(CHANNEL_1) in lines
    assert str(CHANNEL_2) in lines
    peer = lines[3].split()[0]
    begin, end = peer.split("...")
    assert len(peer) > 20
    assert str(ALICE).startswith(begin)
    assert str(ALICE).endswith(end)


def test_what_has_one_name_shows_it_whole() -> None:
    lines = table([["PEER", "FLAPS", "SINCE"], [str(ALICE), "3", "12d 11h ago"]], 80, names=1)
    assert lines[2] == str(ALICE)
    assert lines[3].split() == ["3", "12d", "11h", "ago"]


def test_a_wide_terminal_shows_one_line_a_row() -> None:
    assert table([HEADS, *ROWS], 200, names=2) == table([HEADS, *ROWS], None, names=2)


WIDE_HEADS = ["PEER", "LIFETIME", "UPTIME", "ONLINE"]
WIDE_ROWS = [["alice", "400d 3h", "12d 3h", "2.99%"], ["bob", "0.0s", "0.0s", "-"]]


@pytest.mark.parametrize(
    ("columns", "heads", "lines_a_row"),
    [
        (None, WIDE_HEADS, 1),
        (31, WIDE_HEADS, 1),
        (30, ["PEER", "LIFETIME", "ONLINE"], 1),
        (23, ["PEER", "LIFETIME", "ONLINE"], 1),
        (22, ["PEER", "LIFETIME", "ONLINE"], 2),
    ],
)
def test_what_can_be_spared_goes_where_there_is_no_room(
    columns: int | None, heads: list[str], lines_a_row: int
) -> None:
    lines = table([WIDE_HEADS, *WIDE_ROWS], columns, names=1, spare=[2])
    assert len(lines) == 3 * lines_a_row
    assert " ".join(lines[:lines_a_row]).split() == heads


def test_on_two_lines_what_can_be_spared_is_there_if_there_is_room() -> None:
    rows = [["CHANNEL POINT", *WIDE_HEADS], *([str(CHANNEL_1), *row] for row in WIDE_ROWS)]
    lines = table(rows, 67, names=2, spare=[3])
    assert lines[1].split() == WIDE_HEADS
