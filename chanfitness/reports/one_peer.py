"""Detail screen of one peer or channel, as text. Pure functions."""

from __future__ import annotations

import datetime
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ..core.history_window import ChannelHistory
from ..core.overview import ClosedChannel, Overview
from ..core.peerlog import PeerInfo
from ..terminal.cells import one_width, padded
from ..terminal.formatting import duration, percentage, points, short_alias, short_key, table
from ..terminal.zones import LOCAL, Zone
from .character_band import BLOCKS, PLAIN, axis_text, band_text, legend
from .columns import NAMES, SHORT_ID
from .formats import report, text_cell
from .naming import Named
from .notes import not_seen
from .peer_ranges import Range, band_of, range_of_band, ranges, trend_of
from .rows import Column
from .tables import CHANNELS, CLOSED

_NEWEST = 10  # outages listed by default
_COLUMNS = 80  # width of the band without a terminal


class Look(NamedTuple):
    """Display options of a screen.

    Attributes:
        now: The present, from which ages count.
        columns: Width of the terminal; None without one.
        plain: Whether to use ASCII only.
        full: Whether to show whole names.
        limit: Maximum number of outages listed; None: the default.
        zone: Time zone of all dates.
    """

    now: datetime.datetime
    columns: int | None = None
    plain: bool = False
    full: bool = False
    limit: int | None = None
    zone: Zone = LOCAL

    def date(self, moment: datetime.datetime) -> str:
        """Return a local date with its zone."""
        return self.zone.dated(moment)

    def ago(self, moment: datetime.datetime) -> str:
        """Return a local date with its zone and its age."""
        past = f" ({duration(self.now - moment)} ago)" if moment < self.now else ""
        return f"{self.date(moment)}{past}"

    def wrapped(self, text: str, head: str = "") -> list[str]:
        """Wrap a text, with ``head`` before its first line and the others indented as far."""
        if self.columns is None:
            return [head + text]
        return textwrap.wrap(
            text, self.columns, initial_indent=head, subsequent_indent=" " * len(head)
        )

    def alias(self, alias: str | None) -> str:
        """Return an alias that is safe to print; "-" for none."""
        text = one_width(alias or "")
        return short_alias(ascii_text(text) if self.plain else text)


def ascii_text(text: str) -> str:
    """Escape text that should be ASCII but may not be, as in a damaged database."""
    return one_width(text).encode("ascii", "backslashreplace").decode()


# The screen.


def one_peer(overviews: Mapping[str, Overview], named: Named, look: Look) -> str:
    """Return the screen of a peer or channel.

    ``overviews``: snapshots restricted to it, one over each of the windows of
    :func:`~chanfitness.reports.peer_ranges.windows`.
    """
    *_, whole = overviews.values()
    if whole.channels:
        return "\n".join(_with_channels(ranges(overviews), named, look))
    if named.channel_point is not None:
        return "\n".join(_closed_channel(whole.closed[0], look))
    return "\n".join(_without_channels(whole, named, look))


def _with_channels(found: Sequence[Range], named: Named, look: Look) -> list[str]:
    whole = found[-1]
    (info,) = whole.overview.peers
    notes = [note for each in found for note in CHANNELS.notes(each.overview)]
    if len(whole.channels) > 1:
        notes.append("usable is the lowest of its channels")
    return [
        title(info.alias, named, look),
        *_facts([*_names(named), *_state(info, look), *_life(whole, look)], look),
        "",
        *_figures(found, look),
        "",
        *_channels(whole.overview, look),
        *_closed_count(whole.overview, look),
        "",
        *_outages(whole.history, look),
        *_band(range_of_band(found), info, look),
        *([""] if notes else []),
        *(line for note in dict.fromkeys(notes) for line in look.wrapped(note)),
    ]


def title(alias: str | None, named: Named, look: Look) -> str:
    """Return the alias of a peer, or its key, cut, if it has none."""
    shown = look.alias(alias)
    return short_key(str(named.peer)) if shown == "-" else shown


Facts = Sequence[tuple[str, str]]


