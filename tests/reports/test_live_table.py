"""The live table: what is on the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest
from rich.cells import cell_len

from chanfitness import (
    ActiveChannelEvent,
    ChannelDescribedEvent,
    ChannelInfo,
    ChannelMovedEvent,
    InactiveChannelEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannelEvent,
    Overview,
    PeerDescribedEvent,
    PeerInfo,
    PeerOfflineEvent,
    PeerOnlineEvent,
)
from chanfitness.reports.live_table import LiveTable
from chanfitness.terminal.nonblocking_output import NonblockingOutput
from chanfitness.testing import FakeNode

from ..support.stores import WAIT
from ..support.terminal_screen import after, colours, pictures
from ..support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2, SECOND, START, outpoint, vertex
from ..support.watch_sessions import Pipe

ZERO = timedelta(0)
HEADS = "CHANNEL POIN PEER STATE LIFETIME ONLINE USABLE OUTAGES FLAPS"


class Looking:
    """A live table on a terminal of our own, which may change its size."""

    def __init__(self, columns: int = 80, lines: int = 24) -> None:
        self.output, self.errors = Pipe(), Pipe()
        self.columns, self.lines = columns, lines
        self.table = LiveTable(
            NonblockingOutput(self.output.writer),
            NonblockingOutput(self.errors.writer),
            lambda: os.terminal_size((self.columns, self.lines)),
        )
        self._is_over = False

    def show(self, overview: Overview) -> None:
        """Draw a picture, and wait until it is on the terminal."""
        self.table.show(overview)
        self.table.outputs[0].finish(WAIT)

    def end(self) -> tuple[str, str]:
        """All that was written, to the terminal and as errors."""
        self.table.close()
        return self.output.read_all(), self.errors.read_all()

    def picture(self, overview: Overview) -> list[str]:
        """The one picture that is drawn."""
        self.show(overview)
        (picture,) = pictures(self.end()[0])
        return picture


@pytest.fixture(autouse=True)
def coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def looking() -> Iterator[Looking]:
    looking = Looking()
    with looking.output, looking.errors:
        yield looking


def overview(count: int = 3, *, sees: bool = True, blind: timedelta = ZERO) -> Overview:
    """An hour after the start; each channel was up for longer than the one before."""
    hour = timedelta(hours=1)
    infos = [
        ChannelInfo(outpoint(number), vertex(number), hour, hour * number / count)
        for number in range(1, count + 1)
    ]
    peers = [
        PeerInfo(info.peer, number % 2 == 0, START, 3 * number, None, (info.channel_point,))
        for number, info in enumerate(infos)
    ]
    return Overview(START + hour, sees, blind, tuple(infos), tuple(range(count)), tuple(peers))


# Channels.


def test_each_channel_has_a_line_and_the_worst_is_first(looking: Looking) -> None:
    three = overview(3)
    picture = looking.picture(three._replace(channels=three.channels[::-1], outages=(2, 1, 0)))
    assert " ".join(picture[2].split()) == HEADS
    assert [line.split()[2:] for line in picture[3:6]] == [
        ["online", "1h", "0m", "33.33%", "33.33%", "0", "0"],
        ["offline", "1h", "0m", "66.66%", "66.66%", "1", "3"],
        ["online", "1h", "0m", "100.00%", "100.00%", "2", "6"],
    ]
    assert picture[6:] == [""] * 18


def test_channels_without_a_lifetime_come_last(looking: Looking) -> None:
    infos = overview(3).channels
    begun = infos[0]._replace(lifetime=ZERO, uptime=ZERO)
    another = begun._replace(channel_point=CHANNEL_1)
    picture = looking.picture(overview(3)._replace(channels=(begun, another, *infos[1:2])))
    assert [line.split()[-3] for line in picture[3:6]] == ["66.66%", "-", "-"]


def test_without_history_outages_are_not_known(looking: Looking) -> None:
    picture = looking.picture(overview(1)._replace(outages=None))
    assert picture[3].split()[2:] == ["online", "1h", "0m", "100.00%", "100.00%", "-", "0"]


def test_no_channel_at_all(looking: Looking) -> None:
    picture = looking.picture(overview(0))
    assert picture[1] == "0 channels, 0 of them online; blind for 0.0s in all"
    assert picture[3:] == [""] * 21


def test_what_a_store_says_can_be_shown(looking: Looking) -> None:
    with FakeNode(history=timedelta(days=90)) as node:
        channel = node.open_channel(node.new_peer(online=True))
        node.advance(hours=3)
        node.peer_offline(channel.peer)
        node.advance(hours=1)
        picture = looking.picture(node.store.get_overview())
    assert picture[0] == "2020-01-01 04:00:00 UTC  watching"
    assert picture[3].split()[2:] == ["offline", "4h", "0m", "75.00%", "75.00%", "1", "2"]


def described(*aliases: str | None, active: bool | None = True) -> Overview:
    """A channel with a peer for each alias, each of which is online."""
    known = overview(len(aliases))
    return known._replace(
        channels=tuple(
            info._replace(short_channel_id=f"700000x{number}x0", active=active)
            for number, info in enumerate(known.channels)
        ),
        peers=tuple(
            info._replace(alias=alias, online=True)
            for info, alias in zip(known.peers, aliases, strict=True)
        ),
    )


def test_names_come_first_and_no_key_where_they_tell_all_apart(looking: Looking) -> None:
    picture = looking.picture(described("Alice", "Bob", "a name that is too long"))
    assert " ".join(picture[2].split()).startswith("ALIAS SHORT ID STATE")
    assert [line.split("  ")[0] for line in picture[3:6]] == ["Alice", "Bob", "a name that i..."]


@pytest.mark.parametrize("aliases", [["Twin", "Twin"], ["Twin", None], ["Twin", ""]])
def test_peers_that_an_alias_does_not_tell_apart_have_their_keys(
    looking: Looking, aliases: list[str | None]
) -> None:
    picture = looking.picture(described(*aliases))
    assert " ".join(picture[2].split()) == "ALIAS SHORT ID CHANNEL POINT PEER"
    assert [picture[line].split()[-1] for line in (4, 6)] == ["02000000...0001", "02000000...0002"]


def test_a_channel_that_cannot_be_used_is_inactive_while_its_peer_is_online(
    looking: Looking,
) -> None:
    inactive = described("online", "Bob", active=False)
    offline = inactive.peers[1]._replace(online=False)
    looking.show(inactive._replace(peers=(inactive.peers[0], offline)))
    text, _ = looking.end()
    (picture,) = pictures(text)
    assert picture[1] == (
        "2 channels, 1 of them online but 1 of these inactive; blind for 0.0s in all"
    )
    assert [line.split()[2] for line in picture[3:5]] == ["inactive", "offline"]
    assert (colours(text, "inactive"), colours(text, "offline")) == ({"33"}, {"31"})
    assert colours(text, "online  ") == set()  # the alias


@pytest.mark.parametrize("columns", [40, 80, 120, 200])
def test_hostile_names_are_harmless_and_aligned(columns: int) -> None:
    hostile = [
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\u05d0\u05dc\u05d9\u05e1",
        "\x1b[2J\n",
        "\u6f22\u5b57" * 5,
        "e\u0301" * 10,
        "\u2764\ufe0f",
    ]
    looking = Looking(columns, 40)
    with looking.output, looking.errors:
        picture = looking.picture(described(*hostile))
    height = 4 if columns == 40 else 1
    rows = picture[2 if columns > 40 else 3 :][: 7 * height]
    assert len({cell_len(line) for line in rows[height - 1 :: height]}) == 1
    assert all(line.isprintable() for line in picture)
    assert max(map(cell_len, picture)) <= columns


def test_no_figure_of_the_summary_is_cut() -> None:
    looking = Looking(40, 24)
    with looking.output, looking.errors:
        picture = looking.picture(overview(3, blind=timedelta(minutes=2)))
    assert picture[1:3] == ["3 channels, 2 of them online; blind for", "2m 0s in all"]


# Sizes.


@pytest.mark.parametrize("count", [3, 300])
def test_in_80_columns_names_are_recognisable(looking: Looking, count: int) -> None:
    picture = looking.picture(overview(count))
    assert max(map(len, picture)) <= 80
    point, peer = picture[4].split()[:2]
    head, index = point.split("...")
    assert (index, str(outpoint(2)).startswith(head), len(head) >= 7) == (":2", True, True)
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


def test_the_height_decides_how_many_channels_fit(looking: Looking) -> None:
    looking.table.event(PeerOnlineEvent(ALICE), START)
    picture = looking.picture(overview(300))
    assert len(picture) == 24
    assert picture[-3:-1] == ["... and 282 more", ""]
    assert picture[-1].startswith("00:00:00  peer online         0200")


def test_as_many_as_just_fit_are_shown(looking: Looking) -> None:
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
    assert [max(map(len, picture)) for picture in drawn] == [80, 85, 55]


def test_the_size_is_that_of_the_terminal() -> None:
    ours, theirs = os.openpty()
    with Pipe() as errors:
        table = LiveTable(NonblockingOutput(theirs), NonblockingOutput(errors.writer))
        os.set_blocking(ours, True)
        table.show(overview(1))
        table.close()
    os.close(theirs)
    os.close(ours)


def test_in_40_columns_each_figure_is_whole() -> None:
    looking = Looking(40, 24)
    with looking.output, looking.errors:
        picture = looking.picture(overview(30))
    assert [line.split() for line in picture[3:6]] == [
        ["CHANNEL", "POINT", "PEER"],
        ["STATE", "LIFETIME", "ONLINE", "USABLE"],
        ["OUTAGES", "FLAPS"],
    ]
    assert [line.split() for line in picture[6:9]] == [
        ["00000000...0001:1", "02000000...0001"],
        ["online", "1h", "0m", "3.33%", "3.33%"],
        ["0", "0"],
    ]
    assert max(map(len, picture)) <= 40
    assert picture[-4:] == ["        4     12", "... and 25 more", "", ""]


# Seeing, and blind time.


def test_what_is_seen_is_said(looking: Looking) -> None:
    picture = looking.picture(overview(3, blind=timedelta(minutes=2)))
    assert picture[:2] == [
        "2026-01-01 01:00:00 UTC  watching",
        "3 channels, 2 of them online; blind for 2m 0s in all",
    ]


def test_since_when_nothing_is_seen_is_said(looking: Looking) -> None:
    """Also if that is known only afterwards, as of an outage of one's own."""
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


