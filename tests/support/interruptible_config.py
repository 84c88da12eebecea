"""A store's configuration whose callables can be interrupted at a chosen step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chanfitness import ChannelEventStore, ChannelInfo, Config, ManualClock, OpenChannel

from .stores import QueueSubscription
from .values import ALICE, CHANNEL_1, SECOND, START

OPEN_ALREADY = [OpenChannel(CHANNEL_1, ALICE)]
ANSWER = [ChannelInfo(CHANNEL_1, ALICE, lifetime=0 * SECOND, uptime=0 * SECOND)]
CALLABLES = [
    "subscribe_channel_events",
    "subscribe_peer_events",
    "get_open_channels",
    "is_peer_online",
]


class InterruptibleConfig:
    """A configuration whose step ``step`` calls ``do`` when it is reached."""

    def __init__(self, step: str = "", do: Callable[[], object] = lambda: None) -> None:
        self.step, self.do = step, do
        self.channels, self.peers = QueueSubscription(), QueueSubscription()
        self.calls: list[str] = []
        self.store = ChannelEventStore(
            Config(
                subscribe_channel_events=lambda: self._call(CALLABLES[0], self.channels),
                subscribe_peer_events=lambda: self._call(CALLABLES[1], self.peers),
                get_open_channels=lambda: self._call(CALLABLES[2], OPEN_ALREADY),
                is_peer_online=lambda peer: self._call(CALLABLES[3], False),
                clock=ManualClock(START),
            )
        )

    def _call(self, name: str, value: Any) -> Any:
        self.calls.append(name)
        if name == self.step:
            self.do()
        return value

    @property
    def cancels(self) -> tuple[int, int]:
        return self.channels.cancels, self.peers.cancels

    @property
    def is_watched(self) -> bool:
        return "_put" in vars(self.channels.updates) or "_put" in vars(self.peers.updates)


def raiser(error: BaseException) -> Callable[[], object]:
    def do() -> None:
        raise error

    return do
