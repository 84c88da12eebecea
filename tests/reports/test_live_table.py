"""The live table, as it appears on the terminal."""

from __future__ import annotations

import os
import sys
from datetime import timedelta

import pytest

from chanfitness import (
    ActiveChannelEvent,
    ChannelDescribedEvent,
    ChannelMovedEvent,
    InactiveChannelEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannelEvent,
    PeerDescribedEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
)
from chanfitness.reports.live_table import LiveTable
from chanfitness.terminal.nonblocking_output import NonblockingOutput
from chanfitness.testing import FakeNode

from ..support.live_tables import ZERO, Looking, coloured, looking, overview
from ..support.terminal_screen import after, colours, pictures
from ..support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2, SECOND, START, outpoint, vertex
from ..support.watch_sessions import Pipe

__all__ = ["coloured", "looking"]

HEADS = "CHANNEL POINT PEER STATE LIFETIME ONLINE USABLE OUTAGES FLAPS"


# Channels.


def test_each_channel_has_a_line_and_the_worst_is_first(looking: Looking) -> None:
    three = overview(3)
    picture = looking.picture(three._replace(channels=three.channels[::-1], outages=(2, 1, 0)))
    assert " ".join(picture[2].split()) == HEADS
    assert [line.split()[2:] for line in picture[3:6]] == [
        ["online", "1h", "0m", "33.33%", "33.33%", "0", "0"],
        ["off", "1h", "1h", "0m", "66.66%", "66.66%", "1", "3"],
        ["online", "1h", "0m", "100.00%", "100.00%", "2", "6"],
    ]
    assert picture[6:] == [""] * 18


def test_channels_without_a_lifetime_come_last(looking: Looking) -> None:
    infos = overview(3).channels
    begun = infos[0]._replace(lifetime=ZERO, uptime=ZERO)
    another = begun._replace(channel_point=CHANNEL_1)
    picture = looking.picture(overview(3)._replace(channels=(begun, another, *infos[1:2])))
    assert [line.split()[-3] for line in picture[3:6]] == ["66.66%", "-", "-"]


def test_without_history_outages_are_unknown(looking: Looking) -> None:
    picture = looking.picture(overview(1)._replace(outages=None))
    assert picture[3].split()[2:] == ["online", "1h", "0m", "100.00%", "100.00%", "-", "0"]


def test_a_table_without_channels(looking: Looking) -> None:
    picture = looking.picture(overview(0))
    assert picture[1] == "0 channels, 0 of them online; blind for 0.0s in all"
    assert picture[3:] == [""] * 21


def test_the_overview_of_a_store_can_be_shown(looking: Looking) -> None:
    with FakeNode(history=timedelta(days=90)) as node:
        channel = node.open_channel(node.new_peer(online=True))
        node.advance(hours=3)
        node.peer_offline(channel.peer)
        node.advance(hours=1)
        picture = looking.picture(node.store.get_overview())
    assert picture[0] == "2020-01-01 04:00:00 UTC  watching"
    assert picture[3].split()[2:] == ["off", "1h", "4h", "0m", "75.00%", "75.00%", "1", "2"]


# Sizes.


@pytest.mark.parametrize("count", [3, 300])
def test_in_80_columns_names_are_recognisable(looking: Looking, count: int) -> None:
    picture = looking.picture(overview(count))
    assert max(map(len, picture)) <= 80
    point, peer = picture[4].split()[:2]
    head, _, index = point.partition("...")
    assert (index[-2:], str(outpoint(2)).startswith(head), len(head) >= 7) == (":2", True, True)
    head, tail = peer.split("...")
    assert str(vertex(2)).startswith(head)
    assert str(vertex(2)).endswith(tail)
    assert (len(head) >= 6, len(tail) >= 3) == (True, True)


@pytest.mark.parametrize("count", [3, 300])
def test_in_200_columns_names_are_no_longer_than_they_need_to_be(count: int) -> None:
    looking = Looking(200, 50)
    with looking.output, looking.errors:
        picture = looking.picture(overview(count))
    assert max(map(len, picture)) <= 200
    assert picture[4].split()[:2] == ["00000000...0002:2", "02000000...0002"]


def test_the_height_limits_the_number_of_channels(looking: Looking) -> None:
    looking.table.event(PeerOnlineEvent(ALICE), START)
    picture = looking.picture(overview(300))
    assert len(picture) == 24
    assert picture[-3:-1] == ["... and 282 more", ""]
    assert picture[-1].startswith("00:00:00  peer online         0200")


def test_channels_fill_the_terminal_exactly(looking: Looking) -> None:
    picture = looking.picture(overview(21))
    assert picture[-1].split()[5] == "100.00%"


