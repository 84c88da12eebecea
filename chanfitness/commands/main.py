"""Entry point of the command ``chanfitness``.

Exit status: 0 on success; 1 if the last changes could not be saved; 2 for bad arguments, an
unusable recording, database or node, a missing extra, or too little memory; 128 plus the signal's
number, as in shells, if SIGINT or SIGTERM ended it early. A signal is the regular end of
``watch``, with status 0.
"""

from __future__ import annotations

import argparse
import datetime
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from ..checks import printable
from ..errors import ChanFitnessError
from ..periods import KEPT, outage_settings
from ..recording.files import lines_of
from ..recording.recorder import Recorder
from ..recording.replay import replay
from ..reports.event_lines import Lines
from ..reports.formats import report
from ..reports.tables import TOTALS
from ..storage.reading import back_up
from ..storage.sqlite import SqliteStorage
from ..store import ChannelEventStore
from ..terminal.interruptible_input import CHUNK, InterruptibleInput
from ..terminal.nonblocking_output import NonblockingOutput
from ..terminal.wakeup import InterruptedBySignalError, Signals
from ..web.serving import services
from .alerts import alerts_of, replayed_alerts, send_samples
from .arguments import parse
from .bad_values import bad_values_named
from .printing import print_report
from .show import show
from .watch import Closing, Node, View, watch

logger = logging.getLogger(__name__)

_NO_THREAD = "can't start new thread"  # the text of a RuntimeError: Python has no type for it
_LOCK_TIMEOUT = datetime.timedelta(seconds=5)  # for commands that end by themselves


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    try:
        _open_missing_streams()
        options = parse(argv)
        logging.basicConfig(format="chanfitness: %(message)s")
        logging.getLogger(__package__).setLevel(logging.INFO)
        _COMMANDS[options.command](options)
    except InterruptedBySignalError as interrupt:
        return 128 + interrupt.signal
    except KeyboardInterrupt:  # before the signal handlers were installed
        return 128 + signal.SIGINT
    except _UnsavedError:  # the log has the reason
        return 1
    except BrokenPipeError:  # the reader of the output has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except (ChanFitnessError, OSError, ImportError, MemoryError, RuntimeError) as error:
        reason = _reason(error)
        if reason is None:
            raise
    else:
        return 0
    # Not in the except clause, where the error's traceback would hold the memory in use.
    print(f"chanfitness: {printable(reason)}", file=sys.stderr)
    return 2


def _reason(error: Exception) -> str | None:
    """Return the message of an expected error; None for a bug."""
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    if isinstance(error, RuntimeError):
        no_thread = str(error) == _NO_THREAD
        return f"{error}: there is not enough memory, or too many threads" if no_thread else None
    return str(error)


