"""States in the live table: time offline, and marks of private and inactive channels."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from chanfitness import Overview

from ..support.live_tables import Looking, coloured, looking, overview
from ..support.terminal_screen import colours, pictures
from ..support.values import START

__all__ = ["coloured", "looking"]

AGES = [
    (timedelta(seconds=7), "offline 7.0s", "off 7.0s"),
    (timedelta(minutes=59, seconds=59), "offline 59m 59s", "off 59m"),
    (timedelta(hours=3, minutes=2), "offline 3h 2m", "off 3h"),
    (timedelta(days=365), "offline 365d 0h", "off 365d"),
]


def one(
    *, age: timedelta | None = None, active: bool | None = None, private: bool | None = None
) -> Overview:
    """A snapshot of one channel, whose peer went offline ``age`` ago, or is online."""
    known = overview(1)
    (channel,), (peer,) = known.channels, known.peers
    since = START if age is None else known.as_of - age
    return known._replace(
        channels=(channel._replace(active=active, private=private),),
        peers=(peer._replace(online=age is None, since=since),),
    )


def state(looking: Looking, known: Overview) -> str:
    """The text between the names and the lifetime."""
    (row,) = (line for line in looking.picture(known) if line.startswith("0000"))
    _, _, state, *_ = re.split("  +", row)
    return state


@pytest.fixture
def wide() -> Looking:
    return Looking(120, 24)


@pytest.mark.parametrize(("age", "whole", "short"), AGES)
def test_an_offline_peer_has_the_time_it_has_been_offline(
    age: timedelta, whole: str, short: str, wide: Looking, looking: Looking
) -> None:
    with wide.output, wide.errors:
        assert state(wide, one(age=age)) == whole
    assert state(looking, one(age=age)) == short


@pytest.mark.parametrize(
    ("known", "whole", "short"),
    [
        (one(private=True), "private, online", "p online"),
        (one(private=False), "online", "online"),
        (one(private=True, active=False), "private, inactive", "p inactive"),
        (one(private=True, age=timedelta(hours=2)), "private, offline 2h 0m", "p off 2h"),
        (one(active=False, age=timedelta(hours=2)), "offline 2h 0m", "off 2h"),
        (one(active=True), "online", "online"),
    ],
)
def test_private_and_inactive_channels_are_marked(
    known: Overview, whole: str, short: str, wide: Looking
) -> None:
    with wide.output, wide.errors:
        assert state(wide, known) == whole
    narrow = Looking(82, 24)  # the least width for an inactive private channel
    with narrow.output, narrow.errors:
        assert state(narrow, known) == short


def test_the_summary_counts_private_channels_and_explains_the_mark(
    wide: Looking, looking: Looking
) -> None:
    private = one(private=True, age=timedelta(hours=2))
    with wide.output, wide.errors:
        assert wide.picture(private)[1] == (
            "1 channel, 0 of them online, 1 private; blind for 0.0s in all"
        )
    looking.show(private)
    looking.show(private._replace(sees=False))
    assert [picture[1] for picture in pictures(looking.end()[0])] == [
        "1 channel, 0 of them online, 1 private (p); blind for 0.0s in all",
        "1 channel, 1 private (p); blind for 0.0s in all",
    ]


def test_the_whole_state_is_coloured(wide: Looking) -> None:
    with wide.output, wide.errors:
        wide.show(one(private=True, age=timedelta(hours=2)))
        text, _ = wide.end()
    assert colours(text, "private, offline 2h 0m") == {"31"}


def test_short_states_are_used_only_to_save_lines(looking: Looking) -> None:
    """At 40 columns a row takes three lines with long or short states."""
    looking.columns = 40
    picture = looking.picture(one(age=timedelta(hours=3)))
    assert picture[5].split()[:3] == ["USABLE", "OUTAGES", "FLAPS"]
    assert picture[7].split()[:3] == ["offline", "3h", "0m"]
