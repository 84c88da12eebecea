"""The examples of the README and of the pages in docs run."""

from __future__ import annotations

import configparser
import itertools
import re
import tempfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
import yaml

from chanfitness import OpenChannel, Vertex
from chanfitness.commands.arguments import parse
from chanfitness.commands.main import main

from .support.cln_messages import channel_id, channels, entry, peers
from .support.documents import DOCUMENTS, README, blocks, column_after, shell_lines, typed
from .support.fake_lightningd import RpcServer
from .support.fake_lnd import METHODS, FakeLnd
from .support.lnd_nodes import make_lnddir
from .support.paths import ROOT
from .support.plugin_process import plugin_here
from .support.values import ALICE, CHANNEL_1

CODE = {name: code for name, text in DOCUMENTS.items() if (code := blocks("python", text))}
SESSIONS = dict.fromkeys(
    session for text in DOCUMENTS.values() for session in blocks("console", text)
)
SHELL = [words for text in DOCUMENTS.values() for words in shell_lines(text)]
SHELL += [words for session in SESSIONS for words, _ in typed(session) if words[0] != "chanfitness"]
RECORDING = resources.files("chanfitness") / "recording" / "samples" / "lnd-simnet.jsonl"
DATABASE = "/data/fitness.db"
"""That of the container."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a recording and the path of a checkout's sample, to which a test changes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recording.jsonl").write_bytes(RECORDING.read_bytes())
    (tmp_path / "chanfitness" / "recording" / "samples").mkdir(parents=True)
    (tmp_path / "chanfitness" / "recording" / "samples" / RECORDING.name).write_bytes(
        RECORDING.read_bytes()
    )
    return tmp_path


@pytest.fixture(scope="module")
def lnd() -> Iterator[FakeLnd]:
    """A fake lnd with a channel."""
    with FakeLnd() as lnd:
        lnd.set_state([OpenChannel(CHANNEL_1, ALICE)], [ALICE])
        yield lnd


@pytest.fixture(scope="module")
def home() -> Iterator[str]:
    """A home directory with the socket of a fake lightningd that has a channel.

    Its path is short, because that of a socket must be.
    """
    with tempfile.TemporaryDirectory() as home:
        directory = Path(home, ".lightning", "bitcoin")
        directory.mkdir(parents=True)
        with RpcServer(directory) as rpc:
            listed = entry(channel_id(1), CHANNEL_1, ALICE)
            rpc.listings = {"listpeers": peers(ALICE), "listpeerchannels": channels(listed)}
            yield home


@pytest.fixture
def nodes(lnd: FakeLnd, home: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the examples find the fake lnd and the fake lightningd as they would real ones."""
    monkeypatch.setenv("LNCLI_RPCSERVER", lnd.rpcserver)
    monkeypatch.setenv("LNCLI_LNDDIR", str(make_lnddir(folder)))
    monkeypatch.setenv("HOME", home)


