"""Fuzzing of recordings: an error with its line, or an answer.

A damaged recording never hangs the replay, never takes unbounded memory, and loses nothing
that was stored before.
"""

from __future__ import annotations

import io
import shutil
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanfitness import Overview, RecordingError, SqliteStorage
from chanfitness.recording.replay import replay
from chanfitness.storage.sqlite import read

from ..support.fuzzing import DAMAGES, Damage, bounded_memory, damaged, no_complaints
from ..support.lengths import length
from ..support.persistent_stores import is_as_stored, nothing_is_lost
from ..support.stored_days import RECORDING, REST, store_the_days_before
from ..support.stores import Call

__all__ = ["bounded_memory"]

FIRST, LAST = (datetime(2026, 11, 22, 11, each, tzinfo=timezone.utc) for each in (18, 51))
ZERO, DAY = timedelta(0), timedelta(days=1)

AT = st.one_of(st.none(), st.none(), st.timedeltas(ZERO, LAST - FIRST).map(FIRST.__add__))


def replayed(data: bytes, at: datetime | None = None, **how: Any) -> Overview | None:
    """Return the answers of the recording, or None if it is refused."""
    try:
        found = Call(partial(replay, **how), io.BytesIO(data), "r.jsonl", at).result()
    except RecordingError as error:
        refusal = str(error)
        assert refusal.startswith("r.jsonl:")
        assert refusal.isprintable()
        assert len(refusal) < 400
        return None
    assert all(ZERO <= info.uptime <= info.lifetime for info in found.channels)
    return found


@settings(max_examples=length(300, 20_000))
@given(DAMAGES, AT)
def test_a_damaged_recording_is_refused_or_answered(
    harm: list[Damage], at: datetime | None
) -> None:
    with no_complaints():
        replayed(damaged(RECORDING, harm), at)


# With a database.


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database with the recording but its last lines."""
    path = tmp_path_factory.mktemp("stored") / "db"
    store_the_days_before(path)
    return path


@settings(max_examples=length(100, 3_000))
@given(DAMAGES, AT)
def test_a_damaged_recording_leaves_the_stored_state(
    tmp_path_factory: pytest.TempPathFactory,
    database: Path,
    harm: list[Damage],
    at: datetime | None,
) -> None:
    path = Path(shutil.copy(database, tmp_path_factory.mktemp("database")))
    before, closed_before = read(path)

    with no_complaints():
        found = replayed(damaged(REST, harm), at, storage=SqliteStorage(path), history=90 * DAY)

    after, closed = read(path)
    nothing_is_lost(before, closed_before, after, closed)
    assert found is None or is_as_stored(list(found.channels), after)
