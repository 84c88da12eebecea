"""What the commands print: the same figures as text, as JSON or as CSV."""

from __future__ import annotations

import csv
import datetime
import io
import json
import sys
from collections.abc import Sequence
from typing import NamedTuple

from ..core.history import ChannelHistory
from ..core.peerlog import ChannelInfo, PeerInfo
from ..core.queries import RetentionSettings
from ..core.restore import as_of_the_heartbeat
from ..core.saved_state import MICROSECOND, ClosedRow, int_to_date
from ..errors import StorageError
from ..recording.format import format_time
from ..recording.replay import Replayed
from ..storage.sqlite import read, typed_errors
from ..terminal.formatting import duration, percentage, table
from ..wire import Vertex

_EVER = datetime.timedelta.max
_KINDS = {
    "channels": "open channel",
    "closed_channels": "closed channel",
    "outages": "outage",
    "peers": "peer",
}


class Column(NamedTuple):
    """One figure of each row: its name for programs, its head for people.

    A figure without a head is for programs only. A period is named for its
    seconds, as ``lifetime_seconds``.
    """

    name: str
    head: str = ""


class Report(NamedTuple):
    """Rows of figures, as of one moment; the first ``names`` columns name a row.

    ``more``: how many rows are left out, at the end.
    """

    kind: str
    as_of: datetime.datetime
    columns: Sequence[Column]
    names: int
    rows: Sequence[Sequence[object]]
    more: int = 0

    def limited(self, count: int) -> Report:
        """The first ``count`` rows of it."""
        return self._replace(rows=self.rows[:count], more=max(len(self.rows) - count, 0))

    def render(self, form: str, columns: int | None) -> str:
        """As "json", "csv" or "text" (for a terminal of so many columns, or None)."""
        if form == "json":
            return json.dumps(self.as_object(), indent=2)
        return self._csv() if form == "csv" else self._text(columns)

    def as_object(self) -> dict[str, object]:
        """The object that JSON is made of."""
        names = [column.name for column in self.columns]
        dicts = [dict(zip(names, map(_plain, row), strict=True)) for row in self.rows]
        return {"as_of": format_time(self.as_of), self.kind: dicts}

    def _csv(self) -> str:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(column.name for column in self.columns)
        writer.writerows([_plain(cell) for cell in row] for row in self.rows)
        return text.getvalue().rstrip("\n")

    def _text(self, columns: int | None) -> str:
        count = len(self.rows) + self.more
        kind = _KINDS[self.kind] + ("s" if count != 1 else "")
        heading = f"{count} {kind} as of {format_time(self.as_of)}"
        shown = [number for number, column in enumerate(self.columns) if column.head]
        heads = [self.columns[number].head for number in shown]
        rows = [[self._humane(row[number]) for number in shown] for row in self.rows]
        lines = table([heads, *rows], columns, self.names) if rows else []
        skipped = [f"... and {self.more} more"] if self.more else []
        return "\n".join([heading, *lines, *skipped])

    def _humane(self, cell: object) -> str:
        if isinstance(cell, datetime.timedelta):
            return duration(cell)
        if isinstance(cell, datetime.datetime):
            return "now" if cell == self.as_of else f"{duration(self.as_of - cell)} ago"
        if isinstance(cell, float):
            return percentage(cell)
        if isinstance(cell, bool):
            return "yes" if cell else "no"
        return "-" if cell is None else str(cell)


def report_of_replay(replayed: Replayed) -> Report:
    """What ``chanfitness replay`` prints."""
    return Report(
        "channels",
        replayed.as_of,
        [*_NAMES, *_SUMS],
        2,
        [
            (str(info.channel_point), str(info.peer), info.lifetime, info.uptime, info.uptime_ratio)
            for info in replayed.channels
        ],
    )


_NAMES = [Column("channel_point", "CHANNEL POINT"), Column("peer", "PEER")]
_SUMS = [
    Column("lifetime_seconds", "LIFETIME"),
    Column("uptime_seconds", "UPTIME"),
    Column("uptime_ratio", "RATIO"),
]


