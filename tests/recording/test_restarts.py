"""Replay of the recording with restarts: nothing is lost, and blind time is charged to nobody.

The database after a replay is compared with independent sums over the lines and, segment by
segment, with the node's own answers; for a whole replay, and for one in two parts that share
only the database.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from chanfitness.recording.format import parse_time
from chanfitness.recording.replay import replay
from chanfitness.storage.sqlite import SqliteStorage

from ..support.lengths import STRESS, length
from ..support.paths import DATA
from ..support.recording_sums import ZERO, Record, Row, in_order, watched
from ..support.terminal import rows_shown

TOLERANCE = timedelta(seconds=0.5)  # for the time that the node's answer took
WINDOWS = {
    "all": None,
    "45s": timedelta(seconds=45),
    "5m": timedelta(minutes=5),
    "2h": timedelta(hours=2),
}


def lines_of(name: str) -> list[Record]:
    return [json.loads(line) for line in (DATA / name).read_text().splitlines()]


def without_first_channel(record: Record) -> Record:
    return {**record, "open_channels": record["open_channels"][1:]}


AS_IT_CAME = lines_of("lnd-simnet-restarts.jsonl")
ANSWERS = lines_of("lnd-simnet-restarts.answers.jsonl")
# Both lines are snapshots. The channel returns in the next snapshot, line 58.
WITH_UNLUCKY_SNAPSHOTS = [
    without_first_channel(record) if number in (41, 48) else record
    for number, record in enumerate(AS_IT_CAME, 1)
]
TIMES = [parse_time(record["at"]) for record in AS_IT_CAME]
END = TIMES[-1]
RECORDINGS = pytest.mark.parametrize(
    "records", [AS_IT_CAME, WITH_UNLUCKY_SNAPSHOTS], ids=["as it came", "with unlucky snapshots"]
)
CUTS = range(1, len(AS_IT_CAME)) if STRESS else [1, 4, 9, 12, 21, 31, 32, 41, 46, 52, 63, 90]


def remember(records: Iterable[Record], path: Path, at: datetime | None = None) -> None:
    storage, history = SqliteStorage(path), timedelta(days=90)
    replay(encoded(records), "recording", at, storage=storage, history=history)


def encoded(records: Iterable[Record]) -> Iterator[bytes]:
    return (json.dumps(record).encode() + b"\n" for record in records)


TOLD_BY_OTHERS = ["alias", "short_channel_id", "transport", "active", "capacity", "private"]
USABLE = ["usable_seconds", "unusable_seconds", "usable_ratio"]


def shown(path: Path, *options: str) -> list[Row]:
    """Return the answers about these recordings, without aliases and usable time."""
    rows = rows_shown(str(path), *options)
    for row in rows:
        assert {row.get(name) for name in TOLD_BY_OTHERS} == {None}
        assert row.get("usable_seconds") == row.get("uptime_seconds")
        assert row.get("usable_ratio") == row.get("uptime_ratio")
        assert not row.get("unusable_seconds")
    return in_order(without([*TOLD_BY_OTHERS, *USABLE], rows))


def without(names: Iterable[str], rows: list[Row]) -> list[Row]:
    left_out = set(names)
    return [{each: row[each] for each in row if each not in left_out} for row in rows]


def check_against_the_sums(records: list[Record], moment: datetime, path: Path) -> None:
    remember(records, path, moment)
    expected = watched(records, moment)
    for text, window in WINDOWS.items():
        options = [] if window is None else ["--window", text]
        channels = shown(path, *options)
        assert all(row["complete"] for row in channels)
        other = ["last_seen", "since", "until", "complete"]
        if window is not None:  # windows are sums over outages, not over lines
            other.append("flap_count")
        sums = expected.channels(moment, window)
        assert without(other, channels) == without(other, sums)
        outages = without(["cut", "cut_end"], shown(path, "--outages", *options))
        for row in outages:
            row["channels"].sort()
        assert outages == expected.outages(moment, window)
    flaps = {row["peer"]: row["flap_count"] for row in rows_shown(str(path), "--peers")}
    assert flaps == expected.flaps_of_known_peers()


@RECORDINGS
@pytest.mark.parametrize("moment", [*TIMES[:: length(16, 1)], END], ids=str)
def test_totals_windows_and_outages_are_the_sums_over_the_lines(
    records: list[Record], moment: datetime, tmp_path: Path
) -> None:
    check_against_the_sums(records, moment, tmp_path / "database")


@RECORDINGS
def test_a_question_in_blind_time_counts_it_as_blind(records: list[Record], tmp_path: Path) -> None:
    stops = [parse_time(each["at"]) for each in records if each["event"] == "monitoring_stopped"]
    for number, stop in enumerate(stops[:-1]):
        moment = stop + timedelta(seconds=1.5)
        check_against_the_sums(records, moment, tmp_path / f"database-{number}")


def test_a_closed_channel_keeps_its_final_figures(tmp_path: Path) -> None:
    remember(AS_IT_CAME, tmp_path / "database")
    assert shown(tmp_path / "database", "--closed") == watched(AS_IT_CAME, END).closed_channels()


# Replays in two parts, with the database between them.


def cut(records: list[Record], number: int) -> tuple[list[Record], list[Record]]:
    """Return two recordings, the first of ``number`` lines; a cut in blind time stays blind."""
    first, second = records[:number], records[number:]
    seen = watched(first, end_of(first))
    return first, [seen.snapshot(end_of(first)), *second] if seen.watching else second


@RECORDINGS
@pytest.mark.parametrize("number", CUTS)
def test_a_replay_in_two_parts_gives_the_same_answers(
    records: list[Record], number: int, tmp_path: Path
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    first, second = cut(records, number)
    remember(records, whole)
    remember(first, parts)
    remember(second, parts)
    for options in ["--window", "2h"], ["--window", "5m"], ["--outages"], ["--closed"]:
        assert without(["flap_count"], shown(parts, *options)) == without(
            ["flap_count"], shown(whole, *options)
        )


@RECORDINGS
@pytest.mark.parametrize("number", CUTS)
def test_flaps_survive_a_cut_except_those_of_unknown_peers(
    records: list[Record], number: int, tmp_path: Path
) -> None:
    path = tmp_path / "database"
    first, second = cut(records, number)
    expected = watched(first, end_of(first))
    expected.forget_strangers()
    expected.walk(second, END)
    remember(first, path)
    remember(second, path)
    flaps = {row["peer"]: row["flap_count"] for row in rows_shown(str(path), "--peers")}
    assert flaps == expected.flaps_of_known_peers()


@RECORDINGS
def test_a_replay_in_many_parts_gives_the_same_answers_but_for_flaps(
    records: list[Record], tmp_path: Path
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    remember(records, whole)
    rest = records
    while rest:
        first, rest = cut(rest, length(8, 2))
        remember(first, parts)
    for options in [], ["--window", "5m"], ["--outages"], ["--closed"]:
        assert without(["flap_count"], shown(parts, *options)) == without(
            ["flap_count"], shown(whole, *options)
        )


# Comparison with the node's own answers, which begin again at each of its restarts.


def test_between_restarts_the_figures_grow_as_the_node_s_own() -> None:
    compared = 0
    for start, records in segments():
        answers = [each for each in ANSWERS if start <= answered(each) <= end_of(records)]
        first = figures_of_the_node(before(start))
        for answer in answers:
            ours, ours_first = figures(answered(answer)), figures(start)
            for point, theirs in figures_of_the_node(answer).items():
                for now, then, said, said_first in zip(
                    ours[point],
                    ours_first.get(point, (ZERO, ZERO)),
                    theirs,
                    first.get(point, (0, 0)),
                    strict=True,
                ):
                    difference = (now - then) - timedelta(seconds=said - said_first)
                    assert abs(difference) < timedelta(seconds=1) + TOLERANCE
                    compared += 1
    assert compared > 150


def segments() -> list[tuple[datetime, list[Record]]]:
    """Return each segment but the first: its start and its lines."""
    starts = [n for n, each in enumerate(AS_IT_CAME) if each["event"] == "monitoring_started"]
    return [
        (parse_time(AS_IT_CAME[begin]["at"]), AS_IT_CAME[begin:end])
        for begin, end in pairwise([*starts[1:], len(AS_IT_CAME)])
    ]


def end_of(records: list[Record]) -> datetime:
    return parse_time(records[-1]["at"])


def answered(answer: Record) -> datetime:
    return parse_time(answer["answered_at"])


def before(start: datetime) -> Record:
    """Return the node's answer milliseconds before a segment begins."""
    answer = max((each for each in ANSWERS if answered(each) <= start), key=answered)
    assert start - answered(answer) < TOLERANCE
    return answer


def figures_of_the_node(answer: Record) -> dict[str, tuple[int, int]]:
    return {
        each["channel_point"]: (each["lifetime_s"], each["uptime_s"]) for each in answer["channels"]
    }


def figures(at: datetime) -> dict[str, tuple[timedelta, timedelta]]:
    lines = (json.dumps(record).encode() + b"\n" for record in AS_IT_CAME)
    channels = replay(lines, "recording", at).channels
    return {str(info.channel_point): (info.lifetime, info.uptime) for info in channels}