@pytest.mark.parametrize("columns", [1, 20, 60])
@pytest.mark.parametrize("lines", [1, 2, 3, 4, 5, 9])
def test_a_small_terminal_shows_what_fits(columns: int, lines: int) -> None:
    looking = Looking(columns, lines)
    with looking.output, looking.errors:
        for number in range(9):
            looking.table.event(PeerOnlineEvent(vertex(number)), START)
        picture = looking.picture(overview(300))
    assert len(picture) == lines
    assert max(map(len, picture)) <= columns
    assert picture[0] == "2026-01-01 01:00:00 UTC  watching"[:columns].rstrip()


def test_a_terminal_may_change_its_size(looking: Looking) -> None:
    for looking.columns, looking.lines in ((80, 24), (200, 50), (60, 10)):
        looking.show(overview(300))
    drawn = pictures(looking.end()[0])
    assert [len(picture) for picture in drawn] == [24, 50, 10]
    assert [max(map(len, picture)) for picture in drawn] == [80, 91, 57]


def test_the_size_is_read_from_the_terminal() -> None:
    ours, theirs = os.openpty()
    with Pipe() as errors:
        table = LiveTable(NonblockingOutput(theirs), NonblockingOutput(errors.writer))
        os.set_blocking(ours, True)
        table.show(overview(1))
        table.close("not saved")
    os.close(theirs)
    os.close(ours)


def test_in_40_columns_each_figure_is_whole() -> None:
    looking = Looking(40, 24)
    with looking.output, looking.errors:
        picture = looking.picture(overview(30))
    assert [line.split() for line in picture[3:6]] == [
        ["CHANNEL", "POINT", "PEER"],
        ["STATE", "LIFETIME", "ONLINE"],
        ["USABLE", "OUTAGES", "FLAPS"],
    ]
    assert [line.split() for line in picture[6:9]] == [
        ["00000000...0001:1", "02000000...0001"],
        ["online", "1h", "0m", "3.33%"],
        ["3.33%", "0", "0"],
    ]
    assert max(map(len, picture)) <= 40
    assert picture[-4:] == ["  16.66%        4     12", "... and 25 more", "", ""]


# Seeing, and blind time.


def test_the_heading_says_that_it_watches(looking: Looking) -> None:
    picture = looking.picture(overview(3, blind=timedelta(minutes=2)))
    assert picture[:2] == [
        "2026-01-01 01:00:00 UTC  watching",
        "3 channels, 2 of them online; blind for 2m 0s in all",
    ]


def test_the_heading_says_since_when_it_is_blind(looking: Looking) -> None:
    """Also if it is known only afterwards, as for an own outage."""
    looking.show(overview(1, blind=timedelta(minutes=2)))
    looking.show(overview(1, blind=timedelta(minutes=3), sees=False))
    looking.show(overview(1, blind=timedelta(minutes=9), sees=False))
    text, _ = looking.end()
    drawn = pictures(text)
    assert [picture[0] for picture in drawn] == [
        "2026-01-01 01:00:00 UTC  watching",
        "2026-01-01 01:00:00 UTC  blind since 2026-01-01 00:59:00 UTC (1m 0s)",
        "2026-01-01 01:00:00 UTC  blind since 2026-01-01 00:53:00 UTC (7m 0s)",
    ]
    assert colours(text, "online") == {"32", "2;32"}


def test_while_blind_no_channel_counts_as_online(looking: Looking) -> None:
    blind = overview(3, blind=timedelta(minutes=7), sees=False)
    assert looking.picture(blind)[1] == "3 channels; blind for 7m 0s in all"


def test_blind_from_the_first_picture_on(looking: Looking) -> None:
    looking.show(overview(1, blind=timedelta(days=1), sees=False))
    looking.show(overview(1, blind=timedelta(days=1, seconds=20), sees=False))
    drawn = pictures(looking.end()[0])
    assert [picture[0].partition("(")[2] for picture in drawn] == ["0.0s)", "20s)"]


# Events and log messages.


def test_the_newest_events_are_below(looking: Looking) -> None:
    for number in range(9):
        looking.table.event(PeerOnlineEvent(vertex(number)), START + number * SECOND)
    picture = looking.picture(overview(3))
    assert picture[6] == ""
    assert [line.split()[0] for line in picture[7:16]] == [f"00:00:0{n}" for n in range(9)]
    assert picture[16:] == [""] * 8


def test_events_fill_the_room_below_the_channels_and_have_at_least_five_lines(
    looking: Looking,
) -> None:
    for number in range(60):
        looking.table.event(PeerOnlineEvent(vertex(number)), START + number * SECOND)
    looking.show(overview(3))
    looking.show(overview(300))
    few, many = (
        [line.split()[0] for line in picture if "peer online" in line]
        for picture in pictures(looking.end()[0])
    )
    assert few == [f"00:00:{second}" for second in range(43, 60)]
    assert many == [f"00:00:{second}" for second in range(55, 60)]


