"""Independent sums over the lines of a recording.

Each channel's life is a list of segments. There are no totals and no timeline: each figure of
the command is a sum over its segments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from itertools import groupby, pairwise
from typing import Any, NamedTuple

from chanfitness.recording.format import format_time, parse_time

ZERO, LAST = timedelta(0), datetime.max.replace(tzinfo=timezone.utc)

Record = dict[str, Any]
"""A line of a recording."""

Row = dict[str, Any]
"""The command's figures of a channel, an outage or a peer, by name."""


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Sort by channel or peer, then by start."""
    return sorted(
        rows, key=lambda row: (row.get("channel_point", row["peer"]), row.get("start", ""))
    )


class Segment(NamedTuple):
    """A seen part of a channel's life; ``listed``: it counts for the channel, too."""

    start: datetime
    end: datetime
    up: bool
    listed: bool

    def after(self, start: datetime) -> timedelta:
        return max(self.end - max(self.start, start), ZERO) if self.listed else ZERO


class Life:
    def __init__(self, peer: str, opened: datetime) -> None:
        self.peer = peer
        self.opened = opened
        self.listed = True
        self.closed: datetime | None = None  # or was found missing
        self.segments: list[Segment] = []

    def sums(self, start: datetime) -> tuple[timedelta, timedelta]:
        lifetime = sum((each.after(start) for each in self.segments), ZERO)
        uptime = sum((each.after(start) for each in self.segments if each.up), ZERO)
        return lifetime, uptime

    def figures(self, point: str, start: datetime) -> Row:
        lifetime, uptime = self.sums(start)
        return {
            "channel_point": point,
            "peer": self.peer,
            "lifetime_seconds": lifetime.total_seconds(),
            "uptime_seconds": uptime.total_seconds(),
            "uptime_ratio": uptime / lifetime if lifetime else None,
        }

    def outages(self, start: datetime) -> list[tuple[datetime, datetime | None, timedelta]]:
        """Return start, end and seen time of each outage; blind time ends none."""
        runs = [list(run) for _, run in groupby(self.segments, key=lambda each: each.up)]
        ends = [run[0].start for run in runs[1:]]
        found = [
            (max(run[0].start, start), end, sum((each.after(start) for each in run), ZERO))
            for run, end in zip(runs, [*ends, None], strict=True)
            if not run[0].up
        ]
        return [outage for outage in found if outage[2]]


class Down(NamedTuple):
    """A peer's outage in the life of one channel."""

    start: datetime
    end: datetime
    peer: str
    point: str
    seen: frozenset[tuple[datetime, datetime]]


def _down(point: str, life: Life, begin: datetime) -> Iterator[Down]:
    """Return the outages of a channel, limited to its life."""
    for start, end, _ in life.outages(begin):
        over = min(filter(None, [end, life.closed]), default=LAST)
        seen = frozenset(
            (max(each.start, begin), each.end)
            for each in life.segments
            if each.after(begin) and not each.up and start < each.end <= over
        )
        yield Down(start, over, life.peer, point, seen)


def _overlapping(spans: Iterable[Down]) -> Iterator[list[Down]]:
    """Return the spans in order of start, in groups that overlap."""
    found: list[Down] = []
    for span in spans:
        if found and span.start > max(each.end for each in found):
            yield found
            found = []
        found.append(span)
    yield found


def _merged(spans: Sequence[Down]) -> Row:
    seen = frozenset[tuple[datetime, datetime]]().union(*(each.seen for each in spans))
    last = max(each.end for each in spans)
    return {
        "peer": spans[0].peer,
        "channels": sorted(each.point for each in spans),
        "start": format_time(spans[0].start),
        "end": None if last == LAST else format_time(last),
        "duration_seconds": sum((until - begin for begin, until in seen), ZERO).total_seconds(),
    }


