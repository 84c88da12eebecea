"""Unsaved changes: what of the accounts changed since it was saved last.

Pure: what is to be saved comes out as rows, which the storage writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..wire import OutPoint
from .peerlog import Channel, PeerLog, PeerState
from .saved_state import ClosedRow, Flush, date_to_int, microseconds
from .timeline import Instant, Timeline


class UnsavedChanges:
    """What changed since it was saved last, in order. The loop owns it."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._begin()

    def _begin(self) -> None:
        self._segment = self._timeline.segment  # the first whose anchor may have changed
        self._anchors_anew = False
        self._everything = False
        self.logs: dict[PeerLog, None] = {}
        self._channels: dict[Channel, None] = {}
        self._moved: list[tuple[str, str]] = []
        self._closed: dict[Channel, ClosedRow] = {}

    def touch(self, log: PeerLog, channel: Channel | None = None) -> None:
        """Something of this peer, and of this channel of it, changed."""
        self.logs[log] = None
        if channel is not None:
            self._channels.pop(channel, None)  # the last to change is the last in order
            self._channels[channel] = None

    def touch_everything(self, logs: Iterable[PeerLog], channels: Iterable[Channel]) -> None:
        """All that there is, in order, is to be saved anew."""
        self._everything = True
        self.logs = dict.fromkeys(logs)
        self._channels = dict.fromkeys(channels)

    def move(self, point: OutPoint, new_point: OutPoint) -> None:
        """A channel has a new channel point."""
        self._moved.append((str(point), str(new_point)))

    def forget_segments(self) -> None:
        """The timeline forgot some."""
        self._anchors_anew = True

    def close(self, channel: Channel, now: Instant) -> None:
        """The channel closed for good: its final figures are to be saved."""
        info = channel.final_info(now[0])
        self._closed[channel] = ClosedRow(
            str(channel.point),
            bytes(channel.peer),
            date_to_int(self._timeline.date(channel.opened)),
            date_to_int(self._timeline.latest_date()),
            microseconds(info.lifetime),
            microseconds(info.uptime),
        )
        self.touch(channel.log, channel)

    def close_earlier(self, channel: Channel, at: Instant) -> None:
        """The timeline went back to before the channel closed; when it did is still so."""
        closed = self._closed[channel].closed
        self.close(channel, at)
        self._closed[channel] = self._closed[channel]._replace(closed=closed)

    def flush(
        self,
        instant: Instant,
        present: Mapping[OutPoint, Channel],
        undecided: Mapping[PeerLog, PeerState],
    ) -> Flush:
        """What is to be saved as of ``instant``; it then counts as saved.

        ``present``: the channels that are not closed for good. ``undecided``: how
        peers were at ``instant`` that changed since.
        """
        timeline, everything = self._timeline, self._everything
        anchors_anew = everything or self._anchors_anew
        states = {log: undecided.get(log) or log.state() for log in self.logs if log.had_channel}
        flush = Flush(
            date_to_int(timeline.date(instant) if undecided else timeline.latest_date()),
            microseconds(instant[0]),
            [
                (number, microseconds(position), date_to_int(utc))
                for number, (position, utc) in zip(
                    timeline.numbers(), timeline.anchors(), strict=True
                )
                if anchors_anew or number >= self._segment
            ],
            anchors_anew,
            [log.row(state) for log, state in states.items()],
            self._moved,
            [each.row() for each in self._channels if present.get(each.point) is each],
            [str(each.point) for each in self._channels if each.point not in present],
            list(self._closed.values()),
            [log.flush_history(everything, state) for log, state in states.items()],
            everything,
        )
        self._begin()
        for log in undecided:
            self.touch(log)
        return flush
