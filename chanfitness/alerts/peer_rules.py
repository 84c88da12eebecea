"""Alert rules of peers and channels, applied while the node is seen.

A peer's offline time is the lifetime of a channel minus its uptime, which grows only in seen time.
Its growth since the peer was last online is the seen length of the present outage.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable

from ..core.channel import ChannelInfo
from ..core.peerlog import PeerInfo
from ..core.saved_state import MICROSECOND, date_to_int, int_to_date, microseconds
from ..wire import OutPoint
from . import texts
from .draft import HOUR, Draft, Subject
from .messages import CHANNEL_CLOSED, CHANNEL_UNUSABLE, PEER_BACK, PEER_DOWN, PEER_FLAPPING
from .node_rules import MAY_BE_TOLD_AGAIN
from .snapshot import PAST, Past
from .state import Flap, Known

FLAPS = 10
"""Changes of a peer's state within an hour above which it is flapping."""

_DAY = datetime.timedelta(days=1)

PastOf = Callable[[OutPoint], Past | None]


def decide_of_peers(draft: Draft, past_of: PastOf) -> None:
    """Decide on messages about peers and channels."""
    snapshot = draft.snapshot
    _follow_moves(draft)
    present = {str(channel.channel_point) for channel in snapshot.channels}
    for point in [point for point in draft.channels if point not in present]:
        _closed(draft, point, draft.channels.pop(point))
    channels: dict[str, list[ChannelInfo]] = {}
    for channel in snapshot.channels:
        channels.setdefault(str(channel.peer), []).append(channel)
    for kind in (PEER_DOWN, PEER_FLAPPING):
        draft.forget(kind, channels.__contains__)
    draft.forget(CHANNEL_UNUSABLE, present.__contains__)
    for known in (draft.flap_counts, draft.flaps):
        for peer in [peer for peer in known if peer not in channels]:
            del known[peer]
    for info in snapshot.peers:
        of_peer = channels.get(str(info.peer))
        if of_peer is not None:
            _Peer(draft, info, of_peer, past_of).decide()


def _follow_moves(draft: Draft) -> None:
    for point, new in draft.snapshot.moved.items():
        if point in draft.channels:
            draft.channels[new] = draft.channels.pop(point)
            draft.move(CHANNEL_UNUSABLE, point, new)


def _closed(draft: Draft, point: str, known: Known) -> None:
    name = texts.channels([texts.channel(point, known.short_channel_id)], [known.capacity])
    draft.tell(
        CHANNEL_CLOSED,
        Subject(known.peer, known.alias, (point,)),
        None,
        lambda: f"channel with {texts.peer(known.peer, known.alias)} closed: {name}",
    )


