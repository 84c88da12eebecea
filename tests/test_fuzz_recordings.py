"""Real recordings, damaged in every way: an error that says where, or an answer.

Never a hang, never unbounded memory, and nothing is lost that was stored before.
"""

from __future__ import annotations

import io
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanfitness import RecordingError, SqliteStorage
from chanfitness.replay import Replayed, replay
from chanfitness.rows import Saved
from chanfitness.storage import read

from .fuzzing import DAMAGES, Complaints, Damage, bounded_memory, complaints, damaged, fuzz
from .stores import Call

__all__ = ["bounded_memory", "complaints"]

RECORDING = (Path(__file__).parent / "data" / "lnd-simnet-restarts.jsonl").read_bytes()
STORED = 47  # lines, with which a stretch ends
FIRST, LAST = (datetime(2026, 11, 22, 11, each, tzinfo=timezone.utc) for each in (18, 51))
ZERO, DAY = timedelta(0), timedelta(days=1)

AT = st.one_of(st.none(), st.none(), st.timedeltas(ZERO, LAST - FIRST).map(FIRST.__add__))


def replayed(data: bytes, at: datetime | None = None, **how: Any) -> Replayed | None:
    """What the recording says, or None if it is refused."""
    try:
        found = Call(partial(replay, **how), io.BytesIO(data), "r.jsonl", at).result()
    except RecordingError as error:
        refusal = str(error)
        assert refusal.startswith("r.jsonl:")
        assert refusal.isprintable()
        assert len(refusal) < 300
        return None
    assert all(ZERO <= info.uptime <= info.lifetime for info in found.channels)
    return found


@fuzz(300, 20_000)
@given(DAMAGES, AT)
def test_a_damaged_recording_is_refused_or_answered(
    complaints: Complaints, damages: list[Damage], at: datetime | None
) -> None:
    replayed(damaged(RECORDING, damages), at)
    assert not complaints.heard


# With a database.


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What the first half left."""
    path = tmp_path_factory.mktemp("stored") / "db"
    lines = RECORDING.splitlines(keepends=True)[:STORED]
    assert replayed(b"".join(lines), storage=SqliteStorage(path), history=90 * DAY) is not None
    return path.read_bytes()


@fuzz(100, 3_000)
@given(DAMAGES, AT)
def test_what_was_stored_before_a_damaged_recording_is_still_there(
    tmp_path_factory: pytest.TempPathFactory,
    complaints: Complaints,
    database: bytes,
    damages: list[Damage],
    at: datetime | None,
) -> None:
    path = tmp_path_factory.mktemp("database") / "db"
    path.write_bytes(database)
    before, closed_before = read(path)
    rest = b"".join(RECORDING.splitlines(keepends=True)[STORED:])

    replayed(damaged(rest, damages), at, storage=SqliteStorage(path), history=90 * DAY)

    after, closed = read(path)
    assert before is not None
    assert after is not None
    assert after.heartbeat >= before.heartbeat
    assert closed[: len(closed_before)] == closed_before
    assert {peer.key for peer in before.peers} <= {peer.key for peer in after.peers}
    known = figures(after)
    for row in closed[len(closed_before) :]:
        known.setdefault((row.channel_point, row.key), []).append((row.lifetime, row.uptime))
    for channel, ((lifetime, uptime),) in figures(before).items():
        assert any(lived >= lifetime and up >= uptime for lived, up in known[channel])
    assert not complaints.heard


def figures(saved: Saved) -> dict[tuple[str, bytes], list[tuple[int, int]]]:
    """Lifetime and uptime of each channel."""
    peers = {peer.key: peer for peer in saved.peers}
    found = {}
    for row in saved.channels:
        peer = peers[row.key]
        now, uptime = saved.position, peer.uptime
        if peer.online_since is not None:
            uptime += now - peer.online_since
        if row.left is not None and row.uptime_left is not None:
            now, uptime = row.left, row.uptime_left
        found[row.channel_point, row.key] = [(now - row.lived_from, uptime - row.uptime_before)]
    return found
