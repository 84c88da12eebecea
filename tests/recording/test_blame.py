"""Replays of recorded restarts: nobody is charged for a restart, and real outages are kept.

Where a node or its watcher starts again, each peer that is still reconnecting gets an outage
of up to 1.1 seconds, unless a return grace is set.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ..support.paths import DATA
from ..support.terminal import answer_of, rows_shown

FALSE_CHARGES = {
    "lnd-simnet-restarts.jsonl": 2,
    "cln-regtest.expected.jsonl": 2,
    "cln-regtest-2.expected.jsonl": 4,
}
# Two more outages begin at a return of lnd, both of one peer and both real: it was stopped
# before lnd and started 25 seconds after it, and was later frozen (a node retries within 5
# seconds, and all other peers were back within 1.1).
REALLY_AWAY = [
    ("03fbbe82", "2026-11-22T11:24:14.457989Z", "2026-11-22T11:24:39.183279Z"),
    ("03fbbe82", "2026-11-22T11:34:51.707485Z", "2026-11-22T11:39:12.602545Z"),
]
RECORDINGS = pytest.mark.parametrize("recording", FALSE_CHARGES)


class Outage(NamedTuple):
    peer: str
    start: str
    end: str | None
    duration: timedelta


class Found(NamedTuple):
    """The outages of all peers and channels that exist at the end."""

    outages: set[Outage]
    uptimes: dict[str, float]


def found(recording: str, path: Path, *options: str) -> Found:
    answer_of("replay", str(DATA / recording), "--db", str(path), *options)
    outages = {
        Outage(
            row["peer"][:8], row["start"], row["end"], timedelta(seconds=row["duration_seconds"])
        )
        for row in rows_shown(str(path), "--outages")
    }
    channels = rows_shown(str(path)) + rows_shown(str(path), "--closed")
    return Found(outages, {row["channel_point"]: row["uptime_seconds"] for row in channels})


def starts_of(recording: str) -> list[str]:
    lines: list[Any] = [json.loads(line) for line in (DATA / recording).read_text().splitlines()]
    return [line["at"] for line in lines if line["event"] == "monitoring_started"]


def restarts_of(recording: str) -> list[str]:
    return starts_of(recording)[1:]


def test_the_recordings_have_ten_restarts() -> None:
    assert sum(len(restarts_of(recording)) for recording in FALSE_CHARGES) == 10


@RECORDINGS
def test_restarts_are_not_charged_and_real_outages_are(recording: str, tmp_path: Path) -> None:
    blaming = found(recording, tmp_path / "off", "--own-outage", "off")
    fair = found(recording, tmp_path / "on")
    charges = {outage for outage in blaming.outages if outage.start in starts_of(recording)}
    false = {outage for outage in charges if outage.duration < timedelta(seconds=1.1)}
    assert len(false) == FALSE_CHARGES[recording]
    really = REALLY_AWAY if recording.startswith("lnd") else []
    assert sorted(outage[:3] for outage in charges - false) == really
    assert fair.outages == blaming.outages - false
    assert fair.uptimes == blaming.uptimes
