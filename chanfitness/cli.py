"""The command ``chanfitness``.

Exit status: 0; 2 for bad arguments or a recording that cannot be used; 128 and
the signal's number when SIGINT or SIGTERM ended it, as a shell would say.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import os
import select
import shutil
import signal
import socket
import stat
import sys
from collections.abc import Sequence
from types import FrameType

from typing_extensions import Self

from .errors import ChanFitnessError
from .recording import MAX_LINE_BYTES, format_time, parse_time
from .replay import Replayed, replay
from .table import channel_table

_CHUNK = 2**20  # what is read at once; a longer recording shows its progress


class _InterruptedError(Exception):
    """A signal asked the command to end."""

    def __init__(self, number: int) -> None:
        self.signal = number


class _Signals:
    """While entered, SIGINT and SIGTERM only set a flag (and wake a ``wait``)."""

    def __init__(self) -> None:
        self.received: int | None = None

    def __enter__(self) -> Self:
        self._wake_up, self._noticed = socket.socketpair()
        self._noticed.setblocking(False)
        self._fd_before = signal.set_wakeup_fd(self._noticed.fileno())
        self._before = {
            number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *exc_info: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._fd_before)
        self._wake_up.close()
        self._noticed.close()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = number

    def wait_for(self, readable: int) -> None:
        """Return when ``readable`` is; raise ``_InterruptedError`` after a signal."""
        if self.received is None:
            select.select([readable, self._wake_up.fileno()], [], [])
        if self.received is not None:
            raise _InterruptedError(self.received)


class _Input(io.FileIO):
    """A recording, whose reads a signal ends, and which shows how far it is read."""

    def __init__(self, path: str, signals: _Signals) -> None:
        self._signals = signals
        if path == "-":
            super().__init__(sys.stdin.fileno(), closefd=False)
        else:
            super().__init__(path)
        status = os.fstat(self.fileno())
        self._size = status.st_size if stat.S_ISREG(status.st_mode) else 0
        self._done = 0

    def readinto(self, buffer: bytearray | memoryview) -> int | None:  # type: ignore[override]
        self._signals.wait_for(self.fileno())
        count = super().readinto(buffer)
        self._done += count or 0
        self._show_progress()
        return count

    def _show_progress(self) -> None:
        if self._done > _CHUNK and sys.stderr.isatty():
            done = f"{100 * self._done // self._size}%" if self._size else f"{self._done >> 20} MiB"
            print(f"\rreplaying: {done} ", end="", file=sys.stderr, flush=True)

    def clear_progress(self) -> None:
        if self._done > _CHUNK and sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(argv)
    logging.basicConfig(format="chanfitness: %(message)s")
    try:
        return int(options.run(options))
    except _InterruptedError as interrupt:
        return 128 + interrupt.signal
    except KeyboardInterrupt:  # before our handlers were there
        return 128 + signal.SIGINT
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except (ChanFitnessError, OSError) as error:
        print(f"chanfitness: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chanfitness",
        description="How long was each Lightning channel known, and how much of that was its"
        " peer online?",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    replaying = commands.add_parser(
        "replay",
        help="what a recording says of each channel",
        description="Feed a recording through the store and print each open channel's lifetime,"
        " uptime and ratio as of its last line.",
    )
    replaying.add_argument("file", metavar="FILE", help="a recording; - for standard input")
    replaying.add_argument(
        "--at",
        type=_time,
        metavar="TIME",
        help="as of this moment instead, like 2026-11-22T11:20:00Z; later lines are not read",
    )
    replaying.add_argument("--json", action="store_true", help="print one JSON object")
    replaying.set_defaults(run=_replay)
    return parser


def _time(text: str) -> object:
    try:
        return parse_time(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _replay(options: argparse.Namespace) -> int:
    name = "<stdin>" if options.file == "-" else options.file
    signals = _Signals()
    raw = _Input(options.file, signals)
    with io.BufferedReader(raw, _CHUNK) as recording, signals:
        lines = iter(lambda: recording.readline(MAX_LINE_BYTES + 1), b"")
        try:
            replayed = replay(lines, name, options.at)
        finally:
            raw.clear_progress()
    print(_as_json(replayed) if options.json else _as_text(replayed), flush=True)
    return 0


def _as_json(replayed: Replayed) -> str:
    channels = [
        {
            "channel_point": str(channel.channel_point),
            "peer": str(channel.peer),
            "lifetime_seconds": channel.lifetime.total_seconds(),
            "uptime_seconds": channel.uptime.total_seconds(),
            "uptime_ratio": channel.uptime_ratio,
        }
        for channel in replayed.channels
    ]
    return json.dumps({"as_of": format_time(replayed.as_of), "channels": channels}, indent=2)


def _as_text(replayed: Replayed) -> str:
    count = len(replayed.channels)
    heading = f"{count} open channel{'s' * (count != 1)} as of {format_time(replayed.as_of)}"
    if not count:
        return heading
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    return "\n".join([heading, *channel_table(replayed.channels, columns)])
