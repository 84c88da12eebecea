"""Representations of the public objects in a debugger, a log or a shell."""

from __future__ import annotations

import queue
from datetime import timedelta
from pathlib import Path

import pytest

from chanfitness import (
    NOT_YET_KNOWN,
    ChannelEventStore,
    ChannelNotifier,
    ClosedChannelEvent,
    Config,
    ManualClock,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OutPoint,
    PeerDescribedEvent,
    PeerNotifier,
    PeerOfflineEvent,
    PeerOnlineEvent,
    Reading,
    RecordingError,
    SqliteStorage,
    SteadyClock,
    SystemClock,
    Vertex,
)
from chanfitness.recording.recorder import Recorder
from chanfitness.testing import FakeNode

from .support.disks import no_file_may_grow
from .support.stores import WAIT, OnRecord
from .support.values import ALICE, CHANNEL_1, SECOND, START

TXID = "ab" * 32
KEY = "02" + "cd" * 32


def test_an_outpoint_shows_txid_colon_index() -> None:
    assert repr(OutPoint(TXID, 7)) == f"OutPoint.parse('{TXID}:7')"


def test_a_vertex_shows_its_key_in_hex() -> None:
    assert repr(Vertex.parse(KEY)) == f"Vertex.parse('{KEY}')"


def test_an_open_channel_shows_active_where_it_is_known() -> None:
    fields = f"channel_point={CHANNEL_1!r}, peer={ALICE!r}"
    assert repr(OpenChannel(CHANNEL_1, ALICE)) == f"OpenChannel({fields})"
    assert repr(OpenChannel(CHANNEL_1, ALICE, active=False)) == (
        f"OpenChannel({fields}, active=False)"
    )


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        (PeerOnlineEvent(ALICE), f"PeerOnlineEvent(peer={ALICE!r})"),
        (PeerOfflineEvent(ALICE, START), f"PeerOfflineEvent(peer={ALICE!r}, at={START!r})"),
        (
            ClosedChannelEvent(CHANNEL_1, ALICE),
            f"ClosedChannelEvent(channel_point={CHANNEL_1!r}, peer={ALICE!r})",
        ),
        (
            PeerDescribedEvent(ALICE, transport="tor"),
            f"PeerDescribedEvent(peer={ALICE!r}, transport='tor')",
        ),
        (MonitoringPausedEvent(), "MonitoringPausedEvent()"),
        (
            MonitoringResumedEvent([], []),
            "MonitoringResumedEvent(open_channels=(), online_peers=())",
        ),
    ],
)
def test_an_event_shows_its_type_and_the_fields_that_are_set(event: object, shown: str) -> None:
    assert repr(event) == shown


def test_a_channel_s_figures_show_its_outpoint_and_its_peer() -> None:
    with FakeNode() as node:
        channel = node.open_channel(node.new_peer())
        info = node.store.get_chan_info(*channel, timeout=WAIT)
    assert repr(info).startswith(
        f"ChannelInfo(channel_point={channel.channel_point!r}, peer={channel.peer!r}, lifetime="
    )


def test_clocks_show_their_type_and_a_manual_clock_its_time() -> None:
    clock = ManualClock(START)
    assert (repr(SystemClock()), repr(SteadyClock())) == ("SystemClock()", "SteadyClock()")
    assert repr(clock) == "<ManualClock at 2026-01-01T00:00:00Z>"


def test_a_reading_shows_suspended_time_if_it_has_any() -> None:
    assert repr(Reading(START, SECOND)) == f"Reading(utc={START!r}, seen={SECOND!r})"
    assert repr(Reading(START, SECOND, SECOND)) == (
        f"Reading(utc={START!r}, seen={SECOND!r}, asleep={SECOND!r})"
    )


def test_a_store_shows_its_state() -> None:
    node = FakeNode()
    shown = [repr(node.store)]
    with node:
        shown.append(repr(node.store))
    shown.append(repr(node.store))
    assert shown == [f"<ChannelEventStore, {state}>" for state in ("new", "running", "stopped")]


def test_a_store_shows_why_its_loop_died(caplog: pytest.LogCaptureFixture) -> None:
    def exit_loop(*_: object) -> None:
        raise SystemExit(3)

    node = FakeNode()
    config = Config(
        subscribe_channel_events=node.channel_notifier.subscribe,
        subscribe_peer_events=node.peer_notifier.subscribe,
        get_open_channels=list,
        on_event=exit_loop,
    )
    with ChannelEventStore(config) as store:
        node.new_peer(online=True)
    assert repr(store) == ("<ChannelEventStore, stopped: the store's loop died of SystemExit(3)>")
    assert "loop died" in caplog.text


def test_a_configuration_shows_its_settings_and_no_function(tmp_path: Path) -> None:
    storage = SqliteStorage(tmp_path / "db")
    node = FakeNode(ManualClock(START), history=timedelta(days=90), storage=storage)
    shown = repr(node.config)
    assert shown.startswith(
        "Config(clock=<ManualClock at 2026-01-01T00:00:00Z>, history=datetime.timedelta(days=90),"
    )
    assert f"storage={storage!r}, " in shown
    assert "function" not in shown
    assert "method" not in shown


def test_the_unknown_snapshot_shows_its_public_name() -> None:
    assert repr(NOT_YET_KNOWN) == "NOT_YET_KNOWN"


@pytest.mark.parametrize("kind", [ChannelNotifier, PeerNotifier])
def test_a_notifier_and_its_clients_show_their_state(
    kind: type[ChannelNotifier | PeerNotifier],
) -> None:
    notifier, name = kind(), kind.__name__
    client = notifier.subscribe()
    assert repr(notifier) == f"<{name}, clients: 1>"
    assert repr(client) == f"<Client of {name}, subscribed>"
    notifier.stop()
    assert repr(notifier) == f"<{name}, this server has stopped>"
    assert repr(client) == f"<Client of {name}, ended>"


def test_a_storage_shows_its_file_and_whether_it_can_be_written(tmp_path: Path) -> None:
    path = str(tmp_path / "db")
    storage = SqliteStorage(path)
    assert repr(storage) == f"<SqliteStorage {path!r}, closed>"
    with FakeNode(storage=storage):
        assert repr(storage) == f"<SqliteStorage {path!r}, open>"


def test_a_storage_shows_why_it_cannot_be_written(tmp_path: Path) -> None:
    shown = queue.SimpleQueue[str]()
    path = str(tmp_path / "db")
    storage = SqliteStorage(path, flush_interval=timedelta(milliseconds=1))
    with (
        FakeNode(storage=storage),
        OnRecord("cannot be written", lambda: shown.put(repr(storage))),
        no_file_may_grow(),
    ):
        assert shown.get(timeout=WAIT) == f"<SqliteStorage {path!r}, {storage.failure}>"


def test_a_recorder_shows_its_file_and_whether_it_is_open(tmp_path: Path) -> None:
    path = str(tmp_path / "recording.jsonl")
    with Recorder(path) as recorder:
        assert repr(recorder) == f"<Recorder {path!r}, open>"
    assert repr(recorder) == f"<Recorder {path!r}, closed>"


def test_a_fake_node_shows_its_channels_and_peers() -> None:
    node = FakeNode()
    node.open_channel(node.new_peer(online=True))
    node.new_peer()
    assert repr(node) == "<FakeNode, open channels: 1, peers online: 1>"


def test_an_error_of_a_recording_shows_file_line_and_reason() -> None:
    assert repr(RecordingError("a.jsonl", 3, "not JSON")) == (
        "RecordingError('a.jsonl', 3, 'not JSON')"
    )
