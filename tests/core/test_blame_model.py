"""Outages are attributed as by a model with hindsight, for any sequence of events."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from chanfitness import OpenChannel, SqliteStorage, Vertex

from ..support.blame_operations import LIMITS, ONLINE, OPEN_CHANNELS, OPERATIONS, RULES
from ..support.blame_pair import Pair
from ..support.lengths import length

pytestmark = pytest.mark.usefixtures("quiet")

WHATEVER_HAPPENS = given(
    open_channels=OPEN_CHANNELS,
    online=ONLINE,
    rules=RULES,
    limit=LIMITS,
    operations=OPERATIONS,
)


@settings(max_examples=length(150, 20_000))
@WHATEVER_HAPPENS
def test_the_store_decides_as_the_model(
    open_channels: list[OpenChannel],
    online: set[Vertex],
    rules: dict[str, Any],
    limit: int,
    operations: Sequence[list[Any]],
) -> None:
    Pair(open_channels, online, rules, limit=limit).play_all(operations)


@settings(max_examples=length(80, 10_000))
@WHATEVER_HAPPENS
def test_with_a_storage_channels_that_come_back_are_decided_as_in_the_model(
    open_channels: list[OpenChannel],
    online: set[Vertex],
    rules: dict[str, Any],
    limit: int,
    operations: Sequence[list[Any]],
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        storage = SqliteStorage(Path(directory) / "db")
        Pair(open_channels, online, rules, storage, limit).play_all(operations)
