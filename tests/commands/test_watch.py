"""Runner of ``chanfitness watch``: recording, saving and output of a node's events."""

from __future__ import annotations

import logging
import queue
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from chanfitness import (
    ChannelEventStore,
    ChannelMovedEvent,
    ClosedChannelEvent,
    MonitoringPausedEvent,
    NotStartedError,
    OpenChannelEvent,
    Overview,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SqliteStorage,
)
from chanfitness.recording.format import format_time
from chanfitness.recording.recorder import Recorder
from chanfitness.reports.event_lines import Lines
from chanfitness.terminal.nonblocking_output import NonblockingOutput

from ..support.disks import Disk, small_disk
from ..support.stores import WAIT
from ..support.terminal import answer_of, rows_shown
from ..support.values import ALICE, BOB, CHANNEL_1, CHANNEL_2, START, outpoint, vertex
from ..support.watch_sessions import FakeSource, events_of, flap, happen, path, source, watching

__all__ = ["path", "small_disk", "source"]

JSON = partial(Lines, json=True)
PAUSED = MonitoringPausedEvent()
ONLINE, OFFLINE = PeerOnlineEvent(ALICE), PeerOfflineEvent(ALICE)


# Lines.


def test_each_event_is_printed_at_once_as_a_line(source: FakeSource) -> None:
    with watching(source) as session:
        lines = [session.output.read_line()]
        lines += happen(
            source,
            session,
            OFFLINE,
            OpenChannelEvent(CHANNEL_2, BOB),
            ChannelMovedEvent(CHANNEL_2, outpoint(3), BOB),
            ClosedChannelEvent(CHANNEL_1, ALICE),
        )
        session.end()
        lines.append(session.output.read_all())
    assert [line.split("  ", 1)[0] for line in lines] == [
        *(f"2026-01-01T00:00:0{second}.000000Z" for second in (0, 1, 2, 3, 4, 4))
    ]
    assert [line.split("  ", 1)[1] for line in lines] == [
        "monitoring started  1 channel, 1 peer online",
        f"peer offline        {ALICE}",
        f"channel opened      {BOB}  {CHANNEL_2}",
        f"channel moved       {BOB}  {CHANNEL_2}  -> {outpoint(3)}",
        f"channel closed      {ALICE}  {CHANNEL_1}",
        "monitoring stopped\n",
    ]


def test_json_lines_are_those_of_the_recording(source: FakeSource, path: Path) -> None:
    with watching(source, JSON, recorder=Recorder(path)) as session:
        lines = [session.output.read_line()]
        lines += happen(source, session, OFFLINE, ONLINE, PAUSED)
        source.put(OFFLINE, source.snapshot, source.snapshot)
        lines += [session.output.read_line() for _ in range(3)]
        session.end()
        lines += session.output.read_all().splitlines()
    assert lines == path.read_text().splitlines()
    snapshot = source.snapshot
    assert events_of(path) == [
        *(snapshot, OFFLINE, ONLINE, PAUSED),
        *(snapshot, PAUSED, snapshot, PAUSED),
    ]


def test_a_replay_of_the_recording_has_the_stores_figures(source: FakeSource, path: Path) -> None:
    database = str(path.with_suffix(".db"))
    for _ in range(2):
        storage = SqliteStorage(database)
        with watching(source, recorder=Recorder(path), storage=storage) as session:
            session.output.read_line()
            happen(source, session, OFFLINE, OpenChannelEvent(CHANNEL_2, BOB), ONLINE)
            source.clock.advance(timedelta(hours=1))
        source.clock.advance(timedelta(hours=1))
    replayed = answer_of("replay", str(path), "--db", str(path.with_suffix(".new")))
    assert replayed["as_of"] == format_time(source.clock.now() - timedelta(hours=1))
    shown = {row["channel_point"]: row for row in rows_shown(database)}
    assert [
        {name: shown[row["channel_point"]][name] for name in row} for row in replayed["channels"]
    ] == replayed["channels"]
    (_, first) = replayed["channels"]
    assert (first["lifetime_seconds"], first["uptime_seconds"]) == (7206, 7202)


def test_the_store_has_the_commands_settings(source: FakeSource) -> None:
    with watching(source):
        pass
    assert source.options["history"] == timedelta(days=90)
    assert source.options["own_outage"] == timedelta(seconds=90)
    assert source.options["return_grace"] == timedelta(seconds=5)
    assert source.options["storage"] is None
    assert hasattr(source.options["clock"], "read")


@pytest.mark.parametrize(
    ("own_outage", "return_grace"), [(None, None), (timedelta(minutes=5), timedelta(seconds=5))]
)
def test_own_outages_are_a_setting(
    source: FakeSource, own_outage: timedelta | None, return_grace: timedelta | None
) -> None:
    with watching(source, own_outage=own_outage):
        pass
    assert source.options["own_outage"] == own_outage
    assert source.options["return_grace"] == return_grace


