"""What a lightningd says while all is seen, as events, in its order.

A change of state that takes a listing to be understood waits for one, and whatever
comes of the same channel waits behind it. Peers do not wait for channels.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from ...events import PeerOfflineEvent, PeerOnlineEvent
from ...logs import Log
from ...wire import Vertex
from .channels import Channels
from .listings import ListingClient
from .messages import Listed, StateChange, parse_change, parse_peer, payload

logger = Log(__name__)

T = TypeVar("T")


class Notification(NamedTuple):
    """A notification, and when it came (UTC)."""

    topic: str
    params: object
    at: datetime.datetime

    def parsed(self, parse: Callable[[dict[str, object]], T]) -> T | None:
        """What it says, or None, and then that is logged."""
        try:
            return parse(payload(self.topic, self.params))
        except ValueError as error:
            logger.warning("cannot use a %s of lightningd: %s", self.topic, error)
            return None


class Notifications:
    """Turns notifications into events. For one thread.

    ``put`` gets the events, ``publish`` is called after those of channels.
    ``is_latest``: whether nothing came since.
    """

    def __init__(
        self,
        channels: Channels,
        listings: ListingClient,
        put: Callable[[Sequence[object]], object],
        is_latest: Callable[[Notification], bool],
        publish: Callable[[], object],
    ) -> None:
        self._channels = channels
        self._listings = listings
        self._put = put
        self._is_latest = is_latest
        self._publish = publish
        self._waiting: list[tuple[StateChange, datetime.datetime]] = []  # for a listing

    @property
    def waiting(self) -> int:
        """How many changes wait for a listing."""
        return len(self._waiting)

    def forget(self) -> None:
        """Drop what waits: a snapshot is to have it."""
        self._waiting.clear()

    def take(self, notification: Notification) -> None:
        """Tell what it means, after what waits, if there is an answer now."""
        self._resolve(notification)
        if notification.topic == "channel_state_changed":
            change = notification.parsed(parse_change)
            if change is not None:
                self._change(change, notification)
        else:
            peer = notification.parsed(parse_peer)
            if peer is not None:
                online = notification.topic == "connect"
                self._put(
                    [(PeerOnlineEvent if online else PeerOfflineEvent)(peer, notification.at)]
                )
                self._complete_names(peer, notification)

    def _complete_names(self, peer: Vertex, notification: Notification) -> None:
        """Ask for a short channel id that came meanwhile: no notification tells of it."""
        if self._channels.lacks_short_id(peer) and self._may_ask(notification):
            self._channels.note_names(self._listings.channels_of(peer) or [])
            self._publish()

    def _may_ask(self, notification: Notification) -> bool:
        """Whether to ask now: a lightningd that does not answer, only at its latest word."""
        return self._listings.is_answered or self._is_latest(notification)

    def _change(self, change: StateChange, notification: Notification) -> None:
        waits = any(each.channel_id == change.channel_id for each, _ in self._waiting)
        if not waits and not self._channels.needs_listing(change):
            self._tell(change, notification.at, [])
            return
        self._waiting.append((change, notification.at))
        if len(self._waiting) == 1:
            self._resolve(notification)

    def _resolve(self, notification: Notification) -> None:
        """Tell what the changes mean that wait for a listing, as far as there is one."""
        while self._waiting and self._may_ask(notification):
            change, at = self._waiting[0]
            listed: list[Listed] | None = []
            if self._channels.needs_listing(change):
                listed = self._listings.channels_of(change.peer)
            if listed is None:
                return
            del self._waiting[0]
            self._tell(change, at, listed)

    def _tell(self, change: StateChange, at: datetime.datetime, listed: list[Listed]) -> None:
        self._put(self._channels.take(change, at, listed))
        self._publish()
