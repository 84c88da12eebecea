"""Generator of recordings: weeks of a routing node, with lines of all kinds.

Deterministic: the same arguments make the same recording, byte by byte.
"""

from __future__ import annotations

from collections.abc import Callable

from chanfitness import (
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
from chanfitness.recording.recorder import RecordingEncoder

from .agenda import DAY, HOUR, MINUTE, SECOND, Agenda
from .simulated_peers import KINDS
from .values import outpoint, vertex


def simulated_recording(days: int = 60, peers: int = 200, seed: int = 1) -> bytes:
    """Return the recording of so many days of a node with so many peers, and two channels each."""
    return b"".join(_Recording(seed, peers).lines_until(days * DAY))


class _Recording(Agenda):
    """Peers flap, channels open, close and move; now and then some minutes are blind.

    One in ten peers has no channel.
    """

    def __init__(self, seed: int, peers: int) -> None:
        super().__init__(seed)
        self._lines: list[bytes] = []
        self._encoder = RecordingEncoder()
        self._points = 0
        self._peers = [vertex(number) for number in range(peers * 10 // 9)]
        self._online = dict.fromkeys(self._peers)
        self._channels: dict[OutPoint, Vertex] = {}
        for _ in range(2):
            for peer in self._peers[:peers]:
                self._channels[self._new_point()] = peer
        for number, peer in enumerate(self._peers):
            mean_up, mean_down = KINDS[number * 37 % 100]
            self._plan(mean_up, self._toggle, peer, mean_up, mean_down)
        self._plan(0, self._tell_snapshot)
        for mean, act in [
            (DAY, self._blind_minutes),
            (30 * DAY, self._own_outage),
            (DAY / 4, self._open),
            (DAY / 4, self._close),
            (DAY / 8, self._splice),
        ]:
            self._plan(mean, self._again, mean, act)

    def lines_until(self, end: int) -> list[bytes]:
        """Yield the lines until then; the last one says that monitoring stopped."""
        self.run(end)
        self._tell(MonitoringPausedEvent())
        return self._lines

    def _again(self, mean: float, act: Callable[[], None]) -> None:
        self._plan(mean, self._again, mean, act)
        act()

    def _tell(self, event: object) -> None:
        """Write a line, if the event is seen."""
        self._lines += self._encoder.lines(event, self.clock.now())

    # Peers.

    def _toggle(self, peer: Vertex, mean_up: float, mean_down: float) -> None:
        goes = peer in self._online
        (self._offline if goes else self._come)(peer)
        self._plan(mean_down if goes else mean_up, self._toggle, peer, mean_up, mean_down)

    def _offline(self, peer: Vertex) -> None:
        if peer in self._online:
            del self._online[peer]
            self._tell(PeerOfflineEvent(peer))

    def _come(self, peer: Vertex) -> None:
        if peer not in self._online:
            self._online[peer] = None
            self._tell(PeerOnlineEvent(peer))

    def _own_outage(self) -> None:
        length = MINUTE + self.rng.expovariate(1 / HOUR)
        for peer in list(self._online):
            self._plan_in(self.rng.uniform(0, MINUTE), self._offline, peer)
            self._plan_in(length + self.rng.uniform(0, MINUTE), self._come, peer)

    # Channels.

    def _new_point(self) -> OutPoint:
        self._points += 1
        return outpoint(self._points)

    def _open(self) -> None:
        point, peer = self._new_point(), self.rng.choice(list(self._channels.values()))
        self._channels[point] = peer
        self._tell(OpenChannelEvent(point, peer))

    def _close(self) -> None:
        point = self.rng.choice(list(self._channels))
        self._tell(ClosedChannelEvent(point, self._channels.pop(point)))

    def _splice(self) -> None:
        point, new_point = self.rng.choice(list(self._channels)), self._new_point()
        peer = self._channels[new_point] = self._channels.pop(point)
        self._tell(ChannelMovedEvent(point, new_point, peer))

    # Monitoring.

    def _blind_minutes(self) -> None:
        """Restart the monitor (at once) or the node, or cut the connection."""
        self._tell(MonitoringPausedEvent())
        self._plan(self.rng.choice([SECOND, MINUTE, 10 * MINUTE]), self._tell_snapshot)

    def _tell_snapshot(self) -> None:
        channels = [OpenChannel(point, peer) for point, peer in self._channels.items()]
        self._tell(MonitoringResumedEvent(channels, list(self._online)))