def test_a_recording_in_use_is_logged_once_and_loses_nothing(
    source: FakeSource, path: Path
) -> None:
    with watching(source, recorder=Recorder(path)) as session:
        session.output.read_line()
        path.unlink()
        with Recorder(path):
            happen(source, session, OFFLINE, ONLINE)
            refusal = session.errors.read_line()
        happen(source, session, OFFLINE)
        lines = [session.errors.read_line(), session.errors.read_line()]
    assert refusal == (
        f"chanfitness: cannot record, going on in memory: {path}: another recorder uses this file"
    )
    assert lines[0].startswith(f"chanfitness: {path}: moved, removed or truncated: ")
    assert lines[1] == "chanfitness: recording again, nothing is missing"
    assert events_of(path) == [source.snapshot, OFFLINE, ONLINE, OFFLINE, PAUSED]


# Logs.


def test_log_records_are_printed_escaped_and_nowhere_else(
    source: FakeSource, capsys: pytest.CaptureFixture[str]
) -> None:
    with watching(source) as session:
        session.output.read_line()
        logging.getLogger("node").warning("alias %s\nsecond", "\x1b[2J\u202e")
        lines = [session.errors.read_line(), session.errors.read_line()]
    assert lines == ["chanfitness: alias \\x1b[2J\\u202e", "second"]
    assert capsys.readouterr() == ("", "")


def test_log_handlers_are_restored(source: FakeSource) -> None:
    before = logging.getLogger().handlers[:]
    with watching(source) as session:
        session.output.read_line()
        assert logging.getLogger().handlers != before
    assert logging.getLogger().handlers == before


def test_an_unformattable_log_record_is_no_end(
    source: FakeSource, capsys: pytest.CaptureFixture[str]
) -> None:
    with watching(source) as session:
        session.output.read_line()
        logging.getLogger("node").warning("%d", "one")
        happen(source, session, OFFLINE)
    assert "--- Logging error ---" in capsys.readouterr().err


# A recording that cannot be written.


def test_a_full_disk_is_logged_once_and_loses_nothing(source: FakeSource, small_disk: Disk) -> None:
    path = small_disk.directory / "r.jsonl"
    flaps = [event for number in range(100) for event in flap(number)]
    with watching(source, recorder=Recorder(path)) as session:
        session.output.read_line()
        small_disk.fill()
        happen(source, session, *flaps)
        assert session.errors.read_line() == (
            "chanfitness: cannot record, going on in memory:"
            f" [Errno 28] No space left on device: '{path}'"
        )
        small_disk.clear()
        happen(source, session, OFFLINE)
        assert session.errors.read_line() == "chanfitness: recording again, nothing is missing"
        session.end()
        assert session.errors.read_all() == ""
    assert events_of(path) == [source.snapshot, *flaps, OFFLINE, PAUSED]


def test_a_disk_full_until_the_end_is_an_error(source: FakeSource, small_disk: Disk) -> None:
    path = small_disk.directory / "r.jsonl"
    with watching(source, recorder=Recorder(path)) as session:
        session.output.read_line()
        small_disk.fill()
        happen(source, session, *(event for number in range(100) for event in flap(number)))
        with pytest.raises(OSError, match="No space left on device"):
            session.end()
    assert source.calls == ["cancel", "close"]


# Servers and views.


class Served:
    def __init__(self, calls: list[str]) -> None:
        self._calls = calls

    def close(self) -> None:
        self._calls.append("server closed")


def test_a_server_serves_the_starting_store_and_is_closed(source: FakeSource) -> None:
    stores = []

    def serve(store: ChannelEventStore) -> Served:
        with pytest.raises(NotStartedError):
            store.list_channels(timeout=WAIT)
        stores.append(store)
        return Served(source.calls)

    with watching(source, serve=serve) as session:
        session.output.read_line()
        happen(source, session, OFFLINE)
    assert len(stores) == 1
    assert source.calls == ["cancel", "server closed", "close"]


def test_a_failed_server_start_ends_the_watch(source: FakeSource) -> None:
    def serve(store: ChannelEventStore) -> Served:
        raise OSError("address in use")

    with watching(source, serve=serve) as session, pytest.raises(OSError, match="address in use"):
        session.result()
    assert source.calls == ["close"]


def test_an_own_outage_is_shown_as_one(source: FakeSource) -> None:
    others = [vertex(number) for number in (7, 8)]
    with watching(source) as session:
        session.output.read_line()
        source.put(*(PeerOnlineEvent(peer) for peer in others))
        source.put(*(PeerOfflineEvent(peer) for peer in [ALICE, *others]))
        for _ in range(5):
            session.output.read_line()
        assert "this node's own network is lost" in session.errors.read_line()


class Shows(Lines):
    """A view that asks for the figures at a short interval."""

    interval: float | None = 0.01

    def __init__(self, output: NonblockingOutput, errors: NonblockingOutput) -> None:
        super().__init__(output, errors)
        self.shown: queue.Queue[Overview] = queue.Queue()

    def show(self, overview: Overview) -> None:
        self.shown.put(overview)


def test_the_figures_are_shown_at_each_interval(source: FakeSource) -> None:
    views = []

    def view(output: NonblockingOutput, errors: NonblockingOutput) -> Shows:
        views.append(Shows(output, errors))
        return views[0]

    with watching(source, view) as session:
        session.output.read_line()
        first, second = (views[0].shown.get(timeout=WAIT) for _ in range(2))
        happen(source, session, OFFLINE)
        while views[0].shown.get(timeout=WAIT).peers[0].online:
            pass
    assert first.as_of == second.as_of == START
    assert [info.channel_point for info in first.channels] == [CHANNEL_1]
