"""Events as lines: text for a person, or the JSON lines of a recording."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import partial

from ..checks import printable
from ..core.queries import Overview
from ..events import (
    ChannelMovedEvent,
    ClosedChannelEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SnapshotEvent,
)
from ..recording.format import format_time, kind_of
from ..recording.recorder import RecordingEncoder
from ..terminal.nonblocking_output import NonblockingOutput
from ..wire import OutPoint, Vertex

FINISH_TIMEOUT = 0.3
"""Seconds for which the end waits for a reader that does not read."""


def parts_of(event: object) -> list[str]:
    """What an event says beside its time: what happened, to whom, to which channel."""
    what = kind_of(event).replace("_", " ")
    if isinstance(event, (MonitoringResumedEvent, SnapshotEvent)):
        channels, peers = len(event.open_channels), len(event.online_peers)
        return [what, f"{counted(channels, 'channel')}, {counted(peers, 'peer')} online"]
    names = [getattr(event, name) for name in ("peer", "channel_point") if hasattr(event, name)]
    if isinstance(event, ChannelMovedEvent):
        names.append(f"-> {event.new_channel_point}")
    return [what, *(printable(str(name)) for name in names)]


def counted(count: int, what: str) -> str:
    """``1 channel``, ``2 channels``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


class Lines:
    """Prints a line for each event, as soon as the reader of ``output`` takes it.

    With ``json`` they are those of a recording, and together are one. Lines that the
    reader left for too long are left out (see ``NonblockingOutput``): text says so in
    their place; in a recording it is blind time, and ``errors`` says how many.
    """

    interval: float | None = None  # it shows events alone

    def __init__(
        self, output: NonblockingOutput, errors: NonblockingOutput, *, json: bool = False
    ) -> None:
        self.output = output
        self.outputs: Sequence[NonblockingOutput] = [output, errors]
        self._errors = errors
        self._encoder = RecordingEncoder() if json else None
        self._state = _State()
        if self._encoder is not None:
            output.notice = partial(self._blind_time, self._encoder)

    def event(self, event: object, at: datetime.datetime) -> None:
        """Print what happened ``at`` (UTC)."""
        if self._encoder is None:
            what, *rest = parts_of(event)
            self.output.write("  ".join([format_time(at), f"{what:<18}", *rest]).rstrip() + "\n")
            return
        self._state.note(event, at)
        if self.output.full:
            self.output.leave_out(1)
        else:
            self.output.write(b"".join(self._encoder.lines(event, at)).decode())

    def _blind_time(self, encoder: RecordingEncoder, count: int) -> str:
        """The lines that end the recording where it broke off, and begin it again."""
        self.message(
            f"chanfitness: {counted(count, 'line')} left out of the output, whose reader did not"
            " keep up: blind time in it"
        )
        state = self._state
        lines = encoder.lines(MonitoringPausedEvent(), encoder.last or state.at)
        if state.sees:
            lines += encoder.lines(state.snapshot(), state.at)
        return b"".join(lines).decode()

    def message(self, text: str) -> None:
        """Print what was logged, to standard error."""
        for line in text.splitlines():
            self._errors.write(f"{printable(line)}\n")

    def show(self, overview: Overview) -> None:
        """Not needed here."""

    def close(self) -> None:
        """Print what is left, but do not wait for readers that do not read."""
        for output in self.outputs:
            output.finish(FINISH_TIMEOUT)


class _State:
    """What is open and who is online after the latest event, for a snapshot of it."""

    def __init__(self) -> None:
        self.sees = False
        self.at = datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)
        self._channels: dict[OutPoint, Vertex] = {}
        self._online: dict[Vertex, None] = {}

    def note(self, event: object, at: datetime.datetime) -> None:
        """Take in what happened ``at`` (UTC)."""
        self.at = at
        match event:
            case MonitoringResumedEvent(open_channels=channels, online_peers=peers):
                self.sees = True
                self._channels, self._online = dict(channels), dict.fromkeys(peers)
            case SnapshotEvent(open_channels=channels, online_peers=peers):
                self._channels, self._online = dict(channels), dict.fromkeys(peers)
            case MonitoringPausedEvent():
                self.sees = False
            case OpenChannelEvent(channel_point=point, peer=peer):
                self._channels.setdefault(point, peer)
            case ClosedChannelEvent(channel_point=point):
                self._channels.pop(point, None)
            case ChannelMovedEvent(channel_point=point, new_channel_point=new) if (
                point in self._channels
            ):
                self._channels[new] = self._channels.pop(point)
            case PeerOnlineEvent(peer=peer):
                self._online[peer] = None
            case PeerOfflineEvent(peer=peer):
                self._online.pop(peer, None)

    def snapshot(self) -> MonitoringResumedEvent:
        channels = [OpenChannel(*channel) for channel in self._channels.items()]
        return MonitoringResumedEvent(channels, self._online)