class Watcher:
    """Reads lines, and keeps every segment of every channel."""

    def __init__(self) -> None:
        self.watching = False
        self.online: set[str] = set()
        self.lives: dict[str, Life] = {}
        self.closed: list[tuple[str, Life, datetime]] = []
        self.known: set[str] = set()  # peers that have had a channel
        self.flaps: dict[str, int] = {}

    def walk(self, records: Iterable[Record], end: datetime) -> None:
        last = {"at": format_time(end), "event": "asked"}
        upto = [record for record in records if parse_time(record["at"]) <= end]
        for record, following in pairwise([*upto, last]):
            self._take(record)
            if self.watching:
                self._add_segments(parse_time(record["at"]), parse_time(following["at"]))

    def _add_segments(self, start: datetime, end: datetime) -> None:
        for life in self.lives.values():
            life.segments.append(Segment(start, end, life.peer in self.online, life.listed))

    def _take(self, record: Record) -> None:
        event = record["event"]
        if event == "monitoring_started":
            self._take_snapshot(record)
        elif event == "monitoring_stopped":
            self.watching = False
        elif event == "channel_opened":
            self._open(record, parse_time(record["at"]))
        elif event == "channel_closed":
            point, at = record["channel_point"], parse_time(record["at"])
            self.lives[point].closed = at
            self.closed.append((point, self.lives.pop(point), at))
        elif (record["peer"] in self.online) is not (event == "peer_online"):
            self.online ^= {record["peer"]}
            self.flaps[record["peer"]] = self.flaps.get(record["peer"], 0) + 1
            self.forget_strangers(but=self.online)

    def _take_snapshot(self, record: Record) -> None:
        self.watching = True
        self.online = set(record["online_peers"])
        listed = {each["channel_point"] for each in record["open_channels"]}
        for point, life in self.lives.items():
            if life.listed is not (point in listed):
                life.listed = point in listed
                life.closed = None if life.listed else parse_time(record["at"])
        for channel in record["open_channels"]:
            if channel["channel_point"] not in self.lives:
                self._open(channel, parse_time(record["at"]))
        self.forget_strangers(but=self.online)

    def _open(self, channel: Record, at: datetime) -> None:
        self.lives[channel["channel_point"]] = Life(channel["peer"], at)
        self.known.add(channel["peer"])

    def forget_strangers(self, but: Iterable[str] = ()) -> None:
        """Forget peers that never had a channel, with their flaps."""
        known = self.known.union(but)
        self.flaps = {peer: flaps for peer, flaps in self.flaps.items() if peer in known}

    def snapshot(self, at: datetime) -> Record:
        """Return the first lines of a recording that continues at ``at``."""
        channels = [
            {"channel_point": point, "peer": life.peer}
            for point, life in self.lives.items()
            if life.listed
        ]
        started = {"at": format_time(at), "event": "monitoring_started"}
        return {**started, "open_channels": channels, "online_peers": sorted(self.online)}

    # The expected output of the command.

    def channels(self, end: datetime, window: timedelta | None) -> list[Row]:
        rows = []
        for point, life, start in self._open_lives(end, window):
            durations = [seen.total_seconds() for _, _, seen in life.outages(start)]
            rows.append(
                {
                    **life.figures(point, start),
                    "blind_seconds": (end - start - life.sums(start)[0]).total_seconds(),
                    "outages": len(durations),
                    "longest_outage_seconds": max(durations, default=None),
                    "flap_count": self.flaps.get(life.peer, 0),
                }
            )
        return in_order(rows)

    def outages(self, end: datetime, window: timedelta | None) -> list[Row]:
        """Return the outages of each peer, over all its channels, open and closed."""
        lives = [*self.lives.items(), *((point, life) for point, life, _ in self.closed)]
        spans = [
            span
            for point, life in lives
            for span in _down(
                point, life, life.opened if window is None else max(life.opened, end - window)
            )
        ]
        return in_order(
            _merged(overlapping)
            for peer in {each.peer for each in spans}
            for overlapping in _overlapping(sorted(each for each in spans if each.peer == peer))
        )

    def closed_channels(self) -> list[Row]:
        return in_order(
            {
                **life.figures(point, life.opened),
                "opened": format_time(life.opened),
                "closed": format_time(closed),
                "closed_unseen": False,
            }
            for point, life, closed in self.closed
        )

    def flaps_of_known_peers(self) -> dict[str, int]:
        return {peer: self.flaps.get(peer, 0) for peer in self.known}

    def _open_lives(
        self, end: datetime, window: timedelta | None
    ) -> Iterator[tuple[str, Life, datetime]]:
        """Return the listed lives, and the start of the requested segment."""
        for point, life in self.lives.items():
            if life.listed:
                yield point, life, life.opened if window is None else max(life.opened, end - window)


def watched(records: Iterable[Record], end: datetime) -> Watcher:
    """Return a watcher that has read all lines until ``end``."""
    watcher = Watcher()
    watcher.walk(records, end)
    return watcher
