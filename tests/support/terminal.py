"""The command, in this process or in one of its own, with pipes or on a pseudo-terminal."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

from chanfitness.commands.main import main

TIMEOUT = 60
COMMAND = [sys.executable, "-m", "chanfitness"]


def printed_by(*arguments: str) -> str:
    """Run the command in this process, and return its output."""
    output = io.StringIO()
    with redirect_stdout(output):
        assert main(arguments) == 0
    return output.getvalue()


def answer_of(*arguments: str) -> dict[str, Any]:
    """Run the command, and return its output as JSON."""
    answer = json.loads(printed_by(*arguments, "--json"))
    assert isinstance(answer, dict)
    return answer


def rows_shown(path: str, *options: str) -> list[dict[str, Any]]:
    """Return the output of ``chanfitness show --json``, one object for each row."""
    answer = answer_of("show", path, *options)
    assert list(answer)[:3] == ["as_of", "age_seconds", "sees"]
    (rows,) = (value for value in answer.values() if isinstance(value, list))
    return rows


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *arguments], input=stdin, capture_output=True, timeout=TIMEOUT, check=False
    )


class Terminal:
    """A pseudo-terminal, and all its output."""

    def __init__(self, columns: int, lines: int = 24) -> None:
        self._ours, self.theirs = pty.openpty()
        self._poll = select.poll()
        self._poll.register(self._ours, select.POLLIN)
        self.resize(columns, lines)
        self._text = b""

    def resize(self, columns: int, lines: int) -> None:
        """Change the size."""
        size = f"cols {columns} rows {lines}".split()
        subprocess.run(["stty", *size], stdin=self.theirs, check=True, timeout=TIMEOUT)

    def read_until(self, wanted: bytes, after: int = 0) -> int:
        """Read until ``wanted`` comes after this offset, and return the number of bytes so far."""
        while wanted not in self._text[after:]:
            assert self._poll.poll(TIMEOUT * 1000), f"no {wanted!r} in {self._text!r}"
            self._text += os.read(self._ours, 2**16)
        return len(self._text)

    def read_all(self) -> str:
        """Return all output, once nobody writes any more."""
        os.close(self.theirs)
        try:
            while more := os.read(self._ours, 2**16):
                self._text += more
        except OSError:  # on Linux: the other end is closed
            pass
        os.close(self._ours)
        return self._text.decode()


def start(arguments: Sequence[str], terminal: Terminal) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.PIPE,
        stdout=terminal.theirs,
        stderr=terminal.theirs,
        env={name: text for name, text in os.environ.items() if name not in ("COLUMNS", "LINES")},
    )


def shown_on_terminal(*arguments: str, columns: int) -> str:
    """Run the command on a terminal, and return its output.

    It is read while the command writes: a terminal holds some kilobytes, and a command that
    writes more would never end.
    """
    terminal = Terminal(columns)
    with start(arguments, terminal) as process:
        text = terminal.read_all()
        assert process.wait(TIMEOUT) == 0
    return text


def without_ages(text: str) -> str:
    """Remove ages from the text: they may grow between two commands."""
    return re.sub(r" *[0-9]+d [0-9]+h ago", " ago", text)
