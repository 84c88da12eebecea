"""A model of the kept histories of a peer and a channel, and of their answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from itertools import accumulate, pairwise, zip_longest
from typing import NamedTuple

from .history_states import FIRST, ZERO, Opening, Segment, State


class Change(NamedTuple):
    time: datetime
    position: timedelta
    """The seen time until then, in the peer's history."""
    up: bool


class Span(NamedTuple):
    gone: datetime
    back: datetime | None
    seen: timedelta


class PeerHistory:
    """The kept changes of a peer, and its answers about a channel.

    An awaited peer counts as online here, and the channel as absent.
    """

    def __init__(
        self,
        states: Sequence[tuple[int, State]],
        opening: Opening,
        end: datetime,
        too_old: datetime,
        limit: int,
    ) -> None:
        self._end, peer = end, opening.peer
        segments = [
            Segment(
                each.time,
                following.time,
                each.paused is None,
                peer in each.online or peer in each.awaited,
                opening.is_there(item) and peer not in each.awaited,
                each.activity.get(opening.item) is False,
            )
            for (item, each), (_, following) in pairwise([*states, states[-1]])
        ]
        self._seen = [each for each in segments if each.seen]
        _, now = states[-1]
        if now.paused and self._is_of_activity:  # activity while paused is shown at once
            self._seen.append(segments[-1]._replace(start=now.paused, end=now.paused))
        self._all = self._all_changes()
        changes = self._settled_changes()
        self.has_changes = bool(changes)
        self._kept = changes[-limit:]
        days = {each.time.astimezone(timezone.utc).date(): each for each in reversed(changes)}
        thinned = [each for each in changes[:-limit] if each in days.values()]
        old = [each for each in [*thinned, *self._kept] if each.time <= too_old]
        begin = old[-1].time if old else FIRST
        self._kept = [each for each in self._kept if each.time >= begin]
        self._thinned = [each for each in thinned if each.time >= begin]
        self._is_whole = len(self._kept) == len(changes)

    _is_of_activity = False

    def _is_up(self, segment: Segment) -> bool:
        return segment.up

    def _is_taken_back(self, *, up: bool) -> bool:
        """Return whether a change to ``up`` takes one back at the same position."""
        return up

    def _all_changes(self) -> list[Change]:
        """Return all changes without outages of no length. The first is the first state."""
        changes: list[Change] = []
        lengths = (each.end - each.start for each in self._seen)
        for each, position in zip(self._seen, accumulate(lengths, initial=ZERO), strict=False):
            up = self._is_up(each)
            if changes[-1].up is up if changes else up and self._is_of_activity:
                continue
            if not (changes and self._is_taken_back(up=up) and changes[-1].position == position):
                changes.append(Change(each.start, position, up))
            elif len(changes) > 1 or self._is_of_activity:
                del changes[-1]
            else:
                changes[0] = changes[0]._replace(up=up)
        return changes

    def _settled_changes(self) -> list[Change]:
        changes = list(self._all)
        if (
            len(changes) > 1
            and self._is_taken_back(up=not changes[-1].up)
            and changes[-1].position == self._position(self._end)
        ):
            del changes[-1]  # it may still get no length
        return changes

    def _position(self, time: datetime) -> timedelta:
        return sum((each.within(FIRST, time) for each in self._seen), ZERO)

    def known_from(self, asked: datetime) -> datetime:
        """Return ``asked``, or a later date if what followed was thinned or dropped."""
        position = self._position(asked)
        if self._is_whole or position >= self._kept[0].position:
            return asked
        kept = self._kept[0]
        known = self._end_of_gaps(position, kept.position)
        mark = next(each for each in [*self._thinned, kept] if each.position >= known)
        return asked if mark.position == position else mark.time

    def _end_of_gaps(self, start: timedelta, end: timedelta) -> timedelta:
        """Return when the channel was present for good, between two positions."""
        back, position = start, ZERO
        for each in self._seen:
            until = position + (each.end - each.start)
            if not each.there and start < until and position < min(until, end):
                back = min(until, end)
            position = until
        return back

    def outages(self, start: datetime) -> Iterator[Span]:
        """Return runs of seen segments with the peer offline; blind time ends no run."""
        runs: list[list[Segment]] = [[]]
        for each in self._seen:
            if each.up:
                runs.append([each])  # the previous run ends with it
            else:
                runs[-1].append(each)
        for number, run in enumerate(runs):
            down = [each for each in run if not each.up]
            back = runs[number + 1][0].start if number + 1 < len(runs) else None
            there = [each for each in down if each.there]
            seen = sum((each.within(start, self._end) for each in there), ZERO)
            if seen:
                yield Span(down[0].start, back, seen)

    def times(self, *, up: bool) -> Iterator[tuple[datetime, datetime | None]]:
        """Return the spans in which it was ``up``, or was not."""
        for change, following in zip_longest(self._all, self._all[1:]):
            if change.up is up:
                yield change.time, following and following.time

    def seen_within(self, start: datetime, end: datetime | None) -> timedelta:
        """Return the seen time of the channel between two dates; None: until now."""
        there = [each for each in self._seen if each.there]
        return sum((each.within(start, end or self._end) for each in there), ZERO)

    def is_listed(self, outage: Span) -> bool:
        return (
            outage.back is None
            or self._is_whole
            or self._position(outage.back) > self._kept[0].position
        )


class ActivityHistory(PeerHistory):
    """The kept changes of a channel's activity: it is *up* while it is not inactive.

    It begins when the channel is inactive for the first time. A span of no length leaves no
    change.
    """

    _is_of_activity = True

    def _is_up(self, segment: Segment) -> bool:
        return not segment.inactive

    def _is_taken_back(self, *, up: bool) -> bool:
        del up
        return True

    def _end_of_gaps(self, start: timedelta, end: timedelta) -> timedelta:
        """A gap has no uptime, and so no unknown part."""
        del end
        return start
