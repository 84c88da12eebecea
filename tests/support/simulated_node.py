"""A simulated routing node, and the expected answers of its store, summed as it goes.

Times are whole microseconds since the start. The sums use nothing of the package.
"""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from chanfitness import (
    NOT_YET_KNOWN,
    ChannelMovedEvent,
    ClosedChannelEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    OutPoint,
    PeerOfflineEvent,
    PeerOnlineEvent,
    Vertex,
)
from chanfitness.core.saved_state import ClosedRow

from .agenda import DAY, HOUR, MINUTE, Agenda
from .simulated_peers import KINDS, Channel, Peer, Segment, Window
from .stores import WAIT
from .values import outpoint, vertex


class Rates(NamedTuple):
    """Mean times between two events of a kind.

    ``life``: after this time, to the day, the node restarts, and then a few times more.
    """

    life: float = 30 * DAY
    cut: float = DAY / 12
    own_outage: float = 30 * DAY
    channel: float = DAY / 10  # between two openings or closings
    splice: float = DAY / 10


class Simulation(Agenda):
    """The events in order of time, and their sums.

    Events go into ``updates``. ``stop_store``, ``start_store`` and ``check_store`` are called when
    the node's store is to stop, to start or to be checked; the last once a day. ``kept``: how far
    back windows may reach.
    """

    def __init__(self, seed: int, peers: int, channels: int, rates: Rates, kept: int) -> None:
        super().__init__(seed)
        self.told = 0  # the number of events
        self.updates: queue.Queue[Any] = queue.Queue(1000)
        self.stop_store: Callable[[], None]
        self.start_store: Callable[[], None]
        self.check_store: Callable[[], None]
        self.closed: list[ClosedRow] = []  # which the database must have
        self.channels: dict[OutPoint, Channel] = {}
        self._points = 0
        self._usual = channels  # the usual number
        self._is_seen, self._has_network = False, True
        self._moved: list[ChannelMovedEvent] = []  # moves that the store does not know yet
        self._snapshot: list[OpenChannel] | None = None
        self._kept = kept
        self._segments: deque[Segment] = deque()  # in which the store saw; without the old ones
        self._present = Segment(0, 0, None)
        self.peers = [
            Peer(vertex(number + 1), *KINDS[number * 37 % 100], kept) for number in range(peers)
        ]
        for number in range(channels):
            self._new_channel(self.peers[number % peers])
        for peer in self.peers[1:]:  # the first is always up
            self._plan(peer.mean_up, self._toggle, peer)
        self._plan(0, self._start)
        self._plan_in(rates.life, self._each, rates.life, self._restart)
        self._plan_in(DAY, self._each, DAY, lambda: self.check_store())
        for mean, act in [
            (rates.cut, self._cut),
            (rates.own_outage, self._own_outage),
        ]:
            self._plan(mean, self._again, mean, self._when_seen, act)
        for mean, act in [
            (rates.channel, self._open_or_close),
            (rates.splice, self._splice),
        ]:
            self._plan(mean, self._again, mean, self._when_connected, act)

    def run_until_seen(self) -> None:
        """Continue until the store runs and sees."""
        while not self._is_seen:
            self.run_next()

    # The callables of a store's configuration.

    def open_channels(self) -> Any:
        """Return the open channels, or that they are not known yet."""
        return NOT_YET_KNOWN if self._snapshot is None else self._snapshot

    def is_online(self, key: Vertex) -> bool:
        return self.peers[int.from_bytes(key[1:], "big") - 1].online

    # The expected answers.

    def sums(self) -> dict[Channel, tuple[int, int]]:
        """Return lifetime and uptime of each channel."""
        for channel in self.channels.values():
            channel.sum_up(self.now)
        return {each: (each.lifetime, each.uptime) for each in self.channels.values()}

    def figures(self) -> dict[OutPoint, tuple[int, int]]:
        """Return lifetime and uptime of each channel that the store sees."""
        return {channel.point: sums for channel, sums in self.sums().items() if channel.counts}

    def flaps(self) -> dict[Vertex, int]:
        """Return the flaps of each peer with a channel that the store sees."""
        peers = {channel.peer for channel in self.channels.values() if channel.counts}
        return {peer.key: peer.flaps(self.now) for peer in peers}

    def any_window(self) -> tuple[OutPoint, int, Window]:
        """Return a window of a random channel that is seen: its length, and the expected sums."""
        channel = self.rng.choice([each for each in self.channels.values() if each.counts])
        period = self.rng.randrange(self._kept)
        segments = [*self._segments, self._present._replace(end=self.now)]
        return channel.point, period, channel.window(self.now - period, self.now, segments)

    # Times of events.

    def _again(self, mean: float, when: Callable[..., None], act: Callable[[], None]) -> None:
        self._plan(mean, self._again, mean, when, act)
        when(act)

    def _each(self, period: float, act: Callable[[], None]) -> None:
        self._plan_in(period, self._each, period, act)
        self._when_seen(act)

    def _when_seen(self, act: Callable[..., None], *arguments: Any) -> None:
        """Return now, or when the store sees again."""
        if self._is_seen:
            act(*arguments)
        else:
            self._plan_in(HOUR, self._when_seen, act, *arguments)

    def _when_connected(self, act: Callable[[], None]) -> None:
        """Return now, or when the node has a network again."""
        if self._has_network:
            act()
        else:
            self._plan_in(HOUR, self._when_connected, act)

    def _tell(self, event: object) -> None:
        self.updates.put(event, timeout=WAIT)
        self.told += 1

    # Peers.

    def _toggle(self, peer: Peer) -> None:
        peer.up = not peer.up
        self._plan(peer.mean_up if peer.up else peer.mean_down, self._toggle, peer)
        if self._has_network:
            self._show(peer)

    def _show(self, peer: Peer) -> None:
        """Put the peer's state, if it is news."""
        if peer.online != peer.up and self._has_network:
            for channel in peer.channels:
                channel.sum_up(self.now)
            peer.turn(self.now)
            if self._is_seen:
                peer.flap(self.now)
                self._tell((PeerOnlineEvent if peer.online else PeerOfflineEvent)(peer.key))

    # Channels.

    def _new_channel(self, peer: Peer) -> Channel:
        self._points += 1
        channel = Channel(outpoint(self._points), peer, self.now)
        self.channels[channel.point] = channel
        peer.channels.append(channel)
        return channel

    def _open_or_close(self) -> None:
        """Keep about as many channels as at the beginning."""
        close = self.rng.random() * 2 * self._usual < len(self.channels)
        (self._close if close else self._open)()

    def _open(self) -> None:
        channel = self._new_channel(self.rng.choice(self.peers))
        channel.is_known = channel.counts = self._is_seen
        if self._is_seen:
            self._tell(OpenChannelEvent(channel.point, channel.peer.key))

    def _any_channel(self) -> Channel:
        return self.rng.choice(list(self.channels.values()))

    def _close(self) -> None:
        """Close a channel, but never a peer's last, whose flaps the store would forget."""
        channel = self._any_channel()
        if len(channel.peer.channels) == 1:
            return
        channel.sum_up(self.now)
        del self.channels[channel.point]
        channel.peer.channels.remove(channel)
        self._when_seen(self._tell_closed, channel)

    def _tell_closed(self, channel: Channel) -> None:
        self._tell(ClosedChannelEvent(channel.point, channel.peer.key))
        if channel.is_known:
            self.closed.append(channel.row(self.now))

    def _splice(self) -> None:
        channel = self._any_channel()
        self._points += 1
        old, channel.point = channel.point, outpoint(self._points)
        self.channels[channel.point] = self.channels.pop(old)
        event = ChannelMovedEvent(old, channel.point, channel.peer.key)
        if self._is_seen:
            self._tell(event)
        elif channel.is_known:
            self._moved.append(event)

    # Blind time.

    def _see(self, channels: list[Channel], missing: Channel | None = None) -> None:
        """Let the store see these channels from now on: all but ``missing``, or none."""
        if self._is_seen:
            self._segments.append(self._present._replace(end=self.now))
        while self._segments and self._segments[0].end < self.now - self._kept:
            self._segments.popleft()
        self._present = Segment(self.now, self.now, missing)
        for channel in self.channels.values():
            channel.sum_up(self.now)
            channel.counts = False
        for channel in channels:
            if not channel.is_known:
                channel.is_known, channel.opened = True, self.now
            channel.counts = True
        self._is_seen = bool(channels)

    def _see_again(self) -> list[OpenChannel]:
        """Resume, now and then with a snapshot that lacks an open channel."""
        channels, missing = list(self.channels.values()), None
        if self.rng.random() < 0.1:
            missing = self.rng.choice(channels)
            channels.remove(missing)
        self._see(channels, missing)
        return [OpenChannel(channel.point, channel.peer.key) for channel in channels]

    def _cut(self) -> None:
        self._tell(MonitoringPausedEvent())
        self._see([])
        self._plan(10 * MINUTE, self._mend)

    def _mend(self) -> None:
        for event in self._moved:
            self._tell(event)
        self._moved.clear()
        online = [peer.key for peer in self.peers if peer.online]
        self._tell(MonitoringResumedEvent(self._see_again(), online))

    def _restart(self) -> None:
        self._tell(PeerOnlineEvent(self.peers[0].key))  # prevents a suspected own outage
        self.stop_store()
        self._see([])
        self._plan(10 * MINUTE, self._start)

    def _start(self) -> None:
        if self.rng.random() < 0.9:  # restarts come in series
            self._plan(HOUR, self._when_seen, self._restart)
        if self._moved:
            self._snapshot = None
            self.start_store()
            self._mend()
            return
        self._snapshot = self._see_again()
        self.start_store()
        asked = {key for _, key in self._snapshot}
        for peer in self.peers:
            if peer.online and peer.key not in asked:
                peer.flap(self.now)
                self._tell(PeerOnlineEvent(peer.key))

    def _own_outage(self) -> None:
        self._tell(PeerOnlineEvent(self.peers[0].key))  # ends the count of earlier offline peers
        seen = [channel for channel in self.channels.values() if channel.counts]
        missing = self._present.missing
        self._has_network = False
        self._see([])
        first, *others = [peer for peer in self.peers if peer.online]
        self._lose(first)
        for peer in others:
            self._plan_in(self.rng.uniform(0, MINUTE), self._lose, peer)
        self._plan_in(MINUTE + self.rng.expovariate(1 / HOUR), self._find, seen, missing)

    def _lose(self, peer: Peer) -> None:
        peer.turn(self.now)
        self._tell(PeerOfflineEvent(peer.key))

    def _find(self, seen: list[Channel], missing: Channel | None) -> None:
        """The network returns with the first peer, which is no flap."""
        self._has_network = True
        self.peers[0].turn(self.now)
        self._see(seen, missing)
        self._tell(PeerOnlineEvent(self.peers[0].key))
        for peer in self.peers[1:]:
            self._plan_in(self.rng.uniform(0, MINUTE), self._show, peer)
