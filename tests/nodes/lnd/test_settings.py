"""Settings of the connection to lnd: those of ``lncli``, with a read-only macaroon."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from chanfitness.nodes.lnd import LndNode
from chanfitness.nodes.lnd.settings import resolve


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("LNCLI_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", "/home/alice")
    monkeypatch.setattr(sys, "platform", "linux")


def paths(**arguments: str) -> tuple[str, str]:
    settings = resolve(**arguments)
    return settings.tlscertpath, settings.macaroonpath


MAINNET = "data/chain/bitcoin/mainnet/readonly.macaroon"
USUAL = ("/home/alice/.lnd/tls.cert", f"/home/alice/.lnd/{MAINNET}")


def test_the_default_settings() -> None:
    assert resolve().rpcserver == "localhost"
    assert resolve().target == "localhost:10009"
    assert paths() == USUAL


def test_the_default_directory_on_a_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    directory = "/home/alice/Library/Application Support/Lnd"
    assert paths() == (f"{directory}/tls.cert", f"{directory}/{MAINNET}")


def test_the_environment_is_that_of_lncli(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LNCLI_RPCSERVER", "node.example:1234")
    monkeypatch.setenv("LNCLI_NETWORK", "Regtest")
    monkeypatch.setenv("LNCLI_TLSCERTPATH", "~/some.cert")
    assert resolve().target == "node.example:1234"
    assert paths() == (
        "/home/alice/some.cert",
        "/home/alice/.lnd/data/chain/bitcoin/regtest/readonly.macaroon",
    )
    monkeypatch.setenv("LNCLI_LNDDIR", "$HOME/../bob//.lnd")
    monkeypatch.setenv("LNCLI_MACAROONPATH", "~/reader.macaroon")
    assert paths() == ("/home/bob/.lnd/tls.cert", "/home/alice/reader.macaroon")


@pytest.mark.parametrize("name", ["RPCSERVER", "LNDDIR", "TLSCERTPATH", "NETWORK", "MACAROONPATH"])
def test_empty_environment_variables_count_as_unset(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = resolve()
    monkeypatch.setenv(f"LNCLI_{name}", "")
    assert resolve() == before


def test_arguments_override_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RPCSERVER", "LNDDIR", "TLSCERTPATH", "NETWORK", "MACAROONPATH"):
        monkeypatch.setenv(f"LNCLI_{name}", "nonsense:::")
    settings = resolve(
        rpcserver="10010",
        lnddir="/lnd",
        tlscertpath="/other/tls.cert",
        network="signet",
        macaroonpath="~/m",
    )
    assert settings.target == "localhost:10010"
    assert settings.tlscertpath == "/other/tls.cert"
    assert settings.macaroonpath == "/home/alice/m"


def test_another_directory_changes_both_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    here = ("/lnd/tls.cert", f"/lnd/{MAINNET}")
    assert paths(lnddir="/lnd") == here
    monkeypatch.setenv("LNCLI_TLSCERTPATH", "/elsewhere/tls.cert")
    assert paths(lnddir="/lnd") == here
    assert paths(lnddir="~/.lnd/") == ("/elsewhere/tls.cert", USUAL[1])


def test_paths_may_be_path_objects() -> None:
    settings = resolve(lnddir=Path("/lnd"), macaroonpath=Path("/m"))
    assert (settings.tlscertpath, settings.macaroonpath) == ("/lnd/tls.cert", "/m")


@pytest.mark.parametrize(
    ("rpcserver", "target"),
    [
        ("node.example", "node.example:10009"),
        ("node.example:", "node.example:10009"),
        (":10011", "localhost:10011"),
        ("10011", "localhost:10011"),
        ("10.0.0.1:10011", "10.0.0.1:10011"),
        ("::1", "[::1]:10009"),
        ("[::1]", "[::1]:10009"),
        ("[fe80::1%eth0]:10011", "[fe80::1%eth0]:10011"),
        ("tcp://node.example:10011", "node.example:10011"),
        ("unix:///run/lnd.sock", "unix:/run/lnd.sock"),
        ("unix:/run/lnd.sock", "unix:/run/lnd.sock"),
    ],
)
def test_an_rpcserver_becomes_a_target(rpcserver: str, target: str) -> None:
    assert resolve(rpcserver=rpcserver).target == target


@pytest.mark.parametrize(
    "rpcserver",
    [
        "http://node.example",
        "node.example:port",
        "node.example:65536",
        "a b",
        "\x1b",
        "[::1",
        "a/b",
    ],
)
def test_an_invalid_rpcserver_is_refused(rpcserver: str) -> None:
    with pytest.raises(ValueError, match=r"bad rpcserver '.*': expected host:port") as raised:
        LndNode(rpcserver=rpcserver)
    assert "\x1b" not in str(raised.value)


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(ValueError, match=r"bad network '\.\./\.\.': expected one of mainnet, "):
        LndNode(network="../..")
