"""Buffered output of the plugin to a lightningd that does not read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyln.client import Plugin  # type: ignore[import-untyped]

from chanfitness.nodes.cln import output as output_module
from chanfitness.nodes.cln.output import Output
from chanfitness.storage.sqlite import read

from ...support.cln_plugin_fixtures import rpc
from ...support.fake_lightningd import RpcServer, init_params
from ...support.lengths import length
from ...support.plugin_process import COMMAND, logging_restored
from ...support.stores import WAIT, Call
from ...support.values import CHANNEL_1

__all__ = ["rpc"]

MUCH = 2**20  # bytes, more than a pipe holds


class Pipe:
    """An output to a pipe, and the pipe's reading end."""

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()
        self.output = Output(self._writer)

    def read_all(self) -> list[dict[str, Any]]:
        """Return all that is written until the pipe is closed."""
        with open(self.reader, "rb") as file:
            reading = Call(file.read)
            Call(self.output.finish, WAIT).result()
            os.close(self._writer)
            return [json.loads(each) for each in reading.result().split(b"\n\n") if each]

    def close(self) -> None:
        """Close the reading end."""
        os.close(self.reader)
        Call(self.output.finish, WAIT).result()
        os.close(self._writer)


def test_messages_arrive_whole_and_in_order() -> None:
    pipe = Pipe()
    for number in range(3):
        pipe.output.send(id=number, result="x" * MUCH)
    pipe.output.log("done", "info")
    assert [each.get("id") for each in pipe.read_all()] == [0, 1, 2, None]


def test_messages_over_the_limit_are_dropped_and_counted_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(output_module, "LIMIT", 5 * MUCH // 2)
    pipe = Pipe()
    for number in range(5):
        pipe.output.send(id=number, result="x" * MUCH)
    *answers, last = pipe.read_all()
    assert [each["id"] for each in answers] == [0, 1]
    assert last["params"] == {
        "level": "unusual",
        "message": "lightningd did not read: dropped messages: 3",
    }


def test_a_single_message_may_exceed_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_module, "LIMIT", 10)
    pipe = Pipe()
    pipe.output.send(id=1, result="x" * MUCH)
    assert len(pipe.read_all()) == 1


def test_finish_waits_for_a_reader_up_to_its_timeout() -> None:
    pipe = Pipe()
    pipe.output.send(id=1, result="x" * MUCH)
    Call(pipe.output.finish, 0).result()
    pipe.output.send(id=2, result=None)
    pipe.close()


def test_a_closed_reader_ends_the_output() -> None:
    pipe = Pipe()
    pipe.output.send(id=1, result="x" * MUCH)
    pipe.close()
    pipe.output.send(id=2, result=None)


def test_pylns_own_messages_take_the_same_way() -> None:
    pipe = Pipe()
    with logging_restored():
        plugin = Plugin(autopatch=False)
    plugin.stdout = pipe.output
    plugin.log("somebody printed", "unusual")
    (message,) = pipe.read_all()
    assert (message["method"], message["params"]["message"]) == ("log", "somebody printed")


# The plugin.

NONSENSE = length(2_000, 200_000)
MAXIMUM_RESIDENT = 200 * 2**20  # bytes, with 16 MiB of unread output


@pytest.fixture
def stalled(tmp_path: Path, rpc: RpcServer) -> Iterator[subprocess.Popen[bytes]]:
    """A plugin that writes more than a pipe holds to a lightningd that reads nothing."""
    process = subprocess.Popen(
        COMMAND,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "LIGHTNINGD_PLUGIN": "1"},
    )
    with process:
        try:
            say(process, {"id": 1, "method": "getmanifest", "params": {}})
            say(process, {"id": 2, "method": "init", "params": init_params(tmp_path)})
            for _ in ("listpeers", "listpeerchannels"):
                rpc.asked.get(timeout=WAIT)
            nonsense: list[dict[str, object]] = [
                {"id": "?", "method": "nonsense"},
                {"method": "nonsense"},
                {"method": "connect", "params": {"connect": {"id": "nonsense"}}},
            ]
            say(process, *nonsense * NONSENSE)
            assert resident(process) < MAXIMUM_RESIDENT
            yield process
        finally:
            process.kill()


def say(process: subprocess.Popen[bytes], *messages: dict[str, object]) -> None:
    assert process.stdin is not None
    texts = [json.dumps({"jsonrpc": "2.0", **each}).encode() + b"\n\n" for each in messages]
    Call(process.stdin.write, b"".join(texts)).result()


def test_a_signal_ends_it_though_nothing_is_read(
    tmp_path: Path, stalled: subprocess.Popen[bytes]
) -> None:
    stalled.send_signal(signal.SIGTERM)
    check_ended(tmp_path, stalled)


def test_a_shutdown_ends_it_though_nothing_is_read(
    tmp_path: Path, stalled: subprocess.Popen[bytes]
) -> None:
    say(stalled, {"method": "shutdown", "params": {}})
    check_ended(tmp_path, stalled)


def test_lightningds_end_ends_it_though_nothing_is_read(
    tmp_path: Path, stalled: subprocess.Popen[bytes]
) -> None:
    assert stalled.stdin is not None
    Call(stalled.stdin.close).result()
    check_ended(tmp_path, stalled)


def resident(process: subprocess.Popen[bytes]) -> int:
    """Return a process's resident memory in bytes; 0 if the system does not say."""
    status = Path(f"/proc/{process.pid}/statm")
    if not status.exists():
        return 0
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def check_ended(directory: Path, process: subprocess.Popen[bytes]) -> None:
    assert process.wait(timeout=WAIT) == 0
    saved, _ = read(directory / "chanfitness.db")
    assert saved is not None
    assert [row.channel_point for row in saved.channels] == [str(CHANNEL_1)]
