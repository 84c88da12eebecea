"""The command: in this process, or in one of its own, with pipes or on a terminal."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

from chanfitness.cli import main

TIMEOUT = 60
COMMAND = [sys.executable, "-m", "chanfitness"]


def printed_by(*arguments: str) -> str:
    """What the command prints, in this process."""
    output = io.StringIO()
    with redirect_stdout(output):
        assert main(arguments) == 0
    return output.getvalue()


def answer_of(*arguments: str) -> dict[str, Any]:
    """What the command prints as JSON."""
    answer = json.loads(printed_by(*arguments, "--json"))
    assert isinstance(answer, dict)
    return answer


def rows_shown(path: str, *options: str) -> list[dict[str, Any]]:
    """What ``chanfitness show --json`` prints, one for each row of the table."""
    (rows,) = [rows for name, rows in answer_of("show", path, *options).items() if name != "as_of"]
    assert isinstance(rows, list)
    return rows


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *arguments], input=stdin, capture_output=True, timeout=TIMEOUT, check=False
    )


class Terminal:
    """A terminal of our own, and all that was written to it."""

    def __init__(self, columns: int) -> None:
        self._ours, self.theirs = pty.openpty()
        size = f"cols {columns} rows 24".split()
        subprocess.run(["stty", *size], stdin=self.theirs, check=True, timeout=TIMEOUT)
        self._text = b""

    def read_until(self, wanted: bytes) -> None:
        while wanted not in self._text:
            self._text += os.read(self._ours, 2**16)

    def read_all(self) -> str:
        """What was written, once nobody writes any more."""
        os.close(self.theirs)
        try:
            while more := os.read(self._ours, 2**16):
                self._text += more
        except OSError:  # Linux: the other end is closed
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
