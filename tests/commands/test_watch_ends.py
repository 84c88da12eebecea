"""Ends of ``chanfitness watch``: by refusals, signals, closed outputs and errors."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from chanfitness import (
    Config,
    MonitoringPausedEvent,
    NodeError,
    OpenChannel,
    PeerOfflineEvent,
    PeerOnlineEvent,
    ShuttingDownError,
    SqliteStorage,
    StorageInUseError,
)
from chanfitness.recording.recorder import Recorder

from ..support.stores import WAIT
from ..support.values import ALICE, CHANNEL_1
from ..support.watch_sessions import FakeSource, events_of, flap, happen, path, source, watching

__all__ = ["path", "source"]

PAUSED = MonitoringPausedEvent()
ONLINE, OFFLINE = PeerOnlineEvent(ALICE), PeerOfflineEvent(ALICE)


# A node that is not running, or refuses.


def test_a_node_that_is_not_running_yet_is_waited_for(path: Path) -> None:
    source = FakeSource([OpenChannel(CHANNEL_1, ALICE)], is_there=False)
    with watching(source, recorder=Recorder(path)) as session:
        assert "peer online" in happen(source, session, ONLINE)[0]
        assert path.read_bytes() == b""
        assert "monitoring started" in happen(source, session, source.snapshot)[0]
    assert events_of(path) == [source.snapshot, PAUSED]


def test_an_unseen_end_is_not_recorded(path: Path) -> None:
    with watching(FakeSource(is_there=False), recorder=Recorder(path)) as session:
        session.end()
        assert session.output.read_all() == ""
    assert path.read_bytes() == b""


def test_a_node_that_refuses_us_from_the_start(source: FakeSource, path: Path) -> None:
    def refuse() -> None:
        raise NodeError("no macaroon of mine")

    source.get_open_channels = refuse  # type: ignore[method-assign]
    with watching(source, recorder=Recorder(path)) as session:
        with pytest.raises(NodeError, match="no macaroon of mine"):
            session.result()
        assert session.errors.read_all() == ""
    assert source.calls == ["cancel", "close"]
    assert not path.exists()


def test_a_node_that_refuses_us_later(source: FakeSource, path: Path) -> None:
    with watching(source, recorder=Recorder(path)) as session:
        session.output.read_line()
        source.refuse("no macaroon of mine")
        source.put(PAUSED)
        with pytest.raises(NodeError, match="no macaroon of mine"):
            session.result()
    assert source.calls == ["cancel", "close"]
    assert events_of(path) == [source.snapshot, PAUSED]


def test_a_logged_refusal_ends_it_and_is_shown_once(source: FakeSource) -> None:
    with watching(source) as session:
        session.output.read_line()
        source.refuse("no macaroon of mine")
        logging.getLogger("node").critical("%s", source.fault)
        with pytest.raises(NodeError):
            session.result()
        assert session.errors.read_all() == ""


def test_a_node_whose_config_fails_is_closed(source: FakeSource) -> None:
    def fail(**_: object) -> Config:
        raise NodeError("no certificate")

    source.config = fail  # type: ignore[method-assign]
    with watching(source) as session, pytest.raises(NodeError, match="no certificate"):
        session.result()
    assert source.calls == ["close"]


# The end.


def test_a_signal_ends_a_start_that_hangs(source: FakeSource, path: Path) -> None:
    hangs, closed, cancelled = threading.Event(), threading.Event(), threading.Event()

    def hang() -> Sequence[OpenChannel]:
        hangs.set()
        assert closed.wait(WAIT)
        return []

    source.get_open_channels = hang  # type: ignore[method-assign]
    source.close = closed.set  # type: ignore[method-assign]
    source.cancel = cancelled.set  # type: ignore[method-assign]
    with watching(source, recorder=Recorder(path)) as session:
        assert hangs.wait(WAIT)
        session.end()
    assert cancelled.wait(WAIT)


def test_a_hanging_node_does_not_hold_up_the_end(source: FakeSource) -> None:
    hangs, over = threading.Event(), threading.Event()

    def hang() -> Sequence[OpenChannel]:
        hangs.set()
        assert over.wait(WAIT)
        return []

    source.get_open_channels = hang  # type: ignore[method-assign]
    with watching(source) as session:
        assert hangs.wait(WAIT)
        session.end()
        assert source.calls == ["close"]
        over.set()


def test_a_stalled_reader_holds_up_nothing_and_the_recording_is_complete(
    source: FakeSource, path: Path
) -> None:
    flaps = [event for number in range(3000) for event in flap(number)]
    with watching(source, recorder=Recorder(path)) as session:
        session.output.read_line()
        source.put(*flaps)
        session.end()
        printed = session.output.read_all()
    assert len(printed) < 500_000
    assert events_of(path) == [source.snapshot, *flaps, PAUSED]


def test_a_closed_output_ends_it(source: FakeSource, path: Path) -> None:
    """The end does not wait for an event."""
    with watching(source, recorder=Recorder(path)) as session:
        session.output.read_line()
        session.output.stop_reading()
        with pytest.raises(BrokenPipeError):
            session.result()
    assert events_of(path) == [source.snapshot, PAUSED]
    assert source.calls == ["cancel", "close"]


def test_a_closed_error_output_is_no_end(source: FakeSource) -> None:
    with watching(source) as session:
        session.output.read_line()
        session.errors.stop_reading()
        logging.getLogger("node").warning("something")
        assert "peer offline" in happen(source, session, OFFLINE)[0]


def test_a_dead_loop_ends_it(path: Path) -> None:
    class Broken(queue.Queue[Any]):
        def _get(self) -> Any:
            item = super()._get()
            if item == OFFLINE:
                raise MemoryError("no more room")
            return item

    source = FakeSource([OpenChannel(CHANNEL_1, ALICE)], [ALICE], updates=Broken())
    with watching(source, recorder=Recorder(path)) as session:
        session.output.read_line()
        source.put(ONLINE, OFFLINE)
        with pytest.raises(ShuttingDownError, match=r"loop died of MemoryError\('no more room'\)"):
            session.result()
    assert events_of(path) == [source.snapshot, ONLINE, PAUSED]


def test_a_critical_record_of_another_logger_is_no_end(source: FakeSource) -> None:
    with watching(source) as session:
        session.output.read_line()
        logging.getLogger("elsewhere").critical("help")
        assert session.errors.read_line() == "chanfitness: help"
        happen(source, session, OFFLINE)


def test_a_database_in_use_is_refused(source: FakeSource, path: Path) -> None:
    database = str(path.with_suffix(".db"))
    with watching(source, storage=SqliteStorage(database)) as session:
        session.output.read_line()
        second = watching(FakeSource(), storage=SqliteStorage(database))
        with second as refused, pytest.raises(StorageInUseError):
            refused.result()
