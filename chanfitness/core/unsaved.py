"""Unsaved changes of the accounts, and their rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..wire import OutPoint
from .channel import Channel, ChannelState
from .peerlog import PeerLog, PeerState
from .saved_state import CauseRow, ClosedRow, Flush, closed_row, date_to_int, microseconds
from .timeline import Instant, Timeline


class UnsavedChanges:
    """The changes since the last flush, in order. Not thread-safe: the loop owns it."""

    def __init__(self, timeline: Timeline, *, awaits: bool = False) -> None:
        """``awaits``: whether peers last seen online are awaited after the next start."""
        self._timeline = timeline
        self._awaits = awaits
        self._begin()

    def _begin(self) -> None:
        self._segment = self._timeline.segment  # the first segment whose anchor may have changed
        self._anchors_anew = False
        self._everything = False
        self.logs: dict[PeerLog, None] = {}
        self.channels: dict[Channel, bool] = {}  # and whether it moved to the end
        self._moved: list[tuple[str, str]] = []
        self._settled: dict[Channel, ClosedRow] = {}
        self._forgotten: dict[PeerLog, None] = {}

    def touch(self, log: PeerLog, channel: Channel | None = None) -> None:
        """Mark a peer as changed, and one of its channels, which moves to the end."""
        self.logs[log] = None
        if channel is not None:
            self.channels.pop(channel, None)
            self.channels[channel] = True

    def touch_in_place(self, channel: Channel) -> None:
        """Mark a channel and its peer as changed; the order of channels stays."""
        self.logs[channel.log] = None
        self.channels.setdefault(channel, False)

    def touch_everything(self, logs: Iterable[PeerLog], channels: Iterable[Channel]) -> None:
        """Mark all peers and channels, in order, to be saved anew."""
        self._everything = True
        self.logs = dict.fromkeys(logs)
        self.channels = dict.fromkeys(channels, True)

    def move(self, point: OutPoint, new_point: OutPoint) -> None:
        """Note a channel's new channel point."""
        self._moved.append((str(point), str(new_point)))

    def forget_segments(self) -> None:
        """Mark all anchors to be saved anew: the timeline forgot some."""
        self._anchors_anew = True

    def settle(self, channel: Channel) -> None:
        """Add the final figures of a closed channel that can no longer come back."""
        opened = date_to_int(self._timeline.date(channel.opened))
        row, alias = channel.row(channel.state()), channel.log.alias
        self._settled[channel] = closed_row(row, opened, alias)
        self.touch(channel.log, channel)

    def settle_again(self, channel: Channel) -> None:
        """Update the final figures of a channel, if it was settled, after a roll-back."""
        if channel in self._settled:
            self.settle(channel)

    def forget(self, log: PeerLog) -> None:
        """Remove a peer from the database."""
        self._forgotten[log] = None

    def flush(
        self,
        instant: Instant,
        present: Mapping[OutPoint, Channel],
        undecided: Mapping[PeerLog, PeerState],
        undecided_channels: Mapping[Channel, ChannelState],
    ) -> Flush:
        """Return the changes as of an instant; they then count as saved.

        ``present``: the channels that are open or may come back. ``undecided`` and
        ``undecided_channels``: the states at the instant of peers and channels that changed later.
        """
        timeline, everything = self._timeline, self._everything
        anchors_anew = everything or self._anchors_anew
        states = {
            log: undecided.get(log) or self._state(log, instant)
            for log in self.logs
            if log.is_saved
        }
        channels = {
            each: undecided_channels.get(each) or each.state()
            for each in self.channels
            if present.get(each.point) is each
        }
        flush = Flush(
            date_to_int(timeline.latest_date() if timeline.paused else timeline.date(instant)),
            microseconds(instant[0]),
            [
                (number, microseconds(position), date_to_int(utc))
                for number, (position, utc) in zip(
                    timeline.numbers(), timeline.anchors(), strict=True
                )
                if anchors_anew or number >= self._segment
            ],
            anchors_anew,
            [bytes(log.peer) for log in self._forgotten],
            [log.row(state) for log, state in states.items()],
            self._moved,
            [each.row(state) for each, state in channels.items()],
            [
                str(each.point)
                for each, is_last in self.channels.items()
                if each.point not in present or (is_last and present[each.point] is each)
            ],
            list(self._settled.values()),
            [log.flush_history(everything, state) for log, state in states.items()],
            [
                each.flush_activity(is_anew, state)
                for each, state in channels.items()
                if not (is_anew := everything or self.channels[each]) or each.activity is not None
            ],
            everything,
            self._causes(anchors_anew),
        )
        self._begin()
        for log in undecided:
            self.touch(log)
        for channel in undecided_channels:
            self.touch_in_place(channel)
        return flush

    def _causes(self, anew: bool) -> list[CauseRow]:
        return [
            CauseRow(segment, number, date_to_int(since), cause, peers)
            for segment, parts in self._timeline.causes.since(0 if anew else self._segment)
            for number, (since, cause, peers) in enumerate(parts)
        ]

    def _state(self, log: PeerLog, at: Instant) -> PeerState:
        """Return a peer's state; if peers are awaited after a start, as it was last seen."""
        state = log.state()
        if not self._awaits or log.is_online is not log.seen_offline:
            return state
        return state._replace(online_since=None if log.is_online else at[0])
