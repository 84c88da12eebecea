"""Commands that end early: interrupts, errors, too little memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

import chanfitness_launcher
from chanfitness import SqliteStorage
from chanfitness.commands.main import main
from chanfitness.testing import FakeNode

from ..support.lnd_nodes import make_lnddir
from ..support.stores import WAIT

RECORDING = str(resources.files("chanfitness") / "recording" / "samples" / "lnd-simnet.jsonl")

INTERRUPTED = """
import os, signal, sys
_, module, command, handler, *arguments = sys.argv

class Interrupt:
    def find_spec(self, name, *_):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
signal.signal(signal.SIGINT, getattr(signal, handler))
import chanfitness_launcher
sys.argv[1:] = arguments
sys.exit(getattr(chanfitness_launcher, command)())
"""
WITHOUT_MEMORY = """
import re, resource, sys
from pathlib import Path
from chanfitness.commands.main import main
if sys.argv[2] == "watch":
    import chanfitness.nodes.lnd
_, hard = resource.getrlimit(resource.RLIMIT_AS)
used = 1024 * int(re.search(r"VmSize:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[1]), hard))
status = main(sys.argv[2:])
resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
sys.exit(status)
"""
MEMORY = "chanfitness: there is not enough memory\n"
THREADS = "chanfitness: can't start new thread: there is not enough memory, or too many threads\n"
NOT_THERE = "chanfitness: nowhere: no such file\n"


def run(script: str, *arguments: str, cwd: Path | None = None) -> tuple[int, str]:
    """Run a script, and return its exit status and errors.

    Without coverage, which would import the interrupted modules, and needs memory.
    """
    variables = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**variables, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WAIT,
        check=False,
    )
    return done.returncode, done.stderr


# Interrupts.


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("chanfitness", "chanfitness"),
        ("chanfitness.errors", "chanfitness"),
        ("sqlite3", "chanfitness"),
        ("chanfitness.commands.main", "chanfitness"),
        ("chanfitness", "plugin"),
        ("chanfitness.nodes.cln.launcher", "plugin"),
        ("pyln", "plugin"),
    ],
)
def test_an_interrupt_during_imports_ends_it_quietly(module: str, command: str) -> None:
    assert interrupted(module, command, "default_int_handler") == (-signal.SIGINT, "")


def interrupted(module: str, command: str, handler: str) -> tuple[int, str]:
    """The result of the command if it is interrupted while it imports ``module``."""
    return run(INTERRUPTED, module, command, handler, "show", "nowhere")


def test_an_ignored_interrupt_does_not_end_it() -> None:
    assert interrupted("chanfitness", "chanfitness", "SIG_IGN") == (2, NOT_THERE)


@pytest.mark.parametrize("handler", [signal.default_int_handler, signal.SIG_IGN])
def test_without_an_interrupt_the_command_runs(
    handler: signal._HANDLER, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["chanfitness", "show", "nowhere"])
    before = signal.signal(signal.SIGINT, handler)
    try:
        assert chanfitness_launcher.chanfitness() == 2
        assert capsys.readouterr().err == NOT_THERE
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_without_an_interrupt_the_plugin_runs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import chanfitness_launcher; chanfitness_launcher.plugin()"],
        env={**os.environ, "LIGHTNINGD_PLUGIN": "1"},
        stdin=subprocess.DEVNULL,  # its end means that lightningd has ended
        capture_output=True,
        timeout=WAIT,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_an_interrupt_after_imports_sets_the_exit_status() -> None:
    arguments = ["chanfitness.nodes.lnd", "chanfitness", "default_int_handler", "watch", "lnd"]
    assert run(INTERRUPTED, *arguments) == (128 + signal.SIGINT, "")


# Errors.


@pytest.mark.parametrize(
    "options",
    [
        ["--network", "moon"],
        ["--rpcserver", "the moon"],
        ["--lnddir", "nowhere"],
        ["--prometheus", "moon"],
        ["--prometheus", "192.0.2.1:9999"],  # an address of no machine
        ["--web", "moon"],
        ["--web", "192.0.2.1:9999"],
        ["--web", "0", "--web-password-file", "nowhere"],
        ["--web-password-file", "nowhere"],
        ["--db", "no/fitness.db"],
        ["--record", "no/recording.jsonl"],
    ],
    ids=" ".join,
)
def test_a_failed_start_leaves_no_files(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lnd").mkdir()
    (tmp_path / "here").mkdir()
    make_lnddir(tmp_path / "lnd")
    monkeypatch.chdir(tmp_path / "here")
    files = ["--db", "fitness.db", "--record", "recording.jsonl"]
    assert main(["watch", "lnd", "--lnddir", "../lnd", *files, *options]) == 2
    assert os.listdir() == []


# Too little memory.

needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")


@needs_proc
@pytest.mark.parametrize(
    "command",
    [
        ["replay", RECORDING, "--db", "fitness.db"],
        ["watch", "lnd", "--lnddir", "../lnd", "--db", "fitness.db", "--record", "r.jsonl"],
    ],
    ids=["replay", "watch"],
)
def test_a_thread_that_cannot_be_started_is_an_error(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "lnd").mkdir()
    (tmp_path / "here").mkdir()
    make_lnddir(tmp_path / "lnd")
    assert run(WITHOUT_MEMORY, str(4 * 2**20), *command, cwd=tmp_path / "here") == (2, THREADS)
    assert os.listdir(tmp_path / "here") == []


@needs_proc
def test_too_little_memory_is_an_error_in_one_line(tmp_path: Path) -> None:
    """The system decides which allocation fails, and where."""
    path = tmp_path / "fitness.db"
    node = FakeNode(storage=SqliteStorage(path))
    for _ in range(5_000):
        node.open_channel(node.new_peer(online=True))
    with node:
        pass
    for more in range(2, 20, 4):
        status, said = run(WITHOUT_MEMORY, str(more * 2**20), "show", str(path))
        assert (status, said.count("\n")) in [(0, 0), (2, 1)], said


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), MEMORY),
        (RuntimeError("can't start new thread"), THREADS),
        (RuntimeError("a fault of ours"), None),
    ],
)
def test_lacking_resources_are_named_and_bugs_have_a_traceback(
    error: Exception,
    reason: str | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Failing:
        def fileno(self) -> int:
            raise error

    monkeypatch.setattr(sys, "stdin", Failing())
    if reason is None:
        with pytest.raises(RuntimeError, match="a fault of ours"):
            main(["replay", "-"])
    else:
        assert main(["replay", "-"]) == 2
        assert capsys.readouterr().err == reason
