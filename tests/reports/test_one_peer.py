"""The screen of one peer or channel, compared with the outages that were made up for it."""

from __future__ import annotations

from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from chanfitness.core.overview import ClosedChannel, Overview
from chanfitness.reports.loading import load_windows
from chanfitness.reports.naming import Named, find, restricted
from chanfitness.reports.one_peer import Look, one_peer
from chanfitness.reports.peer_ranges import ranges, trend_of, windows
from chanfitness.terminal.zones import Zone
from chanfitness.testing import FakeNode
from chanfitness.web.figures import page_figures

from ..support.made_up_peers import DAY, HOSTILE, HOUR, MINUTE, MadeUpPeer, make_database
from ..support.pages import half_a_day_is_seen
from ..support.pages import overviews as page_overviews
from ..support.persistent_stores import watching
from ..support.values import ALICE, START, vertex

Overviews = dict[str, Overview]
KEY = str(vertex(1))
UTC = timezone.utc
LENGTH = 40 * DAY
NIGHTLY = [(number * DAY + 2 * HOUR, number * DAY + 3 * HOUR) for number in range(1, 38)]
PEER = MadeUpPeer(
    "ACINQ",
    "clearnet",
    [*NIGHTLY, (39 * DAY, LENGTH + DAY)],
    [(10 * DAY + 12 * HOUR, 11 * DAY)],
    [timedelta(0), 20 * DAY],
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitness.db"


@pytest.fixture(scope="module")
def habits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a peer that was away for an hour each night, and for the last day."""
    path = tmp_path_factory.mktemp("one") / "fitness.db"
    return make_database(path, [PEER, MadeUpPeer("other")], LENGTH)


def loaded(path: Path, name: str, window: timedelta | None = None) -> tuple[Overviews, Named]:
    found: list[Named] = []

    def only(overview: Overview) -> Overview:
        found.append(find(name, overview))
        return restricted(overview, found[0])

    asked = windows(window)
    return dict(
        zip(asked, load_windows(str(path), [*asked.values()], only=only), strict=True)
    ), found[0]


def screen(path: Path, name: str, window: timedelta | None = None, **how: Any) -> list[str]:
    overviews, named = loaded(path, name, window)
    now = overviews[list(overviews)[-1]].as_of + 2 * HOUR
    return one_peer(overviews, named, Look(now, zone=Zone(UTC))._replace(**how)).split("\n")


def facts(lines: list[str]) -> dict[str, str]:
    """The facts above the first empty line."""
    pairs = [line.split("  ", 1) for line in lines[1 : lines.index("")]]
    return {name.strip(): value.strip() for name, value in pairs}


def block(lines: list[str], head: str) -> list[list[str]]:
    """The rows below the line that begins with ``head``, split into words."""
    (begin,) = [number for number, line in enumerate(lines) if line.strip().startswith(head)]
    return [line.split() for line in lines[begin + 1 : lines.index("", begin)]]


# Names and state.


def test_the_screen_has_names_and_state(habits: Path) -> None:
    lines = screen(habits, "acinq")
    assert lines[0] == "ACINQ"
    assert facts(lines) == {
        "key": KEY,
        "transport": "clearnet",
        "state": "offline since 2026-02-09 00:00:00 UTC (1d 2h ago)",
        "last seen": "2026-02-09 00:00:00 UTC (1d 2h ago)",
        "seen for": "40d 0h since 2026-01-01 00:00:00 UTC",
        "flaps": facts(lines)["flaps"],
        "as of": "2026-02-10 00:00:00 UTC (2h 0m ago)",
    }


def test_a_peer_without_an_alias_is_called_by_its_key(path: Path) -> None:
    make_database(path, [MadeUpPeer()], DAY)
    lines = screen(path, KEY)
    assert lines[0] == "02000000...0001"
    assert facts(lines)["state"] == "online since 2026-01-01 00:00:00 UTC (1d 2h ago)"
    assert facts(lines)["last seen"] == "2026-01-02 00:00:00 UTC (2h 0m ago)"
    assert facts(lines)["transport"] == "-"


def test_a_clock_behind_the_snapshot_gives_no_negative_age(habits: Path) -> None:
    now = START + LENGTH - HOUR
    assert facts(screen(habits, "acinq", now=now))["as of"] == "2026-02-10 00:00:00 UTC"


def test_the_date_says_if_the_node_was_not_seen(path: Path) -> None:
    half_a_day_is_seen(path)
    told = facts(screen(path, "02000000"))
    until = "(2h 0m ago); its node was last seen at 2026-01-01 12:00:00 UTC"
    assert told["as of"].endswith(until)
    assert told["seen for"] == "12h 0m since 2026-01-01 00:00:00 UTC, and blind for 12h 0m"
    (info,) = loaded(path, "02000000")[0]["all"].channels
    never = {
        name: each._replace(seen_until=None) for name, each in loaded(path, "02000000")[0].items()
    }
    named = Named(info.peer, None, None, ())
    assert "its node was never seen" in one_peer(never, named, Look(START, zone=Zone(UTC)))


# Figures of ranges.


def away(begin: timedelta) -> tuple[timedelta, list[timedelta]]:
    """The time seen from ``begin`` on, and the length of each outage in it."""
    spans = [(max(gone, begin), min(back, LENGTH)) for gone, back in PEER.offline if back > begin]
    return LENGTH - begin, [back - gone for gone, back in spans]


def test_ranges_stand_side_by_side(habits: Path) -> None:
    lines = screen(habits, "acinq")
    (heads,) = [line.split() for line in lines if line.split()[:1] == ["1d"]]
    assert heads == ["1d", "7d", "30d", "all"]
    rows = {row[0]: row[1:] for row in block(lines, "1d  ")}
    begins = [LENGTH - DAY, LENGTH - 7 * DAY, LENGTH - 30 * DAY, timedelta(0)]
    ratios = [1 - sum(out, timedelta(0)) / seen for seen, out in map(away, begins)]
    cut = [f"{int(round(ratio * 10_000, 6)) / 100:.2f}%" for ratio in ratios]
    assert rows["online"] == cut == ["0.00%", "82.73%", "92.77%", "93.64%"]
    assert rows["outages"] == [str(len(out)) for _, out in map(away, begins)]
    assert rows["longest"] == ["1d", "0h"] * 4
    usable = [*ratios[:2], ratios[2] - 12 * HOUR / (30 * DAY)]
    usable.append(1 - (18 * HOUR + DAY) / (20 * DAY))  # of the younger channel
    assert rows["usable"] == [f"{int(round(each * 10_000, 6)) / 100:.2f}%" for each in usable]
    means = [sum(out, timedelta(0)) / len(out) for _, out in map(away, begins)]
    minutes = [f"{mean // HOUR}h {mean % HOUR // MINUTE}m" for mean in means[1:]]
    assert " ".join(rows["mean"]) == " ".join(["1d 0h", *minutes])


def test_the_trend_is_the_last_week_less_the_time_before(habits: Path) -> None:
    overviews, _ = loaded(habits, "acinq")
    recent = 1 - (5 * HOUR + DAY) / (7 * DAY)
    earlier = 1 - 32 * HOUR / (33 * DAY)
    assert trend_of(ranges(overviews)) == pytest.approx(recent - earlier)
    points = f"{100 * (recent - earlier):+.2f}"
    assert points == "-13.22"
    words = "points, worse: online in the last 7 days, less the time before"
    assert f"trend    \u25bc \u2212{points[1:]} {words}" in screen(habits, "acinq")
    assert f"trend    {points} {words}" in screen(habits, "acinq", plain=True)


@pytest.mark.parametrize(
    ("offline", "words"),
    [
        ([(DAY, 2 * DAY)], "\u25b2 +7.69 points, better: "),
        ([], "= 0.00 points, as before: "),
        ([(DAY, DAY + timedelta(seconds=1))], "= 0.00 points, as before: "),
    ],
)
def test_a_trend_may_be_better_or_none(
    offline: list[tuple[timedelta, timedelta]], words: str, path: Path
) -> None:
    make_database(path, [MadeUpPeer("a", offline=offline)], 20 * DAY)
    assert any(line.startswith(f"trend    {words}") for line in screen(path, KEY))


@pytest.mark.parametrize("window", [None, 7 * DAY, HOUR])
def test_without_time_before_the_last_week_there_is_no_trend(
    window: timedelta | None, path: Path
) -> None:
    make_database(path, [MadeUpPeer()], (20 if window else 5) * DAY)
    lines = screen(path, KEY, window)
    assert "trend    - (it takes time before the last 7 days)" in lines


@pytest.mark.parametrize(
    ("window", "names"),
    [
        (14 * DAY, ["1d", "7d", "14d"]),
        (7 * DAY, ["1d", "7d"]),
        (90 * MINUTE, ["90m"]),
        (36 * HOUR, ["1d", "36h"]),
        (timedelta(seconds=90), ["90s"]),
        (timedelta(0), ["0s"]),
    ],
)
def test_a_window_is_the_last_range(window: timedelta, names: list[str], habits: Path) -> None:
    assert list(windows(window)) == names
    lines = screen(habits, "acinq", window, columns=80)
    assert any(line.split() == names for line in lines)
    assert all(len(line) <= 80 for line in lines)


def test_the_figures_agree_with_the_page(habits: Path) -> None:
    page = page_figures(page_overviews(habits))
    names = {"24h": "1d", "7d": "7d", "30d": "30d", "all": "all"}
    found = {each.name: each for each in ranges(loaded(habits, "acinq")[0])}
    for each in page.ranges:
        (peer,) = [peer for peer in each.peers if peer.key == KEY]
        mine = found[names[each.name]]
        assert mine.first.uptime_ratio == peer.online_ratio
        assert mine.usable_ratio == peer.usable_ratio
        assert mine.history == peer.history
        assert trend_of(list(found.values())) == peer.trend


# Channels.


def test_channels_are_listed_one_per_line(habits: Path) -> None:
    lines = screen(habits, "acinq")
    rows = block(lines, "SHORT ID")
    assert [row[0] for row in rows] == ["700002x0x1", "700001x0x0"]
    assert [row[1] for row in rows] == ["00000000...0002:2", "00000000...0001:1"]
    later = 1 - (18 * HOUR + DAY) / (20 * DAY)
    assert rows[0][2:] == ["-", "-", "-", "20d", "0h", *[f"{int(later * 10_000) / 100:.2f}%"] * 2]
    assert rows[1][2:7] == ["-", "-", "active", "40d", "0h"]
    assert "usable is the lowest of its channels" in lines


def test_a_channel_is_shown_without_its_siblings(habits: Path) -> None:
    lines = screen(habits, "700002x0x1")
    assert facts(lines)["channel"] == f"{2:064x}:2"
    assert facts(lines)["seen for"] == "20d 0h since 2026-01-21 00:00:00 UTC"
    (row,) = block(lines, "SHORT ID")
    assert row[0] == "700002x0x1"
    assert not any("usable is the lowest" in line for line in lines)


def test_a_channel_is_described(path: Path) -> None:
    node = FakeNode()
    with watching(node, path):
        channel = node.open_channel(node.new_peer(online=True))
        node.describe_channel(channel, capacity=12_345_678, private=True)
        node.channel_inactive(channel)
        other = node.open_channel(channel.peer)
        node.describe_channel(other, private=False)
        node.close_channel(node.open_channel(channel.peer))
        node.advance(hours=1)
    lines = screen(path, str(channel.peer), full=True)
    rows = block(lines, "CHANNEL POINT")
    described = [str(channel.channel_point), "12,345,678", "sat", "yes", "inactive"]
    assert rows[0] == [*described, "1h", "0m", "100.00%", "0.00%"]
    assert rows[1][:4] == [str(other.channel_point), "-", "no", "-"]
    assert rows[2] == ["...", "and", "1", "that", "closed:", "see", "--closed"]


# Outages.


def test_the_newest_outages_are_listed(habits: Path) -> None:
    lines = screen(habits, "acinq")
    rows = [" ".join(row) for row in block(lines, "OFFLINE FROM")]
    assert rows[0] == "2026-02-09 00:00:00 UTC now 1d 0h"
    assert rows[1] == "2026-02-07 02:00:00 UTC 2026-02-07 03:00:00 UTC 1h 0m"
    assert rows[9].startswith("2026-01-30 02:00:00 UTC")
    assert rows[10:] == ["... and 28 older ones"]
    assert len(block(screen(habits, "acinq", limit=3), "OFFLINE FROM")) == 4
    rows = [" ".join(row) for row in block(screen(habits, "acinq", DAY / 2), "OFFLINE FROM")]
    assert rows == ["before 2026-02-09 12:00:00 UTC now 12h 0m"]


def test_a_peer_that_was_never_away_has_no_outages(habits: Path) -> None:
    assert "No outages." in screen(habits, "other")


def test_without_a_history_the_screen_has_no_outages_and_no_band(path: Path) -> None:
    node = FakeNode()
    with watching(node, path, history=None):
        channel = node.open_channel(node.new_peer(online=True))
        node.advance(hours=3)
        node.peer_offline(channel.peer)
        node.advance(hours=1)
    lines = screen(path, str(channel.peer))
    assert "Its outages are not known: its history was not kept." in lines
    assert facts(lines)["seen for"] == "4h 0m"
    rows = {row[0]: row[1:] for row in block(lines, "1d  ")}
    assert rows["online"] == ["75.00%*"] * 3 + ["75.00%"]
    assert rows["outages"] == rows["longest"] == rows["mean"] == ["-"] * 4
    assert "* over all time where OUTAGES has no figure: no history was kept" in lines
    assert not any("blind" in line for line in lines)


def test_outages_that_are_not_kept_one_by_one_are_counted(path: Path) -> None:
    node = FakeNode()
    with watching(node, path, history_limit=4):
        channel = node.open_channel(node.new_peer(online=True))
        for _ in range(10):
            node.advance(hours=23)
            node.peer_offline(channel.peer)
            node.advance(hours=1)
            node.peer_online(channel.peer)
    lines = screen(path, str(channel.peer))
    *rows, more = block(lines, "OFFLINE FROM")
    older, kept = 10 - len(rows), "not kept one by one"
    assert 0 < len(rows) < 10
    assert " ".join(more) == f"... and {older} older ones ({older} {kept})"
    band = lines[lines.index(next(line for line in lines if " per character" in line)) + 1]
    assert band.startswith("▁" * 40)  # spread, because the dates are unknown


# The band.


def band_of(lines: list[str]) -> tuple[str, str, str, str]:
    (begin,) = [number for number, line in enumerate(lines) if " per character" in line]
    what, band, axis, legend = lines[begin : begin + 4]
    return what, band, axis, legend


def test_the_band_shows_the_last_thirty_days_as_wide_as_the_terminal(habits: Path) -> None:
    what, band, axis, legend = band_of(screen(habits, "acinq", columns=120))
    assert what == "2026-01-11 00:00 to 2026-02-10 00:00 UTC, 6h 0m per character"
    night = ["▂" if number < 28 else "\u00b7" for number in range(30)]
    expected = "".join(f"{each}\u00b7\u00b7\u00b7" for each in night)[:116] + "████"
    unusable = 2  # cells: the second half of the 11th day
    expected = expected[:unusable] + "~~" + expected[unusable + 2 :]
    assert band == expected
    assert axis.startswith("    |12 Jan")
    assert axis.endswith(" UTC")
    assert legend.startswith("\u00b7 online")


def test_the_band_of_a_young_peer_shows_all(path: Path) -> None:
    peer = MadeUpPeer("a", "tor", [(2 * DAY, 3 * DAY)], opened=[DAY])
    make_database(path, [peer], 9 * DAY, blind=[(5 * DAY, 6 * DAY)])
    what, band, _, _ = band_of(screen(path, KEY))
    assert what == "2026-01-02 00:00 to 2026-01-10 00:00 UTC, 2h 24m per character"
    assert band == "\u00b7" * 10 + "█" * 10 + "\u00b7" * 20 + "░" * 10 + "\u00b7" * 30
    what, band, _, _ = band_of(screen(path, KEY, 10 * DAY, plain=True))
    assert what == "2025-12-31 00:00 to 2026-01-10 00:00 UTC, 3h 0m per character"
    assert band == " " * 16 + "." * 8 + "#" * 8 + "." * 16 + "?" * 8 + "." * 24


def test_a_new_peer_has_a_band(path: Path) -> None:
    make_database(path, [MadeUpPeer()], timedelta(0))
    what, band, _, _ = band_of(screen(path, KEY))
    assert what.startswith("2025-12-31 23:59 to 2026-01-01 00:00 UTC")
    assert band == ""


def test_a_reconnect_is_not_shown_as_unusable(path: Path) -> None:
    spans = [(HOUR, HOUR + timedelta(milliseconds=900)), (5 * HOUR, 5 * HOUR + 2 * MINUTE)]
    make_database(path, [MadeUpPeer(unusable=spans)], 8 * HOUR)
    _, band, _, _ = band_of(screen(path, KEY))
    assert band.replace("~", "\u00b7", 1) == "\u00b7" * 80
    assert band[50] == "~"


# Closed channels, and peers without an open one.


def test_a_closed_channel_has_its_final_figures(path: Path) -> None:
    node = FakeNode()
    with watching(node, path):
        channel = node.open_channel(node.new_peer(online=True))
        node.describe_channel(channel, short_channel_id="7x7x7")
        node.describe_peer(channel.peer, alias="Bob")
        node.open_channel(channel.peer)
        node.advance(hours=3)
        node.peer_offline(channel.peer)
        node.advance(hours=1)
        node.close_channel(channel)
        node.advance(hours=1)
    lines = screen(path, "7x7x7")
    told = facts(lines)
    assert lines[0] == "Bob"
    assert told["channel"] == str(channel.channel_point)
    assert (told["short id"], told["online"], told["usable"]) == ("7x7x7", "75.00%", "75.00%")
    assert told["seen for"].startswith("4h 0m since ")
    assert told["state"].startswith("closed on ")
    assert told["state"].endswith(" (3h 0m ago)")
    assert lines[-1] == (
        "These are its final figures; --outages lists its outages, if they are still kept."
    )


def closed(text: str) -> ClosedChannel:
    return ClosedChannel(
        text, ALICE, 2 * HOUR, HOUR, START, START + HOUR, True, None, "7x7x7", text
    )


def test_a_channel_found_missing_is_marked() -> None:
    overview = Overview(START, True, HOUR, (), None, (), (), (closed("point"),))
    named = Named(ALICE, None, "point", ("point",))
    lines = one_peer({"all": overview}, named, Look(START + HOUR, zone=Zone(UTC))).split("\n")
    assert facts(lines)["state"].endswith("; it was found missing, without an event")
    assert facts(lines)["usable"] == "-"


def test_closed_channels_of_a_peer_are_listed(path: Path) -> None:
    node = FakeNode()
    with watching(node, path):
        peer = node.new_peer(online=True)
        node.close_channel(node.open_channel(peer))
        node.close_channel(node.open_channel(peer))
        node.advance(hours=1)
    lines = screen(path, str(peer))
    begin = lines.index("It has no open channels. Its closed channels:")
    assert len(lines[begin + 1 :]) == 3
    assert facts(lines)["state"].startswith("online since ")


# Any terminal and any names.


@pytest.mark.parametrize("columns", [40, 41, 80, 133, 200])
@pytest.mark.parametrize("plain", [False, True])
def test_hostile_names_are_escaped_and_every_line_fits(
    columns: int, plain: bool, tmp_path: Path
) -> None:
    wide = ["\u6f22\u5b57" * 5, "x" * 30 + "\u6f22", 'it\'s \\ "quoted"']
    peers = [PEER._replace(alias=alias) for alias in (*HOSTILE, *wide)]
    path = make_database(tmp_path / "fitness.db", peers, LENGTH)
    for number in range(len(peers)):
        lines = screen(path, str(vertex(number + 1)), columns=columns, plain=plain)
        assert all(line.isprintable() for line in lines)
        assert max(map(cell_len, lines)) <= columns
        assert not plain or all(line.isascii() for line in lines)
        text = " ".join(" ".join(lines).split())
        assert str(vertex(number + 1)) in text.replace(" ", "")
        for figure in ("93.64%", "91.25%", "1h 36m", "2026-02-07 02:00:00 UTC"):
            assert figure in text
        assert [len(line) for line in lines if line.startswith("\u00b7" if not plain else ".")]


@pytest.mark.parametrize("text", [*HOSTILE, "\u6f22\u5b57" * 40, ""])
@pytest.mark.parametrize("columns", [None, 40, 80])
def test_hostile_names_of_closed_channels_are_escaped(text: str, columns: int | None) -> None:
    overview = Overview(START, True, HOUR, (), None, (), (), (closed(text),))
    for point in (text, None):
        named = Named(ALICE, text, point, (text,))
        look = Look(START + HOUR, columns, zone=Zone(UTC))
        lines = one_peer({"all": overview}, named, look).split("\n")
        assert all(line.isprintable() for line in lines)
        assert columns is None or max(map(cell_len, lines)) <= columns
