"""The command ``chanfitness``.

Exit status: 0; 2 for bad arguments, or a recording or database that cannot be
used; 128 and the signal's number when SIGINT or SIGTERM ended it, as a shell
would say.
"""

from __future__ import annotations

import argparse
import datetime
import io
import logging
import os
import shutil
import signal
import sys
from collections.abc import Sequence

from .errors import ChanFitnessError
from .periods import KEPT, parse_period
from .reading import CHUNK, Input, InterruptedBySignalError, Signals
from .recording import MAX_LINE_BYTES, parse_time
from .replay import replay
from .storage import SqliteStorage
from .views import Report, report_of_database, report_of_replay


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.window is not None and options.view in ("closed", "peers"):
        parser.error(f"--window does not go with --{options.view}")
    logging.basicConfig(format="chanfitness: %(message)s")
    try:
        report: Report = options.run(options)
        columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        print(report.render(options.format, columns), flush=True)
    except InterruptedBySignalError as interrupt:
        return 128 + interrupt.signal
    except KeyboardInterrupt:  # before our handlers were there
        return 128 + signal.SIGINT
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except (ChanFitnessError, OSError) as error:
        print(f"chanfitness: {error}", file=sys.stderr)
        return 2
    return 0


def _replay(options: argparse.Namespace) -> Report:
    name = "<stdin>" if options.file == "-" else options.file
    storage = None if options.db is None else SqliteStorage(options.db)
    signals = Signals()
    raw = Input(options.file, signals)
    with io.BufferedReader(raw, CHUNK) as recording, signals:
        lines = iter(lambda: recording.readline(MAX_LINE_BYTES + 1), b"")
        try:
            history = KEPT if storage is not None else None
            replayed = replay(lines, name, options.at, storage=storage, history=history)
        finally:
            raw.clear_progress()
    return report_of_replay(replayed)


def _show(options: argparse.Namespace) -> Report:
    return report_of_database(options.path, options.view, options.window)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chanfitness",
        description="How long was each Lightning channel known, and how much of that was its"
        " peer online?",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_replay(commands.add_parser("replay", help="what a recording says of each channel"))
    _add_show(commands.add_parser("show", help="what a database remembers of each channel"))
    return parser


def _add_replay(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Feed a recording through the store and print each open channel's lifetime, uptime and"
        " ratio as of its last line."
    )
    command.add_argument("file", metavar="FILE", help="a recording; - for standard input")
    command.add_argument(
        "--at",
        type=_time,
        metavar="TIME",
        help="as of this moment instead, like 2026-11-22T11:20:00Z; later lines are not read",
    )
    command.add_argument("--db", metavar="PATH", help="go on from this database, and fill it")
    _add_formats(command, ["json"])
    command.set_defaults(run=_replay, window=None)


def _add_show(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Print what a database remembers, the worst channel first; also while a store writes it."
    )
    command.add_argument("path", metavar="PATH", help="the database")
    command.add_argument(
        "--window", type=_period, metavar="PERIOD", help="the last 7d (or s, m, h, w) of it only"
    )
    views = command.add_mutually_exclusive_group()
    for view, what in (
        ("closed", "the channels that closed, with their final figures"),
        ("outages", "each outage of each channel"),
        ("peers", "the peers, with their flaps"),
    ):
        views.add_argument(f"--{view}", dest="view", action="store_const", const=view, help=what)
    _add_formats(command, ["json", "csv"])
    command.set_defaults(run=_show, view="channels")


def _add_formats(command: argparse.ArgumentParser, names: Sequence[str]) -> None:
    formats = command.add_mutually_exclusive_group()
    for name in names:
        formats.add_argument(
            f"--{name}",
            dest="format",
            action="store_const",
            const=name,
            help=f"print {name.upper()}",
        )
    command.set_defaults(format="text")


def _time(text: str) -> datetime.datetime:
    try:
        return parse_time(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _period(text: str) -> datetime.timedelta:
    try:
        return parse_period(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
