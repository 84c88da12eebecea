"""A model of a store with history: slow, and simple to verify.

It keeps the whole state after every item for ever. Between two items lies a *segment*: seen or
blind, with the peer online or offline. Each figure is a sum over its segments. The model has
no timeline and no totals, and drops nothing.

Blind time has no length in any sum, only dates. While monitoring is paused, dates stand at the
pause; a channel that opens then begins at the resume.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise, takewhile

from chanfitness import (
    ActiveChannelEvent,
    ChannelHistory,
    ChannelInfo,
    ChannelNotFoundError,
    ClosedChannelEvent,
    HistoryDisabledError,
    InactiveChannelEvent,
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

from .history_states import (
    FIRST,
    ZERO,
    Closing,
    Left,
    Opening,
    Resumed,
    Segment,
    SetRight,
    State,
    WayBack,
    WayLost,
)
from .peer_history_model import ActivityHistory, PeerHistory, Span

Event = (
    OpenChannelEvent
    | ClosedChannelEvent
    | PeerOnlineEvent
    | PeerOfflineEvent
    | ActiveChannelEvent
    | InactiveChannelEvent
    | MonitoringPausedEvent
    | MonitoringResumedEvent
)

Hindsight = Resumed | SetRight | Left | WayLost | WayBack


class HistoryModel:
    """The answers of a store with the same events in the same order."""

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

    def put(self, event: Event | Hindsight | None, clock: datetime) -> None:
        """Put an event, or None for a question, at the clock's ``clock``."""
        time = clock if event is None or event.at is None else min(clock, event.at)
        last = self.now._replace(time=max(time, self.now.time), flapped=None)
        kept = [each for each in last.closings if last.time - each.time < self._may_come_back]
        if len(kept) < len(last.closings):
            last = last._replace(closings=tuple(kept))
            self._states.append(last)  # before the item
        self._states.append(last if event is None else self._after(event, last))

    def _after(self, event: Event | Hindsight, last: State) -> State:
        if isinstance(event, MonitoringPausedEvent):
            return last._replace(paused=last.paused or last.time, awaited=frozenset())
        if isinstance(event, (MonitoringResumedEvent, Resumed, SetRight)):
            return self._after_snapshot(event, last)
        if isinstance(event, (WayLost, WayBack)):
            return _after_way(event, last)
        if isinstance(event, (PeerOnlineEvent, PeerOfflineEvent)):
            peer = frozenset([event.peer])
            is_online = isinstance(event, PeerOnlineEvent)
            online = last.online | peer if is_online else last.online - peer
            seen = online != last.online and last.sees(event.peer)
            flapped, awaited = event.peer if seen else None, last.awaited - online
            state = last._replace(
                online=online, awaited=awaited, flapped=flapped, going=last.going - peer
            )
            return _known(state, [event.peer])
        if isinstance(event, Left):
            openings = [
                each._replace(left=len(self._states)) if each[:2] == event.channel else each
                for each in last.openings
            ]
            return last._replace(openings=tuple(openings))
        return self._after_channel_event(event, last)

    def _after_channel_event(
        self,
        event: OpenChannelEvent | ClosedChannelEvent | ActiveChannelEvent | InactiveChannelEvent,
        last: State,
    ) -> State:
        if isinstance(event, (ActiveChannelEvent, InactiveChannelEvent)):
            is_active = isinstance(event, ActiveChannelEvent)
            return _said(last, {event.channel_point: is_active})
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
        """Continue channels that come back."""
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
        for channel in new:  # one after the other, since one may take another's channel point
            state = self._opened_again(state, [channel])
            state = state._replace(peers=tuple(dict.fromkeys([*state.peers, channel.peer])))
            # With a storage, closed channels are kept unless another peer takes their channel
            # point.
            self._states.append(state._replace(is_partial=not self._stored))
        said = {each.channel_point: each.active for each in event.open_channels}
        return _known(_said(state, said), [])

    # Questions about channels.

    def chan_info(self, point: OutPoint, peer: Vertex | None) -> ChannelInfo | type[Exception]:
        for opening in self.now.openings:
            if opening.point == point and peer in (opening.peer, None):
                return self._info(opening)
        return ChannelNotFoundError if peer in (None, *self.now.peers) else PeerNotFoundError

    def list_channels(self) -> list[ChannelInfo]:
        return [self._info(opening) for opening in self.now.openings]

    def _info(self, opening: Opening) -> ChannelInfo:
        seen = [each for each in self._segments(opening) if each.seen and each.there]
        return ChannelInfo(
            opening.point,
            opening.peer,
            lifetime=sum((each.end - each.start for each in seen), ZERO),
            uptime=sum((each.end - each.start for each in seen if each.up), ZERO),
            unusable=sum((each.end - each.start for each in seen if each.is_unusable), ZERO),
            active=self.now.activity.get(opening.item),
        )

    def _segments(self, opening: Opening) -> Iterator[Segment]:
        """Return the channel's life as segments, from the item that opened it."""
        for item, (each, following) in enumerate(pairwise(self._states[opening.item :])):
            seen, up = each.sees(opening.peer), opening.peer in each.online
            there = opening.is_there(item + opening.item)
            inactive = each.activity.get(opening.item) is False
            yield Segment(each.time, following.time, seen, up, there, inactive)

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
        """Return when the channel opened; in blind time, the next resume."""
        since = self._states[opening.item :]
        return next((each.time for each in since if not each.paused), since[0].shown)

    def _history_from(self, asked: datetime, opening: Opening) -> ChannelHistory:
        peer, own = self._peer_history(opening), self._activity_history(opening)
        start, end, segments = peer.known_from(asked), self.now.time, list(self._segments(opening))
        while own.has_changes and (later := own.known_from(start)) != start:
            start = peer.known_from(later)
        seen = [each for each in segments if each.seen and each.there]
        absent = [each.within(start, end) for each in segments if each.seen and not each.there]
        blind = [
            Segment(each.time, following.time, seen=False, up=False).within(start, end)
            for each, following in pairwise(self._states)  # from before an unseen opening, too
            if not each.sees(opening.peer)
        ]
        spans = list(peer.outages(start))
        listed = [span for span in spans if peer.is_listed(span)]
        thinned = [span.seen for span in spans if span not in listed]
        return ChannelHistory(
            start,
            end,
            lifetime=sum((each.within(start, end) for each in seen), ZERO),
            uptime=sum((each.within(start, end) for each in seen if each.up), ZERO),
            blind=sum(blind + absent, ZERO),
            outages=tuple(Outage(max(gone, start), back, seen) for gone, back, seen in listed),
            complete=start == asked,
            thinned_outages=len(thinned),
            longest_thinned=max(thinned, default=None),
            first_outage_began=listed[0].gone if listed and listed[0].gone < start else None,
            unusable=sum((each.within(start, end) for each in seen if each.is_unusable), ZERO),
            unusable_spans=tuple(
                Outage(max(each.gone, start), each.back, each.seen)
                for each in _unusable(peer, own, start)
                if peer.is_listed(each) and own.is_listed(each)
            ),
        )

    def outage_count(self, point: OutPoint) -> int:
        """Return the number of an open channel's outages, within its peer's history."""
        (opening,) = [each for each in self.now.openings if each.point == point]
        peer = self._peer_history(opening)
        return len(list(peer.outages(peer.known_from(self._opened(opening)))))

    def _peer_history(self, opening: Opening) -> PeerHistory:
        return PeerHistory(self.states_of(opening.peer), opening, self.now.time, *self.retention)

    def _activity_history(self, opening: Opening) -> ActivityHistory:
        states = list(enumerate(self._states))[opening.item :]
        return ActivityHistory(states, opening, self.now.time, *self.retention)

    def states_of(self, peer: Vertex) -> list[tuple[int, State]]:
        """Return the numbered states since the peer got the first of its kept channels."""
        numbered = list(enumerate(self._states))
        has_channel = [each.is_partial or each.keeps_channel_of(peer) for each in self._states]
        return numbered[len(has_channel) - has_channel[::-1].index(False) :]

    @property
    def keeps_no_history(self) -> bool:
        return self._history is None

    @property
    def retention(self) -> tuple[datetime, int]:
        """Return the bound of age, and the number of changes kept of each peer."""
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
        """Return the flap count by lnd's rule, from the latest flap to the first."""
        if not flaps:
            return 0
        count = self._cooled(flaps[:-1], flaps[-1]) + 1
        periods = (time - flaps[-1]) / self._period
        return count if periods < 1 else int(count * self._factor**periods)