def _open_missing_streams() -> None:
    """Connect missing standard streams to /dev/null, so that no other file gets their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def _replay(options: argparse.Namespace) -> None:
    # Written once, at the end: an aborted replay leaves the database unchanged.
    storage = _storage(options, flush_interval=datetime.timedelta.max, lock_timeout=_LOCK_TIMEOUT)
    with bad_values_named():
        observer = replayed_alerts(options)
    signals = Signals()
    with ExitStack() as at_end:
        (lines, file), *following = [
            _open_recording(path, signals, at_end) for path in options.files
        ]
        at_end.enter_context(signals)
        overview = replay(
            lines,
            file,
            options.at,
            following=following,
            storage=storage,
            history=KEPT if storage is not None or observer is not None else None,
            observer=observer,
            **outage_settings(options.own_outage),
        )
    print_report(report(TOTALS, overview).limited(options.limit), options)
    _check_saved(storage)


def _open_recording(path: str, signals: Signals, at_end: ExitStack) -> tuple[Iterator[bytes], str]:
    """Return the lines of a recording, and its name in errors."""
    raw = at_end.enter_context(InterruptibleInput(path, signals))
    at_end.callback(raw.clear_progress)
    name = "<stdin>" if path == "-" else path
    return lines_of(raw, name, CHUNK), name


def _report(options: argparse.Namespace) -> None:
    from .report import report_page  # noqa: PLC0415

    report_page(options)


def _watch_lnd(options: argparse.Namespace) -> None:
    from ..nodes.lnd import LndNode  # noqa: PLC0415

    names = ("rpcserver", "lnddir", "tlscertpath", "macaroonpath", "network")
    _watch(options, lambda: LndNode(**{name: getattr(options, name) for name in names}))


def _watch_cln(options: argparse.Namespace) -> None:
    from ..nodes.cln import ClnNode  # noqa: PLC0415

    names = ("rpc_file", "lightning_dir", "network")
    _watch(options, lambda: ClnNode(**{name: getattr(options, name) for name in names}))


def _watch(options: argparse.Namespace, connect: Callable[[], Node]) -> None:
    make_view = _view(options)
    serve = _services(options)
    if options.db and options.record and _are_one_file(options.db, options.record):
        raise ChanFitnessError(f"--db and --record are the same file, {options.db}")
    endings = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup ignores it
        endings.append(signal.SIGHUP)
    with Signals(endings) as signals, ExitStack() as at_end:
        storage, recorder = _storage(options), None
        with bad_values_named():
            alerts = alerts_of(options, storage)
            if options.record is not None:
                recorder = at_end.enter_context(Recorder(options.record))
            node = connect()
        view = make_view(
            NonblockingOutput(sys.stdout.fileno()), NonblockingOutput(sys.stderr.fileno())
        )
        watch(
            node,
            view,
            signals,
            storage=storage,
            recorder=recorder,
            serve=serve,
            alerts=alerts,
            own_outage=options.own_outage,
        )
    _check_saved(storage)


def _are_one_file(path: str, other: str) -> bool:
    """Whether two paths are the same file, which need not exist yet."""
    return os.path.realpath(path) == os.path.realpath(other)


def _storage(options: argparse.Namespace, **settings: Any) -> SqliteStorage | None:
    with bad_values_named():
        return None if options.db is None else SqliteStorage(options.db, **settings)


class _UnsavedError(Exception):
    """The last changes of a store could not be saved."""


def _check_saved(storage: SqliteStorage | None) -> None:
    if storage is not None and storage.unsaved_since is not None:
        raise _UnsavedError


def _send_samples(options: argparse.Namespace) -> None:
    with bad_values_named():  # without Signals, so that Ctrl-C ends the wait for a command
        send_samples(options)


def _backup(options: argparse.Namespace) -> None:
    with Signals() as signals:
        back_up(options.path, options.target, signals.check)
    logger.info("%s: a copy of %s", options.target, options.path)


def _view(options: argparse.Namespace) -> Callable[[NonblockingOutput, NonblockingOutput], View]:
    is_smart = sys.stdout.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
    if options.format == "json" or not is_smart:
        return partial(Lines, json=options.format == "json")
    from ..reports.live_table import LiveTable  # noqa: PLC0415

    return LiveTable


def _services(options: argparse.Namespace) -> Callable[[ChannelEventStore], Closing]:
    """Return a function that starts all requested services."""
    if options.allow_host and options.prometheus is None and options.web is None:
        raise ChanFitnessError("--allow-host is of no use without --prometheus or --web")
    with bad_values_named():
        wanted = services(
            options.prometheus,
            options.web,
            password_file=options.web_password_file,
            allowed_hosts=options.allow_host,
        )

    def serve(store: ChannelEventStore) -> Closing:
        with ExitStack() as servers:
            for service in wanted:
                server = service.start(store)
                servers.callback(server.close)
                logger.info("%s", service.where(server))
            return servers.pop_all()

    return serve


_COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "alerts test": _send_samples,
    "backup": _backup,
    "replay": _replay,
    "report": _report,
    "show": show,
    "watch cln": _watch_cln,
    "watch lnd": _watch_lnd,
}
