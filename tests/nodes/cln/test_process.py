"""The plugin as a process: its end and its log."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from chanfitness.nodes.cln.log import NodeLog
from chanfitness.storage.sqlite import read

from ...support.cln_messages import peers
from ...support.cln_plugin_fixtures import clock, ids, inbox, rpc, wire
from ...support.fake_lightningd import RpcServer, Wire, init_params
from ...support.plugin_process import COMMAND, plugin_process
from ...support.stores import WAIT
from ...support.values import ALICE, CHANNEL_1

__all__ = ["clock", "inbox", "rpc", "wire"]


def test_a_shutdown_notification_ends_it(tmp_path: Path, rpc: RpcServer) -> None:
    with plugin_process(tmp_path) as (wire, process):
        wire.wait_for_log("watching")
        assert ids(wire.result("chanfitness")) == [str(CHANNEL_1)]
        wire.send({"method": "shutdown", "params": {}})
        assert process.wait(timeout=WAIT) == 0
    saved, _ = read(tmp_path / "chanfitness.db")
    assert saved is not None
    assert [row.channel_point for row in saved.channels] == [str(CHANNEL_1)]


def test_the_end_of_lightningd_ends_it(tmp_path: Path, rpc: RpcServer) -> None:
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        COMMAND,
        stdin=subprocess.PIPE,
        stdout=theirs.fileno(),
        stderr=subprocess.PIPE,
        env={**os.environ, "LIGHTNINGD_PLUGIN": "1"},
    )
    theirs.close()
    with process, ours, ours.makefile("rb") as output:
        assert process.stdin is not None
        assert process.stderr is not None
        wire = Wire(process.stdin, output)
        wire.request("getmanifest", {})
        wire.request("init", init_params(tmp_path))
        wire.wait_for_log("watching")
        ours.shutdown(socket.SHUT_RDWR)  # its last output has no reader
        wire.send_raw(b"nonsense\n\n")
        wire.hang_up()
        assert (process.wait(timeout=WAIT), process.stderr.read()) == (0, b"")
        wire.read_to_end()
    saved, _ = read(tmp_path / "chanfitness.db")
    assert saved is not None
    assert [row.channel_point for row in saved.channels] == [str(CHANNEL_1)]


def test_the_end_of_lightningd_before_init_ends_it(tmp_path: Path) -> None:
    done = subprocess.run(
        COMMAND,
        env={**os.environ, "LIGHTNINGD_PLUGIN": "1"},
        input=b"",
        capture_output=True,
        timeout=WAIT,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_as_a_shutdown_does(
    tmp_path: Path, rpc: RpcServer, number: signal.Signals
) -> None:
    with plugin_process(tmp_path) as (wire, process):
        wire.wait_for_log("watching")
        process.send_signal(number)
        assert process.wait(timeout=WAIT) == 0
    saved, _ = read(tmp_path / "chanfitness.db")
    assert saved is not None
    assert len(saved.channels) == 1


def test_a_failed_last_save_is_its_exit_status(tmp_path: Path, rpc: RpcServer) -> None:
    directory = tmp_path / "data"
    directory.mkdir()
    options: dict[str, object] = {"chanfitness-db": str(directory / "fitness.db")}
    with plugin_process(tmp_path, options=options) as (wire, process):
        wire.wait_for_log("watching")
        directory.rename(tmp_path / "away")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=WAIT) == 1


def test_a_silent_socket_does_not_hold_up_its_end(tmp_path: Path, rpc: RpcServer) -> None:
    rpc.answer = lambda method, params: None
    with plugin_process(tmp_path) as (wire, process):
        rpc.asked.get(timeout=WAIT)
        wire.send({"method": "shutdown", "params": {"shutdown": {}}})
        assert process.wait(timeout=WAIT) == 0


def test_the_second_plugin_on_a_database_is_refused(tmp_path: Path, rpc: RpcServer) -> None:
    with plugin_process(tmp_path) as (first, _):
        first.wait_for_log("watching")
        with plugin_process(tmp_path) as (second, _):
            assert "another store is writing it" in second.refusal("chanfitness")[1]
            second.hang_up()
        assert ids(first.result("chanfitness")) == [str(CHANNEL_1)]
        first.hang_up()


def test_the_connects_after_a_node_start_are_no_outages(tmp_path: Path, rpc: RpcServer) -> None:
    rpc.listings["listpeers"] = peers(offline=(ALICE,))
    with plugin_process(tmp_path, startup=True) as (wire, _):
        assert wire.wait_for_log("watching: channels 1, peers online 0") == "info"
        wire.notify("connect", {"id": str(ALICE)})
        peer = wire.result("chanfitness-peer", str(ALICE))
        assert (peer["online"], peer["flap_count"]) == (True, 0)
        assert wire.result("chanfitness-history", "1x1x1")["outages"] == []
        wire.hang_up()


# Its log.


@pytest.mark.parametrize(
    ("level", "name"),
    [
        (logging.DEBUG, "debug"),
        (logging.INFO, "info"),
        (logging.WARNING, "unusual"),
        (logging.ERROR, "broken"),
        (logging.CRITICAL, "broken"),
    ],
)
def test_log_records_become_one_line_with_lightningds_level(level: int, name: str) -> None:
    logged: list[tuple[str, str]] = []
    handler = NodeLog(lambda text, level: logged.append((level, text)))
    handler.handle(
        logging.LogRecord("x", level, "", 1, "two\nlines \x1b[2J of %s", ("it\u202e",), None)
    )
    assert logged == [(name, r"two\nlines \x1b[2J of it\u202e")]


def test_an_unwritable_log_record_is_dropped() -> None:
    def gone(text: str, level: str) -> None:
        raise BrokenPipeError

    record = logging.LogRecord("x", logging.INFO, "", 1, "text", (), (None, None, None))
    NodeLog(gone).handle(record)


def test_pylns_log_handler_is_replaced(wire: Wire) -> None:
    logging.getLogger("somebody.else").error("once\nonly")
    wire.result("chanfitness")
    assert wire.logs.count(("broken", r"once\nonly")) == 1
