"""Stores with a storage, for tests of restarts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from chanfitness import ChannelEventStore, ChannelHistory, ChannelInfo, OpenChannel, SqliteStorage
from chanfitness.core.saved_state import ClosedRow, HistoryRows, PeerRow, Saved
from chanfitness.testing import FakeNode

from .stores import WAIT, running

ZERO, MICROSECOND = timedelta(0), timedelta(microseconds=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@contextmanager
def watching(node: FakeNode, path: Path, **changed: Any) -> Iterator[ChannelEventStore]:
    """Run a store of ``node`` with its database at ``path``."""
    settings: dict[str, Any] = {"storage": SqliteStorage(path), "history": 90 * DAY} | changed
    with running(ChannelEventStore(replace(node.config, **settings))) as store:
        yield store


def figures(store: ChannelEventStore, channel: OpenChannel) -> tuple[float, float]:
    """Return lifetime and uptime, in hours."""
    info = store.get_chan_info(*channel, timeout=WAIT)
    return info.lifetime / HOUR, info.uptime / HOUR


def history_of(store: ChannelEventStore, channel: OpenChannel, **how: Any) -> ChannelHistory:
    """Return a channel's history, and check that it adds up."""
    history = store.get_history(channel.channel_point, timeout=WAIT, **how)
    assert history.lifetime + history.blind == history.end - history.start
    offline = sum((outage.duration for outage in history.outages), ZERO)
    assert offline == history.lifetime - history.uptime
    return history


class FlushedByHand(SqliteStorage):
    """A storage that is flushed by the test."""

    def start(self, ask: Callable[[bool], Any]) -> None:
        self.ask = ask

    def flush(self) -> bool:
        """Return whether there were changes that could be written."""
        return self.write(self.ask)


# Comparisons of a database with an earlier state of it.


class Known(NamedTuple):
    """A stored channel, open or closed; times in microseconds.

    ``opened``: the date. ``gaps``: None for a closed channel.
    """

    point: str
    key: bytes
    opened: int
    lifetime: int
    uptime: int
    gaps: list[list[int]] | None


def nothing_is_lost(
    before: Saved | None,
    closed_before: list[ClosedRow],
    after: Saved | None,
    closed: list[ClosedRow],
) -> None:
    """Check that a database kept all figures, and gained at most the time that has passed.

    A closed channel that might come back did so, or is still closed. A peer is kept with its
    channels.
    """
    assert before is not None
    assert after is not None
    assert after.heartbeat >= before.heartbeat
    may_return = {row.channel_point for row in before.channels}
    had_left = {row.channel_point for row in before.channels if row.closed is not None}
    assert [row for row in closed if row in closed_before] == [
        row for row in closed_before if row in closed or row.channel_point not in may_return
    ]
    grown = after.position - before.position
    uptimes = {peer.key: uptime_of(peer, after.position) for peer in after.peers}
    still = channels_in_both(before, after)
    for peer in [each for each in before.peers if each.key in still]:
        assert 0 <= uptimes[peer.key] - uptime_of(peer, before.position) <= grown
    found = open_channels(after)
    found += closed_channels(
        [row for row in closed if row not in closed_before or row.channel_point in had_left]
    )
    for old in open_channels(before):
        heirs = [new for new in found if (new.key, new.opened) == (old.key, old.opened)]
        at_its_point = [new for new in heirs if new.point == old.point]
        assert any(goes_on(old, new, grown) for new in at_its_point or heirs), old  # may have moved
    for history in before.histories:
        outages_are_kept(history, before, after)


def is_as_stored(infos: list[ChannelInfo], saved: Saved | None) -> bool:
    """Return whether the last answers about channels equal the stored ones."""
    assert saved is not None
    stored = {each.point: (each.lifetime, each.uptime) for each in open_channels(saved)}
    return all(
        stored[str(info.channel_point)] == (info.lifetime / MICROSECOND, info.uptime / MICROSECOND)
        for info in infos
    )


def goes_on(old: Known, new: Known, grown: int) -> bool:
    """Return whether ``new`` may follow from ``old`` in the time seen since."""
    lived, up = new.lifetime - old.lifetime, new.uptime - old.uptime
    if old.gaps and new.gaps is not None and new.gaps[: len(old.gaps)] != old.gaps:
        return False
    return 0 <= up <= lived <= grown


def open_channels(saved: Saved) -> list[Known]:
    """Return the channels that are open or may come back."""
    peers = {peer.key: peer for peer in saved.peers}
    begins = {number: utc - position for number, position, utc in saved.anchors}
    known = []
    for row in saved.channels:
        now, uptime = saved.position, uptime_of(peers[row.key], saved.position)
        if row.left is not None and row.uptime_left is not None:
            now, uptime = row.left, row.uptime_left
        opened = row.opened_position + begins.get(row.opened_stretch, 0)
        figures = now - row.lived_from, uptime - row.uptime_before
        known.append(Known(row.channel_point, row.key, opened, *figures, json.loads(row.gaps)))
    return known


def closed_channels(rows: list[ClosedRow]) -> list[Known]:
    return [
        Known(row.channel_point, row.key, row.opened, row.lifetime, row.uptime, None)
        for row in rows
    ]


def uptime_of(peer: PeerRow, position: int) -> int:
    since = peer.online_since
    return peer.uptime + (0 if since is None else position - since)


def outages_are_kept(old: HistoryRows, before: Saved, after: Saved) -> None:
    """Check the outages of peers with a channel all the while, except those that grew too old."""
    if old.key in channels_in_both(before, after):
        (new,) = [each for each in after.histories if each.key == old.key]
        kept = old.changes[new.first - old.first :]
        assert list(new.changes[: len(kept)]) == list(kept)


def channels_in_both(before: Saved, after: Saved) -> set[bytes]:
    """Return the peers that had a channel all the while."""
    known = {(row.opened_position, row.opened_stretch, row.key) for row in before.channels}
    return {
        row.key
        for row in after.channels
        if (row.opened_position, row.opened_stretch, row.key) in known
    }
