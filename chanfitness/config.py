"""Settings of a store, and the protocol of its subscriptions."""

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
    """A source of events: a queue, and a method that ends the subscription."""

    @property
    def updates(self) -> queue.Queue[Any]:
        """Any ``queue.Queue``, bounded or not, of which the store is the only reader."""

    def cancel(self) -> object:
        """End the subscription. Called once, on the loop's thread, or by a failed ``start()``.

        What it raises is logged.
        """


class NotYetKnown(enum.Enum):
    """The type of ``NOT_YET_KNOWN``."""

    NOT_YET_KNOWN = "not yet known"

    def __repr__(self) -> str:
        return "NOT_YET_KNOWN"


NOT_YET_KNOWN: Final = NotYetKnown.NOT_YET_KNOWN
"""Returned by ``get_open_channels`` while its node cannot be asked."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """The settings of a store, as lnd's ``chanfitness.Config``. All are keywords.

    Raises:
        TypeError: An argument has the wrong type: a callable that is none, a clock without
            ``now()``, a ``storage`` that is no ``SqliteStorage``, a ``flap_factor`` that is no
            number.
        ValueError: A period is negative, ``flap_period`` is zero, ``flap_factor`` is not
            within 0 and 1, or ``history_limit`` is not a whole number of 1 or more.
    """

    subscribe_channel_events: Callable[[], Subscription] = field(repr=False)
    """Called by ``start()``; returns a :class:`Subscription`.

    It may carry events of any kind, and may be the same as that of
    ``subscribe_peer_events``.
    """
    subscribe_peer_events: Callable[[], Subscription] = field(repr=False)
    """Likewise, called after ``subscribe_channel_events``."""
    get_open_channels: Callable[[], Iterable[OpenChannel] | NotYetKnown] = field(repr=False)
    """Called once by ``start()``, after both subscriptions; returns the open channels.

    If it returns ``NOT_YET_KNOWN``, the store starts blind, with what it remembers, until a
    ``MonitoringResumedEvent``.
    """
    is_peer_online: Callable[[Vertex], bool] | None = field(default=None, repr=False)
    """Called by ``start()``, on its thread, for each peer with an open channel.

    None: a peer counts as offline until its first online event, as in lnd.
    """
    clock: Clock = field(default_factory=SystemClock)
    """Read in each thread that puts an event or asks; see :class:`~chanfitness.clock.Clock`."""
    history: datetime.timedelta | None = None
    """How long a peer's changes of state are kept.

    With None ``get_history`` raises. Totals are exact for ever, whatever is kept.
    """
    history_limit: int = 10_000
    """How many changes of a peer are kept one by one.

    Of older changes, one checkpoint a day is kept.
    """
    flap_factor: float = FACTOR
    """A peer's flap count is multiplied by this for each ``flap_period`` without a flap.

    The default is lnd's.
    """
    flap_period: datetime.timedelta = PERIOD
    """See ``flap_factor``; more than zero. The default is lnd's."""
    storage: SqliteStorage | None = None
    """The database in which state outlives the process, or None."""
    own_outage: datetime.timedelta | None = None
    """The period within which all peers must go to make it this node's own outage.

    At least three peers must have been online, with no online event in between. Time is then
    blind from the first offline event to the next online event. The same holds for the peers
    of one transport while a peer of another one is online: then it is blind for their
    channels alone. None: never.
    """
    return_grace: datetime.timedelta | None = None
    """How long peers are awaited after this node was not seen, or after its own outage.

    A peer is awaited if it has a channel, is not online, and was online when last seen, or
    never was seen. Its channels are blind until it is online. The grace ends when no awaited
    peer came back for this period, and after a minute at most: a peer that is missing then
    was offline all the while. None: nobody is awaited.
    """
    on_event: OnEvent | None = field(default=None, repr=False)
    """Called on the loop's thread with each event that was handled, and its time (UTC).

    What the store found out from that event comes after it: a ``TransportLostEvent`` or
    ``TransportBackEvent``. It must not block. An ``Exception`` that it raises is logged.
    """

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
    """Return the queue of a subscription.

    Raises:
        TypeError: The object is no subscription.
    """
    updates = getattr(subscription, "updates", None)
    if updates is None or not callable(getattr(subscription, "cancel", None)):
        raise TypeError(
            f"subscribed, and got {quoted(subscription)}: expected an object with a queue.Queue"
            " as `updates` and a method `cancel()`"
        )
    return updates  # type: ignore[no-any-return]


def checked_channels(snapshot: Iterable[OpenChannel]) -> list[OpenChannel]:
    """Return the channels of a snapshot.

    Raises:
        TypeError: One of them is no pair of a channel point and a peer.
    """
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