def test_events_of_another_day_have_their_date(looking: Looking) -> None:
    looking.table.event(PeerOfflineEvent(ALICE), START - timedelta(minutes=10))
    looking.table.message("chanfitness: a log line", START - SECOND)
    looking.table.event(PeerOnlineEvent(ALICE), START)
    assert [line.partition("02")[0].rstrip() for line in looking.picture(overview(1))[5:8]] == [
        "12-31 23:50  peer offline",
        "12-31 23:59  chanfitness: a log line",
        "00:00:00     peer online",
    ]


def test_each_kind_of_event_fits_a_line(looking: Looking) -> None:
    for event in (
        MonitoringResumedEvent([], [ALICE]),
        OpenChannelEvent(CHANNEL_2, BOB),
        ChannelMovedEvent(CHANNEL_1, CHANNEL_2, ALICE),
        PeerOfflineEvent(BOB),
        MonitoringPausedEvent(),
    ):
        looking.table.event(event, START)
    lines = looking.picture(overview(0))[4:9]
    assert lines[0] == "00:00:00  monitoring started  0 channels, 1 peer online"
    assert lines[1].endswith("...:2")
    assert (lines[2].count("..."), lines[2].count("-> 0000"), lines[2][-2:]) == (3, 1, ":2")
    assert lines[3].count("...") == 1
    assert lines[4] == "00:00:00  monitoring stopped"
    assert max(map(len, lines)) <= 80


def test_activity_is_shown_as_an_event_but_descriptions_are_not(looking: Looking) -> None:
    """Descriptions come for all peers and channels at the start, and are in the table."""
    for event in (
        InactiveChannelEvent(CHANNEL_1),
        PeerDescribedEvent(ALICE, "Alice", "tor"),
        ChannelDescribedEvent(CHANNEL_1, "700000x1x0", 5000, True),
        ActiveChannelEvent(CHANNEL_1),
    ):
        looking.table.event(event, START)
    lines = looking.picture(overview(0))[4:]
    assert [line.split()[:3] for line in lines if line] == [
        ["00:00:00", "channel", "inactive"],
        ["00:00:00", "channel", "active"],
    ]


def test_log_messages_are_shown_and_printed_again_on_closing(looking: Looking) -> None:
    for number in range(30):
        looking.table.message(f"line {number}", START)
    looking.table.message("x" * 200, START)
    looking.show(overview(0))
    text, errors = looking.end()
    (picture,) = pictures(text)
    assert picture[-2:] == ["00:00:00  line 29", "00:00:00  " + "x" * 70]
    assert errors.splitlines() == [*(f"line {number}" for number in range(11, 30)), "x" * 200]


def test_log_messages_are_escaped(looking: Looking) -> None:
    looking.table.message("alias \x1b]0;title\x07 [bold]\u202e \x9b2J\nsecond\r", START)
    looking.show(overview(0))
    text, errors = looking.end()
    (picture,) = pictures(text)
    assert picture[4] == "00:00:00  alias \\x1b]0;title\\x07 [bold]\\u202e \\x9b2J"
    assert errors == "alias \\x1b]0;title\\x07 [bold]\\u202e \\x9b2J\nsecond\n"


# The terminal.


def test_the_terminal_is_restored(looking: Looking) -> None:
    looking.show(overview(3))
    text, errors = looking.end()
    assert text.startswith("\x1b[?1049h\x1b[H\x1b[?25l")
    plain = text.partition("\x1b[?25h\x1b[?1049l")[2]
    assert ("\x1b" in plain, errors) == (False, "")


def test_the_last_table_stays_with_a_summary_line(looking: Looking) -> None:
    looking.table.event(PeerOnlineEvent(ALICE), START)
    looking.table.message("chanfitness: something", START)
    later = overview(2)
    looking.show(later._replace(as_of=later.as_of - timedelta(hours=3, minutes=2)))
    looking.show(later)
    text, errors = looking.end("saved in fitness\x1b[2J.db")
    _, last = pictures(text)
    assert last[5:8] == ["", *(line for line in last if line.startswith("00:00:00"))]
    assert after(text).splitlines() == [
        *last[:5],
        "watched 3h 2m, 2 channels, saved in fitness\\x1b[2J.db",
    ]
    assert errors == "chanfitness: something\n"


def test_the_table_that_stays_is_cut_as_it_was_shown(looking: Looking) -> None:
    looking.show(overview(300))
    text, _ = looking.end("not saved: no --db")
    (picture,) = pictures(text)
    assert after(text).splitlines() == [
        *picture,
        "watched 0.0s, 300 channels, not saved: no --db",
    ]
    assert picture[-1] == "... and 280 more"


def test_nothing_stays_if_nothing_was_drawn(looking: Looking) -> None:
    assert looking.end() == ("", "")


def test_a_stalled_terminal_is_not_drawn_on(looking: Looking) -> None:
    for _ in range(100):
        looking.table.show(overview(3))
    assert len(pictures(looking.end()[0])) == 1


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.delitem(sys.modules, "chanfitness.reports.live_table")
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'chanfitness\[cli\]'"):
        __import__("chanfitness.reports.live_table")
