"""An external command that is told of each message, in a process group of its own."""

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
"""The environment variable with URLs for alerts. No process that is started here gets it."""

TIMEOUT = 30.0
"""Seconds after which a process that has not ended is ended, with its children."""


class UndeliveredError(ChanFitnessError):
    """A message could not be delivered. The reason holds no secret."""


class Runner:
    """Runs a program with some input, and its children, for a limited time.

    ``timeout``: in seconds. ``shows_errors``: whether its standard error is ours; else it is
    dropped, as its output is. For one thread; :meth:`abort` is safe from any.
    """

    def __init__(
        self, words: Sequence[str], *, timeout: float = TIMEOUT, shows_errors: bool = False
    ) -> None:
        self._words, self._timeout = words, timeout
        self._errors = None if shows_errors else subprocess.DEVNULL
        self._process: subprocess.Popen[bytes] | None = None
        self._is_aborted = False

    def run(self, given: bytes) -> int:
        """Run it with this input, and return its exit status.

        Raises ``UndeliveredError`` if it does not start, or has not ended in time.
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
                f"had not ended after {self._timeout:g} seconds, and was ended"
            ) from None
        finally:
            self._process = None
            _end(process)
            process.wait()
        return process.returncode

    def abort(self) -> None:
        """End what runs, and what is begun from here on."""
        self._is_aborted = True
        process = self._process
        if process is not None:
            _end(process)


class Command:
    """Runs a command for a message, with its JSON line as standard input; no shell.

    ``text``: the command and its arguments, split as a shell would; ``ValueError``, which does
    not show it, if that cannot be. ``timeout``: in seconds; then it is ended, with its
    children. ``shows_errors``: whether its standard error is ours; else it is dropped. For one
    message at a time; :meth:`abort` is safe from any thread.
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
        """Run it, and return when it has ended well; ``UndeliveredError`` if it does not."""
        status = self._runner.run(message.line().encode())
        if status < 0:
            raise UndeliveredError(f"was ended by signal {-status}")
        if status:
            raise UndeliveredError(f"ended with status {status}")

    def abort(self) -> None:
        """End the command that runs, and each that is begun from here on."""
        self._runner.abort()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process that has not ended, and its children."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
