"""Text formatting of durations, ratios, keys and tables."""

from __future__ import annotations

from datetime import timedelta

import pytest
from rich.cells import cell_len

from chanfitness import OutPoint
from chanfitness.terminal.cells import cut_end
from chanfitness.terminal.formatting import (
    cut,
    cut_point,
    duration,
    percentage,
    short_alias,
    short_key,
    short_point,
    table,
)

from ..support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2

KEYS = [cut_point, cut]

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
def test_a_duration_has_two_units_and_is_rounded_down(time: timedelta, text: str) -> None:
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
def test_only_a_full_share_shows_a_hundred_percent(ratio: float | None, text: str) -> None:
    assert percentage(ratio) == text


# Keys.


def test_keys_keep_their_first_and_last_digits() -> None:
    point = OutPoint("edb0c8f74c3d51b66a76f0260bfd6357b80b8bd54951f485a2c1efbc3d7122b3", 12)
    assert short_point(str(point)) == "edb0c8f7...22b3:12"
    assert short_key("02203ac42fde2262f61f745cc3f2b9674f5e3ad4cf402b8459f6b1fc42378d927e") == (
        "02203ac4...927e"
    )
    assert short_point("no channel point") == "no channel point"


@pytest.mark.parametrize(
    ("point", "room", "left"),
    [
        ("edb0c8f7...22b3:0", 17, "edb0c8f7...22b3:0"),
        ("edb0c8f7...22b3:0", 12, "edb0c8f...:0"),
        ("edb0c8f7...22b3:4294967295", 12, "edb0c8f7...."[:9] + "..."),
        ("no channel point", 12, "no channe..."),
        (":no channel point", 12, ":no chann..."),
        ("a:" + "b" * 60, 12, "a:bbbbbbb..."),
        ("\u6f22" * 10, 12, "\u6f22" * 4 + "..."),
    ],
)
def test_a_channel_point_keeps_its_index_if_there_is_room(point: str, room: int, left: str) -> None:
    assert cut_point(point, room) == left


@pytest.mark.parametrize(
    ("alias", "shown"),
    [
        ("ACINQ", "ACINQ"),
        ("", "-"),
        ("   ", "-"),
        ("\ufe0f", "-"),
        (" in the middle ", "in the middle"),
        ("\x1b" * 32, "\\x1b" * 7 + "\\..."),
        ("\u6f22" * 10, "\u6f22" * 10),
    ],
)
def test_an_alias_is_cut_to_its_maximum(alias: str, shown: str) -> None:
    assert short_alias(alias) == shown


# Tables.


def test_a_wide_table_has_a_line_per_row() -> None:
    lines = table([HEADS, *ROWS], None, KEYS)
    assert lines[0].split() == ["CHANNEL", "POINT", "PEER", "LIFETIME", "ONLINE"]
    assert lines[1].split() == [str(CHANNEL_1), str(ALICE), "400d", "3h", "2.99%"]
    assert lines[2].split() == [str(CHANNEL_2), str(BOB), "0.0s", "-"]
    assert len({len(line) for line in lines}) == 1
    assert table([HEADS, *ROWS], 200, KEYS) == lines


def test_names_are_cut_to_fit_the_longest_first() -> None:
    lines = table([HEADS, *ROWS], 80, KEYS)
    assert [len(line) for line in lines] == [80, 80, 80]
    point, peer, *figures = lines[1].split()
    assert figures == ["400d", "3h", "2.99%"]
    assert (len(point), point[-2:]) == (30, ":1")
    begin, end = peer.split("...")
    assert str(ALICE).startswith(begin)
    assert str(ALICE).endswith(end)
    short = [["ALIAS", "ONLINE"], ["a name that is long", "2.99%"], ["bob", "100.00%"]]
    assert table(short, 21, [cut_end]) == [
        "ALIAS          ONLINE",
        "a name th...    2.99%",
        "bob           100.00%",
    ]


def test_rows_with_whole_names_are_split_into_lines() -> None:
    lines = table([HEADS, *ROWS], 80, [None, None])
    assert lines[3:6] == [str(CHANNEL_1), f"  {ALICE}", "   400d 3h   2.99%"]


WIDE_HEADS = ["ALIAS", "PEER", "LIFETIME", "UPTIME", "ONLINE"]
WIDE_ROWS = [
    ["alice", "0220...e7", "400d 3h", "12d 3h", "2.99%"],
    ["bob", "0330...e8", "0.0s", "0.0s", "-"],
]


@pytest.mark.parametrize(
    ("columns", "lines"),
    [
        (None, [WIDE_HEADS]),
        (42, [WIDE_HEADS]),
        (41, [["ALIAS", "LIFETIME", "UPTIME", "ONLINE"]]),
        (31, [["ALIAS", "LIFETIME", "UPTIME", "ONLINE"]]),
        (30, [["ALIAS", "PEER"], ["LIFETIME", "UPTIME", "ONLINE"]]),
        (26, [["ALIAS", "PEER"], ["LIFETIME", "UPTIME", "ONLINE"]]),
        (25, [["ALIAS", "PEER"], ["LIFETIME", "UPTIME"], ["ONLINE"]]),
        (1, [["ALIAS"], ["PEER"], ["LIFETIME"], ["UPTIME"], ["ONLINE"]]),
    ],
)
def test_a_name_may_be_left_out_but_never_a_figure(
    columns: int | None, lines: list[list[str]]
) -> None:
    printed = table([WIDE_HEADS, *WIDE_ROWS], columns, [cut_end, None], spare=[1])
    assert [line.split() for line in printed[: len(lines)]] == lines
    assert len(printed) == 3 * len(lines)
    assert columns in (None, 1) or max(map(len, printed)) <= columns
    text = " ".join(printed)
    assert all(figure in text for row in WIDE_ROWS for figure in row[2:])


def test_no_name_is_left_out_if_the_others_are_ambiguous() -> None:
    heads = ["ALIAS", "PEER", "ONLINE"]
    one, other = ["the name of one", "0220", "1%"], ["the name of other", "0330", "2%"]
    for rows, columns, lines in (
        ([heads, one, other], 24, 3),
        ([heads, one, other], 22, 6),
        ([heads, one, ["another name", *other[1:]]], 22, 3),
    ):
        assert len(table(rows, columns, [cut_end, None], spare=[1])) == lines


def test_columns_are_aligned_by_cells() -> None:
    aliases = ["\u6f22\u5b57", "e\u0301lan", "\U0001f1e8\U0001f1ed flag", "\u26a1", "plain"]
    lines = table([["ALIAS", "ONLINE"], *([alias, "1%"] for alias in aliases)], None, [cut_end])
    assert {cell_len(line) for line in lines} == {7 + 2 + 6}
