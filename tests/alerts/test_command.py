"""A command is told by its input; one that hangs is ended with its children."""

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
    """A command that runs ``code``."""
    words = [sys.executable, "-c", code, *map(str, arguments)]
    return " ".join("'" + word.replace("'", "'\"'\"'") + "'" for word in words)


def test_a_command_gets_one_json_line_and_its_arguments_as_they_are(tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read() + repr(sys.argv[2:]))"
    Command(python(code, out, "$HOME", "a b", "*"))(MESSAGE)
    line, arguments = out.read_text().splitlines()
    assert json.loads(line) == MESSAGE.fields()
    assert arguments == "['$HOME', 'a b', '*']"


def test_what_it_prints_is_dropped(capfd: pytest.CaptureFixture[str]) -> None:
    Command(python("import sys; print('out'); print('err', file=sys.stderr)"))(MESSAGE)
    assert capfd.readouterr() == ("", "")
    Command(python("import sys; print('err', file=sys.stderr)"), shows_errors=True)(MESSAGE)
    assert capfd.readouterr() == ("", "err\n")


def test_one_that_does_not_read_its_input_is_fine() -> None:
    Command(python("import os; os.close(0)"))(MESSAGE._replace(channels=("00:0",) * 100_000))


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (python("raise SystemExit(3)"), "ended with status 3"),
        (python("import os; os.kill(os.getpid(), 9)"), "was ended by signal 9"),
        ("/nowhere/secret --token=secret", "cannot be started: No such file or directory"),
        ("/tmp secret", "cannot be started: Permission denied"),
    ],
)
def test_one_that_fails_is_an_error_without_its_words(command: str, reason: str) -> None:
    with pytest.raises(UndeliveredError) as raised:
        Command(command)(MESSAGE)
    assert str(raised.value) == reason


@pytest.mark.parametrize("text", ["", " ", "'secret", "a\0secret", "secret\\"])
def test_text_that_is_no_command_is_refused_without_it(text: str) -> None:
    with pytest.raises(ValueError, match="bad alert command") as raised:
        Command(text)
    assert "secret" not in str(raised.value)


def hanging(fifo: Path) -> str:
    """A command that has a child; both hold a pipe open that we read, and wait for good."""
    code = (
        "import os, signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "keep = os.open(sys.argv[1], os.O_WRONLY);"
        "os.fork(); signal.pause()"
    )
    os.mkfifo(fifo)
    return python(code, fifo)


def test_one_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    command = Command(hanging(tmp_path / "fifo"), timeout=1)
    call = Call(command, MESSAGE)
    with (tmp_path / "fifo").open("rb") as pipe:
        assert pipe.read() == b""  # the end: nobody has it open any more
    with pytest.raises(UndeliveredError, match="had not ended after 1 seconds, and was ended"):
        call.result()


def test_one_that_runs_can_be_ended_from_outside(tmp_path: Path) -> None:
    command = Command(hanging(tmp_path / "fifo"))
    call = Call(command, MESSAGE)
    with (tmp_path / "fifo").open("rb") as pipe:
        command.abort()
        assert pipe.read() == b""
    with pytest.raises(UndeliveredError, match="was ended by signal 9"):
        call.result()
    with pytest.raises(UndeliveredError, match="was ended by signal 9"):  # and so are later ones
        command(MESSAGE)


def test_an_end_that_comes_too_late_is_none() -> None:
    command = Command("true")
    command(MESSAGE)
    command.abort()


def test_a_signal_for_us_is_none_for_it(tmp_path: Path) -> None:
    """As Ctrl-C is, which goes to a terminal's whole group."""
    out = tmp_path / "out"
    Command(python("import os, sys; open(sys.argv[1], 'w').write(str(os.getpgrp()))", out))(MESSAGE)
    assert int(out.read_text()) != os.getpgrp()
