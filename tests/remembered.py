"""Stores that remember what a fake node does, for tests of storage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from chanfitness import ChannelEventStore, ChannelHistory, OpenChannel, SqliteStorage
from chanfitness.testing import FakeNode

from .stores import WAIT, running

ZERO, MICROSECOND = timedelta(0), timedelta(microseconds=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@contextmanager
def watching(node: FakeNode, path: Path, **changed: Any) -> Iterator[ChannelEventStore]:
    """A store of ``node`` that remembers in ``path``."""
    settings: dict[str, Any] = {"storage": SqliteStorage(path), "history": 90 * DAY} | changed
    with running(ChannelEventStore(replace(node.config, **settings))) as store:
        yield store


def figures(store: ChannelEventStore, channel: OpenChannel) -> tuple[float, float]:
    """Lifetime and uptime, in hours."""
    info = store.get_chan_info(*channel, timeout=WAIT)
    return info.lifetime / HOUR, info.uptime / HOUR


def history_of(store: ChannelEventStore, channel: OpenChannel, **how: Any) -> ChannelHistory:
    """What is remembered of a channel, which always adds up."""
    history = store.get_history(channel.channel_point, timeout=WAIT, **how)
    assert history.lifetime + history.blind == history.end - history.start
    offline = sum((outage.duration for outage in history.outages), ZERO)
    assert offline == history.lifetime - history.uptime
    return history


class FlushedByHand(SqliteStorage):
    """Writes when a test says so."""

    def start(self, ask: Callable[[bool], Any]) -> None:
        self.ask = ask

    def flush(self) -> bool:
        """Returns whether there was something that could be written."""
        ids = self._new_ids
        unsaved = self.ask(False)
        if unsaved is not None:
            self._write(unsaved, ids)
        return unsaved is not None
