"""A model of a store with a memory: slow, and plain to see through.

It keeps the whole state after every item for ever. Between two items lies a
*segment*: seen or blind, with the peer up or down. Each figure is summed by walking
the segments that it is about. There is no timeline, no total and nothing dropped.

What is blind has no length on any account, only dates. While monitoring is paused,
dates stand at the pause; what opened meanwhile begins at the resume.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


class Resumed(NamedTuple):
    """A resume, from which on the channels of peers ``awaited`` are not seen until these come."""

    open_channels: Sequence[OpenChannel]
    online_peers: Sequence[Vertex]
    awaited: frozenset[Vertex]
    at: datetime | None = None


class SetRight(NamedTuple):
    """In truth this is open and these are online, which no event told of."""

    open_channels: Sequence[OpenChannel]
    online_peers: Sequence[Vertex]
    at: datetime | None = None


ZERO = timedelta(0)
FIRST = datetime.min.replace(tzinfo=timezone.utc)


class Left(NamedTuple):
    """From here on the channel is not there, though it closes later."""

    channel: OpenChannel
    at: datetime | None = None


class Opening(NamedTuple):
    point: OutPoint
    peer: Vertex
    item: int
    """Which item opened it."""
    gaps: tuple[tuple[int, int], ...] = ()
    """Which items closed it, and opened it again."""
    left: int | None = None
    """From which item on it is not there, though it closes later."""

    def is_there(self, item: int) -> bool:
        """Whether it is, after that item."""
        return not any(left <= item < back for left, back in self.gaps)


class Closing(NamedTuple):
    opening: Opening
    item: int
    time: datetime
    unseen: bool
    """Whether no event told of it."""

    def is_of(self, channel: OpenChannel) -> bool:
        return self.opening[:2] == channel


class State(NamedTuple):
    """What holds from ``time`` on."""

    time: datetime
    paused: datetime | None
    """When it was."""
    peers: tuple[Vertex, ...]
    """Those that are known, in order of becoming so."""
    online: frozenset[Vertex]
    openings: tuple[Opening, ...]
    closings: tuple[Closing, ...] = ()
    """Of the channels that may come back."""
    awaited: frozenset[Vertex] = frozenset()
    flapped: Vertex | None = None

    @property
    def shown(self) -> datetime:
        """Its date, as the store dates it."""
        return self.paused or self.time

    def keeps_channel_of(self, peer: Vertex) -> bool:
        """Whether a channel of the peer is open, or may come back."""
        kept = [*self.openings, *(each.opening for each in self.closings)]
        return any(each.peer == peer for each in kept)

    def remembers(self, peer: Vertex) -> bool:
        """Whether the peer is known, or is kept because a channel of it may come back."""
        return peer in self.peers or self.keeps_channel_of(peer)

    def sees(self, peer: Vertex) -> bool:
        return self.paused is None and peer not in self.awaited


class Segment(NamedTuple):
    start: datetime
    end: datetime
    seen: bool
    up: bool
    there: bool = True
    """Whether the channel is."""

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
        stored: bool = False,
    ) -> None:
        self._stored = stored
        self._may_come_back = timedelta(days=90) if history is None else history
        self._history = history
        self._limit = history_limit
        self._factor = flap_factor
        self._period = flap_period
        self._states = [State(start, None, (), frozenset(), ())]
        self.put(MonitoringResumedEvent(open_channels, online), start)

    @property
    def now(self) -> State:
        return self._states[-1]

    def put(self, event: Event | Resumed | SetRight | Left | None, clock: datetime) -> None:
        """An event, or None for a question, is put when the clock says ``clock``."""
        time = clock if event is None or event.at is None else min(clock, event.at)
        last = self.now._replace(time=max(time, self.now.time), flapped=None)
        kept = [each for each in last.closings if last.time - each.time < self._may_come_back]
        if len(kept) < len(last.closings):
            last = last._replace(closings=tuple(kept))
            self._states.append(last)  # before the item
        self._states.append(last if event is None else self._after(event, last))

    def _after(self, event: Event | Resumed | SetRight | Left, last: State) -> State:
        if isinstance(event, MonitoringPausedEvent):
            return last._replace(paused=last.paused or last.time, awaited=frozenset())
        if isinstance(event, (MonitoringResumedEvent, Resumed, SetRight)):
            return self._after_snapshot(event, last)
        if isinstance(event, (PeerOnlineEvent, PeerOfflineEvent)):
            peer = frozenset([event.peer])
            is_online = isinstance(event, PeerOnlineEvent)
            online = last.online | peer if is_online else last.online - peer
            seen = online != last.online and last.sees(event.peer)
            flapped, awaited = event.peer if seen else None, last.awaited - online
            state = last._replace(online=online, awaited=awaited, flapped=flapped)
            return _known(state, [event.peer])
        if isinstance(event, Left):
            openings = [
                each._replace(left=len(self._states)) if each[:2] == event.channel else each
                for each in last.openings
            ]
            return last._replace(openings=tuple(openings))
        return self._after_channel_event(event, last)

    def _after_channel_event(
        self, event: OpenChannelEvent | ClosedChannelEvent, last: State
    ) -> State:
        channel = OpenChannel(event.channel_point, event.peer)
        if isinstance(event, ClosedChannelEvent):
            closes = [each for each in last.openings if each[:2] == channel]
            told_now = [each for each in last.closings if each.unseen and each.is_of(channel)]
            kept = [each for each in last.closings if each not in told_now]
            kept += [each._replace(time=last.time, unseen=False) for each in told_now]
            return _known(self._closed(last._replace(closings=tuple(kept)), closes), [])
        if any(each.point == channel.channel_point for each in last.openings):
            return last
        return _known(self._opened_again(last, [channel]), [event.peer])

    def _closed(self, last: State, closes: list[Opening], *, unseen: bool = False) -> State:
        closings = tuple(
            Closing(each, each.left or len(self._states), last.time, unseen) for each in closes
        )
        left = tuple(each for each in last.openings if each not in closes)
        kept = last.closings + closings if self._stored else ()
        return last._replace(openings=left, closings=kept)

    def _opened_again(self, last: State, channels: list[OpenChannel]) -> State:
        """Those that come back go on."""
        kept = {each.opening.point: each for each in last.closings}
        openings = []
        for channel in channels:
            opening, closing = Opening(*channel, len(self._states)), kept.pop(channel[0], None)
            if closing is not None and closing.opening.peer == channel.peer:
                gap = closing.item, len(self._states)
                gaps = (*closing.opening.gaps, gap)
                opening = closing.opening._replace(gaps=gaps, left=None)
            openings.append(opening)
        return last._replace(
            openings=(*last.openings, *openings),
            closings=tuple(each for each in last.closings if each.opening.point in kept),
        )

    def _after_snapshot(
        self, event: MonitoringResumedEvent | Resumed | SetRight, last: State
    ) -> State:
        if not isinstance(event, SetRight):
            awaited = event.awaited if isinstance(event, Resumed) else frozenset()
            last = last._replace(paused=None, awaited=awaited)
        known = [each[:2] for each in last.openings]
        closes = [each for each in last.openings if each[:2] not in event.open_channels]
        new = [each for each in event.open_channels if each not in known]
        online = frozenset(event.online_peers)
        state = self._closed(last, closes, unseen=True)
        state = state._replace(online=online, awaited=last.awaited - online)
        state = state._replace(peers=tuple(dict.fromkeys([*state.peers, *event.online_peers])))
        for channel in new:  # one after the other: one may take another's channel point
            state = self._opened_again(state, [channel])
            state = state._replace(peers=tuple(dict.fromkeys([*state.peers, channel.peer])))
            self._states.append(state)
        return _known(state, [])

    # Questions about channels.

    def chan_info(self, point: OutPoint, peer: Vertex | None) -> ChannelInfo | type[Exception]:
        for opening in self.now.openings:
            if opening.point == point and peer in (opening.peer, None):
                return self._info(opening)
        return ChannelNotFoundError if peer in (None, *self.now.peers) else PeerNotFoundError

    def list_channels(self) -> list[ChannelInfo]:
        return [self._info(opening) for opening in self.now.openings]

    def _info(self, opening: Opening) -> ChannelInfo:
        seen = [
            (each.end - each.start, each.up)
            for each in self._segments(opening)
            if each.seen and each.there
        ]
        lifetime = sum((length for length, _ in seen), ZERO)
        uptime = sum((length for length, up in seen if up), ZERO)
        return ChannelInfo(opening.point, opening.peer, lifetime, uptime)

    def _segments(self, opening: Opening) -> Iterator[Segment]:
        """The channel's life, from the item that opened it."""
        for item, (each, following) in enumerate(pairwise(self._states[opening.item :])):
            seen, up = each.sees(opening.peer), opening.peer in each.online
            yield Segment(
                each.time, following.time, seen, up, opening.is_there(item + opening.item)
            )

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
                return self._history_from(asked, opening)
        return ChannelNotFoundError

    def _opened(self, opening: Opening) -> datetime:
        """When the channel opened; the resume after it, if that was not seen."""
        since = self._states[opening.item :]
        return next((each.time for each in since if not each.paused), since[0].shown)

    def _history_from(self, asked: datetime, opening: Opening) -> ChannelHistory:
        peer = PeerHistory(self, opening)
        start, end, segments = peer.known_from(asked), self.now.time, list(self._segments(opening))
        seen = [(each.within(start, end), each.up) for each in segments if each.seen and each.there]
        absent = [each.within(start, end) for each in segments if each.seen and not each.there]
        blind = [
            Segment(each.time, following.time, seen=False, up=False).within(start, end)
            for each, following in pairwise(self._states)  # also those before it opened unseen
            if not each.sees(opening.peer)
        ]
        spans = list(peer.outages(start))
        listed = [span for span in spans if peer.is_listed(span)]
        thinned = [span.seen for span in spans if span not in listed]
        return ChannelHistory(
            start,
            end,
            lifetime=sum((length for length, _ in seen), ZERO),
            uptime=sum((length for length, up in seen if up), ZERO),
            blind=sum(blind + absent, ZERO),
            outages=tuple(Outage(max(gone, start), back, seen) for gone, back, seen in listed),
            complete=start == asked,
            thinned_outages=len(thinned),
            longest_thinned=max(thinned, default=None),
            first_outage_began=listed[0].gone if listed and listed[0].gone < start else None,
        )

    def states_of(self, peer: Vertex) -> list[tuple[int, State]]:
        """Those, with their numbers, since the peer got the first of the channels that are kept."""
        numbered = list(enumerate(self._states))
        has_channel = [state.keeps_channel_of(peer) for state in self._states]
        return numbered[len(has_channel) - has_channel[::-1].index(False) :]

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
        known = list(takewhile(lambda each: each.remembers(peer), reversed(self._states)))
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
    """What is kept of a peer's changes, and what can be told from it of a channel.

    A peer that is awaited counts as online here, and the channel as not there.
    """

    def __init__(self, model: HistoryModel, opening: Opening) -> None:
        self._end, peer = model.now.time, opening.peer
        states = model.states_of(peer)
        segments = [
            Segment(
                each.time,
                following.time,
                each.paused is None,
                peer in each.online | each.awaited,
                opening.is_there(item) and peer not in each.awaited,
            )
            for (item, each), (_, following) in pairwise([*states, states[-1]])
        ]
        self._seen = [each for each in segments if each.seen]
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
        kept = self._kept[0]
        known = self._end_of_gaps(position, kept.position)
        mark = next(each for each in [*self._thinned, kept] if each.position >= known)
        return asked if mark.position == position else mark.time

    def _end_of_gaps(self, start: timedelta, end: timedelta) -> timedelta:
        """Where the channel was there again for good, between two positions."""
        back = start
        for each in self._seen:
            left, until = self._position(each.start), self._position(each.end)
            if not each.there and start < until and left < end:
                back = min(until, end)
        return back

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
            there = [each for each in down if each.there]
            seen = sum((each.within(start, self._end) for each in there), ZERO)
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
