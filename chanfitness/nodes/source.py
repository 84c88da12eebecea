"""Base class of nodes that are the source of a store's events."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Any

from typing_extensions import Self

from ..clock import Clock, SteadyClock
from ..config import Config, NotYetKnown, Subscription


class Source(ABC):
    """A node with one subscription, to all events; a context manager that closes it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards changes of what follows, and of the subscription
        self._clock: Clock = SteadyClock()
        self._closed = False

    def config(self, **options: Any) -> Config:
        """Return a :class:`~chanfitness.Config` for this node.

        Its clock dates the events that this node puts from now on.

        Args:
            options: The other fields of the config.
        """
        config = Config(
            subscribe_channel_events=self.subscribe,
            subscribe_peer_events=self.subscribe,
            get_open_channels=self.get_open_channels,
            **options,
        )
        self._clock = config.clock
        return config

    @abstractmethod
    def subscribe(self) -> Subscription:
        """Start watching, unless started, and return the one subscription."""

    @abstractmethod
    def get_open_channels(self) -> NotYetKnown:
        """Return ``NOT_YET_KNOWN``: the open channels come as an event."""

    @abstractmethod
    def close(self) -> None:
        """Stop watching for good."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
