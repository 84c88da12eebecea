"""Headings and notes of figures: their age, whether the node was seen, omissions."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time

from chanfitness import NOT_YET_KNOWN, MonitoringPausedEvent, OpenChannel
from chanfitness.recording.format import format_time
from chanfitness.testing import FakeNode

from ..support.persistent_stores import DAY, HOUR, watching
from ..support.terminal import answer_of, printed_by, rows_shown

EACH_VIEW = pytest.mark.parametrize("view", ["", "--closed", "--outages", "--peers"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitness.db"


@pytest.fixture
def node() -> FakeNode:
    return FakeNode()


def show(path: Path, now: datetime, *options: str) -> list[str]:
    """The lines shown at ``now``."""
    with freeze_time(now):
        return printed_by("show", str(path), *options).splitlines()


def heading(path: Path, now: datetime, *options: str) -> str:
    """The part of the heading about the snapshot."""
    return show(path, now, *options)[0].partition(" as of ")[2]


def cells(line: str) -> list[str]:
    return line.split("  ")


# Age.


@EACH_VIEW
def test_every_view_has_its_age_and_whether_its_node_was_seen(
    view: str, path: Path, node: FakeNode
) -> None:
    node.open_channel(node.new_peer(online=True))
    with watching(node, path):
        node.advance(hours=1)
    as_of = format_time(node.clock.now())
    now = node.clock.now() + 3 * HOUR + timedelta(minutes=2)
    options = view.split()
    assert heading(path, now, *options) == f"{as_of}, 3h 2m ago"
    with freeze_time(now):
        answer = answer_of("show", str(path), *options)
    assert list(answer.items())[:3] == [
        ("as_of", as_of),
        ("age_seconds", 3 * 3600 + 120),
        ("sees", True),
    ]


@EACH_VIEW
def test_every_view_says_if_its_node_was_not_seen(view: str, path: Path, node: FakeNode) -> None:
    channel = node.open_channel(node.new_peer(online=True))
    with watching(node, path):
        node.advance(hours=1)
        seen_until = format_time(node.clock.now())
        node.peer_notifier.send_update(MonitoringPausedEvent())
        node.advance(hours=1)
    as_of, now = format_time(node.clock.now()), node.clock.now() + HOUR
    options = view.split()
    told = f"{as_of}, 1h 0m ago; its node was last seen at {seen_until}"
    assert heading(path, now, *options) == told
    with freeze_time(now):
        assert answer_of("show", str(path), *options)["sees"] is False
    (row,) = rows_shown(str(path))
    assert (row["channel_point"], row["last_seen"]) == (str(channel.channel_point), seen_until)


@EACH_VIEW
def test_every_view_says_if_its_node_was_never_seen(view: str, path: Path, node: FakeNode) -> None:
    with watching(node, path, get_open_channels=lambda: NOT_YET_KNOWN):
        node.advance(hours=1)
    as_of, now = format_time(node.clock.now()), node.clock.now() + HOUR
    assert heading(path, now, *view.split()) == f"{as_of}, 1h 0m ago; its node was never seen"


def test_the_last_seen_date_may_be_of_an_earlier_run(path: Path, node: FakeNode) -> None:
    node.open_channel(node.new_peer(online=True))
    with watching(node, path):
        node.advance(hours=1)
        seen_until = format_time(node.clock.now())
    for _ in range(2):
        node.advance(hours=5)
        with watching(node, path, get_open_channels=lambda: NOT_YET_KNOWN):
            node.advance(hours=1)
    assert heading(path, node.clock.now()).endswith(f"last seen at {seen_until}")


def test_ages_count_from_the_present(path: Path, node: FakeNode) -> None:
    online, offline = (node.open_channel(node.new_peer(online=True)) for _ in range(2))
    with watching(node, path):
        node.advance(hours=1)
        node.peer_offline(offline.peer)
        node.advance(hours=1)
    now = node.clock.now() + 5 * DAY
    ages = {cells(line)[0]: cells(line)[-1].strip() for line in show(path, now, "--full")[2:]}
    assert ages == {
        str(online.channel_point): "5d 0h ago",
        str(offline.channel_point): "5d 1h ago",
    }


def test_a_clock_behind_the_database_gives_no_negative_age(path: Path, node: FakeNode) -> None:
    node.open_channel(node.new_peer(online=True))
    with watching(node, path):
        node.advance(hours=1)
    before = node.clock.now() - HOUR
    assert heading(path, before).endswith(", 0.0s ago")
    assert show(path, before)[2].endswith(" now")


# Omissions.


def a_flap_a_day(node: FakeNode, days: int) -> OpenChannel:
    """An hour offline at noon; the first day it is two hours."""
    channel = node.open_channel(node.new_peer(online=True))
    for day in range(days):
        node.advance(hours=12)
        node.peer_offline(channel.peer)
        node.advance(hours=1 if day else 2)
        node.peer_online(channel.peer)
        node.advance(hours=11 if day else 10)
    return channel


def shown_row(path: Path, *options: str) -> dict[str, Any]:
    (row,) = rows_shown(str(path), *options)
    return row


@pytest.mark.parametrize("window", [[], ["--window", "30d"]])
def test_thinned_outages_count(path: Path, node: FakeNode, window: list[str]) -> None:
    with watching(node, path, history_limit=4):
        opened = format_time(node.clock.now())
        a_flap_a_day(node, 10)
    row = shown_row(path, *window)
    assert (row["since"], row["complete"]) == (opened, True)
    assert (row["lifetime_seconds"], row["uptime_seconds"]) == (240 * 3600, 229 * 3600)
    assert (row["outages"], row["longest_outage_seconds"]) == (10, 7200)
    assert not any("*" in line for line in show(path, node.clock.now(), *window))


def test_a_window_in_thinned_time_begins_at_the_next_checkpoint_with_a_note(
    path: Path, node: FakeNode
) -> None:
    with watching(node, path, history_limit=4):
        a_flap_a_day(node, 10)
    row = shown_row(path, "--window", "7d")
    assert (row["since"], row["complete"]) == (
        format_time(node.clock.now() - 7 * DAY + 12 * HOUR),
        False,
    )
    assert (row["lifetime_seconds"], row["outages"]) == (156 * 3600, 7)
    _, _, line, note = show(path, node.clock.now(), "--window", "7d")
    assert [cell.strip() for cell in cells(line) if cell.endswith("*")] == [
        "6d 12h*",
        "6d 5h*",
        "95.51%*",
        "95.51%*",
        "7*",
        "1h 0m*",
        "14*",
    ]
    assert note == "* not all of that time: earlier history is not known (--json has its start)"


def test_totals_are_exact_even_if_outages_are_unknown(path: Path, node: FakeNode) -> None:
    """For a channel that opened in thinned time, without changes of its own at first."""
    with watching(node, path, history_limit=2):
        peer = a_flap_a_day(node, 1).peer
        node.advance(hours=1)
        second = node.open_channel(peer)
        for _ in range(3):
            node.advance(hours=1)
            node.peer_offline(peer)
            node.advance(hours=1)
            node.peer_online(peer)
        node.advance(hours=1)
    (line,) = [each for each in show(path, node.clock.now(), "--full") if str(second[0]) in each]
    assert [cell.strip() for cell in cells(line) if cell][2:8] == [
        "7h 0m",
        "4h 0m",
        "57.14%",
        "57.14%",
        "3*",
        "1h 0m*",
    ]


def test_unlisted_outages_have_a_note(path: Path, node: FakeNode) -> None:
    with watching(node, path, history_limit=4):
        a_flap_a_day(node, 10)
    now = node.clock.now()
    lines = show(path, now, "--outages")
    assert lines[0].startswith("2 outages as of ")
    assert lines[4:] == ["... and 8 older ones, not kept one by one"]
    assert show(path, now, "--outages", "--window", "1d")[3:] == []
    assert show(path, now, "--outages", "--window", "7d")[4:] == [
        "... and 5 older ones, not kept one by one",
        "... and unknown ones from before a history begins",
    ]


def test_figures_of_all_time_are_marked_in_a_window(path: Path, node: FakeNode) -> None:
    """They appear if a store kept no history."""
    with watching(node, path, history=None):
        a_flap_a_day(node, 10)
    row = shown_row(path, "--window", "1d")
    assert (row["lifetime_seconds"], row["since"], row["complete"]) == (240 * 3600, None, False)
    _, _, line, note = show(path, node.clock.now(), "--window", "1d")
    assert [cell.strip() for cell in cells(line) if cell.endswith("*")] == [
        "10d 0h*",
        "9d 13h*",
        "95.41%*",
        "95.41%*",
    ]
    assert note == "* over all time where OUTAGES has no figure: no history was kept"
    assert shown_row(path)["complete"] is True
    assert not any("*" in each for each in show(path, node.clock.now()))
    heading, unlisted = show(path, node.clock.now(), "--outages")
    assert heading.startswith("0 outages as of ")
    assert unlisted == "... and those of channels whose history was not kept"


# Outages that are cut.


def test_an_outage_that_began_before_the_window_is_marked(path: Path, node: FakeNode) -> None:
    channel = node.open_channel(node.new_peer(online=True))
    with watching(node, path):
        node.advance(hours=1)
        node.peer_offline(channel.peer)
        node.advance(days=7)
        node.peer_online(channel.peer)
        node.advance(hours=1)
        node.peer_offline(channel.peer)
        node.advance(hours=1)
    whole, cut = rows_shown(str(path), "--outages", "--window", "1d")
    assert (cut["cut"], whole["cut"]) == (True, False)
    assert cut["start"] == format_time(node.clock.now() - DAY)
    assert cut["duration_seconds"] == 22 * 3600
    _, _, newest, oldest = show(path, node.clock.now(), "--outages", "--window", "1d", "--utc")
    assert f"  before {node.clock.now() - DAY:%Y-%m-%d %H:%M:%S}  " in oldest
    assert "before" not in newest
    assert [row["cut"] for row in rows_shown(str(path), "--outages")] == [False, False]
