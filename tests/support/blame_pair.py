"""A store and its model of outages, with the same events and questions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from chanfitness import OpenChannel, SqliteStorage, Vertex

from .blame_model import BlameModel
from .blame_operations import Ask, Move, event_of
from .driven_store import DrivenStore
from .persistent_stores import DAY, HOUR
from .stores import WAIT
from .values import SECOND, START

FLAPS = {"flap_factor": 0.95, "flap_period": 8 * HOUR}
WINDOWS = [None, timedelta(0), 7 * SECOND, 100 * SECOND]


class Pair:
    """A store and its model, which get the same events and questions."""

    def __init__(
        self,
        open_channels: list[OpenChannel],
        online: set[Vertex],
        rules: Any,
        storage: SqliteStorage | None = None,
        limit: int = 10_000,
        *,
        model: type[BlameModel] = BlameModel,
    ) -> None:
        retention: dict[str, Any] = {"history": 90 * DAY, "history_limit": limit, **FLAPS}
        self.retention = {"stored": storage is not None, **retention}
        self.driven = DrivenStore(
            open_channels=open_channels, online=online, storage=storage, **rules, **retention
        )
        self.clock, self.store = self.driven.clock, self.driven.store
        peers = dict.fromkeys(each.peer for each in open_channels)
        self.model = model(
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
        """Compare the answers to all questions."""
        self.model.ask(self.clock.now())
        model, store = self.model.outcome(**self.retention), self.store
        infos = store.list_channels(timeout=WAIT)
        spans = store.list_blind(timeout=WAIT)
        blind = [each.duration for each in spans if each.of == "all"]
        assert sum(blind, timedelta(0)) == store.get_overview(timeout=WAIT).blind
        assert infos == model.list_channels()
        peers = [each._replace(transport=None) for each in store.list_peers(timeout=WAIT)]
        assert peers == model.list_peers()
        for info in infos:
            for window in WINDOWS:
                history = store.get_history(info.channel_point, window=window, timeout=WAIT)
                assert history == model.history(info.channel_point, window)
