"""A model of a store with a memory: slow, and plain to see through.

It keeps the whole state after every item for ever. Between two items lies a
*segment*: seen or blind, with the peer up or down. Each figure is summed by walking
the segments that it is about. There is no timeline, no total and nothing dropped.

What is blind has no length on any account, only dates. While monitoring is paused,
dates stand at the pause; what opened meanwhile begins at the resume.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import accumulate, pairwise, takewhile
from typing import NamedTuple

from chanfitness import (
    ChannelHistory,
    ChannelInfo,
    ChannelNotFoundError,
    ClosedChannelEvent,
    HistoryDisabledError,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    Outage,
    OutPoint,
    PeerInfo,
    PeerNotFoundError,
    PeerOfflineEvent,
    PeerOnlineEvent,
    Vertex,
)

Event = (
    OpenChannelEvent
    | ClosedChannelEvent
    | PeerOnlineEvent
    | PeerOfflineEvent
    | MonitoringPausedEvent
    | MonitoringResumedEvent
)

ZERO = timedelta(0)
FIRST = datetime.min.replace(tzinfo=timezone.utc)


class Opening(NamedTuple):
    point: OutPoint
    peer: Vertex
    item: int
    """Which item opened it."""


class State(NamedTuple):
    """What holds from ``time`` on."""

    time: datetime
    paused: datetime | None
    """When it was."""
    peers: tuple[Vertex, ...]
    """Those that are known, in order of becoming so."""
    online: frozenset[Vertex]
    openings: tuple[Opening, ...]
    flapped: Vertex | None = None

    @property
    def shown(self) -> datetime:
        """Its date, as the store dates it."""
        return self.paused or self.time


class Segment(NamedTuple):
    start: datetime
    end: datetime
    seen: bool
    up: bool

    def within(self, start: datetime, end: datetime) -> timedelta:
        """How much of it lies in a segment."""
        return max(min(self.end, end) - max(self.start, start), ZERO)


class HistoryModel:
    """What a store must answer that was told the same, in the same order."""

    def __init__(
        self,
        start: datetime,
        open_channels: list[OpenChannel],
        online: list[Vertex],
        *,
        history: timedelta | None,
        history_limit: int,
        flap_factor: float,
        flap_period: timedelta,
    ) -> None:
        self._history = history
        self._limit = history_limit
        self._factor = flap_factor
        self._period = flap_period
        self._states = [State(start, None, (), frozenset(), ())]
        self.put(MonitoringResumedEvent(open_channels, online), start)

    @property
    def now(self) -> State:
        return self._states[-1]

    def put(self, event: Event | None, clock: datetime) -> None:
        """An event, or None for a question, is put when the clock says ``clock``."""
        time = clock if event is None or event.at is None else min(clock, event.at)
        last = self.now._replace(time=max(time, self.now.time), flapped=None)
        self._states.append(last if event is None else self._after(event, last))

    def _after(self, event: Event, last: State) -> State:
        if isinstance(event, MonitoringPausedEvent):
            return last._replace(paused=last.paused or last.time)
        if isinstance(event, MonitoringResumedEvent):
            return self._after_snapshot(event, last)
        if isinstance(event, (PeerOnlineEvent, PeerOfflineEvent)):
            peer = frozenset([event.peer])
            is_online = isinstance(event, PeerOnlineEvent)
            online = last.online | peer if is_online else last.online - peer
            flapped = event.peer if online != last.online and not last.paused else None
            return _known(last._replace(online=online, flapped=flapped), [event.peer])
        channel = OpenChannel(event.channel_point, event.peer)
        if isinstance(event, ClosedChannelEvent):
            left = tuple(each for each in last.openings if each[:2] != channel)
            return _known(last._replace(openings=left), [])
        if any(each.point == channel.channel_point for each in last.openings):
            return last
        opening = Opening(*channel, len(self._states))
        return _known(last._replace(openings=(*last.openings, opening)), [event.peer])

    def _after_snapshot(self, event: MonitoringResumedEvent, last: State) -> State:
        kept = [each for each in last.openings if each[:2] in event.open_channels]
        known = [each[:2] for each in kept]
        new = [each for each in event.open_channels if each not in known]
        openings = [Opening(*each, len(self._states)) for each in new]
        state = last._replace(
            paused=None, online=frozenset(event.online_peers), openings=(*kept, *openings)
        )
        return _known(state, [*event.online_peers, *(each.peer for each in new)])

    # Questions about channels.

    def chan_info(self, point: OutPoint, peer: Vertex | None) -> ChannelInfo | type[Exception]:
        for opening in self.now.openings:
            if opening.point == point and peer in (opening.peer, None):
                return self._info(opening)
        return ChannelNotFoundError if peer in (None, *self.now.peers) else PeerNotFoundError

    def list_channels(self) -> list[ChannelInfo]:
        return [self._info(opening) for opening in self.now.openings]

    def _info(self, opening: Opening) -> ChannelInfo:
        seen = [(end - start, up) for start, end, seen, up in self._segments(opening) if seen]
        lifetime = sum((length for length, _ in seen), ZERO)
        uptime = sum((length for length, up in seen if up), ZERO)
        return ChannelInfo(opening.point, opening.peer, lifetime, uptime)

    def _segments(self, opening: Opening) -> Iterator[Segment]:
        """The channel's life, from the item that opened it."""
        for each, following in pairwise(self._states[opening.item :]):
            seen = each.paused is None
            yield Segment(each.time, following.time, seen, opening.peer in each.online)

    # History.

    def history(
        self, point: OutPoint, window: timedelta | None
    ) -> ChannelHistory | type[Exception]:
        if self._history is None:
            return HistoryDisabledError
        for opening in self.now.openings:
            if opening.point == point:
                asked = self._opened(opening)
                if window is not None:
                    asked = max(asked, _before(self.now.time, window))
                return self._history_from(asked, opening, PeerHistory(self, opening.peer))
        return ChannelNotFoundError

    def _opened(self, opening: Opening) -> datetime:
        """When the channel opened; the resume after it, if that was not seen."""
        since = self._states[opening.item :]
        return next((each.time for each in since if not each.paused), since[0].shown)

    def _history_from(self, asked: datetime, opening: Opening, peer: PeerHistory) -> ChannelHistory:
        start, end = peer.known_from(asked), self.now.time
        seen = [(s.within(start, end), s.up) for s in self._segments(opening) if s.seen]
        blind = [
            Segment(each.time, following.time, seen=False, up=False).within(start, end)
            for each, following in pairwise(self._states)  # also those before it opened unseen
            if each.paused
        ]
        spans = list(peer.outages(start))
        listed = [span for span in spans if peer.is_listed(span)]
        thinned = [span.seen for span in spans if span not in listed]
        return ChannelHistory(
            start,
            end,
            lifetime=sum((length for length, _ in seen), ZERO),
            uptime=sum((length for length, up in seen if up), ZERO),
            blind=sum(blind, ZERO),
            outages=tuple(Outage(max(gone, start), back, seen) for gone, back, seen in listed),
            complete=start == asked,
            thinned_outages=len(thinned),
            longest_thinned=max(thinned, default=None),
            first_outage_began=listed[0].gone if listed and listed[0].gone < start else None,
        )

    def peer_states(self, peer: Vertex) -> list[State]:
        """Those since the peer got the first of the channels that it has."""
        has_channel = [peer in (each.peer for each in state.openings) for state in self._states]
        return self._states[len(has_channel) - has_channel[::-1].index(False) :]

    @property
    def keeps_no_history(self) -> bool:
        return self._history is None

    @property
    def retention(self) -> tuple[datetime, int]:
        """What is not later is too old to be kept; so many changes are kept of a peer."""
        assert self._history is not None
        return _before(self.now.time, self._history), self._limit

    # Questions about peers.

    def peer_info(self, peer: Vertex) -> PeerInfo | type[Exception]:
        return self._peer_info(peer) if peer in self.now.peers else PeerNotFoundError

    def list_peers(self) -> list[PeerInfo]:
        return [self._peer_info(peer) for peer in self.now.peers]

    def _peer_info(self, peer: Vertex) -> PeerInfo:
        online = peer in self.now.online
        known = list(takewhile(lambda each: peer in each.peers, reversed(self._states)))
        present = list(takewhile(lambda each: (peer in each.online) is online, known))
        flaps = [each.time for each in reversed(known) if each.flapped == peer]
        channels = tuple(each.point for each in self.now.openings if each.peer == peer)
        count = self._cooled(flaps, self.now.time)
        return PeerInfo(
            peer, online, present[-1].shown, count, flaps[-1] if flaps else None, channels
        )

    def _cooled(self, flaps: list[datetime], time: datetime) -> int:
        """lnd's rule, from the latest flap to the first."""
        if not flaps:
            return 0
        count = self._cooled(flaps[:-1], flaps[-1]) + 1
        periods = (time - flaps[-1]) / self._period
        return count if periods < 1 else int(count * self._factor**periods)


