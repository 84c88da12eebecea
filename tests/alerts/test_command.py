"""Commands that receive messages, and the end of hanging ones with their children."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from chanfitness.alerts import Command, Message, UndeliveredError

from ..support.stores import Call
from ..support.values import START

MESSAGE = Message("peer_down", START, "02aa", "alice", ("00:0",), START, "alice offline; `date`")


def python(code: str, *arguments: object) -> str:
    """Return a command that runs ``code``."""
    words = [sys.executable, "-c", code, *map(str, arguments)]
    return " ".join("'" + word.replace("'", "'\"'\"'") + "'" for word in words)


def test_a_command_gets_a_json_line_and_unchanged_arguments(tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read() + repr(sys.argv[2:]))"
    Command(python(code, out, "$HOME", "a b", "*"))(MESSAGE)
    line, arguments = out.read_text().splitlines()
    assert json.loads(line) == MESSAGE.fields()
    assert arguments == "['$HOME', 'a b', '*']"


def test_the_output_of_a_command_is_dropped(capfd: pytest.CaptureFixture[str]) -> None:
    Command(python("import sys; print('out'); print('err', file=sys.stderr)"))(MESSAGE)
    assert capfd.readouterr() == ("", "")
    Command(python("import sys; print('err', file=sys.stderr)"), shows_errors=True)(MESSAGE)
    assert capfd.readouterr() == ("", "err\n")


def test_a_command_need_not_read_its_input() -> None:
    Command(python("import os; os.close(0)"))(MESSAGE._replace(channels=("00:0",) * 100_000))


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (python("raise SystemExit(3)"), "ended with status 3"),
        (python("import os; os.kill(os.getpid(), 9)"), "was killed by signal 9"),
        ("/nowhere/secret --token=secret", "cannot be started: No such file or directory"),
        ("/tmp secret", "cannot be started: Permission denied"),
    ],
)
def test_errors_do_not_show_the_command(command: str, reason: str) -> None:
    with pytest.raises(UndeliveredError) as raised:
        Command(command)(MESSAGE)
    assert str(raised.value) == reason


@pytest.mark.parametrize("text", ["", " ", "'secret", "a\0secret", "secret\\"])
def test_bad_commands_are_refused_without_showing_them(text: str) -> None:
    with pytest.raises(ValueError, match="bad alert command") as raised:
        Command(text)
    assert "secret" not in str(raised.value)


def hanging(fifo: Path) -> str:
    """Return a command that hangs, as its child does; both hold a pipe open that we read."""
    code = (
        "import os, signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "keep = os.open(sys.argv[1], os.O_WRONLY);"
        "os.fork(); signal.pause()"
    )
    os.mkfifo(fifo)
    return python(code, fifo)


def test_a_hanging_command_is_killed_with_its_children(tmp_path: Path) -> None:
    command = Command(hanging(tmp_path / "fifo"), timeout=1)
    call = Call(command, MESSAGE)
    with (tmp_path / "fifo").open("rb") as pipe:
        assert pipe.read() == b""  # the end of the file: both have closed it
    with pytest.raises(UndeliveredError, match="did not end within 1 seconds, and was killed"):
        call.result()


def test_a_running_command_can_be_aborted(tmp_path: Path) -> None:
    command = Command(hanging(tmp_path / "fifo"))
    call = Call(command, MESSAGE)
    with (tmp_path / "fifo").open("rb") as pipe:
        command.abort()
        assert pipe.read() == b""
    with pytest.raises(UndeliveredError, match="was killed by signal 9"):
        call.result()
    with pytest.raises(UndeliveredError, match="was killed by signal 9"):  # as are later ones
        command(MESSAGE)


def test_an_abort_after_the_end_does_nothing() -> None:
    command = Command("true")
    command(MESSAGE)
    command.abort()


def test_signals_for_chanfitness_do_not_reach_the_command(tmp_path: Path) -> None:
    """Ctrl-C signals the whole process group of a terminal."""
    out = tmp_path / "out"
    Command(python("import os, sys; open(sys.argv[1], 'w').write(str(os.getpgrp()))", out))(MESSAGE)
    assert int(out.read_text()) != os.getpgrp()
