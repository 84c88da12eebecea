"""Days in a database before a fault of some minutes, so that a loss would show.

They are the first minutes of a recorded lnd, slowed down.
"""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from chanfitness import SqliteStorage
from chanfitness.core.saved_state import MICROSECOND, ClosedRow, Saved
from chanfitness.recording.format import format_time, parse_time
from chanfitness.recording.replay import replay
from chanfitness.storage.sqlite import read

from .paths import DATA

DAY = timedelta(days=1)
RECORDING = (DATA / "lnd-simnet-restarts.jsonl").read_bytes()
_LINES = RECORDING.splitlines(keepends=True)
_STORED = 47  # lines until the end of a segment
REST = b"".join(_LINES[_STORED:])
THEN = parse_time(json.loads(_LINES[_STORED])["at"])
"""The end of those days, and the start of the rest."""
_SLOWER = 600


def store_the_days_before(path: Path) -> None:
    """Store those days in ``path``."""
    lines = io.BytesIO(the_days_before())
    replay(lines, "before", storage=SqliteStorage(path), history=90 * DAY)
    assert_much_is_stored(*read(path))


def the_days_before() -> bytes:
    """Return a recording in which one channel comes back, one is absent and one closes for good."""
    records = [json.loads(line) for line in _LINES[:_STORED]]
    opened = [each for each in records if each["event"] == "channel_opened"]
    _, second, _, last = [each for each in records if "open_channels" in each]
    leave_out(second, opened[0])
    leave_out(last, opened[2])
    in_no_snapshot = opened[0] | {"channel_point": f"{'f' * 64}:0"}
    records.insert(records.index(opened[0]), in_no_snapshot)
    for record in records:
        record["at"] = format_time(THEN - _SLOWER * (THEN - parse_time(record["at"])))
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def leave_out(snapshot: dict[str, Any], opened: dict[str, Any]) -> None:
    snapshot["open_channels"] = [
        each
        for each in snapshot["open_channels"]
        if each["channel_point"] != opened["channel_point"]
    ]


def assert_much_is_stored(saved: Saved | None, closed: list[ClosedRow]) -> None:
    """Check that the database has days, with channels of every kind."""
    assert saved is not None
    assert saved.position > 2 * DAY / MICROSECOND
    away = {row.left is not None for row in saved.channels}
    returned = [row for row in saved.channels if json.loads(row.gaps)]
    assert away == {True, False}
    assert returned
    assert len(closed) > 1
