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
from itertools import pairwise, takewhile
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
                starts = [self._opened(opening), *self._oldest_kept(opening)]
                if window is not None:
                    starts.append(_before(self.now.time, window))
                return self._segment(list(self._segments(opening)), max(starts))
        return ChannelNotFoundError

    def _opened(self, opening: Opening) -> datetime:
        """When the channel opened; the resume after it, if that was not seen."""
        since = self._states[opening.item :]
        return next((each.time for each in since if not each.paused), since[0].shown)

    def _oldest_kept(self, opening: Opening) -> Iterator[datetime]:
        """The oldest kept change of the channel's life, if one before it was dropped.

        The state that the peer had at the channel's opening counts as a change.
        """
        assert self._history is not None
        seen = [each for each in self._segments(opening) if each.seen]
        changes = [each.start for before, each in pairwise(seen) if each.up is not before.up]
        yield from changes[-self._limit :][:1] if len(changes) >= self._limit else []
        oldest = _before(self.now.time, self._history)
        yield from [change for change in changes if change <= oldest][-1:]

    def _segment(self, segments: list[Segment], start: datetime) -> ChannelHistory:
        end = self.now.time
        seen = [(each.within(start, end), each.up) for each in segments if each.seen]
        blind = [
            Segment(each.time, following.time, seen=False, up=False).within(start, end)
            for each, following in pairwise(self._states)  # also those before it opened unseen
            if each.paused
        ]
        return ChannelHistory(
            start,
            end,
            lifetime=sum((length for length, _ in seen), ZERO),
            uptime=sum((length for length, up in seen if up), ZERO),
            blind=sum(blind, ZERO),
            outages=tuple(self._outages(segments, start)),
        )

    def _outages(self, segments: list[Segment], start: datetime) -> Iterator[Outage]:
        """Runs of seen segments in which the peer was down; what is blind ends no run."""
        runs: list[list[Segment]] = [[]]
        for each in segments:
            if each.seen and each.up:
                runs.append([each])  # it says when the run before it ended
            elif each.seen:
                runs[-1].append(each)
        for number, run in enumerate(runs):
            down = [each for each in run if not each.up]
            end = runs[number + 1][0].start if number + 1 < len(runs) else None
            seen = sum((each.within(start, self.now.time) for each in down), ZERO)
            if seen:
                yield Outage(max(down[0].start, start), end, seen)

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


def _known(state: State, heard_of: list[Vertex]) -> State:
    """``state``, with the peers that are known: online, or with a channel."""
    with_channel = {each.peer for each in state.openings}
    peers = dict.fromkeys([*state.peers, *heard_of])
    known = tuple(each for each in peers if each in state.online or each in with_channel)
    return state._replace(peers=known)


def _before(date: datetime, by: timedelta) -> datetime:
    return date - by if by < date - FIRST else FIRST
