"""The plugin's options, and failures of its database, socket and input."""

from __future__ import annotations

import os
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyln.client import Plugin  # type: ignore[import-untyped]

from chanfitness import SqliteStorage
from chanfitness.nodes.cln import plugin as plugin_module
from chanfitness.nodes.cln import plugin_store as store_module
from chanfitness.nodes.cln.output import Output
from chanfitness.nodes.cln.plugin import WatchingPlugin

from ...support.cln_messages import change, channel_id
from ...support.cln_plugin_fixtures import FAILED, NORMAL, clock, ids, inbox, rpc, wire
from ...support.disks import no_file_may_grow
from ...support.fake_lightningd import RpcServer, Wire, init_params
from ...support.inbox import Inbox
from ...support.plugin_process import environment, logging_restored, plugin_here
from ...support.stores import WAIT, Call
from ...support.values import ALICE, BOB, CAROL, CHANNEL_1

__all__ = ["clock", "inbox", "rpc", "wire"]


def test_the_default_database_is_in_lightningds_directory(wire: Wire, tmp_path: Path) -> None:
    wire.result("chanfitness")
    assert (tmp_path / "chanfitness.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("is_absolute", [True, False])
def test_the_database_may_be_elsewhere(tmp_path: Path, rpc: RpcServer, is_absolute: bool) -> None:
    (tmp_path / "else").mkdir()
    name = str(tmp_path / "else" / "where.db") if is_absolute else "else/where.db"
    with plugin_here(tmp_path, options={"chanfitness-db": name}) as wire:
        wire.result("chanfitness")
    assert [file.name for file in tmp_path.glob("**/*.db")] == ["where.db"]


def test_a_tilde_is_the_home_directory(
    tmp_path: Path, rpc: RpcServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with plugin_here(tmp_path, options={"chanfitness-db": "~/where.db"}) as wire:
        wire.result("chanfitness")
    assert (tmp_path / "home" / "where.db").is_file()


@pytest.mark.parametrize("options", [{}, {"chanfitness-db": "other.db"}])
def test_a_second_init_changes_nothing(
    wire: Wire, tmp_path: Path, options: dict[str, object]
) -> None:
    assert wire.request("init", init_params(tmp_path, options=options))["result"] is None
    assert wire.logs[-1] == ("unusual", "lightningd sent init again: ignored")
    wire.notify("connect", {"id": str(BOB)})
    assert wire.result("chanfitness-peer", str(BOB))["online"]
    assert ids(wire.result("chanfitness")) == [str(CHANNEL_1)]
    assert [file.name for file in tmp_path.glob("*.db")] == ["chanfitness.db"]


def disabled(wire: Wire, directory: Path, **options: object) -> str:
    """Return the reason for which the plugin is disabled."""
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


@pytest.mark.parametrize("value", ["", "long", "90", 90])
def test_a_bad_period_of_own_outages_disables_the_plugin(tmp_path: Path, value: object) -> None:
    with plugin_here(tmp_path, is_initialised=False) as wire:
        assert "chanfitness-own-outage" in disabled(wire, tmp_path, **{"own-outage": value})


@pytest.mark.parametrize(("value", "lifetime"), [(None, 0), ("5m", 0), ("off", 1800)])
def test_own_outages_may_be_switched_off(
    tmp_path: Path, rpc: RpcServer, inbox: Inbox, value: str | None, lifetime: float
) -> None:
    options: dict[str, object] = {} if value is None else {"chanfitness-own-outage": value}
    with plugin_here(tmp_path, options=options, clock=inbox.clock, inbox=inbox) as wire:
        wire.result("chanfitness")
        for topic in ("connect", "disconnect"):
            for peer in (ALICE, BOB, CAROL):
                wire.notify(topic, {"id": str(peer)})
        wire.result("chanfitness")
        inbox.let_pass(timedelta(minutes=30))
        (channel,) = wire.result("chanfitness")["channels"]
        assert (channel["lifetime_seconds"], channel["uptime_seconds"]) == (lifetime, 0)


def test_a_malformed_init_is_refused(tmp_path: Path, rpc: RpcServer) -> None:
    with plugin_here(tmp_path, is_initialised=False) as wire:
        wire.request("getmanifest", {})
        assert (
            "rpc-file"
            in wire.request("init", {"options": {}, "configuration": {}})["error"]["message"]
        )
        assert wire.request("init", init_params(tmp_path))["result"] is None
        assert ids(wire.result("chanfitness")) == [str(CHANNEL_1)]


class FakeExporter:
    """Replaces ``chanfitness.exporter``."""

    def __init__(self, refuses: Exception | None = None) -> None:
        self.refuses = refuses
        self.served: list[object] = []
        self.is_closed = threading.Event()

    def serve(self, store: Any, address: tuple[str, int], *, allowed_hosts: list[str]) -> Any:
        assert allowed_hosts == []
        if self.refuses is not None:
            raise self.refuses
        self.served.append((len(store.list_channels(timeout=WAIT)), address))
        return SimpleNamespace(port=address[1], close=self.is_closed.set)


def test_the_prometheus_option_serves_metrics(
    tmp_path: Path, rpc: RpcServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = FakeExporter()
    monkeypatch.setitem(sys.modules, "chanfitness.exporter", exporter)
    with plugin_here(tmp_path, options={"chanfitness-prometheus": "9754"}) as wire:
        wire.result("chanfitness")
        assert exporter.served == [(0, ("127.0.0.1", 9754))]
        assert not exporter.is_closed.is_set()
    assert exporter.is_closed.is_set()


def test_a_taken_port_disables_prometheus_only(
    tmp_path: Path, rpc: RpcServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = FakeExporter(OSError("127.0.0.1:9754: Address already in use"))
    monkeypatch.setitem(sys.modules, "chanfitness.exporter", exporter)
    with plugin_here(tmp_path, options={"chanfitness-prometheus": "9754"}) as wire:
        assert ids(wire.result("chanfitness")) == [str(CHANNEL_1)]
        assert ("broken", "no metrics: 127.0.0.1:9754: Address already in use") in (wire.logs)


def test_a_bad_address_disables_the_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with plugin_here(tmp_path, is_initialised=False) as wire:
        assert "bad address 'nowhere'" in disabled(wire, tmp_path, prometheus="nowhere")


def test_a_page_is_served_behind_its_password(tmp_path: Path, rpc: RpcServer) -> None:
    (tmp_path / "secret").write_text("sesame")
    options: dict[str, object] = {
        "chanfitness-web": "0",
        "chanfitness-web-password-file": str(tmp_path / "secret"),
    }
    with plugin_here(tmp_path, options=options) as wire:
        wire.result("chanfitness")
        (where,) = [text for _, text in wire.logs if text.startswith("a page at ")]
        url = where.split()[3].rstrip(",")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(url, timeout=WAIT)
        with urllib.request.urlopen(f"{url}healthz", timeout=WAIT) as answer:
            assert answer.read() == b"ok\n"


def test_a_password_that_cannot_be_read_disables_the_plugin(tmp_path: Path) -> None:
    with plugin_here(tmp_path, is_initialised=False) as wire:
        options = {"web": "0", "web-password-file": str(tmp_path)}
        assert "cannot read the password file" in disabled(wire, tmp_path, **options)


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
        assert "ImportError" in disabled(wire, tmp_path, prometheus="9754")


# Failures of database, socket and input.


def test_answers_and_log_tell_of_a_database_in_use(tmp_path: Path, rpc: RpcServer) -> None:
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


def test_answers_and_log_tell_of_an_impossible_database(tmp_path: Path, rpc: RpcServer) -> None:
    with plugin_here(tmp_path, options={"chanfitness-db": "no/such/directory"}) as wire:
        assert "no/such/directory: cannot be used" in wire.refusal("chanfitness")[1]
        assert [level for level, _ in wire.logs] == ["broken"]


QUESTIONS = [
    ("chanfitness",),
    ("chanfitness-peer", str(ALICE)),
    ("chanfitness-history", "1x1x1"),
]


@pytest.mark.parametrize("question", QUESTIONS)
def test_each_answer_warns_while_nothing_can_be_saved(
    tmp_path: Path, rpc: RpcServer, monkeypatch: pytest.MonkeyPatch, question: tuple[str, ...]
) -> None:
    often = partial(SqliteStorage, flush_interval=timedelta(milliseconds=1))
    monkeypatch.setattr(store_module, "SqliteStorage", often)
    with plugin_here(tmp_path) as wire:
        assert "warning" not in wire.result(*question)
        with no_file_may_grow():
            wire.wait_for_log("cannot be written, going on in memory")
            assert wire.result(*question)["warning"].startswith("cannot save: ")
        wire.wait_for_log("written again, nothing is missing")
        assert "warning" not in wire.result(*question)


@pytest.mark.parametrize("question", QUESTIONS)
def test_each_answer_warns_while_lightningds_answers_are_unusable(
    wire: Wire, rpc: RpcServer, question: tuple[str, ...]
) -> None:
    rpc.answer = lambda method, params: "?"
    wire.notify("channel_state_changed", change(channel_id(2), BOB, NORMAL))
    assert wire.result(*question)["warning"].startswith(
        "figures may be incomplete: expected an object"
    )
    rpc.answer = rpc.listed
    wire.notify("connect", {"id": str(BOB)})
    assert "warning" not in wire.result(*question)


def test_too_many_questions_at_once_are_refused(
    tmp_path: Path, rpc: RpcServer, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin_module, "MAXIMUM_QUESTIONS", 3)
    with plugin_here(tmp_path, clock=inbox.clock, inbox=inbox, catch_up=WAIT) as wire:
        wire.result("chanfitness")
        rpc.answer = lambda method, params: None  # so that the first answer has to wait
        wire.notify("channel_state_changed", change(channel_id(2), BOB, NORMAL))
        for method, _ in [rpc.asked.get(timeout=WAIT) for _ in range(3)]:
            assert method in ("listpeers", "listpeerchannels")
        numbers = [wire.send_request("chanfitness") for _ in range(6)]
        refused = wire.next_message()
        assert refused["id"] in numbers[3:5]
        assert refused["error"] == {"code": FAILED, "message": "3 questions are waiting already"}


def test_a_silent_socket_does_not_hold_up_answers(tmp_path: Path, rpc: RpcServer) -> None:
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


def test_an_unreadable_input_ends_the_plugin() -> None:
    def lines() -> Iterator[bytes]:
        raise OSError("Input/output error")
        yield

    reader, writer = os.pipe()
    with environment("LIGHTNINGD_PLUGIN", "1"), logging_restored():
        output = Output(writer)
        plugin = WatchingPlugin(Plugin(autopatch=False), output)
        Call(plugin.serve, lines()).result()
        output.finish(0)
    os.close(writer)
    assert os.read(reader, 1) == b""
    os.close(reader)
