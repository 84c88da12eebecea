"""What the README shows is what runs."""

from __future__ import annotations

import itertools
import re
import shlex
import textwrap
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from chanfitness import OpenChannel, Vertex
from chanfitness.commands.arguments import parse
from chanfitness.commands.main import main

from .support.cln_messages import channel_id, channels, entry, peers
from .support.fake_lightningd import RpcServer
from .support.fake_lnd import METHODS, FakeLnd
from .support.lnd_nodes import make_lnddir
from .support.paths import ROOT
from .support.plugin_process import plugin_here
from .support.values import ALICE, CHANNEL_1

README = (ROOT / "README.rst").read_text()


def blocks(language: str, document: str) -> list[str]:
    pattern = rf"^\.\. code-block:: {language}\n\n((?:    .*\n|\n)+)"
    return [textwrap.dedent(block) for block in re.findall(pattern, document, re.MULTILINE)]


def shell_lines(document: str) -> list[list[str]]:
    """What is to be typed, word by word, of the blocks that are for a shell."""
    literal = re.findall(r"^[^.\n].*::\n\n((?:    .*\n|\n)+)", document, re.MULTILINE)
    lines = "".join(literal).replace("\\\n", "").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


DOCUMENTS = [README, *(path.read_text() for path in sorted((ROOT / "docs").glob("*.rst")))]
CODE = [code for document in DOCUMENTS for code in blocks("python", document)]
SESSIONS = [session for document in DOCUMENTS for session in blocks("console", document)]
SHELL = [words for document in DOCUMENTS for words in shell_lines(document)]
RECORDING = resources.files("chanfitness") / "recording" / "samples" / "lnd-simnet.jsonl"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a reader is: in a folder with a recording, or in a checkout."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recording.jsonl").write_bytes(RECORDING.read_bytes())
    (tmp_path / "chanfitness" / "recording" / "samples").mkdir(parents=True)
    (tmp_path / "chanfitness" / "recording" / "samples" / RECORDING.name).write_bytes(
        RECORDING.read_bytes()
    )
    return tmp_path


@pytest.fixture(scope="module")
def lnd() -> Iterator[FakeLnd]:
    """With a channel."""
    with FakeLnd() as lnd:
        lnd.set_state([OpenChannel(CHANNEL_1, ALICE)], [ALICE])
        yield lnd


@pytest.mark.parametrize("code", CODE)
def test_each_example_runs(
    code: str,
    lnd: FakeLnd,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LNCLI_RPCSERVER", lnd.rpcserver)
    monkeypatch.setenv("LNCLI_LNDDIR", str(make_lnddir(folder)))
    names: dict[str, object] = {}
    exec(compile(code, "README.rst", "exec"), names)
    tests = [value for name, value in names.items() if name.startswith("test_")]
    for test in tests:
        assert callable(test)
        test()
    assert tests or capsys.readouterr().out


@pytest.mark.parametrize("session", SESSIONS)
def test_each_command_prints_what_the_readme_says(
    session: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command, _, output = session.partition("\n")
    prompt, program, *arguments = shlex.split(command)
    assert (prompt, program) == ("$", "chanfitness")
    if arguments[0] == "watch":
        assert parse(arguments).command == "watch lnd"  # which has a test of its own
        return
    if arguments[0] in ("show", "report"):
        assert main(["replay", "recording.jsonl", "--db", arguments[1]]) == 0
        capsys.readouterr()
    assert main(arguments) == 0
    if arguments[0] == "report":
        assert "<title>" in Path(arguments[-1]).read_text()
        return
    printed = capsys.readouterr().out.strip()
    assert printed == output.strip() if output.strip() else printed


def lines_for(program: str) -> list[list[str]]:
    return [arguments for name, *arguments in SHELL if name == program]


def test_each_target_of_make_is_there() -> None:
    (declared,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    shown = set(itertools.chain(*lines_for("make")))
    assert shown == {"run", "test", "stress", "bench", "docs"}
    assert shown <= set(declared.split())


def test_each_question_to_the_plugin_is_answered(tmp_path: Path) -> None:
    """Of a node that has the peer and the channel which are shown."""
    questions = lines_for("lightning-cli")
    (peer,) = (Vertex.parse(words[1]) for words in questions if "peer" in words[0])
    (short_id,) = (words[1] for words in questions if "history" in words[0])
    with RpcServer(tmp_path) as rpc:
        listed = entry(channel_id(1), CHANNEL_1, peer, short_channel_id=short_id)
        rpc.listings = {"listpeers": peers(peer), "listpeerchannels": channels(listed)}
        with plugin_here(tmp_path) as wire:
            all_of_them, of_peer, history = (wire.result(*words) for words in questions)
    assert [each["peer"] for each in all_of_them["channels"]] == [str(peer)]
    assert of_peer["peer"] == str(peer)
    assert history["channel_point"] == str(CHANNEL_1)


def test_the_macaroon_is_for_what_is_called() -> None:
    ((command, _, *permissions),) = lines_for("lncli")
    assert command == "bakemacaroon"
    assert sorted(permissions) == sorted(f"uri:/lnrpc.Lightning/{method}" for method in METHODS)


def test_nothing_that_is_shown_is_left_out() -> None:
    """Each block is a program, a command, or a few lines for a shell."""
    assert {words[0] for words in SHELL} == {"make", "lightning-cli", "lncli"}
    kinds = {kind for each in DOCUMENTS for kind in re.findall(r"code-block:: (\w+)", each)}
    assert kinds <= {"python", "console"}
    assert len(CODE) >= 6
    assert len(SESSIONS) >= 4


def test_the_test_of_the_tester_is_short() -> None:
    (example,) = [
        code for code in blocks("python", README) if "def test_" in code and "FakeNode" in code
    ]
    body = example[example.index("with FakeNode") :].strip().splitlines()
    assert len(body) - 1 == 5
