"""The journal: what of the accounts changed since it was saved last.

Pure: what is to be saved comes out as rows, which the storage writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..wire import OutPoint
from .peerlog import Channel, PeerLog, PeerState
from .saved_state import ClosedRow, Unsaved, date_to_int, microseconds
from .timeline import Axis, Instant


class Journal:
    """What changed since it was saved last, in order. The loop owns it."""

    def __init__(self, axis: Axis) -> None:
        self._axis = axis
        self._begin()

    def _begin(self) -> None:
        self._stretch = self._axis.stretch  # the first whose anchor may have changed
        self._anchors_anew = False
        self._logs: dict[PeerLog, None] = {}
        self._channels: dict[OutPoint, None] = {}
        self._moved: list[tuple[str, str]] = []
        self._closed: dict[Channel, ClosedRow] = {}

    def touch(self, log: PeerLog, channel: Channel | None = None) -> None:
        """Something of this peer, and of this channel of it, changed."""
        self._logs[log] = None
        if channel is not None:
            self._channels.pop(channel.point, None)  # the last to change is the last in order
            self._channels[channel.point] = None

    def move(self, point: OutPoint, new_point: OutPoint) -> None:
        """A channel has a new channel point."""
        self._moved.append((str(point), str(new_point)))
        self._channels.pop(new_point, None)  # of one that was there before, and closed
        self._channels = {new_point if each == point else each: None for each in self._channels}

    def forget_stretches(self) -> None:
        """The axis forgot some."""
        self._anchors_anew = True

    def close(self, channel: Channel) -> None:
        """The channel closed for good: its final figures are to be saved."""
        at, _ = self._axis.instant()
        info = channel.final_info(at)
        self._closed[channel] = ClosedRow(
            str(channel.point),
            bytes(channel.peer),
            date_to_int(self._axis.date(channel.opened)),
            date_to_int(self._axis.now()),
            microseconds(info.lifetime),
            microseconds(info.uptime),
        )
        self.touch(channel.log, channel)

    def close_earlier(self, channel: Channel) -> None:
        """The axis went back to before the channel closed; when it did is still so."""
        closed = self._closed[channel].closed
        self.close(channel)
        self._closed[channel] = self._closed[channel]._replace(closed=closed)

    def unsaved(
        self,
        instant: Instant,
        present: Mapping[OutPoint, Channel],
        everything_of: Iterable[PeerLog] | None,
        undecided: Mapping[PeerLog, PeerState],
    ) -> Unsaved:
        """What is to be saved as of ``instant``; it then counts as saved.

        ``present``: the channels that are not closed for good. ``everything_of``:
        all peers to save, changed or not, with all channels; None: what changed.
        ``undecided``: how peers were at ``instant`` that changed since.
        """
        everything = everything_of is not None
        logs = [log for log in self._logs if log.had_channel]
        if everything_of is not None:
            logs = list(everything_of)
        channels = present if everything else self._channels
        anchors_anew = everything or self._anchors_anew
        states = [undecided.get(log) or log.state() for log in logs]
        unsaved = Unsaved(
            date_to_int(self._axis.date(instant) if undecided else self._axis.now()),
            microseconds(instant[0]),
            [
                (number, microseconds(position), date_to_int(utc))
                for number, (position, utc) in zip(
                    self._axis.numbers(), self._axis.anchors(), strict=True
                )
                if anchors_anew or number >= self._stretch
            ],
            anchors_anew,
            [log.row(state) for log, state in zip(logs, states, strict=True)],
            self._moved,
            [present[point].row() for point in channels if point in present],
            [str(point) for point in self._channels if point not in present],
            list(self._closed.values()),
            [
                log.unsaved_history(everything, state)
                for log, state in zip(logs, states, strict=True)
            ],
        )
        self._begin()
        for log in undecided:
            self.touch(log)
        return unsaved