def _facts(facts: Facts, look: Look) -> list[str]:
    """Return lines of names and values, with the values aligned."""
    room = max(len(name) for name, _ in facts) + 2
    return [line for name, value in facts for line in look.wrapped(value, padded(name, room))]


def _names(named: Named) -> Facts:
    point = named.channel_point
    channel = [] if point is None else [("channel", ascii_text(point))]
    return [("key", str(named.peer)), *channel]


def _state(info: PeerInfo, look: Look) -> Facts:
    state = "online" if info.online else "offline"
    return [
        ("transport", ascii_text(info.transport or "-")),
        ("state", f"{state} since {look.ago(info.since)}"),
    ]


def _life(whole: Range, look: Look) -> Facts:
    """Return the facts of a channel's life; ``whole``: all time or the requested window."""
    (row,) = (row for row in CHANNELS.rows(whole.overview) if row.channel == whole.first)
    flaps = text_cell(_OF_CHANNELS["flap_count"], row, look.now)
    return [
        ("last seen", "-" if row.last_seen is None else look.ago(row.last_seen)),
        ("seen for", _seen_for(whole, look)),
        ("flaps", flaps if whole.overview.window else f"{flaps} (old ones count less)"),
        ("as of", as_of_text(whole.overview, look)),
    ]


def _seen_for(whole: Range, look: Look) -> str:
    lived, history = duration(whole.first.lifetime), whole.history
    if history is None:
        return lived
    blind = f", and blind for {duration(history.blind)}" if history.blind else ""
    return f"{lived} since {look.date(history.start)}{blind}"


def as_of_text(overview: Overview, look: Look) -> str:
    """Return the snapshot's date and age, and whether its node was seen then."""
    return look.ago(overview.as_of) + not_seen(overview, look.date)


# Figures of ranges, side by side.


_FIGURES: Sequence[tuple[str, Callable[[Range], str]]] = (
    ("online", lambda each: percentage(each.first.uptime_ratio)),
    ("usable", lambda each: percentage(each.usable_ratio)),
    ("outages", lambda each: "-" if each.history is None else str(each.history.outage_count)),
    ("longest", lambda each: _period_of(each.history and each.history.longest_outage)),
    ("mean", lambda each: _period_of(each.history and each.history.mean_time_to_repair)),
)


def _figures(found: Sequence[Range], look: Look) -> list[str]:
    rows = [["", *(each.name for each in found)]]
    rows += [[name, *(_marked(text(each), each) for each in found)] for name, text in _FIGURES]
    lines = table(rows, look.columns, [None])
    return [*lines, *look.wrapped(_trend_text(trend_of(found), look), "trend    ")]


def _period_of(period: datetime.timedelta | None) -> str:
    return "-" if period is None else duration(period)


def _marked(figure: str, of: Range) -> str:
    return f"{figure}*" if of.is_partial and figure != "-" else figure


def _trend_text(change: float | None, look: Look) -> str:
    if change is None:
        return "- (it takes time before the last 7 days)"
    shown = f"{100 * change:+.2f}" if look.plain else points(change)
    word = "better" if change > 0 else "worse"
    how = word if round(100 * change, 2) else "as before"
    return f"{shown} points, {how}: online in the last 7 days, less the time before"


# Channels.


_OF_CHANNELS = {column.name: column for column in CHANNELS.columns}
_YES = {True: "yes", False: "no"}
_ACTIVE = {True: "active", False: "inactive"}
_NUMBERS = (
    Column("capacity", lambda row: row.channel.capacity, "CAPACITY", lambda sat: f"{sat:,} sat"),
    Column("private", lambda row: row.channel.private, "PRIVATE", _YES.__getitem__),
    Column("active", lambda row: row.channel.active, "STATE", _ACTIVE.__getitem__),
    _OF_CHANNELS["lifetime_seconds"]._replace(head="SEEN FOR"),
    _OF_CHANNELS["uptime_ratio"],
    _OF_CHANNELS["usable_ratio"],
)


