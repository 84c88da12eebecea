"""The options of the command ``chanfitness``."""

from __future__ import annotations

import argparse
import datetime
import re
from collections.abc import Sequence

from .. import __version__
from ..alerts.messages import KINDS
from ..checks import quoted
from ..moments import parse_moment
from ..periods import OWN_OUTAGE, parse_own_outage, parse_period

_OF_A_WINDOW = ("channels", "outages", "peers")
_OF_MOMENTS = ("blind", "channels", "outages")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """What was asked for; ``command`` says of which command. Exits if it is no good.

    ``refuse`` is what exits: with the usage of that command, and a reason.
    """
    parser = make_parser()
    options, rest = parser.parse_known_args(argv)
    if options.command == "show" and options.name is None and rest and rest[0][:1] != "-":
        options.name = rest.pop(0)  # Python before 3.12.7 leaves it over behind an option
    if rest:
        options.refuse(f"unrecognized arguments: {' '.join(rest)}")
    if options.command == "show" and options.window and options.view not in _OF_A_WINDOW:
        options.refuse(f"--window does not go with --{options.view}")
    if options.command == "show" and options.view == "advice" and options.name is not None:
        options.refuse("--advice does not go with a NAME: it compares all channels")
    if options.command == "show" and options.by:
        _check_by(options)
    if options.command == "show" and (options.since or options.until):
        _check_moments(options)
    return options


def _check_by(options: argparse.Namespace) -> None:
    """Exit unless ``--by`` goes with the other options of ``show``."""
    if options.name is None:
        options.refuse("--by hour needs a NAME: it is of one peer, by the peer's own outages")
    if options.view != "channels":
        options.refuse(f"--by does not go with --{options.view}")
    if options.limit is not None:
        options.refuse("--by does not go with --limit: it is of all hours of the week")
    if options.since or options.until:
        options.refuse("--by does not go with --from and --to, but with --window")


