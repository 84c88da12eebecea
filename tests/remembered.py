"""Stores that remember what a fake node does, for tests of storage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from chanfitness import ChannelEventStore, ChannelHistory, OpenChannel, SqliteStorage
from chanfitness.rows import ClosedRow, Saved
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


def nothing_is_lost(
    before: Saved | None,
    closed_before: list[ClosedRow],
    after: Saved | None,
    closed: list[ClosedRow],
) -> None:
    """Whatever a database held it still holds: each channel, with as much, open or closed."""
    assert before is not None
    assert after is not None
    assert after.heartbeat >= before.heartbeat
    assert closed[: len(closed_before)] == closed_before
    assert {peer.key for peer in before.peers} <= {peer.key for peer in after.peers}
    known = saved_figures(after)
    for row in closed[len(closed_before) :]:
        known.append((row.key, row.lifetime, row.uptime))
    for key, lifetime, uptime in saved_figures(before):
        kept = [(lived, up) for each, lived, up in known if each == key]
        assert any(lived >= lifetime and up >= uptime for lived, up in kept)


def saved_figures(saved: Saved) -> list[tuple[bytes, int, int]]:
    """The peer, lifetime and uptime of each channel."""
    peers = {peer.key: peer for peer in saved.peers}
    found = []
    for row in saved.channels:
        peer = peers[row.key]
        now, uptime = saved.position, peer.uptime
        if peer.online_since is not None:
            uptime += now - peer.online_since
        if row.left is not None and row.uptime_left is not None:
            now, uptime = row.left, row.uptime_left
        found.append((row.key, now - row.lived_from, uptime - row.uptime_before))
    return found
