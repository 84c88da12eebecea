"""Conversion of lightningd's notifications and lists into events, in order.

A change of state that needs a listing waits for it, and later changes of the same channel
wait behind it. Peers do not wait for channels.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from ...events import (
    InactiveChannelEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SnapshotEvent,
)
from ...logs import Log
from ...wire import Vertex
from .channels import Channels
from .descriptions import Descriptions
from .follow_ups import Alias, FollowUps, Relisted
from .listings import ListingClient
from .messages import (
    OPEN,
    Connection,
    Listed,
    Listing,
    StateChange,
    parse_change,
    parse_connection,
    parse_peer,
    payload,
)

logger = Log(__name__)

T = TypeVar("T")


class Notification(NamedTuple):
    """A notification, and when it came (UTC)."""

    topic: str
    params: object
    at: datetime.datetime

    def parsed(self, parse: Callable[[dict[str, object]], T]) -> T | None:
        """Return the parsed fields; None, with a log line, if they are unusable."""
        try:
            return parse(payload(self.topic, self.params))
        except ValueError as error:
            logger.warning("ignored an unusable %s of lightningd: %s", self.topic, error)
            return None


class Notifications:
    """Turns notifications and answers into events. For one thread.

    ``put`` is called with the events; ``publish`` after events of channels. ``is_latest``:
    whether a notification is the latest.
    """

    def __init__(
        self,
        channels: Channels,
        listings: ListingClient,
        follow_ups: FollowUps,
        *,
        put: Callable[[Sequence[object]], object],
        is_latest: Callable[[Notification], bool],
        publish: Callable[[], object],
    ) -> None:
        self._channels = channels
        self._listings = listings
        self._follow_ups = follow_ups
        self._descriptions = Descriptions()
        self._put = put
        self._is_latest = is_latest
        self._publish = publish
        self._waiting: list[tuple[StateChange, datetime.datetime]] = []  # for a listing
        self._told: dict[Vertex, datetime.datetime] = {}  # notified peers since the last relist()

    @property
    def waiting(self) -> int:
        """The number of changes that wait for a listing."""
        return len(self._waiting)

    def forget(self) -> None:
        """Drop waiting changes and questions, since a snapshot follows."""
        self._waiting.clear()
        self._told.clear()
        self._follow_ups.clear()
        self._descriptions.disconnected_all()

    def snapshot(
        self,
        kind: type[MonitoringResumedEvent | SnapshotEvent],
        listing: Listing,
        asked: datetime.datetime,
        remembered: Sequence[OpenChannel],
    ) -> None:
        """Put the events of a full listing; arguments as of ``Channels.snapshot``."""
        channels, descriptions, online = self._channels, self._descriptions, set(listing.online)
        self._put(channels.snapshot(kind, listing, asked, remembered))
        listed = [each for each in listing.channels if channels.point(each.channel_id)]
        descriptions.keep(
            [each.channel.channel_point for each in listed], [*channels.peers, *listing.online]
        )
        for each in listed:
            self._put(descriptions.listed_channel(each, asked))
        self._put(descriptions.listed_peers(listing.addresses, asked))
        self._publish()
        waiting = [each.channel.peer for each in listed if each.awaits_reestablishing]
        self._follow_ups.relist_all(peer for peer in waiting if peer in online)
        self._follow_ups.look_up(channels.peers)

    def relist(self, listing: Listing, asked: datetime.datetime) -> None:
        """Put the changes of channels in a full listing, where lightningd does not notify.

        ``asked``: when it was asked for. Channels of peers notified since then are skipped.
        """
        opened = []
        for each in listing.channels:
            channel_id, (_, peer) = each.channel_id, each.channel
            if self._told.get(peer, asked) > asked:
                continue
            change = StateChange(channel_id, peer, each.state, each.short_id)
            events = self._channels.take(change, asked, [each])
            self._put([*events, *self._channels.relisted([each], asked)])
            if self._channels.point(channel_id) is not None:
                self._put(self._descriptions.listed_channel(each, asked))
            if any(isinstance(event, OpenChannelEvent) for event in events):
                opened.append(peer)
        self._put(self._descriptions.listed_peers(listing.addresses, asked))
        self._told.clear()
        self._publish()
        self._follow_ups.look_up(opened)

    def take(self, notification: Notification) -> None:
        """Put the events of a notification, after changes that wait for a listing."""
        self._resolve(notification)
        topic, _, at = notification
        if topic == "channel_state_changed":
            change = notification.parsed(parse_change)
            if change is not None:
                self._follow_ups.told(change.peer)
                self._change(change, notification)
        elif topic == "connect":
            connection = notification.parsed(parse_connection)
            if connection is not None:
                self._follow_ups.told(connection.peer)
                self._connected(connection, at)
        else:
            peer = notification.parsed(parse_peer)
            if peer is not None:
                self._follow_ups.told(peer)
                self._disconnected(peer, at)

    def take_answer(self, answer: Relisted | Alias) -> None:
        """Put the changes in the answer to a follow-up question."""
        if isinstance(answer, Alias):
            self._put(self._descriptions.alias(*answer))
        elif self._follow_ups.is_current(answer):
            self._relisted(answer)

    def _relisted(self, answer: Relisted) -> None:
        peer, listed, at = answer
        self._put(self._channels.relisted(listed, at))
        for each in listed:
            if self._channels.point(each.channel_id) == each.channel.channel_point:
                self._put(self._descriptions.listed_channel(each, at))
        self._publish()
        if not any(each.awaits_reestablishing for each in listed):
            self._follow_ups.end(peer)

    def _connected(self, connection: Connection, at: datetime.datetime) -> None:
        peer = connection.peer
        self._told[peer] = at
        online = PeerOnlineEvent(peer, at)
        if peer in self._channels.peers:
            self._put([*self._descriptions.connected(connection, at), online])
            self._channels.connected(peer)
            self._follow_ups.relist(peer)
        else:  # the store may not know the peer before its online event
            self._descriptions.forget(peer)
            self._put([online, *self._descriptions.connected(connection, at)])

    def _disconnected(self, peer: Vertex, at: datetime.datetime) -> None:
        self._told[peer] = at
        self._put([PeerOfflineEvent(peer, at), *self._channels.disconnected(peer, at)])
        self._descriptions.disconnected(peer)
        self._follow_ups.end(peer)
        if self._channels.lacks_short_id(peer):  # no notification will tell it
            self._follow_ups.relist(peer)

    def _may_ask(self, notification: Notification) -> bool:
        """Return whether to ask now; after a failure only the latest notification asks."""
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
        """Put the events of changes that wait for a listing, until one has no answer."""
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
        events = self._channels.take(change, at, listed)
        self._put(events)
        self._describe(change, at, listed)
        self._publish()
        if any(isinstance(event, OpenChannelEvent) for event in events):
            self._follow_ups.look_up([change.peer])
        if change.state in OPEN and any(isinstance(each, InactiveChannelEvent) for each in events):
            self._follow_ups.relist(change.peer)

    def _describe(self, change: StateChange, at: datetime.datetime, listed: list[Listed]) -> None:
        point = self._channels.point(change.channel_id)
        if point is None:
            return
        for each in listed:
            if each.channel_id == change.channel_id:
                told = each._replace(short_id=change.short_id or each.short_id)
                self._put(self._descriptions.listed_channel(told, at))
                return
        self._put(self._descriptions.short_id(point, change.short_id, at))
