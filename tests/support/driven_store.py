"""A store that gets its events one by one from a test."""

from __future__ import annotations

import queue
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from typing_extensions import Self

from chanfitness import ChannelEventStore, Clock, Config, ManualClock, OpenChannel, Vertex

from .stores import QueueSubscription, stop
from .values import START


class DrivenStore:
    """A running store with a ``clock`` (by default at ``START``) and a queue of events.

    ``settings`` are those of ``Config``.
    """

    def __init__(
        self,
        *,
        open_channels: Iterable[OpenChannel] = (),
        online: Iterable[Vertex] = (),
        clock: Clock | None = None,
        **settings: Any,
    ) -> None:
        self.clock = ManualClock(START)
        self.sources = [QueueSubscription(), QueueSubscription()]
        channels, peers = self.sources
        self.store = ChannelEventStore(
            Config(
                subscribe_channel_events=lambda: channels,
                subscribe_peer_events=lambda: peers,
                get_open_channels=lambda: open_channels,
                is_peer_online=frozenset(online).__contains__,
                clock=clock or self.clock,
                **settings,
            )
        )

    def put(self, event: object, stream: int = 0) -> None:
        updates: queue.Queue[Any] = self.sources[stream].updates
        updates.put(event)

    def __enter__(self) -> Self:
        self.store.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        stop(self.store)