@pytest.mark.usefixtures("nodes")
@pytest.mark.parametrize("name", CODE)
def test_the_examples_of_a_document_run(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One after the other, as a reader types them."""
    names: dict[str, object] = {}
    for code in CODE[name]:
        exec(compile(code, name, "exec"), names)
        tests = [names.pop(each) for each in list(names) if each.startswith("test_")]
        for test in tests:
            assert callable(test)
            test()
        assert tests or capsys.readouterr().out or "class " in code


@pytest.mark.parametrize("session", SESSIONS)
def test_a_command_prints_what_the_text_says(
    session: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for (program, *arguments), output in typed(session):
        if program != "chanfitness":
            continue
        options = parse(arguments)
        if options.command.startswith("watch"):  # they have tests of their own
            continue
        if options.command in ("show", "report", "backup"):
            assert main(["replay", "recording.jsonl", "--db", options.path]) == 0
            capsys.readouterr()
        assert main(arguments) == 0
        if options.command == "report":
            assert "<title>" in Path(options.output).read_text()
        elif options.command == "backup":
            assert Path(options.target).read_bytes()
        else:
            printed = capsys.readouterr().out.strip()
            assert printed == output if output else printed


def lines_for(program: str) -> list[list[str]]:
    return [arguments for name, *arguments in SHELL if name == program]


def test_each_target_of_make_exists() -> None:
    (declared,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    shown = set(itertools.chain(*lines_for("make")))
    assert shown == {"run", "test", "stress", "bench", "docs", "man", "releasable"}
    assert shown <= set(declared.split())


def extras() -> set[str]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return set(config["options.extras_require"])


def test_pip_installs_the_checkout_with_extras_that_exist() -> None:
    """The project is not named: what is printed works in a checkout."""
    shown = lines_for("pip")
    assert shown
    for install, what in shown:
        assert install == "install"
        if what != "shtab":  # which makes the completion
            match = re.fullmatch(r"\.(?:\[(.+)\])?", what)
            assert match, what
            assert set((match[1] or "lnd").split(",")) <= extras()


def test_each_question_to_the_plugin_is_answered(tmp_path: Path) -> None:
    """The node has the peer and the channel of the examples."""
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


def test_the_macaroon_permits_the_calls_that_are_made() -> None:
    ((command, _, *permissions),) = lines_for("lncli")
    assert command == "bakemacaroon"
    assert sorted(permissions) == sorted(f"uri:/lnrpc.Lightning/{method}" for method in METHODS)


def test_reckless_installs_a_plugin_that_exists() -> None:
    (source, *_), (install, name) = lines_for("reckless")
    assert (source, install) == ("source", "install")
    assert (ROOT / "contrib" / "reckless" / name / f"{name}.py").is_file()


INSTALLED = "/opt/chanfitness/bin/"


def test_the_compose_files_are_used_as_they_are() -> None:
    lines = lines_for("docker")
    assert {tuple(line[:2]) for line in lines} == {("compose", "-f")}
    for _, _, path, what, *arguments in lines:
        composed = yaml.safe_load((ROOT / path).read_text())
        if what == "exec":
            service, program, *rest = [each for each in arguments if each != "-T"]
            assert service in composed["services"]
            assert program == "chanfitness"
            assert parse(rest[: rest.index(">")] if ">" in rest else rest).path == DATABASE
    (exported,) = lines_for("export")
    composed = (ROOT / "contrib/docker/compose.lnd.yml").read_text()
    required = set(re.findall(r"\$\{(\w+):\?", composed))
    assert {each.partition("=")[0] for each in exported} == required


@pytest.mark.parametrize("kind", ["lnd", "cln"])
def test_each_variable_of_a_compose_file_is_documented(kind: str) -> None:
    composed = (ROOT / f"contrib/docker/compose.{kind}.yml").read_text()
    comment, text = composed.partition("\nname:")[0], DOCUMENTS["docs/containers.rst"]
    table = text.partition(f"``compose.{kind}.yml`` runs")[2]
    variables = dict.fromkeys(re.findall(r"\$\{(\w+)", composed))
    assert sorted(column_after(table)) == sorted(variables)
    assert set(variables) <= set(re.findall(r"\b[A-Z]+_[A-Z]+\b", comment))


def test_the_unit_is_installed_as_its_comment_says() -> None:
    """For lnd: the comment of the other unit differs in its name and its extras."""
    unit = ROOT / "contrib/systemd/chanfitness-lnd.service"
    (copied,) = lines_for("cp")
    assert ROOT / copied[0] == unit
    assert {words[-1] for words in lines_for("systemctl")} == {unit.stem}
    (shown,) = lines_for(f"{INSTALLED}chanfitness")
    assert parse(shown).path == "/var/lib/chanfitness/fitness.db"
    typed_in = [f"{name} {' '.join(words)}" for name, *words in SHELL if name.startswith(INSTALLED)]
    comment = unit.read_text().partition("\n[Unit]")[0].replace("'", "")
    assert all(line in comment for line in typed_in)


@pytest.mark.parametrize("kind", ["lnd", "cln"])
def test_a_unit_installs_the_checkout_with_extras_that_exist(kind: str) -> None:
    unit = (ROOT / f"contrib/systemd/chanfitness-{kind}.service").read_text()
    (shown,) = re.findall(r"pip install '\.\[(.+)\]'", unit)
    assert set(shown.split(",")) <= extras()


def test_each_block_is_of_a_kind_that_is_checked() -> None:
    checked = {"make", "lightning-cli", "lncli", "pip", "reckless", "docker", "export", "cp"}
    checked |= {"systemctl", f"{INSTALLED}pip", f"{INSTALLED}chanfitness"}
    known = {"python3", ".", "lightningd", "shtab", "git", "cd", "journalctl"}
    assert {words[0] for words in SHELL} == checked | known
    kinds = {
        kind for each in DOCUMENTS.values() for kind in re.findall(r"code-block:: (\w+)", each)
    }
    assert kinds == {"python", "console"}


def test_the_test_in_the_readme_is_short() -> None:
    (example,) = [code for code in CODE[README.name] if "def test_" in code and "FakeNode" in code]
    body = example[example.index("with FakeNode") :].strip().splitlines()
    assert len(body) - 1 == 5
