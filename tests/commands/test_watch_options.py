"""Options and extras of ``chanfitness watch lnd``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from chanfitness import (
    ChannelEventStore,
    OpenChannel,
)
from chanfitness.commands.main import main

from ..support.values import ALICE, CHANNEL_1
from ..support.watch_sessions import FakeSource

Printed = pytest.CaptureFixture[str]


class Lnd:
    """A fake lnd that refuses as soon as it is watched."""

    def __init__(self) -> None:
        self.source = FakeSource([OpenChannel(CHANNEL_1, ALICE)], [ALICE])
        self.source.refuse("the test is over")
        self.options: dict[str, object] = {}

    def make(self, **options: object) -> FakeSource:
        self.options = options
        if options["network"] == "moon":
            raise ValueError("bad network 'moon'")
        return self.source


@pytest.fixture
def lnd(monkeypatch: pytest.MonkeyPatch) -> Lnd:
    lnd = Lnd()
    monkeypatch.delenv("GRPC_VERBOSITY", raising=False)
    pretend(monkeypatch, "chanfitness.nodes.lnd", LndNode=lnd.make)
    return lnd


def pretend(monkeypatch: pytest.MonkeyPatch, name: str, **contents: object) -> None:
    """Replace module ``name`` by one with these contents."""
    module = ModuleType(name)
    vars(module).update(contents)
    monkeypatch.setitem(sys.modules, name, module)


class Missing:
    """An import hook for which a package is not installed."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(self, name: str, *_: object) -> None:
        if name == self._package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Make imports of ``package`` fail as if it were not installed."""
    for name in list(sys.modules):
        if name.partition(".")[0] == package or name == "chanfitness.reports.live_table":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Missing(package), *sys.meta_path])


def error_of(capfd: Printed, *arguments: str) -> str:
    """Run the command, which must fail, and return its errors."""
    assert main(["watch", "lnd", *arguments]) == 2
    return capfd.readouterr().err


def test_options_are_named_as_those_of_lncli(lnd: Lnd, capfd: Printed) -> None:
    names = ["rpcserver", "lnddir", "tlscertpath", "macaroonpath", "network"]
    options = [text for name in names for text in (f"--{name}", f"some {name}")]
    assert error_of(capfd, *options) == "chanfitness: the test is over\n"
    assert lnd.options == {name: f"some {name}" for name in names}
    assert error_of(capfd) == "chanfitness: the test is over\n"
    assert lnd.options == dict.fromkeys(names)


@pytest.mark.usefixtures("lnd")
def test_bad_options_are_errors(capfd: Printed, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    diary.write_text("Dear diary\n")
    assert error_of(capfd, "--network", "moon") == "chanfitness: bad network 'moon'\n"
    assert error_of(capfd, "--db", "").startswith("chanfitness: bad path ''")
    assert error_of(capfd, "--db", str(tmp_path / "no" / "db")).startswith(
        f"chanfitness: {tmp_path}"
    )
    assert error_of(capfd, "--record", str(diary)) == (
        f"chanfitness: {diary}:1: not JSON: 'Dear diary\\n'\n"
    )
    assert error_of(capfd, "--record", "no\x1b[2J/r") == (
        "chanfitness: [Errno 2] No such file or directory: 'no\\x1b[2J/r'\n"
    )


def test_one_file_cannot_be_database_and_recording(capfd: Printed, tmp_path: Path) -> None:
    file = str(tmp_path / "new")
    link = tmp_path / "link"
    link.symlink_to(file)
    assert main(["watch", "lnd", "--db", file, "--record", str(link)]) == 2
    assert capfd.readouterr().err == f"chanfitness: --db and --record are the same file, {file}\n"
    assert os.listdir(tmp_path) == ["link"]


def test_a_failed_node_releases_the_recording(lnd: Lnd, capfd: Printed, tmp_path: Path) -> None:
    recording = str(tmp_path / "r.jsonl")
    error_of(capfd, "--network", "moon", "--record", recording)
    assert error_of(capfd, "--record", recording) == "chanfitness: the test is over\n"
    assert lnd.source.calls == ["cancel", "close"]


@pytest.mark.usefixtures("lnd")
def test_without_rich_the_error_says_what_to_install(
    capfd: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    without(monkeypatch, "rich")
    assert error_of(capfd) == (
        "chanfitness: rich is not installed: pip install 'chanfitness[cli]'\n"
    )
    assert error_of(capfd, "--json") == "chanfitness: the test is over\n"


@pytest.mark.usefixtures("lnd")
def test_without_a_server_library_the_error_says_what_to_install(
    capfd: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "chanfitness.exporter", raising=False)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    assert error_of(capfd, "--prometheus", "9789") == (
        "chanfitness: prometheus_client is not installed: pip install 'chanfitness[prometheus]'\n"
    )


class FakeServer:
    def __init__(self, port: int, closed: list[int]) -> None:
        self.port = port
        self._closed = closed

    def close(self) -> None:
        self._closed.append(self.port)


@pytest.mark.parametrize(
    ("address", "url"),
    [("0", "http://127.0.0.1:1234/metrics"), ("[::1]:0", "http://[::1]:1234/metrics")],
)
def test_the_address_of_the_metrics_is_printed(
    address: str, url: str, lnd: Lnd, capfd: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[int] = []
    lnd.source.fault = None

    def serve(
        store: ChannelEventStore, address: tuple[str, int], *, allowed_hosts: list[str]
    ) -> FakeServer:
        assert (address[0] in url, address[1]) == (True, 0)
        assert allowed_hosts == ["a.example", "192.0.2.1"]
        lnd.source.refuse("the test is over")
        return FakeServer(1234, closed)

    pretend(monkeypatch, "chanfitness.exporter", serve=serve)
    assert "bad address 'nonsense'" in error_of(capfd, "--prometheus", "nonsense")
    allowing = ("--allow-host", "a.example", "--allow-host", "192.0.2.1")
    printed = error_of(capfd, "--prometheus", address, *allowing)
    assert printed == f"chanfitness: metrics at {url}\nchanfitness: the test is over\n"
    assert closed == [1234]


@pytest.mark.usefixtures("lnd")
def test_an_invalid_allowed_host_is_named(capfd: Printed) -> None:
    assert error_of(capfd, "--prometheus", "0", "--allow-host", "a.example:80") == (
        "chanfitness: bad host 'a.example:80': expected a name or an IP address, without a port\n"
    )
    assert error_of(capfd, "--allow-host", "a.example") == (
        "chanfitness: --allow-host is of no use without --prometheus or --web\n"
    )
