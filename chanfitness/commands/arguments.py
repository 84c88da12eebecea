"""Argument parser of the command ``chanfitness``."""

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
    """Return the parsed options; exit with a usage error if they are wrong.

    ``command``: the name of the command. ``refuse(reason)``: exits with its usage.
    """
    parser = make_parser()
    options, rest = parser.parse_known_args(argv)
    if options.command == "show" and options.name is None and rest and rest[0][:1] != "-":
        options.name = rest.pop(0)  # Python before 3.12.7 does not take it after an option
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
        options.refuse("--by hour needs a NAME: it shows the outages of one peer")
    if options.view != "channels":
        options.refuse(f"--by does not go with --{options.view}")
    if options.limit is not None:
        options.refuse("--by does not go with --limit: it shows all hours of the week")
    if options.since or options.until:
        options.refuse("--by does not go with --from and --to: use --window")


def _check_moments(options: argparse.Namespace) -> None:
    """Exit unless ``--from`` and ``--to`` go with the other options of ``show``."""
    if options.window:
        options.refuse("--window does not go with --from and --to: it ends at the last moment")
    if options.view not in _OF_MOMENTS:
        options.refuse(f"--from and --to do not go with --{options.view}")
    if options.since and options.until and options.until <= options.since:
        options.refuse("--to is not later than --from (a date means its first moment)")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser, also for the command reference and the completion."""
    parser = argparse.ArgumentParser(
        prog="chanfitness",
        description="Measure how long each Lightning channel has been known, and for how much of"
        " that time its peer was online.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_replay(commands.add_parser("replay", help="print each channel's figures in a recording"))
    _add_show(commands.add_parser("show", help="print each channel's figures in a database"))
    _add_report(commands.add_parser("report", help="write an HTML page of a database"))
    _add_alerts(commands.add_parser("alerts", help="test the delivery of alerts"))
    _add_backup(commands.add_parser("backup", help="copy a database, also while it is in use"))
    _add_watch(commands.add_parser("watch", help="watch a node, live"))
    return parser


def _add_replay(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Feed a recording through the store, and print each open channel's lifetime, uptime and"
        " share of time online as of its last line, the worst channel first."
    )
    command.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        help="recordings, the oldest first, plain or gzipped; - for standard input",
    )
    command.add_argument(
        "--at",
        type=_moment,
        metavar="TIME",
        help="print the figures as of this time, like 2026-11-22T11:20 or 2026-11-22 (local time"
        " unless it has a Z or an offset); later lines are not read",
    )
    command.add_argument(
        "--db", metavar="PATH", help="continue from the state in this database, and save to it"
    )
    _add_own_outage(command)
    _add_full(command)
    command.add_argument(
        "--alert-after",
        type=_period,
        metavar="PERIOD",
        help="send the alerts that a watch with this period, like 6h, would have sent: to"
        " --alert-command, or to the log",
    )
    _add_alert_command(command)
    _add_alert_without(command)
    _add_limit(command)
    _add_utc(command)
    _add_formats(command, ["json", "csv"])
    _set_command(command, "replay")


def _add_show(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Print the figures in a database, the worst channel first; also while a store writes it."
    )
    command.add_argument("path", metavar="PATH", help="the database")
    command.add_argument(
        "name",
        metavar="NAME",
        nargs="?",
        help="show this peer or channel only: an alias, a key, a channel point, a short channel"
        " id, or the beginning of one",
    )
    command.add_argument(
        "--window",
        type=_period,
        metavar="PERIOD",
        help="count the last PERIOD only, like 7d (units: s, m, h, d, w)",
    )
    command.add_argument(
        "--by",
        choices=["hour"],
        help="show the time offline of NAME in each hour of the week, in local time",
    )
    for name, target, what in (
        ("from", "since", "count from this time on, like 2026-11-22T11:20 or 2026-11-22"),
        ("to", "until", "count until this time; local time unless it has a Z or an offset"),
    ):
        command.add_argument(f"--{name}", dest=target, type=_moment, metavar="TIME", help=what)
    views = command.add_mutually_exclusive_group()
    for view, what in (
        ("advice", "show the channels that were usable for unusually little of the time"),
        ("blind", "show the times in which channels were not seen, and why"),
        ("closed", "show the closed channels, with their final figures"),
        ("outages", "show each outage of each peer, the newest first"),
        ("peers", "show the peers, offline ones first, and whether they get better or worse"),
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
        "Write an HTML page of a database's figures, in one self-contained file; also while a"
        " store writes the database."
    )
    command.add_argument("path", metavar="DB", help="the database")
    command.add_argument(
        "-o", "--output", metavar="FILE", help="write to this file; default: standard output"
    )
    command.add_argument(
        "--since",
        type=_period,
        metavar="PERIOD",
        help="count the last PERIOD only, like 14d (units: s, m, h, d, w)",
    )
    command.add_argument(
        "--redact",
        action="store_true",
        help="replace aliases, keys and short channel ids by letters",
    )
    command.add_argument("--title", metavar="TEXT", help="the title of the page")
    _set_command(command, "report")


def _add_backup(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Copy a database, as of its last flush, to one new file; also while a store writes it."
    )
    command.add_argument("path", metavar="DB", help="the database")
    command.add_argument("target", metavar="FILE", help="the copy, which must not exist yet")
    _set_command(command, "backup")


def _add_watch(command: argparse.ArgumentParser) -> None:
    command.description = "Watch a node until Ctrl-C or SIGTERM. A stop loses no data."
    nodes = command.add_subparsers(title="nodes", required=True, metavar="NODE")
    lnd = nodes.add_parser("lnd", help="an lnd node, over gRPC")
    lnd.description = (
        "Watch an lnd node: print a live table on a terminal, or a line for each event when piped."
        " The connection options are those of lncli."
    )
    for name, metavar, what in (
        ("rpcserver", "HOST:PORT", "the address of lnd's gRPC server"),
        ("lnddir", "PATH", "lnd's directory"),
        ("tlscertpath", "PATH", "lnd's TLS certificate"),
        ("macaroonpath", "PATH", "the macaroon to use; a read-only one is enough"),
        ("network", "NAME", "lnd's network, like mainnet"),
    ):
        lnd.add_argument(f"--{name}", metavar=metavar, help=what)
    _add_watching(lnd)
    _set_command(lnd, "watch lnd")
    cln = nodes.add_parser("cln", help="a Core Lightning node, over its RPC socket")
    cln.description = (
        "Watch a Core Lightning node from outside: print a live table on a terminal, or a line for"
        " each event when piped. The connection options are those of lightning-cli."
    )
    where = cln.add_mutually_exclusive_group()
    where.add_argument("--rpc-file", metavar="PATH", help="lightningd's RPC socket")
    where.add_argument(
        "--lightning-dir", metavar="DIR", help="lightningd's directory; default: ~/.lightning"
    )
    cln.add_argument("--network", metavar="NAME", help="lightningd's network; default: bitcoin")
    _add_watching(cln)
    _set_command(cln, "watch cln")


def _add_watching(command: argparse.ArgumentParser) -> None:
    """Add the options common to all kinds of nodes."""
    command.add_argument("--db", metavar="PATH", help="save to this database")
    command.add_argument(
        "--record", metavar="FILE", help="append the events to this recording, for replay"
    )
    _add_own_outage(command)
    command.add_argument(
        "--prometheus",
        metavar="[HOST:]PORT",
        help="serve Prometheus metrics at this address; default host: 127.0.0.1",
    )
    command.add_argument(
        "--web",
        metavar="[HOST:]PORT",
        help="serve a web page and the metrics at this address; default host: 127.0.0.1",
    )
    command.add_argument(
        "--web-password-file",
        metavar="FILE",
        help="require the password in this file's first line for the page, with any user name",
    )
    command.add_argument(
        "--allow-host",
        metavar="NAME",
        action="append",
        default=[],
        help="also serve requests for this host name; may be given more than once",
    )
    command.add_argument(
        "--alert-after",
        type=_period,
        metavar="PERIOD",
        help="alert when a peer has been offline for this much seen time; default: 6h",
    )
    _add_receivers(command)
    _add_alert_without(command)
    _add_formats(command, ["json"])


def _add_alerts(command: argparse.ArgumentParser) -> None:
    command.description = "Test the alerts of chanfitness watch."
    actions = command.add_subparsers(title="actions", required=True, metavar="ACTION")
    test = actions.add_parser("test", help="send one alert of each kind")
    test.description = "Send one sample alert of each kind, and print whether all were delivered."
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
        help="send alerts to this apprise URL, like ntfy://TOPIC, or with @FILE to the URLs in a"
        " file, one on each line; alerts also go to the URLs in $CHANFITNESS_ALERT_TO; may be"
        " given more than once",
    )


def _add_alert_command(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--alert-command",
        metavar="COMMAND",
        help="run this command for each alert, without a shell; its input is one line of JSON",
    )


def _add_alert_without(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--alert-without",
        metavar="KIND",
        action="append",
        default=[],
        choices=KINDS,
        help=f"send no alerts of this kind: {', '.join(KINDS)}; may be given more than once",
    )


def _add_own_outage(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--own-outage",
        type=_own_outage,
        default=OWN_OUTAGE,
        metavar="PERIOD",
        help="if all peers go offline within this period, count it as the node's own outage and"
        " give peers a moment to return; default: 90s; off: count every outage as the peer's",
    )


def _set_command(command: argparse.ArgumentParser, name: str) -> None:
    command.set_defaults(command=name, refuse=command.error)


def _add_limit(command: argparse.ArgumentParser) -> None:
    command.add_argument("--limit", type=_count, metavar="N", help="print the first N rows only")


def _add_full(command: argparse.ArgumentParser) -> None:
    command.add_argument("--full", action="store_true", help="print keys and names in full")


def _add_utc(command: argparse.ArgumentParser) -> None:
    command.add_argument("--utc", action="store_true", help="print times in UTC, not local time")


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
