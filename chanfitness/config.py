"""What a store needs of its surroundings."""

from __future__ import annotations

import datetime
import enum
import queue
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from .checks import quoted, require_callable, require_period, require_timedelta
from .clock import Clock, SystemClock
from .core.flaps import FACTOR, PERIOD
from .events import OnEvent, OpenChannel
from .storage.sqlite import SqliteStorage
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


class NotYetKnown(enum.Enum):
    """What ``get_open_channels`` returns in place of a snapshot."""

    NOT_YET_KNOWN = "not yet known"


NOT_YET_KNOWN: Final = NotYetKnown.NOT_YET_KNOWN
"""What ``get_open_channels`` returns while its node cannot be asked."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What a store needs of its surroundings, as lnd's ``chanfitness.Config``.

    ``subscribe_channel_events``, ``subscribe_peer_events``: called by
    ``start()``; each returns a :class:`Subscription`. Either stream may carry
    any event, and both may be one queue.

    ``get_open_channels``: called by ``start()``, once, after both; returns the
    channels that are open, or ``NOT_YET_KNOWN``: then the store starts blind,
    with what it remembers, until a ``MonitoringResumedEvent``.

    ``is_peer_online``: asked by ``start()``, on the caller's thread, for each
    peer with an open channel. Without it a peer counts as offline until its
    first online event, as in lnd.

    ``clock``: read in every thread that puts or asks; see :class:`~chanfitness.clock.Clock`.

    ``history``: for how long a peer's changes of state are kept, or None, and
    then ``get_history`` raises; ``history_limit``: how many of a peer at most, of older
    ones a checkpoint a day. Totals are exact for ever, whatever is kept.

    ``flap_factor``, ``flap_period``: after a period without a flap a peer's flap
    count is multiplied by the factor; as in lnd.

    ``storage``: where state outlives the process, or None.

    ``own_outage``: if three or more peers are online and all go offline within
    this period, with no online event between, it was this node's own network, and
    is blind time from the first of them to the next online event. A peer that was seen to
    reconnect and goes again within the period is none of the three. If all of one transport
    do so and a peer of another one is online, it was this node's way to that transport, and is
    blind for the channels of those peers alone. None: never.

    ``return_grace``: coming back takes time. A peer with a channel that is not online when
    the source sees again, also after an own outage, and was online when it was last seen
    or never was seen, is awaited: its channels are blind until it is online. That ends when
    no awaited peer came back for this period, and after a minute at most: then those that
    are awaited were offline all the while. None: nobody is awaited.

    ``on_event``: called on the loop's thread with each event once it was handled,
    and its time (UTC); after it, with what the store found out from it: a
    ``TransportLostEvent`` or ``TransportBackEvent``. It must not block; an ``Exception``
    that it raises is logged.
    """

    subscribe_channel_events: Callable[[], Subscription]
    subscribe_peer_events: Callable[[], Subscription]
    get_open_channels: Callable[[], Iterable[OpenChannel] | NotYetKnown]
    is_peer_online: Callable[[Vertex], bool] | None = None
    clock: Clock = field(default_factory=SystemClock)
    history: datetime.timedelta | None = None
    history_limit: int = 10_000
    flap_factor: float = FACTOR
    flap_period: datetime.timedelta = PERIOD
    storage: SqliteStorage | None = None
    own_outage: datetime.timedelta | None = None
    return_grace: datetime.timedelta | None = None
    on_event: OnEvent | None = None

    def __post_init__(self) -> None:
        for name in ("subscribe_channel_events", "subscribe_peer_events", "get_open_channels"):
            require_callable(name, getattr(self, name), f"node.{name}")
        for name in ("is_peer_online", "on_event"):
            if getattr(self, name) is not None:
                require_callable(name, getattr(self, name), f"node.{name}, or None")
        _require_clock(self.clock)
        require_period("history", self.history, "days")
        require_period("own_outage", self.own_outage, "seconds")
        require_period("return_grace", self.return_grace, "seconds")
        require_timedelta("flap_period", self.flap_period, "hours")
        if self.flap_period <= datetime.timedelta(0):
            raise ValueError(f"bad flap_period {self.flap_period!r}: expected more than zero")
        if not isinstance(self.flap_factor, (int, float)):
            raise TypeError(f"bad flap_factor {quoted(self.flap_factor)}: expected 0 to 1")
        if not 0 <= self.flap_factor <= 1:
            raise ValueError(f"bad flap_factor {self.flap_factor!r}: expected 0 to 1")
        if not isinstance(self.history_limit, int) or self.history_limit < 1:
            limit = quoted(self.history_limit)
            raise ValueError(f"bad history_limit {limit}: expected a whole number, 1 or more")
        if self.storage is not None and not isinstance(self.storage, SqliteStorage):
            path = self.storage if isinstance(self.storage, str) else "chanfitness.db"
            raise TypeError(
                f"bad storage {quoted(self.storage)}: expected a SqliteStorage, such as"
                f" SqliteStorage({quoted(path)}), or None"
            )


def checked_updates(subscription: object) -> queue.Queue[Any]:
    """The queue of a subscription; ``TypeError`` for an object that is none."""
    updates = getattr(subscription, "updates", None)
    if updates is None or not callable(getattr(subscription, "cancel", None)):
        raise TypeError(
            f"subscribed, and got {quoted(subscription)}: expected an object with a queue.Queue"
            " as `updates` and a method `cancel()`"
        )
    return updates  # type: ignore[no-any-return]


def checked_channels(snapshot: Iterable[OpenChannel]) -> list[OpenChannel]:
    """The channels of a snapshot; ``TypeError`` for one that is no pair."""
    channels = list(snapshot)
    for channel in channels:
        if not isinstance(channel, tuple) or len(channel) != 2:
            raise TypeError(
                f"get_open_channels returned {quoted(channel)} among the channels: expected"
                " OpenChannel(OutPoint.parse(...), Vertex.parse(...))"
            )
    return channels


def _require_clock(clock: object) -> None:
    if isinstance(clock, type):
        raise TypeError(f"bad clock {quoted(clock)}: expected a clock, such as {clock.__name__}()")
    if not callable(getattr(clock, "now", None)):
        raise TypeError(
            f"bad clock {quoted(clock)}: expected a clock, which has now(), such as SystemClock()"
        )