def _check_moments(options: argparse.Namespace) -> None:
    """Exit unless ``--from`` and ``--to`` go with the rest."""
    if options.window:
        options.refuse("--window is the time before the last moment: it has no --from or --to")
    if options.view not in _OF_MOMENTS:
        options.refuse(f"--from and --to do not go with --{options.view}")
    if options.since and options.until and options.until <= options.since:
        options.refuse("--to is not later than --from (a date is its first moment)")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser, of which the command reference and the completion are made."""
    parser = argparse.ArgumentParser(
        prog="chanfitness",
        description="How long was each Lightning channel known, and how much of that was its"
        " peer online?",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_replay(commands.add_parser("replay", help="what a recording says of each channel"))
    _add_show(commands.add_parser("show", help="what a database remembers of each channel"))
    _add_report(commands.add_parser("report", help="a page to look at, of a database"))
    _add_alerts(commands.add_parser("alerts", help="try whether alerts are delivered"))
    _add_backup(commands.add_parser("backup", help="copy a database, also while it is written"))
    _add_watch(commands.add_parser("watch", help="watch a node, live"))
    return parser


def _add_replay(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Feed a recording through the store and print each open channel's lifetime, uptime and"
        " share online as of its last line, the worst first."
    )
    command.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        help="recordings, the oldest first, gzipped or not; - for standard input",
    )
    command.add_argument(
        "--at",
        type=_moment,
        metavar="TIME",
        help="as of this moment instead, like 2026-11-22T11:20 (local time, unless with a Z or an"
        " offset) or 2026-11-22; later lines are not read",
    )
    command.add_argument("--db", metavar="PATH", help="go on from this database, and fill it")
    _add_own_outage(command)
    _add_full(command)
    command.add_argument(
        "--alert-after",
        type=_period,
        metavar="PERIOD",
        help="tell what would have been told with this period, by --alert-command or a log line",
    )
    _add_alert_command(command)
    _add_alert_without(command)
    _add_limit(command)
    _add_utc(command)
    _add_formats(command, ["json", "csv"])
    _set_command(command, "replay")


def _add_show(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Print what a database remembers, the worst channel first; also while a store writes it."
    )
    command.add_argument("path", metavar="PATH", help="the database")
    command.add_argument(
        "name",
        metavar="NAME",
        nargs="?",
        help="all of one peer or channel, or its rows alone: an alias, a key, a channel point,"
        " a short channel id, or the beginning of one",
    )
    command.add_argument(
        "--window", type=_period, metavar="PERIOD", help="the last 7d (or s, m, h, w) of it only"
    )
    command.add_argument(
        "--by",
        choices=["hour"],
        help="of NAME: its time offline in each hour of the week, in local time",
    )
    for name, target, what in (
        ("from", "since", "from this moment on only, like 2026-11-22T11:20 or 2026-11-22"),
        ("to", "until", "until this moment only; local time, unless with a Z or an offset"),
    ):
        command.add_argument(f"--{name}", dest=target, type=_moment, metavar="TIME", help=what)
    views = command.add_mutually_exclusive_group()
    for view, what in (
        ("advice", "the channels that stand out by how little they could be used"),
        ("blind", "the times in which channels were not seen, and why"),
        ("closed", "the channels that closed, with their final figures"),
        ("outages", "each outage of each peer, the newest first"),
        ("peers", "the peers, offline ones first, and whether they get better or worse"),
    ):
        views.add_argument(f"--{view}", dest="view", action="store_const", const=view, help=what)
    _add_limit(command)
    _add_full(command)
    _add_utc(command)
    _add_formats(command, ["json", "csv"])
    command.set_defaults(view="channels")
    _set_command(command, "show")


def _add_report(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Write a page of what a database remembers: one file, for any browser; also while a store"
        " writes it."
    )
    command.add_argument("path", metavar="DB", help="the database")
    command.add_argument(
        "-o", "--output", metavar="FILE", help="where to; standard output unless given"
    )
    command.add_argument(
        "--since", type=_period, metavar="PERIOD", help="the last 14d (or s, m, h, w) of it only"
    )
    command.add_argument(
        "--redact", action="store_true", help="letters in place of aliases, keys and short ids"
    )
    command.add_argument("--title", metavar="TEXT", help="the title of the page")
    _set_command(command, "report")


def _add_backup(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Copy a database, as of its last flush, into one new file; also while a store writes it."
    )
    command.add_argument("path", metavar="DB", help="the database")
    command.add_argument("target", metavar="FILE", help="the copy, which must not be there yet")
    _set_command(command, "backup")


def _add_watch(command: argparse.ArgumentParser) -> None:
    command.description = "Watch a node until Ctrl-C (or SIGTERM), which loses nothing."
    nodes = command.add_subparsers(title="nodes", required=True, metavar="NODE")
    lnd = nodes.add_parser("lnd", help="an lnd, over gRPC")
    lnd.description = (
        "Watch an lnd: a live table on a terminal, a line for each event when piped."
        " The options of the connection are those of lncli."
    )
    for name, metavar, what in (
        ("rpcserver", "HOST:PORT", "where lnd listens"),
        ("lnddir", "PATH", "lnd's directory"),
        ("tlscertpath", "PATH", "lnd's TLS certificate"),
        ("macaroonpath", "PATH", "the macaroon to use; a read-only one will do"),
        ("network", "NAME", "the network that lnd is on, like mainnet"),
    ):
        lnd.add_argument(f"--{name}", metavar=metavar, help=what)
    _add_watching(lnd)
    _set_command(lnd, "watch lnd")
    cln = nodes.add_parser("cln", help="a Core Lightning node, by its socket")
    cln.description = (
        "Watch a lightningd from outside: a live table on a terminal, a line for each event when"
        " piped. The options of the connection are those of lightning-cli."
    )
    where = cln.add_mutually_exclusive_group()
    where.add_argument("--rpc-file", metavar="PATH", help="lightningd's socket")
    where.add_argument(
        "--lightning-dir", metavar="DIR", help="lightningd's directory; ~/.lightning unless given"
    )
    cln.add_argument(
        "--network", metavar="NAME", help="the network that lightningd is on; bitcoin unless given"
    )
    _add_watching(cln)
    _set_command(cln, "watch cln")


def _add_watching(command: argparse.ArgumentParser) -> None:
    """The options that do not depend on the kind of node."""
    command.add_argument("--db", metavar="PATH", help="remember in this database")
    command.add_argument("--record", metavar="FILE", help="record, for replay; appends")
    _add_own_outage(command)
    command.add_argument(
        "--prometheus",
        metavar="[HOST:]PORT",
        help="serve metrics there; the host is this machine alone unless it is given",
    )
    command.add_argument(
        "--web",
        metavar="[HOST:]PORT",
        help="serve a page to look at there, with the metrics beside it; likewise",
    )
    command.add_argument(
        "--web-password-file",
        metavar="FILE",
        help="ask for the password in this file's first line, and for any user, before it",
    )
    command.add_argument(
        "--allow-host",
        metavar="NAME",
        action="append",
        default=[],
        help="serve requests for this host name too; may be given more than once",
    )
    command.add_argument(
        "--alert-after",
        type=_period,
        metavar="PERIOD",
        help="alert when a peer was seen to be offline for so long; 6h unless given",
    )
    _add_receivers(command)
    _add_alert_without(command)
    _add_formats(command, ["json"])


def _add_alerts(command: argparse.ArgumentParser) -> None:
    command.description = "Alerts, which watch delivers."
    actions = command.add_subparsers(title="actions", required=True, metavar="ACTION")
    test = actions.add_parser("test", help="send one alert of each kind")
    test.description = "Send one made-up alert of each kind, and say whether all were delivered."
    _add_receivers(test)
    _add_alert_without(test)
    _set_command(test, "alerts test")


def _add_receivers(command: argparse.ArgumentParser) -> None:
    _add_alert_command(command)
    command.add_argument(
        "--alert-to",
        metavar="URL",
        action="append",
        default=[],
        help="deliver alerts to this service, like ntfy://TOPIC (see apprise); @FILE: to those in"
        " a file, one a line; also to those in $CHANFITNESS_ALERT_TO; may be given more than once",
    )


def _add_alert_command(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--alert-command",
        metavar="COMMAND",
        help="run this for each alert, without a shell; it reads a line of JSON",
    )


def _add_alert_without(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--alert-without",
        metavar="KIND",
        action="append",
        default=[],
        choices=KINDS,
        help=f"no alerts of this kind: {', '.join(KINDS)}; may be given more than once",
    )


def _add_own_outage(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--own-outage",
        type=_own_outage,
        default=OWN_OUTAGE,
        metavar="PERIOD",
        help="if all peers go within this period, it is the node's own outage, and peers are given"
        " a moment to come back; 90s unless given; off: every outage is the peer's",
    )


def _set_command(command: argparse.ArgumentParser, name: str) -> None:
    command.set_defaults(command=name, refuse=command.error)


def _add_limit(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--limit", type=_count, metavar="N", help="the first N of them only: the worst"
    )


def _add_full(command: argparse.ArgumentParser) -> None:
    command.add_argument("--full", action="store_true", help="print keys and names whole")


def _add_utc(command: argparse.ArgumentParser) -> None:
    command.add_argument("--utc", action="store_true", help="times in UTC, not local ones")


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


def _moment(text: str) -> datetime.datetime:
    try:
        return parse_moment(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,9}", text) is None:
        raise argparse.ArgumentTypeError(f"bad count {quoted(text)}: expected one like 10")
    if not int(text):
        raise argparse.ArgumentTypeError(f"bad count {quoted(text)}: expected 1 or more")
    return int(text)


def _own_outage(text: str) -> datetime.timedelta | None:
    try:
        return parse_own_outage(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _period(text: str) -> datetime.timedelta:
    try:
        return parse_period(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
