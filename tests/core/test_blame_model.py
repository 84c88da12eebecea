"""Whatever happens, blame is decided as a model decides it that has hindsight."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from chanfitness import OpenChannel, SqliteStorage, Vertex

from ..support.blame_model import BlameModel
from ..support.blame_operations import (
    LIMITS,
    ONLINE,
    OPEN_CHANNELS,
    OPERATIONS,
    RULES,
    Ask,
    Move,
    event_of,
)
from ..support.driven_store import DrivenStore
from ..support.lengths import length
from ..support.persistent_stores import DAY, HOUR
from ..support.stores import WAIT
from ..support.values import SECOND, START

pytestmark = pytest.mark.usefixtures("quiet")

FLAPS = {"flap_factor": 0.95, "flap_period": 8 * HOUR}
WINDOWS = [None, timedelta(0), 7 * SECOND, 100 * SECOND]


class Pair:
    """A store and its model, which are told and asked the same."""

    def __init__(
        self,
        open_channels: list[OpenChannel],
        online: set[Vertex],
        rules: Any,
        storage: SqliteStorage | None = None,
        limit: int = 10_000,
    ) -> None:
        retention: dict[str, Any] = {"history": 90 * DAY, "history_limit": limit, **FLAPS}
        self.retention = {"stored": storage is not None, **retention}
        self.driven = DrivenStore(
            open_channels=open_channels, online=online, storage=storage, **rules, **retention
        )
        self.clock, self.store = self.driven.clock, self.driven.store
        peers = dict.fromkeys(each.peer for each in open_channels)
        self.model = BlameModel(
            START,
            open_channels,
            [each for each in peers if each in online],
            stored=storage is not None,
            **rules,
        )

    def play_all(self, operations: Sequence[list[Any]]) -> None:
        with self.driven:
            for operation in [each for step in operations for each in step]:
                self.play(operation)
            self.compare()

    def play(self, operation: Any) -> None:
        if isinstance(operation, Move):
            self.clock.advance(operation.by * SECOND)
        elif isinstance(operation, Ask):
            self.compare()
        else:
            channels = [OpenChannel(*each) for each in self.model.open.items()]
            event = event_of(operation, self.clock.now(), channels, self.model.online)
            self.driven.put(event)
            self.model.put(event, self.clock.now())

    def compare(self) -> None:
        """Ask everything."""
        self.model.ask(self.clock.now())
        model, store = self.model.outcome(**self.retention), self.store
        infos = store.list_channels(timeout=WAIT)
        blind = [span.duration for span in store.list_blind(timeout=WAIT)]
        assert sum(blind, timedelta(0)) == store.get_overview(timeout=WAIT).blind
        assert infos == model.list_channels()
        assert store.list_peers(timeout=WAIT) == model.list_peers()
        for info in infos:
            for window in WINDOWS:
                history = store.get_history(info.channel_point, window=window, timeout=WAIT)
                assert history == model.history(info.channel_point, window)


WHATEVER_HAPPENS = given(
    open_channels=OPEN_CHANNELS,
    online=ONLINE,
    rules=RULES,
    limit=LIMITS,
    operations=OPERATIONS,
)


@settings(max_examples=length(400, 20_000))
@WHATEVER_HAPPENS
def test_the_store_decides_as_the_model(
    open_channels: list[OpenChannel],
    online: set[Vertex],
    rules: dict[str, Any],
    limit: int,
    operations: Sequence[list[Any]],
) -> None:
    Pair(open_channels, online, rules, limit=limit).play_all(operations)


@settings(max_examples=length(200, 10_000))
@WHATEVER_HAPPENS
def test_with_a_storage_it_decides_so_of_channels_that_come_back(
    open_channels: list[OpenChannel],
    online: set[Vertex],
    rules: dict[str, Any],
    limit: int,
    operations: Sequence[list[Any]],
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        storage = SqliteStorage(Path(directory) / "db")
        Pair(open_channels, online, rules, storage, limit).play_all(operations)
