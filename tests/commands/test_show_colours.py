"""Colours of figures, on terminals only."""

from __future__ import annotations

import pytest

from ..support.made_up_peers import DAY, HOSTILE, MadeUpPeer, make_database
from ..support.paths import DATA
from ..support.terminal import run, shown_on_terminal, without_ages
from ..support.terminal_screen import colours, uncoloured

RED, YELLOW = "31", "33"
LENGTH = 100 * DAY
VIEWS = [[], ["--peers"], ["--peers", "--window", "7d"], ["--outages"], ["--blind"], ["--advice"]]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    peers = [
        MadeUpPeer("half", offline=[(50 * DAY, 101 * DAY)]),
        MadeUpPeer("poor", offline=[(0 * DAY, 10.01 * DAY)]),
        MadeUpPeer("fair", offline=[(0 * DAY, 9.99 * DAY)]),
        MadeUpPeer("better", offline=[(0 * DAY, 1.01 * DAY)]),
        MadeUpPeer("good", offline=[(0 * DAY, 0.99 * DAY)]),
        MadeUpPeer("unusable", unusable=[(10 * DAY, 30 * DAY)]),
        *(MadeUpPeer(alias) for alias in HOSTILE),
    ]
    path = tmp_path_factory.mktemp("colours") / "fitness.db"
    return str(make_database(path, peers, LENGTH, blind=[]))


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


def on_a_terminal(*arguments: str, columns: int = 200) -> str:
    return shown_on_terminal(*arguments, columns=columns).replace("\r\n", "\n")


def test_low_shares_and_offline_peers_are_coloured(database: str) -> None:
    printed = on_a_terminal("show", database, "--peers", "--window", "100d")
    for share, colour in (
        ("50.00%", RED),
        ("89.99%", RED),
        ("90.01%", YELLOW),
        ("98.99%", YELLOW),
        ("80.00%", RED),
        ("offline", RED),
        ("99.01%", None),
        ("online", None),
        ("half", None),
    ):
        assert share in printed
        assert colours(printed, share) == (set() if colour is None else {colour})


def test_the_last_seen_date_of_an_offline_peer_is_coloured(database: str) -> None:
    printed = on_a_terminal("show", database)
    (half,) = [line for line in printed.splitlines() if line.startswith("half ")]
    assert half.endswith(" ago\x1b[0m")
    (poor,) = [line for line in printed.splitlines() if line.startswith("poor ")]
    assert poor.endswith(" ago")


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_colours_do_not_change_the_text(
    columns: int, view: list[str], database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = on_a_terminal("show", database, *view, columns=columns)
    monkeypatch.setenv("NO_COLOR", "1")
    plain = on_a_terminal("show", database, *view, columns=columns)
    assert "\x1b" not in plain
    assert without_ages(uncoloured(printed)) == without_ages(plain)


def test_replay_has_colours() -> None:
    printed = on_a_terminal("replay", str(DATA / "lnd-simnet-restarts.jsonl"))
    assert colours(printed, "50.53%") == {RED}


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_terminal_without_colours_gets_no_colours(
    term: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    assert "\x1b" not in on_a_terminal("show", database)


@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_json_and_csv_have_no_colours(form: str, database: str) -> None:
    assert "\x1b" not in on_a_terminal("show", database, form)


def test_characters_missing_in_the_output_encoding_are_escaped(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = run("show", database, "--peers")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\u25bc \\u2212" in done.stdout


@pytest.mark.parametrize("view", VIEWS)
def test_a_pipe_gets_no_colours(view: list[str], database: str) -> None:
    assert b"\x1b" not in run("show", database, *view).stdout
