"""End to end: ``chanfitness watch cln`` of a lightningd, and its saved figures."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chanfitness.commands.main import main

from ..support.cln_messages import channels, entry, peers
from ..support.cln_watchers import ID_1
from ..support.fake_lightningd import RpcServer
from ..support.network_events import UNKNOWN_SUBSYSTEM, NetworkEvents
from ..support.stores import WAIT
from ..support.terminal import TIMEOUT
from ..support.values import ALICE, CHANNEL_1
from ..support.watch_sessions import Pipe

SECOND_AT_MOST = 2.5  # seconds: one second, with an allowance for a busy machine


@pytest.fixture
def lightningd(tmp_path: Path) -> Iterator[RpcServer]:
    """A lightningd with a channel with Alice, who is online."""
    with RpcServer(tmp_path) as rpc:
        set_online(rpc, True)
        yield rpc


@pytest.fixture
def events(lightningd: RpcServer) -> NetworkEvents:
    """The lightningd's record of network events."""
    events = NetworkEvents(lambda: datetime.now(timezone.utc))
    events.attach(lightningd)
    return events


def set_online(rpc: RpcServer, online: bool) -> None:
    """Set whether Alice is online in the lists; lightningd records the event first."""
    channel = entry(ID_1, CHANNEL_1, ALICE, peer_connected=online, reestablished=online)
    rpc.listings = {
        "listpeers": peers(ALICE) if online else peers(offline=(ALICE,)),
        "listpeerchannels": channels(channel),
    }


@contextmanager
def command(rpc: RpcServer, output: Pipe, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "chanfitness", "watch", "cln", "--json"),
            *("--rpc-file", rpc.path, *options),
        ],
        stdin=subprocess.DEVNULL,
        stdout=output.writer,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=TIMEOUT)


def next_of(output: Pipe, *kinds: str) -> list[dict[str, Any]]:
    """Return the next events except descriptions, checked to be of these kinds."""
    found: list[dict[str, Any]] = []
    while len(found) < len(kinds):
        event = json.loads(output.read_line())
        if event["event"] not in ("peer_described", "channel_described"):
            found.append(event)
    assert [event["event"] for event in found] == list(kinds)
    return found


def end(process: subprocess.Popen[bytes]) -> str:
    """End the command, and return its log."""
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    return errors.decode()


def show(capsys: pytest.CaptureFixture[str], database: Path, *options: str) -> list[dict[str, Any]]:
    assert main(["show", str(database), "--json", *options]) == 0
    answer = json.loads(capsys.readouterr().out)
    (rows,) = (each for each in answer.values() if isinstance(each, list))
    return list(rows)


def test_events_are_printed_recorded_and_saved_and_blind_time_is_filled_in(
    tmp_path: Path,
    lightningd: RpcServer,
    events: NetworkEvents,
    capsys: pytest.CaptureFixture[str],
) -> None:
    database, recording = tmp_path / "fitness.db", tmp_path / "r.jsonl"
    options = ["--db", str(database), "--record", str(recording)]
    with Pipe() as output, command(lightningd, output, *options) as process:
        (started,) = next_of(output, "monitoring_started")
        assert started["online_peers"] == [str(ALICE)]
        events.hold(partial(set_online, lightningd, False))
        events.add("disconnect", ALICE)
        next_of(output, "peer_offline", "channel_inactive")
        events.hold(partial(set_online, lightningd, True))
        events.add("connect", ALICE)
        next_of(output, "peer_online", "channel_active")
        end(process)
        (stopped,) = next_of(output, "monitoring_stopped")
    set_online(lightningd, False)
    events.add("disconnect", ALICE)
    with Pipe() as output, command(lightningd, output, *options) as process:
        filled_in, *_, now = next_of(
            output,
            *("monitoring_started", "peer_offline", "channel_inactive"),
            *("monitoring_stopped", "monitoring_started"),
        )
        assert stopped["at"] <= filled_in["at"] < now["at"]
        assert filled_in["online_peers"] == [str(ALICE)]
        assert now["online_peers"] == []
        assert end(process) == ""
    (row,) = show(capsys, database)
    assert row["channel_point"] == str(CHANNEL_1)
    assert len(show(capsys, database, "--outages")) == 2
    causes = [
        row["cause"] for row in show(capsys, database, "--blind") if not row["duration_seconds"]
    ]
    assert causes == ["filled in"]
    assert main(["replay", str(recording)]) == 0


def test_an_old_lightningd_is_polled_and_that_is_logged(lightningd: RpcServer) -> None:
    lightningd.others["wait"] = UNKNOWN_SUBSYSTEM
    with Pipe() as output, command(lightningd, output) as process:
        next_of(output, "monitoring_started")
        assert "times are known to the nearest 15 seconds" in end(process)


@pytest.mark.parametrize(
    "answer",
    [None, b'{"jsonrpc": "2.0", "resu', b"{" * 2**20],
    ids=["nothing", "half an answer", "a mebibyte"],
)
@pytest.mark.parametrize("method", ["notifications", "wait", "listpeers", "listpeerchannels"])
@pytest.mark.usefixtures("events")
def test_a_frozen_or_stalling_lightningd_does_not_hold_up_the_end(
    lightningd: RpcServer, method: str, answer: bytes | None
) -> None:
    asked = lightningd.asked

    def freeze(called: str, params: dict[str, Any]) -> object:
        if called != method:
            return lightningd.listed(called, params)
        if answer is None:
            return None
        return lambda send: lightningd.waiting()[-1].sendall(answer)

    lightningd.answer = freeze
    with Pipe() as output, command(lightningd, output) as process:
        while asked.get(timeout=WAIT)[0] != method:
            pass
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECOND_AT_MOST) == 0


def test_without_a_lightningd_the_error_has_the_socket(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    where = ["--lightning-dir", str(tmp_path), "--network", "regtest"]
    assert main(["watch", "cln", *where]) == 2
    assert capfd.readouterr().err.startswith(
        f"chanfitness: there is no socket '{tmp_path}/regtest/lightning-rpc': start lightningd, or"
    )
    assert main(["watch", "cln", "--network", "no/network"]) == 2
    assert capfd.readouterr().err.startswith("chanfitness: bad network 'no/network'")
