"""A model with hindsight of how outages are attributed.

It keeps all events, and changes them when an outage is decided. Before the first peer of an
own outage it puts a pause. A resume names the awaited peers; those that do not return in time
are removed from it. A plain model of a store (:mod:`.history_model`) then gets the changed
events.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from chanfitness import (
    ActiveChannelEvent,
    ClosedChannelEvent,
    InactiveChannelEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SnapshotEvent,
    Vertex,
)
from chanfitness.events import activity

from .blame_told import Peer, Told, ToldOfChannels
from .history_model import HistoryModel
from .history_states import Left, Resumed, SetRight

FEWEST, MINUTE, MICROSECOND = 3, timedelta(minutes=1), timedelta(microseconds=1)


class BlameModel(ToldOfChannels):
    """The model. It gets each event when it is put; ``outcome()`` plays the changed events.

    ``remembers``: keep peers without channels, as a store with a storage does. ``stored``: those
    that had a channel. ``closed_unseen``: whether channels were found closed in an own outage.
    ``went_back``: whether a late pause went back behind a question.
    """

    def __init__(
        self,
        start: datetime,
        open_channels: Iterable[OpenChannel],
        online: Iterable[Vertex],
        *,
        own_outage: timedelta | None,
        return_grace: timedelta | None,
        remembers: bool = False,
        stored: bool = False,
    ) -> None:
        self._period, self._quiet = own_outage, return_grace
        self._remembers, self.closed_unseen, self.went_back = remembers, False, False
        super().__init__(goes_on=stored or remembers)
        self._stored, self._had_channel = stored, set[Vertex]()
        self.online: dict[Vertex, None] = {}
        self._peers: dict[Vertex, Peer] = {}
        self._went: list[tuple[Told, bool]] = []  # since an online event; if on its own account
        self._cut = self._lost = False
        self._awaited: dict[Vertex, Told] = {}  # with the resume from which each is awaited
        self._began_to_return = self._latest_return = start
        self._now = self._latest_event = start
        self._opened_by: dict[OpenChannel, Told] = {}
        self._left: dict[OpenChannel, Told] = {}  # closed while their peer was awaited
        self._told_of: dict[object, datetime] = {}
        self.count = 0  # of events
        self._segment = 0
        self._resume(start, list(open_channels), list(online))
        self._forget()

    @property
    def sees(self) -> bool:
        return not (self._cut or self._lost)

    def put(self, event: Any, clock: datetime) -> None:
        self.count += 1
        time = told = clock if event.at is None else min(clock, event.at)
        if isinstance(event, MonitoringPausedEvent) and self.sees and event.at is not None:
            time = max(time, self._latest_event)
            self.went_back = self.went_back or time < self._now
            self.told = [each for each in self.told if each.item or each.time <= time]
        else:
            time = max(time, self._now)
        self._now = max(self._now, time)
        self._latest_event = time
        self._decide(time)
        self._take(event, time)
        for key in ("peer", "channel_point"):
            if hasattr(event, key) and not (key == "peer" and hasattr(event, "channel_point")):
                self._told_of[getattr(event, key)] = told

    def ask(self, clock: datetime) -> None:
        self._now = max(self._now, clock)
        self.told.append(Told(self._now, None))

    def outcome(self, **retention: Any) -> HistoryModel:
        """Return the model of a store that gets the changed events."""
        decided = self._decided()
        model = HistoryModel(decided.told[0].time, [], [], **retention)
        for each in decided.told:
            model.put(each.item, each.time)
        return model

    def _decided(self) -> BlameModel:
        decided = copy.deepcopy(self)
        decided._decide(self._now)
        return decided

    def events(self) -> list[Told]:
        """Return the changed events, if nobody is awaited."""
        decided = self._decided()
        for told in decided.told:
            if isinstance(told.item, Resumed):
                assert not told.item.awaited
                told.item = MonitoringResumedEvent(told.item.open_channels, told.item.online_peers)
        return decided.told

    def undecided(self, now: datetime) -> int | None:
        """Return how many events came before an undecided own outage, or None."""
        within = self._counted(now)
        if not within or not self.online or len(self.online) + len(within) < FEWEST:
            return None
        return self.told.index(within[0])

    def stop(self, time: datetime) -> None:
        """Stop: undecided peers stay offline, and peers without channels are forgotten."""
        self._decide(time)
        self._now = self._latest_event = max(time, self._now)
        self._pause(self._now, MonitoringPausedEvent())
        self._lost = False
        for channel_peer in self.open.values():
            self._peers[channel_peer].had_channel = True
        self._peers = {key: peer for key, peer in self._peers.items() if peer.had_channel}
        self.online = {key: None for key in self.online if key in self._peers}
        for peer in self._peers.values():
            peer.changes_seen = 0

    # Events.

    def _take(self, event: Any, time: datetime) -> None:
        if isinstance(event, MonitoringPausedEvent):
            self._pause(time, event)
        elif isinstance(event, MonitoringResumedEvent):
            self._resume(time, *self._corrected(event))
        elif isinstance(event, SnapshotEvent):
            self._snapshot(time, *self._corrected(event))
        elif isinstance(event, PeerOnlineEvent):
            self._came(time, event)
        elif isinstance(event, PeerOfflineEvent):
            self._goes(time, event)
        elif isinstance(event, OpenChannelEvent):
            self._opened(time, event)
        elif isinstance(event, (ActiveChannelEvent, InactiveChannelEvent)):
            self._said(time, event.channel_point, active=isinstance(event, ActiveChannelEvent))
        else:
            self._closed(time, event)
        self._forget()

    def _pause(self, time: datetime, event: MonitoringPausedEvent) -> None:
        if self.sees:
            self.told.append(Told(time, MonitoringPausedEvent()))
        self._cut = True
        self._went, self._awaited, self._left, self._told_of = [], {}, {}, {}

    def _resume(self, time: datetime, channels: list[OpenChannel], online: list[Vertex]) -> None:
        was_blind, self._cut = not self.sees, False
        self._lost = self._lost and not online
        if self._lost:
            self._set_open(time, channels)
            return
        self._open_all(channels)
        self._segment += was_blind
        self._see(time, dict.fromkeys(online))
        resumed = Told(time, Resumed(channels, online, frozenset(self._awaited)))
        self._awaited = dict.fromkeys(self._awaited, resumed)
        self.told.append(resumed)

    def _leaves(self, channel: OpenChannel) -> None:
        """A channel closes: as before its peer was awaited, unless the peer is given up."""
        resumed = self._awaited.get(channel.peer)
        if resumed is not None:
            index = self.told.index(resumed)
            opened = self._opened_by.get(channel)
            if opened in self.told:
                index = max(index, self.told.index(opened))
            self._left[channel] = Told(self.told[index].time, Left(channel))
            self.told.insert(index + 1, self._left[channel])

    def _set_open(self, time: datetime, channels: list[OpenChannel]) -> None:
        """Set the open channels, as a resume without a peer online does in an own outage."""
        known = [OpenChannel(*each) for each in self.open.items()]
        closed = [ClosedChannelEvent(*each) for each in known if each not in channels]
        opened = [OpenChannelEvent(*each) for each in channels if each not in known]
        # Opens first: without any channel in between the peer would be forgotten.
        self.told += [Told(time, event) for event in [*opened, *closed]]
        self.closed_unseen = self.closed_unseen or bool(closed)
        for channel in channels:
            self._meet(channel.peer)
        self._open_all(channels)
        for point, _ in channels:
            if point in self._active:
                self._said(time, point, active=self._active[point])

    def _see(self, time: datetime, online: dict[Vertex, None]) -> None:
        self._went, self._awaited, self._left = [], {}, {}
        for key in [*online, *self.open.values()]:
            self._peers.setdefault(key, Peer(since=(time, self._segment)))
        for key, peer in self._peers.items():
            if (key in online) is not (key in self.online):
                peer.since, peer.changes_seen = (time, self._segment), 0
            if key in online:
                peer.seen_offline = False
            elif self._quiet is None or peer.seen_offline or key not in self.open.values():
                peer.seen_offline = True
            else:
                self._awaited[key] = Told(time, None)
        self.online = online
        self._began_to_return = self._latest_return = time

    def _snapshot(self, time: datetime, channels: list[OpenChannel], online: list[Vertex]) -> None:
        if self._lost and not online:
            return
        if self._lost and not self._cut:
            self._resume(time, channels, online)
            return
        self._lost = False
        channels += self._closing(channels)
        news = self._news(channels)
        as_known = set(online) == set(self.online) and dict(channels) == self.open
        if self.sees and as_known and not self._active.keys() & news:
            for point, active in news.items():
                self._said(time, point, active=active)
            return
        self._went = []
        set_right = Told(time, SetRight(channels, online))
        self.told.append(set_right)
        if online:
            self._hold_ends({*online} - {*self.online}, time)
        for key in {*online} ^ {*self.online}:
            peer = self._peers.setdefault(key, Peer())
            peer.since, peer.changes_seen = (time, self._segment), 0
            if not self._returns(key, time) and self.sees:
                peer.seen_offline = key not in online
        self.online = dict.fromkeys(online)
        for channel in [OpenChannel(*each) for each in self.open.items()]:
            if channel not in channels:
                self._leaves(channel)
        for channel in channels:
            if channel.channel_point not in self.open:
                self._meet(channel.peer)
                self._there_again(channel)
                self._opened_by[channel] = set_right
        self._open_all(channels)
        self._unmark(time)

    def _came(self, time: datetime, event: PeerOnlineEvent) -> None:
        self._went = []
        if self._lost and not self._cut:
            channels = [OpenChannel(*each) for each in self.open.items()]
            self._resume(time, channels, [event.peer])
            return
        self._lost = False
        self.told.append(Told(time, PeerOnlineEvent(event.peer)))
        if event.peer in self.online:
            return
        self._hold_ends({event.peer}, time)
        self.online[event.peer] = None
        peer = self._peers.setdefault(event.peer, Peer())
        peer.since = time, self._segment
        if self._returns(event.peer, time):
            peer.changes_seen = 0
        elif self.sees:
            peer.changes_seen += 1
            peer.seen_offline = False
        else:
            peer.changes_seen = 0

    def _goes(self, time: datetime, event: PeerOfflineEvent) -> None:
        told = Told(time, PeerOfflineEvent(event.peer), self.count)
        self.told.append(told)
        if event.peer not in self.online:
            return
        del self.online[event.peer]
        peer = self._peers[event.peer]
        since, peer.since = peer.since, (time, self._segment)
        if not self.sees:
            peer.changes_seen = 0
            return
        if self._period is not None:
            assert since is not None
            came, segment = since
            is_soon = segment == self._segment and time - came <= self._period
            alone = peer.changes_seen > 1 and is_soon
            self._note_going(told, alone)
        peer.changes_seen += 1
        peer.seen_offline = True
        if not self.online and len(self._counted(time)) >= FEWEST:
            self._lose_network(self._counted(time)[0])

    def _note_going(self, told: Told, alone: bool) -> None:
        self._went.append((told, alone))

    def _lose_network(self, first: Told) -> None:
        index = self.told.index(first)
        went = [told.item.peer for told, _ in self._went if told in self.told[index:]]
        for peer in [self._peers[key] for key in went if key in self._peers]:
            peer.seen_offline, peer.changes_seen = False, 0
            peer.since = first.time, self._segment
        for peer in self._peers.values():
            if peer.met in self.told[index:]:
                peer.seen_offline = False
        self.told.insert(index, Told(first.time, MonitoringPausedEvent()))
        self._went, self._awaited, self._left, self._lost = [], {}, {}, True

    def _counted(self, now: datetime) -> list[Told]:
        assert self._period is not None or not self._went
        return [
            told
            for told, alone in self._went
            if not alone and self._period is not None and now - told.time <= self._period
        ]

    def _opened(self, time: datetime, event: OpenChannelEvent) -> None:
        told = Told(time, event._replace(at=None))
        self.told.append(told)
        if event.channel_point not in self.open:
            self._meet(event.peer, told)
            self._there_again(OpenChannel(event.channel_point, event.peer))
            self._opened_by[OpenChannel(event.channel_point, event.peer)] = told
            self._begins(event.channel_point)
            self.open[event.channel_point] = event.peer

    def _meet(self, peer: Vertex, met: Told | None = None) -> None:
        since = self._latest_event, self._segment
        self._peers.setdefault(peer, Peer(seen_offline=self.sees, since=since, met=met))

    def _closed(self, time: datetime, event: ClosedChannelEvent) -> None:
        self.told.append(Told(time, event._replace(at=None)))
        if self.open.get(event.channel_point) == event.peer:
            self._leaves(OpenChannel(event.channel_point, event.peer))
            del self.open[event.channel_point]
            self._unmark(time)

    def _there_again(self, channel: OpenChannel) -> None:
        self._left.pop(channel, None)

    # Awaited peers.

    def _hold_ends(self, coming: set[Vertex], time: datetime) -> None:
        if self._is_held():
            self._began_to_return = self._latest_return = time

    def _returns(self, peer: Vertex, time: datetime) -> bool:
        """Return whether the peer, which is online now, was awaited."""
        if self._awaited.pop(peer, None) is None:
            return False
        self._latest_return = time
        return True

    def _is_held(self) -> bool:
        return not self.online and len(self._awaited) >= FEWEST

    def _unmark(self, time: datetime) -> None:
        """Stop awaiting peers without channels."""
        was_held = self._is_held()
        for peer in [peer for peer in self._awaited if peer not in self.open.values()]:
            self._give_up(peer)
        if was_held and not self._is_held():
            self._began_to_return = self._latest_return = time

    def _give_up(self, peer: Vertex) -> None:
        resumed = self._awaited.pop(peer)
        resumed.item = resumed.item._replace(awaited=resumed.item.awaited - {peer})
        self._peers[peer].seen_offline = True

    def _decide(self, time: datetime) -> None:
        if not self._awaited or self._is_held():
            return
        assert self._quiet is not None
        end = min(self._latest_return + self._quiet, self._began_to_return + MINUTE)
        going = [told.time for told, alone in self._went if not alone]
        needed = max(FEWEST - len(self.online), 1)
        if self._period is not None and self.online and len(going) >= needed:
            end = max(end, going[-needed] + self._period + MICROSECOND)
        if time >= end:
            for channel, left in self._left.items():
                if channel.peer in self._awaited:
                    self.told.remove(left)
            self._left = {}
            for peer in list(self._awaited):
                self._give_up(peer)

    def _corrected(self, event: Any) -> tuple[list[OpenChannel], list[Vertex]]:
        """Return the lists, corrected by events since they were asked for."""
        asked = event.at
        told = {key for key, time in self._told_of.items() if asked is not None and time > asked}
        listed = [OpenChannel(each[0], each[1], activity(each)) for each in event.open_channels]
        channels = [each for each in listed if each.channel_point not in told]
        channels += [OpenChannel(*each) for each in self.open.items() if each[0] in told]
        online = [peer for peer in event.online_peers if peer not in told]
        return channels, [*online, *(peer for peer in self.online if peer in told)]

    def _forget(self) -> None:
        if self._stored:
            self._had_channel |= {*self.open.values()}
        if not self._remembers:
            known = {*self.online, *self.open.values(), *self._had_channel}
            self._peers = {key: peer for key, peer in self._peers.items() if key in known}