def test_while_nothing_is_seen_nobody_is_counted_as_online(looking: Looking) -> None:
    blind = overview(3, blind=timedelta(minutes=7), sees=False)
    assert looking.picture(blind)[1] == "3 channels; blind for 7m 0s in all"


def test_blind_from_the_first_look_on(looking: Looking) -> None:
    looking.show(overview(1, blind=timedelta(days=1), sees=False))
    looking.show(overview(1, blind=timedelta(days=1, seconds=20), sees=False))
    drawn = pictures(looking.end()[0])
    assert [picture[0].partition("(")[2] for picture in drawn] == ["0.0s)", "20s)"]


# What happened last.


def test_the_newest_events_are_below(looking: Looking) -> None:
    for number in range(9):
        looking.table.event(PeerOnlineEvent(vertex(number)), START + number * SECOND)
    picture = looking.picture(overview(3))
    assert picture[6] == ""
    assert [line.split()[0] for line in picture[7:12]] == [f"00:00:0{n}" for n in range(4, 9)]
    assert picture[12:] == [""] * 12


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


def test_what_can_be_used_is_an_event_and_a_description_is_none(looking: Looking) -> None:
    """They come for all peers and channels at a start, and are in the table."""
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


def test_what_is_logged_is_shown_and_again_when_all_is_over(looking: Looking) -> None:
    for number in range(30):
        looking.table.message(f"line {number}")
    looking.table.message("x" * 200)
    looking.show(overview(0))
    text, errors = looking.end()
    (picture,) = pictures(text)
    assert picture[7:9] == ["line 29", "x" * 80]
    assert errors.splitlines() == [*(f"line {number}" for number in range(11, 30)), "x" * 200]


