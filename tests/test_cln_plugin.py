"""The plugin, driven over its standard input and output as lightningd does."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyln.client import Plugin  # type: ignore[import-untyped]

from chanfitness import ManualClock, SqliteStorage
from chanfitness.nodes.cln import WatchingPlugin
from chanfitness.nodes.cln_log import NodeLog
from chanfitness.recording import format_time
from chanfitness.storage import read

from .cln_words import change, channel_id, channels, entry, peers
from .lightningd import RpcServer, Wire, init_params
from .plugins import COMMAND, environment, logging_restored, plugin_here, plugin_process
from .stores import WAIT, Call
from .values import ALICE, BOB, CHANNEL_1, CHANNEL_2, START

NORMAL = "CHANNELD_NORMAL"
FAILED, BAD_PARAMETERS = -1, -32602


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def rpc(tmp_path: Path) -> Iterator[RpcServer]:
    """A lightningd whose one channel is with Alice, who is online."""
    with RpcServer(tmp_path) as server:
        server.lists = {
            "listpeers": peers(ALICE),
            "listpeerchannels": channels(
                entry(channel_id(1), CHANNEL_1, ALICE, short_channel_id="1x1x1")
            ),
        }
        yield server


@pytest.fixture
def wire(tmp_path: Path, rpc: RpcServer, clock: ManualClock) -> Iterator[Wire]:
    with plugin_here(tmp_path, clock=clock) as wire:
        wire.result("chanfitness")
        yield wire


def tell(wire: Wire, topic: str, params: dict[str, Any]) -> None:
    """Tell the plugin, and return when it has noted at what time."""
    wire.notify(topic, params)
    wire.result("chanfitness")


def ids(answer: dict[str, Any]) -> list[str]:
    return [channel["channel_point"] for channel in answer["channels"]]


# What it says of itself.


def test_the_manifest(tmp_path: Path) -> None:
    with plugin_here(tmp_path, is_initialised=False) as wire:
        manifest = wire.request("getmanifest", {"allow-deprecated-apis": False})["result"]
    assert {option["name"]: option["type"] for option in manifest["options"]} == {
        "chanfitness-db": "string",
        "chanfitness-prometheus": "string",
    }
    assert {
        method["name"]: method["usage"].split("\n")[0].strip() for method in manifest["rpcmethods"]
    } == {
        "chanfitness": "",
        "chanfitness-peer": "id",
        "chanfitness-history": "channel [window]",
    }
    assert set(manifest["subscriptions"]) == {
        "connect",
        "disconnect",
        "channel_state_changed",
        "shutdown",
    }
    assert manifest["hooks"] == []
    assert manifest["dynamic"] is True


def test_a_person_who_starts_it_is_told_what_it_is() -> None:
    no_lightningd = {name: value for name, value in os.environ.items() if "LIGHTNINGD" not in name}
    done = subprocess.run(
        COMMAND, env=no_lightningd, capture_output=True, timeout=WAIT, check=False, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "chanfitness-history" in done.stdout


def test_without_its_extra_it_says_how_to_install_it() -> None:
    program = "import sys; sys.modules['pyln'] = None; import chanfitness.nodes.cln"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=WAIT, check=False, text=True
    )
    assert done.returncode == 1
    assert "pip install 'chanfitness[cln]'" in done.stderr


# Questions.


def test_all_channels_are_answered_as_replay_prints_them(wire: Wire, clock: ManualClock) -> None:
    clock.advance(timedelta(hours=3))
    tell(wire, "disconnect", {"id": str(ALICE)})
    clock.advance(timedelta(hours=1))
    assert wire.result("chanfitness") == {
        "as_of": format_time(START + timedelta(hours=4)),
        "channels": [
            {
                "channel_point": str(CHANNEL_1),
                "peer": str(ALICE),
                "lifetime_seconds": 14400.0,
                "uptime_seconds": 10800.0,
                "uptime_ratio": 0.75,
            }
        ],
    }


def test_a_peer_is_answered_with_its_flaps_and_channels(wire: Wire, clock: ManualClock) -> None:
    clock.advance(timedelta(hours=1))
    tell(wire, "disconnect", {"id": str(ALICE)})
    flapped = format_time(clock.now())
    assert wire.result("chanfitness-peer", str(ALICE)) == {
        "peer": str(ALICE),
        "online": False,
        "since": flapped,
        "flap_count": 1,
        "last_flap": flapped,
        "channels": [str(CHANNEL_1)],
    }
    tell(wire, "connect", {"id": str(BOB)})
    stranger = wire.result("chanfitness-peer", str(BOB).upper())
    assert (stranger["online"], stranger["channels"]) == (True, [])


def test_a_peer_without_a_flap_has_none(wire: Wire) -> None:
    assert wire.result("chanfitness-peer", str(ALICE))["last_flap"] is None


@pytest.mark.parametrize("name", [str(CHANNEL_1), "1x1x1"])
def test_a_history_is_answered_by_channel_point_or_short_channel_id(
    wire: Wire, clock: ManualClock, name: str
) -> None:
    clock.advance(timedelta(hours=2))
    tell(wire, "disconnect", {"id": str(ALICE)})
    clock.advance(timedelta(hours=1))
    tell(wire, "connect", {"id": str(ALICE)})
    clock.advance(timedelta(hours=1))
    answer = wire.result("chanfitness-history", name)
    assert answer == {
        "channel_point": str(CHANNEL_1),
        "start": format_time(START),
        "end": format_time(START + timedelta(hours=4)),
        "lifetime_seconds": 14400.0,
        "uptime_seconds": 10800.0,
        "uptime_ratio": 0.75,
        "blind_seconds": 0.0,
        "outages": [
            {
                "start": format_time(START + timedelta(hours=2)),
                "end": format_time(START + timedelta(hours=3)),
                "duration_seconds": 3600.0,
            }
        ],
    }
    assert wire.result("chanfitness-history", name, "90m")["uptime_seconds"] == 3600.0
    tell(wire, "disconnect", {"id": str(ALICE)})
    clock.advance(timedelta(hours=1))
    assert wire.result("chanfitness-history", name, "1h")["outages"] == [
        {
            "start": format_time(START + timedelta(hours=4)),
            "end": None,
            "duration_seconds": 3600.0,
        }
    ]


def test_parameters_may_be_named(wire: Wire) -> None:
    answer = wire.request("chanfitness-history", {"channel": "1x1x1", "window": "7d"})
    assert answer["result"]["channel_point"] == str(CHANNEL_1)
    assert wire.request("chanfitness-peer", {"id": str(ALICE)})["result"]["online"]


@pytest.mark.parametrize(
    ("method", "parameters", "code", "reason"),
    [
        ("chanfitness-peer", [str(BOB)], FAILED, f"peer {BOB} is not known"),
        ("chanfitness-peer", ["Bob"], BAD_PARAMETERS, "bad public key 'Bob'"),
        ("chanfitness-peer", ["\x1b[2J"], BAD_PARAMETERS, r"bad public key '\x1b[2J'"),
        ("chanfitness-peer", [5], BAD_PARAMETERS, "expected a peer's public key, got 5"),
        ("chanfitness-history", [str(CHANNEL_2)], FAILED, f"no channel {CHANNEL_2} is open"),
        ("chanfitness-history", ["2x2x2"], FAILED, "no channel 2x2x2 is open"),
        ("chanfitness-history", ["here"], BAD_PARAMETERS, "bad outpoint 'here'"),
        ("chanfitness-history", [None], BAD_PARAMETERS, "expected a channel, got None"),
        ("chanfitness-history", ["1x1x1", "soon"], BAD_PARAMETERS, "bad period 'soon'"),
        ("chanfitness-history", ["1x1x1", 7], BAD_PARAMETERS, "bad period 7"),
        ("chanfitness-history", [], -32600, "missing a required argument: 'channel'"),
        ("chanfitness", [1], -32600, "too many positional arguments"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(
    wire: Wire, method: str, parameters: list[object], code: int, reason: str
) -> None:
    refused, text = wire.refusal(method, *parameters)
    assert (refused, reason in text) == (code, True), text
    assert ids(wire.result("chanfitness")) == [str(CHANNEL_1)]


def test_a_question_before_init_is_refused(tmp_path: Path) -> None:
    with plugin_here(tmp_path, is_initialised=False) as wire:
        wire.request("getmanifest", {})
        wire.notify("connect", {"id": str(ALICE)})
        assert "was not started" in wire.refusal("chanfitness")[1]


def test_a_fault_is_an_answer_too(tmp_path: Path, rpc: RpcServer) -> None:
    class BrokenClock(ManualClock):
        is_broken = False

        def now(self) -> datetime:
            if self.is_broken:
                raise RuntimeError("no \x1b[2Jtime")
            return super().now()

    clock = BrokenClock(START)
    with plugin_here(tmp_path, clock=clock) as wire:
        wire.result("chanfitness")
        clock.is_broken = True
        assert wire.refusal("chanfitness") == (
            FAILED,
            r"a fault: RuntimeError('no \x1b[2Jtime')",
        )
        wire.notify("connect", {"id": str(ALICE)})
        clock.is_broken = False
        assert ids(wire.result("chanfitness")) == [str(CHANNEL_1)]
        (line,) = [text for level, text in wire.logs if level == "broken"]
    assert re.match(r"a question found a fault: RuntimeError\('no \\x1b\[2Jtime'\) < ", line)


# What it is told.


@pytest.mark.parametrize("is_nested", [True, False])
def test_notifications_may_be_nested_or_flat(wire: Wire, is_nested: bool) -> None:
    params = {"id": str(BOB), "direction": "in"}
    wire.send({"method": "connect", "params": {"connect": params} if is_nested else params})
    assert wire.result("chanfitness-peer", str(BOB))["online"]


def test_a_channel_opens_and_closes(wire: Wire, rpc: RpcServer, clock: ManualClock) -> None:
    rpc.lists["listpeerchannels"]["channels"].append(entry(channel_id(2), CHANNEL_2, BOB))
    wire.notify("channel_state_changed", change(channel_id(2), BOB, NORMAL, old_state="x"))
    assert ids(wire.result("chanfitness")) == [str(CHANNEL_1), str(CHANNEL_2)]
    wire.notify("channel_state_changed", change(channel_id(1), ALICE, "ONCHAIN", message=None))
    assert ids(wire.result("chanfitness")) == [str(CHANNEL_2)]


@pytest.mark.parametrize(
    "message",
    [
        b"\n\n",
        b"nonsense\n\n",
        b"{}\n\n",
        b"5\n\n",
        b"\xff\xfe\n\n",
        b'{"method": "connect"}\n\n',
        b'{"method": "connect", "params": null}\n\n',
        b'{"method": "connect", "params": 5}\n\n',
        b'{"method": "connect", "params": []}\n\n',
        b'{"method": "connect", "params": {"connect": null}}\n\n',
        b'{"method": "connect", "params": {"connect": {"id": "\\u001b[2J"}}}\n\n',
        b'{"method": "connect", "params": {"connect": {"id": ' + b"[" * 100_000 + b"\n\n",
        b'{"method": "block_added", "params": {"block_added": {}}}\n\n',
        b'{"id": 1, "method": "chanfitness-everything", "params": []}\n\n',
    ],
)
def test_a_message_that_cannot_be_used_costs_that_message(wire: Wire, message: bytes) -> None:
    wire.send_raw(message)
    wire.notify("connect", {"id": str(BOB)})
    assert wire.result("chanfitness-peer", str(BOB))["online"]
    assert all(text.isprintable() for _, text in wire.logs)


def test_a_message_may_come_in_pieces(wire: Wire) -> None:
    message = {"method": "connect", "params": {"connect": {"id": str(BOB)}}}
    for byte in json.dumps(message, indent=1).encode() + b"\n\n":
        wire.send_raw(bytes([byte]))
    assert wire.result("chanfitness-peer", str(BOB))["online"]


# Options, and what cannot be used of them.


def test_the_database_is_beside_the_nodes_own_files(wire: Wire, tmp_path: Path) -> None:
    wire.result("chanfitness")
    assert (tmp_path / "chanfitness.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("is_absolute", [True, False])
def test_the_database_may_be_elsewhere(tmp_path: Path, rpc: RpcServer, is_absolute: bool) -> None:
    (tmp_path / "else").mkdir()
    name = str(tmp_path / "else" / "where.db") if is_absolute else "else/where.db"
    with plugin_here(tmp_path, options={"chanfitness-db": name}) as wire:
        wire.result("chanfitness")
    assert [file.name for file in tmp_path.glob("**/*.db")] == ["where.db"]


def disabled(wire: Wire, directory: Path, **options: object) -> str:
    """Why the plugin wants to be disabled."""
    wire.request("getmanifest", {})
    named = {f"chanfitness-{name}": value for name, value in options.items()}
    result = wire.request("init", init_params(directory, options=named))["result"]
    assert list(result) == ["disable"]
    assert [level for level, _ in wire.logs] == ["broken"]
    return str(result["disable"])


@pytest.mark.parametrize("value", ["", 5, True, ["x"]])
def test_a_bad_option_disables_the_plugin(tmp_path: Path, value: object) -> None:
    with plugin_here(tmp_path, is_initialised=False) as wire:
        assert disabled(wire, tmp_path, db=value) == f"bad chanfitness-db {value!r}"
        assert "was not started" in wire.refusal("chanfitness")[1]


def test_an_init_that_makes_no_sense_is_refused(tmp_path: Path, rpc: RpcServer) -> None:
    with plugin_here(tmp_path, is_initialised=False) as wire:
        wire.request("getmanifest", {})
        assert (
            "rpc-file"
            in wire.request("init", {"options": {}, "configuration": {}})["error"]["message"]
        )
        assert wire.request("init", init_params(tmp_path))["result"] is None
        assert ids(wire.result("chanfitness")) == [str(CHANNEL_1)]


class FakeExporter:
    """In place of ``chanfitness.exporter``."""

    def __init__(self, refuses: Exception | None = None) -> None:
        self.refuses = refuses
        self.served: list[object] = []
        self.is_closed = threading.Event()

    def parse_address(self, text: str) -> tuple[str, int]:
        if text == "nowhere":
            raise ValueError("bad address 'nowhere'")
        return "127.0.0.1", int(text)

    def serve(self, store: Any, address: tuple[str, int]) -> Any:
        if self.refuses is not None:
            raise self.refuses
        self.served.append((len(store.list_channels(timeout=WAIT)), address))
        return SimpleNamespace(close=self.is_closed.set)


def test_prometheus_is_served_if_it_is_wanted(
    tmp_path: Path, rpc: RpcServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = FakeExporter()
    monkeypatch.setitem(sys.modules, "chanfitness.exporter", exporter)
    with plugin_here(tmp_path, options={"chanfitness-prometheus": "9754"}) as wire:
        wire.result("chanfitness")
        assert exporter.served == [(0, ("127.0.0.1", 9754))]
        assert not exporter.is_closed.is_set()
    assert exporter.is_closed.is_set()


def test_a_port_that_is_taken_costs_prometheus_alone(
    tmp_path: Path, rpc: RpcServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = FakeExporter(OSError("127.0.0.1:9754: Address already in use"))
    monkeypatch.setitem(sys.modules, "chanfitness.exporter", exporter)
    with plugin_here(tmp_path, options={"chanfitness-prometheus": "9754"}) as wire:
        assert ids(wire.result("chanfitness")) == [str(CHANNEL_1)]
        assert ("broken", "nothing for Prometheus: 127.0.0.1:9754: Address already in use") in (
            wire.logs
        )


def test_a_bad_address_disables_the_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "chanfitness.exporter", FakeExporter())
    with plugin_here(tmp_path, is_initialised=False) as wire:
        assert disabled(wire, tmp_path, prometheus="nowhere") == "bad address 'nowhere'"


def test_without_its_extra_prometheus_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "chanfitness.exporter", raising=False)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with plugin_here(tmp_path, is_initialised=False) as wire:
        assert "pip install 'chanfitness[prometheus]'" in disabled(
            wire, tmp_path, prometheus="9754"
        )


def test_a_fault_in_init_disables_the_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "chanfitness.exporter", 5)
    with plugin_here(tmp_path, is_initialised=False) as wire:
        assert "AttributeError" in disabled(wire, tmp_path, prometheus="9754")


# What goes wrong around it.


def test_a_database_in_use_is_said_in_answers_and_in_the_log(
    tmp_path: Path, rpc: RpcServer
) -> None:
    storage = SqliteStorage(tmp_path / "chanfitness.db")
    storage.open()
    try:
        with plugin_here(tmp_path) as wire:
            wire.notify("connect", {"id": str(BOB)})
            for method, *parameters in (
                ("chanfitness",),
                ("chanfitness-peer", str(ALICE)),
                ("chanfitness-history", "1x1x1"),
            ):
                code, reason = wire.refusal(method, *parameters)
                assert (code, "another store is writing it" in reason) == (FAILED, True)
            assert [level for level, _ in wire.logs] == ["broken"]
    finally:
        storage.close()


def test_a_database_that_cannot_be_is_said_in_answers_and_in_the_log(
    tmp_path: Path, rpc: RpcServer
) -> None:
    with plugin_here(tmp_path, options={"chanfitness-db": "no/such/directory"}) as wire:
        assert "no/such/directory: cannot be used" in wire.refusal("chanfitness")[1]
        assert [level for level, _ in wire.logs] == ["broken"]


def test_a_socket_that_never_answers_holds_up_no_answer(tmp_path: Path, rpc: RpcServer) -> None:
    with plugin_here(tmp_path) as wire:
        wire.result("chanfitness")
    asked = threading.Event()

    def hang(method: str, params: dict[str, Any]) -> None:
        asked.set()

    rpc.answer = hang
    with plugin_here(tmp_path, catch_up=0) as wire:
        assert asked.wait(WAIT)
        wire.notify("connect", {"id": str(ALICE)})
        assert ids(wire.result("chanfitness")) == [str(CHANNEL_1)]


def test_an_input_that_cannot_be_read_is_the_end() -> None:
    def lines() -> Iterator[bytes]:
        raise OSError("Input/output error")
        yield

    with environment("LIGHTNINGD_PLUGIN", "1"), logging_restored():
        plugin = Plugin(autopatch=False)
        plugin.stdin = SimpleNamespace(buffer=lines())
        Call(WatchingPlugin(plugin).serve).result()


# Its end, as a process of its own.


def test_it_ends_when_lightningd_says_so(tmp_path: Path, rpc: RpcServer) -> None:
    with plugin_process(tmp_path) as (wire, process):
        wire.wait_for_log("watching")
        assert ids(wire.result("chanfitness")) == [str(CHANNEL_1)]
        wire.send({"method": "shutdown", "params": {}})
        assert process.wait(timeout=WAIT) == 0
    saved, _ = read(tmp_path / "chanfitness.db")
    assert saved is not None
    assert [row.channel_point for row in saved.channels] == [str(CHANNEL_1)]


def test_it_ends_when_lightningd_is_gone(tmp_path: Path, rpc: RpcServer) -> None:
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
        ours.shutdown(socket.SHUT_RDWR)  # nobody hears what it still has to say
        wire.send_raw(b"nonsense\n\n")
        wire.hang_up()
        assert (process.wait(timeout=WAIT), process.stderr.read()) == (0, b"")
        wire.read_to_end()
    saved, _ = read(tmp_path / "chanfitness.db")
    assert saved is not None
    assert [row.channel_point for row in saved.channels] == [str(CHANNEL_1)]


def test_it_ends_when_lightningd_is_gone_before_it_began(tmp_path: Path) -> None:
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
def test_a_signal_ends_it_as_lightningd_would(
    tmp_path: Path, rpc: RpcServer, number: signal.Signals
) -> None:
    with plugin_process(tmp_path) as (wire, process):
        wire.wait_for_log("watching")
        process.send_signal(number)
        assert process.wait(timeout=WAIT) == 0
    saved, _ = read(tmp_path / "chanfitness.db")
    assert saved is not None
    assert len(saved.channels) == 1


def test_it_ends_though_the_socket_never_answers(tmp_path: Path, rpc: RpcServer) -> None:
    rpc.answer = lambda method, params: None
    with plugin_process(tmp_path) as (wire, process):
        rpc.asked.get(timeout=WAIT)
        wire.send({"method": "shutdown", "params": {"shutdown": {}}})
        assert process.wait(timeout=WAIT) == 0


def test_of_two_plugins_one_has_the_database(tmp_path: Path, rpc: RpcServer) -> None:
    with plugin_process(tmp_path) as (first, _):
        first.wait_for_log("watching")
        with plugin_process(tmp_path) as (second, _):
            assert "another store is writing it" in second.refusal("chanfitness")[1]
            second.hang_up()
        assert ids(first.result("chanfitness")) == [str(CHANNEL_1)]
        first.hang_up()


def test_at_a_start_of_the_node_it_sees_when_the_connects_have_settled(
    tmp_path: Path, rpc: RpcServer
) -> None:
    rpc.lists["listpeers"] = peers(offline=(ALICE,))
    with plugin_process(tmp_path, startup=True) as (wire, _):
        assert wire.wait_for_log("peers with channels that are not connected yet: 1") == "info"
        rpc.lists["listpeers"] = peers(ALICE)
        wire.notify("connect", {"id": str(ALICE)})
        wire.wait_for_log("watching: channels 1, peers online 1")
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
def test_a_log_line_is_one_line_at_a_level_that_lightningd_knows(level: int, name: str) -> None:
    logged: list[tuple[str, str]] = []
    node = SimpleNamespace(log=lambda text, level: logged.append((level, text)))
    handler = NodeLog(node)
    handler.handle(
        logging.LogRecord("x", level, "", 1, "two\nlines \x1b[2J of %s", ("it\u202e",), None)
    )
    assert logged == [(name, r"two\nlines \x1b[2J of it\u202e")]


def test_a_log_line_that_cannot_be_written_is_dropped() -> None:
    def gone(text: str, level: str) -> None:
        raise BrokenPipeError

    record = logging.LogRecord("x", logging.INFO, "", 1, "text", (), (None, None, None))
    NodeLog(SimpleNamespace(log=gone)).handle(record)


def test_pylns_own_log_handler_is_gone(wire: Wire) -> None:
    logging.getLogger("somebody.else").error("once\nonly")
    wire.result("chanfitness")
    assert wire.logs.count(("broken", r"once\nonly")) == 1