def _channels(overview: Overview, look: Look) -> list[str]:
    """Return a table of the peer's channels, worst first."""
    rows = CHANNELS.rows(overview)
    point = NAMES[0].whole() if look.full else NAMES[0]
    names = [SHORT_ID, point] if any(SHORT_ID.get(row) for row in rows) else [point]
    columns = [*names, *_NUMBERS]
    cells = [[text_cell(column, row, look.now) for column in columns] for row in rows]
    heads = [column.head for column in columns]
    return table([heads, *cells], look.columns, [name.cut for name in names])


def _closed_count(overview: Overview, look: Look) -> list[str]:
    count = len(overview.closed)
    return look.wrapped(f"... and {count} that closed: see --closed") if count else []


# Outages.


def _outages(history: ChannelHistory | None, look: Look) -> list[str]:
    """Return a table of the newest outages."""
    if history is None:
        return look.wrapped("Its outages are not known: its history was not kept.")
    if not history.outage_count:
        return ["No outages."]
    newest = history.outages[::-1][: _NEWEST if look.limit is None else look.limit]
    rows = [["OFFLINE FROM", "TO", "FOR"]]
    for outage in newest:
        cut = outage is history.outages[0] and history.first_outage_began is not None
        end = "now" if outage.end is None else look.date(outage.end)
        begin = f"{'before ' if cut else ''}{look.date(outage.start)}"
        rows.append([begin, end, duration(outage.duration)])
    more = history.outage_count - len(newest)
    unlisted = history.thinned_outages
    kept = f" ({unlisted} not kept one by one)" if unlisted else ""
    left_out = look.wrapped(f"... and {more} older ones{kept}") if more else []
    return [*table(rows, look.columns, [None]), *left_out]


# The band.


def _band(shown: Range, info: PeerInfo, look: Look) -> list[str]:
    """Return the band with its dates above it, and its axis and legend below."""
    if shown.history is None:
        return []
    band = band_of(shown, shown.history, info)
    cells, glyphs = look.columns or _COLUMNS, PLAIN if look.plain else BLOCKS
    begin, end = (look.zone.minute(each) for each in (band.begin, band.end))
    cell = duration((band.end - band.begin) / cells)
    return [
        "",
        *look.wrapped(f"{begin} to {end} {look.zone.short_name(band.end)}, {cell} per character"),
        band_text(band, cells, glyphs).rstrip(),
        axis_text(band, cells, look.zone),
        legend(cells, glyphs),
    ]


# Closed channels, and peers without an open one.


def _closed_channel(channel: ClosedChannel, look: Look) -> list[str]:
    """Return the screen of a closed channel."""
    named = Named(channel.peer, channel.alias, channel.channel_point, ())
    unseen = "; it was found missing, without an event" if channel.closed_unseen else ""
    facts = [
        *_names(named),
        ("short id", ascii_text(channel.short_channel_id or "-")),
        ("state", f"closed on {look.ago(channel.closed)}{unseen}"),
        ("seen for", f"{duration(channel.lifetime)} since {look.date(channel.opened)}"),
        ("online", percentage(channel.uptime_ratio)),
        ("usable", percentage(channel.usable_ratio)),
    ]
    return [
        title(channel.alias, named, look),
        *_facts(facts, look),
        "",
        *look.wrapped(
            "These are its final figures; --outages lists its outages, if they are still kept."
        ),
    ]


def _without_channels(overview: Overview, named: Named, look: Look) -> list[str]:
    """Return the screen of a peer without open channels."""
    states = [_state(info, look) for info in overview.peers]
    facts = [*_names(named), *(fact for state in states for fact in state)]
    # The title has the alias already.
    unnamed = tuple(each._replace(alias=None) for each in overview.closed)
    closed = report(CLOSED, overview._replace(closed=unnamed), look.now)._replace(full=look.full)
    return [
        title(named.alias, named, look),
        *_facts([*facts, ("as of", as_of_text(overview, look))], look),
        "",
        *look.wrapped("It has no open channels. Its closed channels:"),
        *closed.text_table(look.columns),
    ]
