"""A replay attributes outages as the store did whose events were recorded."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanfitness import (
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    Overview,
    PeerOfflineEvent,
    SqliteStorage,
    Vertex,
)
from chanfitness.recording.format import format_event
from chanfitness.recording.recorder import RecordingEncoder
from chanfitness.recording.replay import replay
from chanfitness.reports.loading import load_database

from ..support.blame_operations import (
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
from ..support.persistent_stores import DAY
from ..support.stores import WAIT
from ..support.values import SECOND, vertex

pytestmark = pytest.mark.usefixtures("quiet")

HISTORY: dict[str, Any] = {"history": 90 * DAY}


class Recorded:
    """A store, and the recorded lines of its events. A pause ends before any other event."""

    def __init__(self, **settings: Any) -> None:
        self._encoder, self.lines = RecordingEncoder(), list[bytes]()
        self.driven = DrivenStore(on_event=self._record, **settings)
        self._is_paused = False

    def _record(self, event: object, at: datetime) -> None:
        self.lines += self._encoder.lines(event, at)

    def put(self, event: object) -> None:
        if self._is_paused and not isinstance(event, MonitoringResumedEvent):
            return
        self._is_paused = isinstance(event, MonitoringPausedEvent)
        self.driven.put(event)

    def play(self, operation: Any) -> None:
        if isinstance(operation, Move):
            self.driven.clock.advance(operation.by * SECOND)
            return
        channels, online = self.lists()
        if not isinstance(operation, Ask):
            self.put(event_of(operation, self.driven.clock.now(), channels, online))

    def end_pause(self) -> None:
        """Resume monitoring, if it is paused, with unchanged lists."""
        if self._is_paused:
            self.put(MonitoringResumedEvent(*self.lists()))

    def lists(self) -> tuple[list[OpenChannel], list[Vertex]]:
        overview = self.overview()
        channels = [OpenChannel(*each[:2]) for each in overview.channels]
        return channels, [each.peer for each in overview.peers if each.online]

    def overview(self) -> Overview:
        return self.driven.store.get_overview(timeout=WAIT)


def answers(overview: Overview) -> tuple[object, ...]:
    """Return all answers, without their order."""
    of_channels = overview.histories or overview.outages or ()
    outages = dict(zip(overview.channels, of_channels, strict=True))
    peers = {(each.peer, each.online, each.since, each.flap_count) for each in overview.peers}
    return overview.as_of, overview.blind, outages, peers


@settings(max_examples=length(100, 5_000))
@given(
    is_stored=st.booleans(),
    open_channels=OPEN_CHANNELS,
    online=ONLINE,
    rules=RULES,
    operations=OPERATIONS,
)
def test_a_replay_answers_as_the_recorded_store(
    *,
    is_stored: bool,
    open_channels: list[OpenChannel],
    online: set[Vertex],
    rules: dict[str, Any],
    operations: Sequence[list[Any]],
) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        storages = [SqliteStorage(folder / each) if is_stored else None for each in "ab"]
        recorded = Recorded(storage=storages[0], **rules, **HISTORY)
        with recorded.driven:
            recorded.put(MonitoringResumedEvent(open_channels, sorted(online, key=bytes)))
            for operation in [each for step in operations for each in step]:
                recorded.play(operation)
            recorded.end_pause()
            said = recorded.overview()
        # An event of an unknown peer changes nothing but the time.
        last = format_event(PeerOfflineEvent(vertex(99)), said.as_of).encode() + b"\n"
        lines = [*recorded.lines, last]
        replayed = replay(lines, "recording", storage=storages[1], **rules, **HISTORY)
        assert answers(replayed) == answers(said)
        if is_stored:  # a stop in an undecided outage leaves a state that a replay does not know
            live, again = (load_database(str(folder / each)) for each in "ab")
            assert answers(again) == answers(live)
            assert {*again.closed} == {*live.closed}