def test_nothing_that_is_logged_reaches_the_terminal_raw(looking: Looking) -> None:
    looking.table.message("alias \x1b]0;title\x07 [bold]\u202e \x9b2J\nsecond\r")
    looking.show(overview(0))
    text, errors = looking.end()
    (picture,) = pictures(text)
    assert picture[4] == "alias \\x1b]0;title\\x07 [bold]\\u202e \\x9b2J"
    assert errors == "alias \\x1b]0;title\\x07 [bold]\\u202e \\x9b2J\nsecond\n"


# The terminal.


def test_the_terminal_is_left_as_it_was(looking: Looking) -> None:
    looking.show(overview(3))
    text, errors = looking.end()
    assert text.startswith("\x1b[?1049h\x1b[H\x1b[?25l")
    assert text.endswith("\x1b[?25h\x1b[?1049l")
    assert (after(text), errors) == ("", "")


def test_where_nothing_was_drawn_nothing_is_to_be_left(looking: Looking) -> None:
    assert looking.end() == ("", "")


def test_a_terminal_that_stalls_is_not_drawn_on_any_more(looking: Looking) -> None:
    for _ in range(100):
        looking.table.show(overview(3))
    assert len(pictures(looking.end()[0])) == 1


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.delitem(sys.modules, "chanfitness.reports.live_table")
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'chanfitness\[cli\]'"):
        __import__("chanfitness.reports.live_table")