class _Peer:
    """The rules applied to one peer and its channels."""

    def __init__(
        self, draft: Draft, info: PeerInfo, channels: list[ChannelInfo], past_of: PastOf
    ) -> None:
        self._draft, self._info, self._channels, self._past_of = draft, info, channels, past_of
        self._key = str(info.peer)
        self._name = texts.peer(self._key, info.alias)
        self._oldest = max(channels, key=lambda each: each.lifetime)

    def decide(self) -> None:
        """Decide on messages about the peer and its channels."""
        outages = [self._follow(channel) for channel in self._channels]
        lasted = max(time for time, _ in outages)
        if self._info.online or any(came for _, came in outages):
            self._back(lasted)
        else:
            self._offline(lasted)
        self._flapping()
        for channel in self._channels:
            self._unusable(channel)

    def _follow(self, channel: ChannelInfo) -> tuple[datetime.timedelta, bool]:
        """Return the length of the current or last outage, and whether the peer returned before it.

        Updates the channel's known figures.
        """
        known, point = self._draft.channels, str(channel.channel_point)
        offline = microseconds(channel.lifetime - channel.uptime)
        unusable = microseconds(channel.unusable)
        uptime = None if self._info.online else microseconds(channel.uptime)
        last = known.get(point)
        if last is None:
            last = self._known(channel, offline - self._present(channel, offline), uptime, unusable)
        came = uptime is not None and last.uptime is not None and uptime > last.uptime
        known[point] = self._known(
            channel,
            last.offline if uptime is not None and not came else offline,
            uptime,
            last.unusable if channel.active is False else unusable,
        )
        return max(offline - last.offline, 0) * MICROSECOND, came

    def _known(
        self, channel: ChannelInfo, offline: int, uptime: int | None, unusable: int
    ) -> Known:
        alias, name = self._info.alias, channel.short_channel_id
        return Known(self._key, alias, name, channel.capacity, offline, uptime, unusable)

    def _present(self, channel: ChannelInfo, offline: int) -> int:
        """Return how much of a new channel's offline time belongs to the present outage."""
        if self._info.online or not offline:
            return 0
        past = self._past_of(channel.channel_point)
        return 0 if past is None else min(microseconds(past.present), offline)

    # Offline, and back.

    def _offline(self, lasted: datetime.timedelta) -> None:
        draft, info = self._draft, self._info
        lost = {each.transport for each in draft.snapshot.transport_outages}
        if not draft.lasts(PEER_DOWN, self._key) and (
            info.transport in lost or not draft.is_over(draft.rules.after - lasted)
        ):
            return
        subject = self._subject(self._channels)
        draft.begin(PEER_DOWN, self._key, subject, info.since, lambda: self._down_text(lasted))

    def _down_text(self, lasted: datetime.timedelta) -> str:
        info, draft = self._info, self._draft
        text = f"{self._name} offline {texts.period(lasted)}, since {draft.since(info.since)}"
        past = self._past_of(self._oldest.channel_point)
        if past is not None and (past.longest is not None or past.window - lasted >= _DAY):
            text += f"; {texts.compared(past.window, past.longest, PAST)}"
        if not draft.rules.remembers and not self._oldest.uptime:
            text += f" (not seen online yet; {MAY_BE_TOLD_AGAIN})"
        return f"{text}. Out of use: {self._names(self._channels)}"

    def _back(self, lasted: datetime.timedelta) -> None:
        self._draft.end(
            PEER_DOWN,
            self._key,
            self._subject(self._channels),
            lambda: (
                f"{self._name} is back, after {texts.period(lasted)}."
                f" In use again: {self._names(self._channels)}"
            ),
            told_as=PEER_BACK,
        )

    # Flapping.

    def _flapping(self) -> None:
        draft, key, count = self._draft, self._key, self._info.flap_count
        now = date_to_int(draft.snapshot.now)
        grown = count - draft.flap_counts.get(key, count)
        draft.flap_counts[key] = count
        hour = microseconds(HOUR)
        flaps = [Flap(min(at, now), n) for at, n in draft.flaps.get(key, ()) if now - at < hour]
        if grown > 0:
            flaps.append(Flap(now, grown))
        if not flaps:
            draft.flaps.pop(key, None)
            if draft.lasts(PEER_FLAPPING, key):
                text = f"{self._name} is stable again: no changes for an hour"
                draft.end(PEER_FLAPPING, key, self._subject(self._channels), lambda: text)
            return
        draft.flaps[key] = tuple(flaps)
        total = sum(flap.changes for flap in flaps)
        if total > FLAPS and not draft.lasts(PEER_FLAPPING, key):
            first = int_to_date(flaps[0].at)
            draft.begin(
                PEER_FLAPPING,
                key,
                self._subject(self._channels),
                first,
                lambda: (
                    f"{self._name} is flapping: {total} changes since {draft.since(first)}."
                    f" Channels: {self._names(self._channels)}"
                ),
            )
        if draft.lasts(PEER_FLAPPING, key):  # it may end an hour after the last change
            draft.again_in(HOUR - (now - flaps[-1].at) * MICROSECOND)

    # Channels.

    def _unusable(self, channel: ChannelInfo) -> None:
        draft, point = self._draft, str(channel.channel_point)
        if channel.active is not False:
            if draft.lasts(CHANNEL_UNUSABLE, point):
                text = f"channel with {self._name} can be used again: {self._names([channel])}"
                draft.end(CHANNEL_UNUSABLE, point, self._subject([channel]), lambda: text)
            return
        if not self._info.online:
            return
        lasted = channel.unusable - draft.channels[point].unusable * MICROSECOND
        if draft.lasts(CHANNEL_UNUSABLE, point) or not draft.is_over(draft.rules.after - lasted):
            return
        since = draft.snapshot.now - lasted
        draft.begin(
            CHANNEL_UNUSABLE,
            point,
            self._subject([channel]),
            since,
            lambda: self._unusable_text(channel, lasted, draft.since(since)),
        )

    def _unusable_text(self, channel: ChannelInfo, lasted: datetime.timedelta, since: str) -> str:
        text = (
            f"{self._name} is online, but its channel has not been usable for"
            f" {texts.period(lasted)}, since {since}"
        )
        if not self._draft.rules.remembers and not channel.usable:
            text += f" (not seen usable yet; {MAY_BE_TOLD_AGAIN})"
        return f"{text}. Out of use: {self._names([channel])}"

    def _subject(self, channels: list[ChannelInfo]) -> Subject:
        points = tuple(str(each.channel_point) for each in channels)
        return Subject(self._key, self._info.alias, points)

    def _names(self, channels: list[ChannelInfo]) -> str:
        return texts.channels(
            [texts.channel(str(each.channel_point), each.short_channel_id) for each in channels],
            [each.capacity for each in channels],
        )
