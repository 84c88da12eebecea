"""Figures between two moments, with ``--from`` and ``--until``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time

from chanfitness import MonitoringPausedEvent
from chanfitness.commands.main import main
from chanfitness.recording.format import format_time
from chanfitness.testing import FakeNode

from ..support.made_up_nights import (
    BLIND,
    LENGTH,
    PEERS,
    between,
    common,
    make_nights,
    moment,
    total,
)
from ..support.made_up_peers import MINUTE, MadeUpPeer
from ..support.persistent_stores import DAY, HOUR, ZERO, watching
from ..support.terminal import printed_by, rows_shown
from ..support.values import START, outpoint

Printed = pytest.CaptureFixture[str]
Row = dict[str, Any]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_nights(tmp_path_factory.mktemp("nights"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitness.db"


def expected(peer: MadeUpPeer, opened: timedelta, begin: timedelta, end: timedelta) -> Row:
    """The sums of a peer's channel between two moments, from the peer's made-up outages."""
    life = [(max(begin, opened), end)]
    seen = total(life) - total(common(life, BLIND))
    down = common(life, peer.offline)
    away = [total([span]) - total(common([span], BLIND)) for span in down]
    unusable = total(common(life, peer.unusable)) if opened == peer.opened[0] else ZERO
    return {
        "lifetime_seconds": seen.total_seconds(),
        "uptime_seconds": (seen - sum(away, ZERO)).total_seconds(),
        "unusable_seconds": unusable.total_seconds(),
        "blind_seconds": total(common(life, BLIND)).total_seconds(),
        "outages": len(away),
        "longest_outage_seconds": max(away).total_seconds() if away else None,
        "since": moment(life[0][0]),
        "until": moment(end),
        "complete": True,
    }


def outpoint_of(number: int) -> str:
    return str(outpoint(number))


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (ZERO, LENGTH),
        (DAY, 2 * DAY),
        (DAY + 3 * HOUR, 9 * DAY + HOUR),  # within outages
        (2.25 * DAY, 2.75 * DAY),  # a channel opens while its peer is offline
        (5 * DAY + 30 * MINUTE, 7 * DAY),  # from blind time to blind time
        (4 * DAY + HOUR, 4 * DAY + 2 * HOUR),  # a channel cannot be used
        (9.5 * DAY, LENGTH - MINUTE),
    ],
)
def test_figures_cover_exactly_the_requested_time(
    begin: timedelta, end: timedelta, database: str
) -> None:
    rows = {row["channel_point"]: row for row in rows_shown(database, *between(begin, end))}
    number = 0
    for peer in PEERS:
        for opened in peer.opened:
            number += 1
            row = rows.pop(str(outpoint(number)), None)
            if opened >= end:
                assert row is None  # it was not open yet
            else:
                figures = expected(peer, opened, begin, end)
                assert row is not None
                assert {name: row[name] for name in figures} == figures
    assert rows == {}


def test_consecutive_days_add_up(database: str) -> None:
    names = ["lifetime_seconds", "uptime_seconds", "usable_seconds", "blind_seconds"]
    (whole,) = rows_shown(database, outpoint_of(3), *between(3 * DAY, None))
    days = [
        rows_shown(database, outpoint_of(3), *between(day * DAY, (day + 1) * DAY))[0]
        for day in range(3, 10)
    ]
    for name in names:
        assert sum(row[name] for row in days) == pytest.approx(whole[name], abs=1e-6)


def test_in_thinned_time_figures_cover_whole_days_with_a_note(path: Path) -> None:
    node = FakeNode()
    channel = node.open_channel(node.new_peer(online=True))
    with watching(node, path, history_limit=4):
        begun = node.clock.now()
        for _ in range(10):
            node.advance(hours=12)
            node.peer_offline(channel.peer)
            node.advance(hours=1)
            node.peer_online(channel.peer)
            node.advance(hours=11)
    options = ["--from", format_time(begun + 2 * DAY), "--to", format_time(begun + 5 * DAY)]
    (row,) = rows_shown(str(path), *options)
    assert (row["complete"], row["outages"]) == (False, 3)
    assert row["since"] == format_time(begun + 2.5 * DAY)
    assert row["until"] == format_time(begun + 5.5 * DAY)
    assert (row["lifetime_seconds"], row["uptime_seconds"]) == (72 * 3600, 69 * 3600)
    *_, note = printed_by("show", str(path), *options).splitlines()
    assert note.startswith("* not exactly that time: ")


# Blind spans.


def test_blind_spans_overlap_the_requested_time(database: str) -> None:
    def starts(begin: timedelta | None, end: timedelta | None) -> list[str]:
        return [row["start"] for row in rows_shown(database, "--blind", *between(begin, end))]

    first, second = moment(BLIND[0][0]), moment(BLIND[1][0])
    assert starts(None, None) == starts(ZERO, LENGTH) == [first, second]
    assert starts(BLIND[0][1], BLIND[1][0]) == []
    assert starts(BLIND[0][1] - MINUTE, BLIND[1][0] + MINUTE) == [first, second]
    assert starts(None, BLIND[0][0] + MINUTE) == [first]
    assert starts(BLIND[1][0] + MINUTE, None) == [second]


def test_a_blind_span_that_lasts_overlaps_all_later_times(path: Path) -> None:
    node = FakeNode()
    with watching(node, path):
        node.advance(hours=1)
        node.channel_notifier.send_update(MonitoringPausedEvent())
        node.advance(hours=2)
    since = format_time(node.clock.now() - HOUR)
    (row,) = rows_shown(str(path), "--blind", "--from", since)
    assert (row["end"], row["duration_seconds"]) == (None, 7200)
    assert "  lasts  " in printed_by("show", str(path), "--blind")


# Bad requests.


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            ["--from", "2026-01-02", "--window", "7d"],
            "--window does not go with --from and --to: it ends at the last moment",
        ),
        (["--to", "2026-01-02", "--closed"], "--from and --to do not go with --closed"),
        (
            ["--from", "2026-01-03", "--to", "2026-01-02"],
            "--to is not later than --from (a date means its first moment)",
        ),
        (["--from", "2026-01-02", "--to", "2026-01-02"], "--to is not later than --from"),
        (["--from", "last night"], "argument --from: bad time 'last night': expected one like "),
        (["--to", ""], "argument --to: bad time '': expected one like 2026-11-22"),
    ],
)
def test_conflicting_options_are_refused(
    options: list[str], reason: str, database: str, capsys: Printed
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["show", database, *options])
    printed = capsys.readouterr()
    assert (raised.value.code, printed.out) == (2, "")
    assert reason in printed.err


@pytest.mark.parametrize("after", [ZERO, DAY])
def test_a_start_after_the_last_moment_is_refused(
    after: timedelta, database: str, capsys: Printed
) -> None:
    begin = moment(LENGTH + after)
    assert main(["show", database, "--from", begin]) == 2
    assert capsys.readouterr().err == (
        f"chanfitness: {database} remembers nothing from {begin} on: it ends at {moment(LENGTH)}\n"
    )


def test_an_end_after_the_last_moment_is_allowed(database: str) -> None:
    for view in [], ["--outages"]:
        assert rows_shown(database, *view, "--to", "2027-01-01") == rows_shown(database, *view)


def test_the_heading_has_the_requested_time(database: str) -> None:
    with freeze_time(START + LENGTH + HOUR):
        heading, *_ = printed_by("show", database, *between(DAY, 2 * DAY)).splitlines()
    assert heading == (
        f"4 open channels as of {moment(LENGTH)}, 1h 0m ago, from {moment(DAY)}, until"
        f" {moment(2 * DAY)}"
    )
    heading, *_ = printed_by("show", database, *between(None, 2 * DAY)).splitlines()
    assert heading.endswith(f" ago, until {moment(2 * DAY)}")
