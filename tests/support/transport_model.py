"""The model of how outages are attributed, with transports and hindsight.

Before the first peer of a lost transport, the model puts an event that takes all its peers
offline. Peers that do not return in time are removed from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chanfitness import (
    ActiveChannelEvent,
    InactiveChannelEvent,
    OpenChannel,
    PeerDescribedEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    Vertex,
)

from .blame_model import FEWEST, MICROSECOND, MINUTE, BlameModel
from .blame_told import Peer, Told
from .history_states import Left, WayBack, WayLost

ACTIVITY = (ActiveChannelEvent, InactiveChannelEvent)


@dataclass
class Way:
    """An outage of a transport, until nobody is awaited."""

    lost: Told
    awaited: set[Vertex]
    back: Told | None = None
    left: dict[OpenChannel, Told] = field(default_factory=dict)
    began_to_return: datetime | None = None
    latest_return: datetime | None = None


class TransportModel(BlameModel):
    def __init__(self, *arguments: Any, **more: Any) -> None:
        self.ways: dict[str, Way] = {}
        self._going: dict[str, list[tuple[Told, bool, Peer]]] = {}
        super().__init__(*arguments, **more)

    def put(self, event: Any, clock: datetime) -> None:
        told_of = dict(self._told_of)
        super().put(event, clock)
        if isinstance(event, PeerDescribedEvent):
            self._told_of = told_of

    def _take(self, event: Any, time: datetime) -> None:
        if isinstance(event, PeerDescribedEvent):
            self._described(event)
        else:
            super()._take(event, time)

    def _described(self, event: PeerDescribedEvent) -> None:
        peer = self._peers.get(event.peer)
        transport = None if event.transport == "unknown" else event.transport
        is_known = event.peer in self.online or event.peer in self.open.values()
        if peer is None or not is_known or event.transport is None or peer.transport == transport:
            return
        if peer.transport is not None:
            going = self._going.get(peer.transport, [])
            self._going[peer.transport] = [each for each in going if each[2] is not peer]
        peer.transport = transport
        if transport is not None and event.peer in self.online:
            self._going[transport] = []

    def _online_over(self, transport: str) -> list[Vertex]:
        return [key for key in self.online if self._peers[key].transport == transport]

    def _counted_over(self, transport: str, now: datetime) -> list[Told]:
        going = self._going.get(transport, [])
        return [
            told
            for told, alone, _ in going
            if not alone and self._period is not None and now - told.time <= self._period
        ]

    # Saved state.

    def undecided_of_transports(self, now: datetime) -> dict[str, Told]:
        """Return the first offline event of each transport that may turn out to be lost."""
        firsts = {}
        for transport in self._going:
            within, online = self._counted_over(transport, now), self._online_over(transport)
            if within and online and len(online) + len(within) >= FEWEST:
                firsts[transport] = within[0]
        return firsts

    def first_of_ways(self) -> dict[str, Told]:
        """Return the first offline event of each lost transport."""
        told = self.told
        return {name: told[told.index(way.lost) + 1] for name, way in self.ways.items()}

    def lose(self, firsts: dict[str, Told], *, is_decided: bool) -> None:
        """Lose these transports, with the peers that went before now.

        ``is_decided``: the store did so too. Else it saves the channels of these peers as
        they were before their activity was told since.
        """
        for transport, first in firsts.items():
            going = [told.number for told, _, _ in self._going.get(transport, [])]
            own = [told for told in self.told if told.number == first.number]
            if own and first.number in going:
                if not is_decided:
                    self._forget_activity(transport, own[0])
                self._lose_way(transport, own[0])

    def _forget_activity(self, transport: str, first: Told) -> None:
        gone = {told.item.peer for told, _, _ in self._going[transport]}
        for told in self.told[self.told.index(first) :]:
            if isinstance(told.item, ACTIVITY) and self.open.get(told.item.channel_point) in gone:
                self.told.remove(told)
                self._forget_last_activity(told.item.channel_point)

    # Events.

    def _pause(self, time: datetime, event: Any) -> None:
        super()._pause(time, event)
        self.ways, self._going = {}, {}

    def _see(self, time: datetime, online: dict[Vertex, None]) -> None:
        super()._see(time, online)
        self.ways, self._going = {}, {}

    def _snapshot(self, time: datetime, channels: list[OpenChannel], online: list[Vertex]) -> None:
        before, had_channel, told = {*self.online}, {*self.open.values()}, len(self.told)
        super()._snapshot(time, channels, online)
        if len(self.told) == told or not self.sees:
            return
        self._going = {}
        for key in sorted({*online} - before, key=bytes):
            self._may_be_back(key, time, had_channel, told)

    def _came(self, time: datetime, event: PeerOnlineEvent) -> None:
        is_new = event.peer not in self.online
        peer = self._peers.get(event.peer)
        if peer is not None and peer.transport is not None:
            self._going[peer.transport] = []
        super()._came(time, event)
        if is_new:
            self._may_be_back(event.peer, time, {*self.open.values()}, len(self.told))

    def _may_be_back(
        self, key: Vertex, time: datetime, with_channel: set[Vertex], index: int
    ) -> None:
        way = self.ways.get(self._peers[key].transport or "")
        if way is None or way.back is not None:
            return
        way.back = Told(time, WayBack(frozenset()))
        self.told.insert(index, way.back)
        way.began_to_return = way.latest_return = time
        for peer in sorted(way.awaited, key=bytes):
            if self._quiet is None or peer not in with_channel:
                self._give_up_over(way, peer)

    def _goes(self, time: datetime, event: PeerOfflineEvent) -> None:
        was_online = event.peer in self.online
        super()._goes(time, event)
        transport = self._peers[event.peer].transport if was_online else None
        if transport is None or not self.sees or self._online_over(transport):
            return
        counted = self._counted_over(transport, time)
        others = any(self._peers[key].transport for key in self.online)
        if len(counted) >= FEWEST and others:
            self._lose_way(transport, counted[0])

    def _note_going(self, told: Told, alone: bool) -> None:
        super()._note_going(told, alone)
        peer = self._peers[told.item.peer]
        if peer.transport is not None:
            self._going.setdefault(peer.transport, []).append((told, alone, peer))

    def _lose_way(self, transport: str, first: Told) -> None:
        index = self.told.index(first)
        gone = {
            told.item.peer: peer
            for told, _, peer in self._going[transport]
            if told in self.told[index:] and self._peers.get(told.item.peer) is peer
        }
        for peer in gone.values():
            peer.seen_offline, peer.changes_seen = False, 0
            peer.since = first.time, self._segment
        last = self.ways.get(transport)
        lost = Told(first.time, WayLost(frozenset(gone)))
        self.told.insert(index, lost)
        self.ways[transport] = Way(lost, {*gone, *(last.awaited if last else ())})
        self._going[transport] = []

    def _lose_network(self, first: Told) -> None:
        since = self.told[self.told.index(first) :]
        super()._lose_network(first)
        for way in self.ways.values():
            if way.lost in since:
                self.told.remove(way.lost)
        self.ways, self._going = {}, {}

    def _leaves(self, channel: OpenChannel) -> None:
        super()._leaves(channel)
        for way in self.ways.values():
            if way.back is not None and channel.peer in way.awaited:
                index = self.told.index(way.back)
                opened = self._opened_by.get(channel)
                if opened in self.told:
                    index = max(index, self.told.index(opened))
                way.left[channel] = Told(self.told[index].time, Left(channel))
                self.told.insert(index + 1, way.left[channel])

    def _there_again(self, channel: OpenChannel) -> None:
        super()._there_again(channel)
        for way in self.ways.values():
            way.left.pop(channel, None)

    # Awaited peers.

    def _is_way_held(self, transport: str, way: Way) -> bool:
        held = not self._online_over(transport) and len(way.awaited) >= FEWEST
        return way.back is None or held

    def _hold_ends(self, coming: set[Vertex], time: datetime) -> None:
        super()._hold_ends(coming, time)
        transports = {self._peers[key].transport for key in coming if key in self._peers}
        for transport, way in self.ways.items():
            if transport in transports and self._is_way_held(transport, way):
                way.began_to_return = way.latest_return = time

    def _returns(self, peer: Vertex, time: datetime) -> bool:
        for way in self.ways.values():
            if peer in way.awaited:
                way.awaited.remove(peer)
                way.latest_return = time
                return True
        return super()._returns(peer, time)

    def _unmark(self, time: datetime) -> None:
        super()._unmark(time)
        for transport, way in self.ways.items():
            was_held = self._is_way_held(transport, way)
            for peer in sorted(way.awaited - {*self.open.values()}, key=bytes):
                if way.back is not None:
                    self._give_up_over(way, peer)
            if was_held and not self._is_way_held(transport, way):
                way.began_to_return = way.latest_return = time

    def _give_up_over(self, way: Way, peer: Vertex) -> None:
        assert way.back is not None
        way.awaited.remove(peer)
        way.back.item = WayBack(way.back.item.given_up | {peer})
        self._peers[peer].seen_offline = True

    def _decide(self, time: datetime) -> None:
        super()._decide(time)
        for transport, way in self.ways.items():
            if not way.awaited or self._is_way_held(transport, way):
                continue
            assert self._quiet is not None
            assert way.latest_return is not None
            assert way.began_to_return is not None
            end = min(way.latest_return + self._quiet, way.began_to_return + MINUTE)
            end = max(end, self._open_until([each[:2] for each in self._went], len(self.online)))
            going = [each[:2] for each in self._going.get(transport, [])]
            end = max(end, self._open_until(going, len(self._online_over(transport))))
            if time >= end:
                for channel, left in way.left.items():
                    if channel.peer in way.awaited:
                        self.told.remove(left)
                way.left = {}
                for peer in sorted(way.awaited, key=bytes):
                    self._give_up_over(way, peer)

    def _open_until(self, going: list[tuple[Told, bool]], online: int) -> datetime:
        assert self._period is not None
        times = [told.time for told, alone in going if not alone]
        needed = max(FEWEST - online, 1)
        if not online or len(times) < needed:
            return datetime.min.replace(tzinfo=self._now.tzinfo)
        return times[-needed] + self._period + MICROSECOND

    def _forget(self) -> None:
        super()._forget()
        for way in self.ways.values():
            way.awaited &= self._peers.keys()
