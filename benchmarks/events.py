"""Costs of events: of one, end to end, and of a recording."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import repeat
from pathlib import Path

from chanfitness import (
    ChannelEventStore,
    PeerNotifier,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SqliteStorage,
)
from chanfitness.periods import KEPT
from chanfitness.recording.replay import replay
from tests.support.simulated_recording import simulated_recording

from . import floors
from .measure import PER_SECOND, Figure, figure, take_turns, timed
from .sizes import Sizes
from .stores import ALICE, Plain, channels, fed_by, running


def burst(store: ChannelEventStore, notifier: PeerNotifier, count: int) -> float:
    """Return the seconds an event takes through notifier, queue, loop and log."""

    def work() -> None:
        for _ in repeat(None, max(count // 2, 1)):
            notifier.notify_peer_online(ALICE)
            notifier.notify_peer_offline(ALICE)
        store.get_peer_info(ALICE)

    return timed(count, work)


def event(count: int) -> float:
    """Return the seconds an event takes in a new store with one channel."""
    with running(channels(1)) as (store, notifier):
        return burst(store, notifier, count)


def plain_event(count: int) -> float:
    """Return the same through a plain ``queue.Queue``, with events made beforehand."""
    source = Plain()
    online, offline = PeerOnlineEvent(ALICE), PeerOfflineEvent(ALICE)
    with fed_by(source) as store:

        def work() -> None:
            for _ in repeat(None, max(count // 2, 1)):
                source.updates.put(online)
                source.updates.put(offline)
            store.list_channels()

        return timed(count, work)


def recording(count: int) -> bytes:
    """Return the first ``count`` lines of a simulated routing node's recording."""
    lines = simulated_recording(days=1 + count // 1000).splitlines(keepends=True)
    assert len(lines) >= count
    return b"".join(lines[:count])


def replayed(text: bytes, count: int = 1, *, stored: bool = False) -> float:
    """Return the seconds a replay takes, divided by ``count``.

    ``stored``: whether to write a database at the end, as the command does.
    """
    with tempfile.TemporaryDirectory() as folder:
        storage = SqliteStorage(Path(folder, "db"), timedelta.max) if stored else None
        history = KEPT if stored else None
        return timed(
            count, lambda: replay(io.BytesIO(text), "benchmark", storage=storage, history=history)
        )


def figures(sizes: Sizes) -> Iterator[Figure]:
    """Yield the figures of events and replays."""
    count = sizes.of(20_000)
    hop = partial(floors.queue_hop, count)
    for name, subject in (
        ("event through a notifier", event),
        ("event through a plain queue.Queue", plain_event),
    ):
        below, costs = take_turns(sizes.rounds(25), [hop, partial(subject, count)])
        yield figure(name, f"{count:,} events", costs, "queue.Queue hop", below)
    lines = sizes.of(100_000)
    text = recording(lines)
    below, costs, stored = take_turns(
        sizes.rounds(5),
        [
            partial(floors.json_lines, text),
            partial(replayed, text, lines),
            partial(replayed, text, lines, stored=True),
        ],
    )
    size = f"{lines:,} lines"
    yield figure("replay, lines", size, costs, "json.loads a line", below, unit=PER_SECOND)
    yield figure(
        "replay, with a database", size, stored, "without a database", costs, unit=PER_SECOND
    )