def report_of_database(path: str, view: str, window: datetime.timedelta | None) -> Report:
    """What ``chanfitness show`` prints: "channels", "outages", "peers" or "closed"."""
    saved, closed = read(path)
    if saved is None:
        raise StorageError(f"{path}: nothing was saved yet")
    with typed_errors(path):
        ledger, at = as_of_the_heartbeat(
            saved, RetentionSettings(history=_EVER, history_limit=sys.maxsize, stored=True)
        )
        as_of = int_to_date(saved.heartbeat)
        if view == "closed":
            return _closed(as_of, closed)
        peers = {info.peer: info for info in ledger.list_peers(at)}
        if view == "peers":
            return _peers(as_of, list(peers.values()))
        remembered = {row.key for row in saved.histories}
        fitness = [
            _Fitness(
                info,
                peers[info.peer],
                ledger.channel_history(at, info.channel_point, window),
                windowed=window is not None,
                remembered=bytes(info.peer) in remembered,
            )
            for info in ledger.list_channels(at)
        ]
        fitness.sort(key=lambda each: (each.ratio is None, each.ratio, each.info.channel_point))
        return (_outages if view == "outages" else _channels)(as_of, fitness)


class _Fitness(NamedTuple):
    """All that is known of one channel.

    Without a window the sums are the channel's own, which do not depend on how
    much of its peer's history is kept (or was: not ``remembered``).
    """

    info: ChannelInfo
    peer: PeerInfo
    history: ChannelHistory
    windowed: bool
    remembered: bool

    @property
    def sums(self) -> ChannelInfo | ChannelHistory:
        return self.history if self.windowed and self.remembered else self.info

    @property
    def ratio(self) -> float | None:
        return self.sums.uptime_ratio

    @property
    def last_seen(self) -> datetime.datetime | None:
        if self.peer.online:
            return self.history.end
        return self.peer.since if self.peer.last_flap is not None else None


def _channels(as_of: datetime.datetime, fitness: Sequence[_Fitness]) -> Report:
    columns = [
        *_NAMES,
        Column("lifetime_seconds", "MONITORED"),
        Column("uptime_seconds"),
        Column("uptime_ratio", "UPTIME"),
        Column("blind_seconds"),
        Column("outages", "OUTAGES"),
        Column("longest_outage_seconds", "LONGEST"),
        Column("flap_count", "FLAPS"),
        Column("last_seen", "LAST SEEN"),
    ]
    rows = [
        (
            str(each.info.channel_point),
            str(each.info.peer),
            each.sums.lifetime,
            each.sums.uptime,
            each.ratio,
            each.history.blind if each.remembered else None,
            len(each.history.outages) if each.remembered else None,
            each.history.longest_outage if each.remembered else None,
            each.peer.flap_count,
            each.last_seen,
        )
        for each in fitness
    ]
    return Report("channels", as_of, columns, 2, rows)


def _outages(as_of: datetime.datetime, fitness: Sequence[_Fitness]) -> Report:
    columns = [
        *_NAMES,
        Column("start", "START"),
        Column("end", "END"),
        Column("duration_seconds", "OFFLINE"),
    ]
    rows = [
        (str(info.channel_point), str(info.peer), outage.start, outage.end, outage.duration)
        for info, _, history, _, remembered in fitness
        if remembered
        for outage in history.outages
    ]
    return Report("outages", as_of, columns, 2, rows)


def _peers(as_of: datetime.datetime, peers: Sequence[PeerInfo]) -> Report:
    columns = [
        Column("peer", "PEER"),
        Column("online", "ONLINE"),
        Column("since", "SINCE"),
        Column("flap_count", "FLAPS"),
        Column("last_flap", "LAST FLAP"),
        Column("channels", "CHANNELS"),
    ]
    rows = [
        (
            str(peer.peer),
            peer.online,
            peer.since,
            peer.flap_count,
            peer.last_flap,
            len(peer.channels),
        )
        for peer in sorted(peers, key=lambda each: -each.flap_count)
    ]
    return Report("peers", as_of, columns, 1, rows)


def _closed(as_of: datetime.datetime, closed: Sequence[ClosedRow]) -> Report:
    columns = [*_NAMES, *_SUMS, Column("opened"), Column("closed", "CLOSED")]
    rows = [
        (
            row.channel_point,
            str(Vertex(row.key)),
            row.lifetime * MICROSECOND,
            row.uptime * MICROSECOND,
            row.uptime / row.lifetime if row.lifetime else None,
            int_to_date(row.opened),
            int_to_date(row.closed),
        )
        for row in closed
    ]
    return Report("closed_channels", as_of, columns, 2, rows)


def _plain(cell: object) -> object:
    if isinstance(cell, datetime.timedelta):
        return cell.total_seconds()
    if isinstance(cell, datetime.datetime):
        return format_time(cell)
    return cell
