"""Outlier detection, on databases of made-up peers with known outages."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chanfitness.commands.main import main
from chanfitness.recording.format import format_time
from chanfitness.reports.advice import ADVICE
from chanfitness.reports.formats import report
from chanfitness.reports.loading import load_windows
from chanfitness.testing import FakeNode

from ..support.made_up_peers import DAY, HOUR, MadeUpPeer, Span, make_database
from ..support.persistent_stores import watching
from ..support.terminal import printed_by, rows_shown
from ..support.values import START

LENGTH = 50 * DAY
NOT_AN_ORDER = "Whether that is a reason to close one is yours to judge."
FORCED = "offline now: a close would be a forced one"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitness.db"


def away(alias: str, *lengths: timedelta, opened: timedelta = 0 * DAY) -> MadeUpPeer:
    """A peer with outages of these lengths, the first after ten days, the others 5 days apart."""
    spans: list[Span] = []
    begin = opened + 10 * DAY
    for length in lengths:
        spans.append((begin, begin + length))
        begin += length + 5 * DAY
    return MadeUpPeer(alias, offline=spans, opened=[opened])


def regular() -> list[MadeUpPeer]:
    """Five peers with shares of 100 %, 98 %, 96 %, 94 % and 92 %."""
    return [away(f"{days} days", days * DAY) if days else away("never") for days in range(5)]


def advised(path: Path) -> list[dict[str, Any]]:
    return rows_shown(str(path), "--advice")


def text(path: Path) -> list[str]:
    return printed_by("show", str(path), "--advice").splitlines()


# Which channels stand out.


def test_a_share_below_the_fence_stands_out(path: Path) -> None:
    """60, 92, 94, 96, 98 and 100 %: quartiles 92.5 and 97.5 %, limit 92.5 - 1.5 * 5 = 85 %."""
    make_database(path, [away("bad", 20 * DAY), *regular()], LENGTH)
    (row,) = advised(path)
    assert (row["alias"], row["online"], row["lifetime_seconds"]) == ("bad", True, 50 * 86400)
    assert row["uptime_ratio"] == row["usable_ratio"] == 0.6
    assert row["limit_ratio"] == pytest.approx(0.85)


def test_the_worst_comes_first_and_a_share_at_the_fence_does_not_stand_out(path: Path) -> None:
    """40, 60, 90, 90, 92, 94, 96, 98, 100, 100 %: quartiles 90 and 97.5 %, limit 78.75 %."""
    peers = [away("60", 20 * DAY), away("40", 30 * DAY), *[away("90", 5 * DAY)] * 2, *regular()]
    make_database(path, [*peers, away("never")], LENGTH)
    rows = advised(path)
    assert [row["alias"] for row in rows] == ["40", "60"]
    assert rows[0]["limit_ratio"] == pytest.approx(0.7875)


def test_equal_channels_do_not_stand_out(path: Path) -> None:
    make_database(path, [away("same", 2 * DAY)] * 5, LENGTH)
    heading, verdict = text(path)
    assert heading.startswith("0 outlying channels as of ")
    assert verdict == "5 channels were seen for 28 days or more, and none of them stands out."


def test_an_unusable_channel_of_an_online_peer_stands_out(
    path: Path,
) -> None:
    useless = MadeUpPeer("useless", unusable=[(10 * DAY, 29 * DAY), (48 * DAY, 49 * DAY)])
    make_database(path, [useless, *regular()], LENGTH)
    (row,) = advised(path)
    assert (row["alias"], row["uptime_ratio"], row["usable_ratio"]) == ("useless", 1, 0.6)
    assert row["recent_ratio"] == pytest.approx(6 / 7)
    assert row["trend"] == pytest.approx(6 / 7 - 24 / 43)
    for name in ("mean_outage_seconds", "back_within_seconds", "gone_since", "capacity"):
        assert row[name] is None


def test_time_online_is_compared_if_usable_time_is_unknown(path: Path) -> None:
    useless = MadeUpPeer("useless", unusable=[(10 * DAY, 30 * DAY)])
    make_database(path, [useless, away("bad", 21 * DAY), *regular()], LENGTH)
    loaded, week = load_windows(str(path), [None, *ADVICE.windows])
    unknown = tuple(info._replace(knows_unusable=False) for info in loaded.channels)
    told = report(ADVICE, loaded._replace(channels=unknown), further=[week])
    rows = told.as_object()["advice"]
    assert isinstance(rows, list)
    assert [(row["alias"], row["usable_ratio"]) for row in rows] == [("bad", None)]
    assert [row["recent_ratio"] for row in rows] == [1]
    assert "- in USABLE: recorded by an older version" in told.render("text", None)


# Which channels are compared.


def test_channels_seen_for_less_than_28_days_are_left_out(path: Path) -> None:
    young = [away(f"young {day}", 5 * DAY, opened=day * DAY) for day in (23, 30)]
    oldest = away("28 days", 8 * DAY, opened=22 * DAY)
    make_database(path, [*young, oldest, *regular()], LENGTH)
    (row,) = advised(path)
    assert (row["alias"], row["lifetime_seconds"]) == ("28 days", 28 * 86400)
    assert text(path)[-1] == "2 channels were seen for less than 28 days and are left out"


def test_blind_time_does_not_count_as_seen(path: Path) -> None:
    peers = [away("27 days", 10 * DAY, opened=22 * DAY), *regular()]
    make_database(path, peers, LENGTH, blind=[(46 * DAY, 47 * DAY)])
    assert advised(path) == []
    assert text(path)[-1] == "1 channel was seen for less than 28 days and is left out"


@pytest.mark.parametrize(("count", "were"), [(3, "3 channels were"), (1, "1 channel was")])
def test_too_few_channels_are_not_compared(count: int, were: str, path: Path) -> None:
    peers = [away("bad", 30 * DAY), away("never"), away("never"), away("never")]
    make_database(path, peers[:count], LENGTH)
    assert advised(path) == []
    told = "seen for 28 days or more: with fewer than 4 it cannot be told which stand out."
    assert text(path)[1:] == [f"{were} {told}"]
    make_database(path.with_suffix(".2"), peers, LENGTH)
    assert [row["alias"] for row in advised(path.with_suffix(".2"))] == ["bad"]


def test_advice_takes_no_name_of_a_channel(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["show", str(path), "bad", "--advice"])
    assert "--advice does not go with a NAME: it compares all" in capsys.readouterr().err


# The evidence.


def test_a_row_has_past_figures_and_the_present_state(path: Path) -> None:
    """Ten ended outages, nine of them of 1 to 9 hours; gone since day 48."""
    spans = [(day * DAY, day * DAY + day * HOUR) for day in range(1, 10)]
    bad = MadeUpPeer("bad", offline=[*spans, (20 * DAY, 40 * DAY), (48 * DAY, 60 * DAY)])
    make_database(path, [bad, *regular()], LENGTH)
    (row,) = advised(path)
    offline = 45 * HOUR + 22 * DAY
    assert row["online"] is False
    assert row["gone_since"] == format_time(START + 48 * DAY)
    assert row["uptime_ratio"] == pytest.approx(1 - offline / LENGTH)
    assert row["mean_outage_seconds"] == pytest.approx(offline.total_seconds() / 11)
    # The 90th percentile of ten ended outages lies a tenth after the ninth.
    assert row["back_within_seconds"] == pytest.approx((9 + 0.1 * (480 - 9)) * 3600)
    assert row["recent_ratio"] == pytest.approx(5 / 7)
    assert row["trend"] == pytest.approx(5 / 7 - (1 - (offline - 2 * DAY) / (43 * DAY)))


def test_one_outage_is_too_few_for_a_percentile(path: Path) -> None:
    make_database(path, [away("bad", 20 * DAY), *regular()], LENGTH)
    (row,) = advised(path)
    assert (row["mean_outage_seconds"], row["back_within_seconds"]) == (20 * 86400, None)


def test_without_a_history_shares_cover_all_time(path: Path) -> None:
    node = FakeNode()
    bad, *_ = (node.open_channel(node.new_peer(online=True)) for _ in range(4))
    with watching(node, path, history=None):
        node.advance(days=20)
        node.peer_offline(bad.peer)
        node.advance(days=20)
    (row,) = advised(path)
    assert (row["peer"], row["uptime_ratio"], row["online"]) == (str(bad.peer), 0.5, False)
    for name in ("recent_ratio", "trend", "mean_outage_seconds", "back_within_seconds"):
        assert row[name] is None


def test_notes_say_that_the_user_decides_and_that_a_close_would_be_forced(path: Path) -> None:
    gone = MadeUpPeer("gone", offline=[(30 * DAY, 60 * DAY)])
    make_database(path, [gone, *regular()], LENGTH)
    heading, heads, line, verdict, forced = text(path)
    assert heading.startswith("1 outlying channel as of ")
    assert "STATE  LIFETIME  ONLINE  USABLE   LIMIT  LAST 7D" in heads
    assert "  offline now  " in line
    assert verdict.startswith("They stand out among this node's channels: 6 channels were seen")
    assert verdict.endswith(NOT_AN_ORDER)
    assert forced == FORCED


def test_no_note_on_forced_closes_if_all_are_online(path: Path) -> None:
    make_database(path, [away("bad", 20 * DAY), *regular()], LENGTH)
    assert text(path)[-1].endswith(NOT_AN_ORDER)


def test_json_and_csv_have_the_same_figures(path: Path) -> None:
    make_database(path, [away("bad", 20 * DAY), *regular()], LENGTH)
    (in_json,) = advised(path)
    (in_csv,) = csv.DictReader(io.StringIO(printed_by("show", str(path), "--advice", "--csv")))
    assert list(in_json) == [
        *["channel_point", "peer", "lifetime_seconds", "uptime_ratio", "alias"],
        *["short_channel_id", "usable_ratio", "capacity", "online", "limit_ratio"],
        *["recent_ratio", "trend", "mean_outage_seconds", "gone_since", "back_within_seconds"],
    ]
    assert {name: in_csv[name] for name in in_json} == {
        name: "" if value is None else str(value) for name, value in in_json.items()
    }


def test_capacities_have_thousands_separators() -> None:
    (column,) = [each for each in ADVICE.columns if each.name == "capacity"]
    assert column.text is not None
    assert column.text(16_777_215) == "16,777,215 sat"