def _after_way(event: WayLost | WayBack, last: State) -> State:
    if isinstance(event, WayBack):
        return last._replace(awaited=last.awaited - event.given_up)
    going, awaited = event.peers, last.awaited | event.peers
    return last._replace(online=last.online - going, awaited=awaited, going=going)


def _known(state: State, heard_of: list[Vertex]) -> State:
    """Return ``state`` with the known peers: those online or with a channel."""
    with_channel = frozenset(each.peer for each in state.openings)
    peers = dict.fromkeys([*state.peers, *heard_of])
    there = state.online | state.going | with_channel
    state = state._replace(peers=tuple(each for each in peers if each in there))
    awaited = frozenset(each for each in state.awaited if state.remembers(each))
    return state._replace(awaited=awaited)


def _said(state: State, said: Mapping[OutPoint, bool | None]) -> State:
    """Return ``state`` with the activity of open channels; None leaves it as it was."""
    activity = dict(state.activity)
    for opening in state.openings:
        active = said.get(opening.point)
        if active is not None:
            activity[opening.item] = active
    return state._replace(activity=activity)


def _unusable(peer: PeerHistory, own: ActivityHistory, start: datetime) -> Iterator[Span]:
    """Return the seen spans in which the peer was online and the channel inactive."""
    for inactive, active in own.times(up=False):
        for came, gone in peer.times(up=True):
            begun, over = max(inactive, came), min(filter(None, [active, gone]), default=None)
            seen = own.seen_within(max(begun, start), over)
            if seen:
                yield Span(begun, over, seen)


def _before(date: datetime, by: timedelta) -> datetime:
    return date - by if by < date - FIRST else FIRST
