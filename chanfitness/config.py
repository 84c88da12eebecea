"""What a store needs of its surroundings."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from .clock import Clock, SystemClock
from .events import OpenChannel
from .wire import Vertex


class Subscription(Protocol):
    """A source of events: a queue to read, and how to end it.

    ``updates`` may be any ``queue.Queue``, bounded or not, empty or not; the
    store is its only reader. ``cancel()`` is called once, on the loop's thread
    (or in ``start()``, if that fails); what it raises is logged.
    """

    @property
    def updates(self) -> queue.Queue[Any]:
        """The queue that the store reads."""

    def cancel(self) -> object:
        """End the subscription."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What a store needs of its surroundings, as lnd's ``chanfitness.Config``.

    ``subscribe_channel_events``, ``subscribe_peer_events``: called by
    ``start()``; each returns a :class:`Subscription`. Either stream may carry
    any event, and both may be one queue.

    ``get_open_channels``: called by ``start()``, once, after both; returns the
    channels that are open.

    ``is_peer_online``: asked by ``start()``, on the caller's thread, for each
    peer with an open channel. Without it a peer counts as offline until its
    first online event, as in lnd.

    ``clock``: read in every thread that puts or asks; see :class:`Clock`.
    """

    subscribe_channel_events: Callable[[], Subscription]
    subscribe_peer_events: Callable[[], Subscription]
    get_open_channels: Callable[[], Iterable[OpenChannel]]
    is_peer_online: Callable[[Vertex], bool] | None = None
    clock: Clock = field(default_factory=SystemClock)
