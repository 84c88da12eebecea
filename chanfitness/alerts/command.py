"""Receiver that runs an external command for each message, in its own process group."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress

from ..errors import ChanFitnessError
from .messages import Message

URLS_VARIABLE = "CHANFITNESS_ALERT_TO"
"""Environment variable with URLs for alerts; removed from the environment of subprocesses."""

TIMEOUT = 30.0
"""Seconds after which a process is killed with its children."""


class UndeliveredError(ChanFitnessError):
    """A message could not be delivered. Its text contains no secrets."""


class Runner:
    """Runs a program with some input for a limited time, then kills it with its children.

    Only :meth:`abort` is thread-safe.

    Args:
        words: The program and its arguments.
        timeout: Seconds until it is killed.
        shows_errors: Whether it inherits standard error; its output is always dropped.
    """

    def __init__(
        self, words: Sequence[str], *, timeout: float = TIMEOUT, shows_errors: bool = False
    ) -> None:
        self._words, self._timeout = words, timeout
        self._errors = None if shows_errors else subprocess.DEVNULL
        self._process: subprocess.Popen[bytes] | None = None
        self._is_aborted = False

    def run(self, given: bytes) -> int:
        """Run the program with this input, and return its exit status.

        Raises:
            UndeliveredError: It could not be started, or did not end in time.
        """
        environment = {name: text for name, text in os.environ.items() if name != URLS_VARIABLE}
        try:
            process = subprocess.Popen(
                self._words,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise UndeliveredError(f"cannot be started: {error.strerror}") from None
        self._process = process
        try:
            if self._is_aborted:
                _end(process)
            process.communicate(given, self._timeout)
        except subprocess.TimeoutExpired:
            raise UndeliveredError(
                f"did not end within {self._timeout:g} seconds, and was killed"
            ) from None
        finally:
            self._process = None
            _end(process)
            process.wait()
        return process.returncode

    def abort(self) -> None:
        """Kill the running process and any started later. Thread-safe."""
        self._is_aborted = True
        process = self._process
        if process is not None:
            _end(process)


class Command:
    """Runs a command for each message, with the message's JSON line as its input, without a shell.

    For one message at a time; only :meth:`abort` is thread-safe.

    Args:
        text: The command and its arguments, split as by a shell.
        timeout: Seconds after which the command is killed with its children.
        shows_errors: Whether it inherits standard error; its output is always dropped.

    Raises:
        ValueError: The text cannot be split, or is empty. The error does not show it.
    """

    name = "command"

    def __init__(self, text: str, *, timeout: float = TIMEOUT, shows_errors: bool = False) -> None:
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise ValueError(f"bad alert command: {error}") from None
        if not words or "\0" in text:
            raise ValueError("bad alert command: expected a program and its arguments")
        self._runner = Runner(words, timeout=timeout, shows_errors=shows_errors)

    def __call__(self, message: Message) -> None:
        """Run the command, and block until it has ended.

        Args:
            message: The message.

        Raises:
            UndeliveredError: The command failed, or did not end in time.
        """
        status = self._runner.run(message.line().encode())
        if status < 0:
            raise UndeliveredError(f"was killed by signal {-status}")
        if status:
            raise UndeliveredError(f"ended with status {status}")

    def abort(self) -> None:
        """Kill the running command and any started later. Thread-safe."""
        self._runner.abort()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that has not ended, and its children."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