class Change(NamedTuple):
    time: datetime
    position: timedelta
    """How much was seen until then, of the peer's history."""
    up: bool


class Span(NamedTuple):
    gone: datetime
    back: datetime | None
    seen: timedelta


class PeerHistory:
    """What is kept of a peer's changes, and what can be told from it."""

    def __init__(self, model: HistoryModel, peer: Vertex) -> None:
        self._end = model.now.time
        self._segments = [
            Segment(each.time, following.time, each.paused is None, peer in each.online)
            for each, following in pairwise([*model.peer_states(peer), model.now])
        ]
        self._seen = [each for each in self._segments if each.seen]
        too_old, limit = model.retention
        changes = self._changes()
        self._kept = changes[-limit:]
        days = {each.time.astimezone(timezone.utc).date(): each for each in reversed(changes)}
        thinned = [each for each in changes[:-limit] if each in days.values()]
        old = [each for each in [*thinned, *self._kept] if each.time <= too_old]
        begin = old[-1].time if old else FIRST
        self._kept = [each for each in self._kept if each.time >= begin]
        self._thinned = [each for each in thinned if each.time >= begin]

    def _changes(self) -> list[Change]:
        """All that there were, but for outages of no length. The first gives the first state."""
        changes: list[Change] = []
        lengths = (each.end - each.start for each in self._seen)
        for each, position in zip(self._seen, accumulate(lengths, initial=ZERO), strict=False):
            if changes and changes[-1].up is each.up:
                continue
            if not (changes and each.up and changes[-1].position == position):
                changes.append(Change(each.start, position, each.up))
            elif len(changes) > 1:
                del changes[-1]
            else:
                changes[0] = changes[0]._replace(up=True)
        if (
            len(changes) > 1
            and not changes[-1].up
            and changes[-1].position == self._position(self._end)
        ):
            del changes[-1]  # it may yet be one of no length
        return changes

    def _position(self, time: datetime) -> timedelta:
        return sum((each.within(FIRST, time) for each in self._seen), ZERO)

    def known_from(self, asked: datetime) -> datetime:
        """``asked`` itself, unless what followed it was thinned or is gone."""
        position = self._position(asked)
        if not self._kept or position >= self._kept[0].position:
            return asked
        marks = [*self._thinned, self._kept[0]]
        mark = next(each for each in marks if each.position >= position)
        return asked if mark.position == position else mark.time

    def outages(self, start: datetime) -> Iterator[Span]:
        """Runs of seen segments in which the peer was down; what is blind ends no run."""
        runs: list[list[Segment]] = [[]]
        for each in self._seen:
            if each.up:
                runs.append([each])  # it says when the run before it ended
            else:
                runs[-1].append(each)
        for number, run in enumerate(runs):
            down = [each for each in run if not each.up]
            back = runs[number + 1][0].start if number + 1 < len(runs) else None
            seen = sum((each.within(start, self._end) for each in down), ZERO)
            if seen:
                yield Span(down[0].start, back, seen)

    def is_listed(self, outage: Span) -> bool:
        return outage.back is None or self._position(outage.back) > self._kept[0].position


def _known(state: State, heard_of: list[Vertex]) -> State:
    """``state``, with the peers that are known: online, or with a channel."""
    with_channel = {each.peer for each in state.openings}
    peers = dict.fromkeys([*state.peers, *heard_of])
    known = tuple(each for each in peers if each in state.online or each in with_channel)
    return state._replace(peers=known)


def _before(date: datetime, by: timedelta) -> datetime:
    return date - by if by < date - FIRST else FIRST
