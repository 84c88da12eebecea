"""Renderer of events as text or JSON lines."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import partial

from ..checks import printable
from ..core.overview import Overview
from ..events import (
    FOUND,
    ChannelDescribedEvent,
    ChannelMovedEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    PeerDescribedEvent,
    SnapshotEvent,
    TransportLostEvent,
)
from ..recording.format import format_time, kind_of
from ..recording.recorded_state import RecordedState
from ..recording.recorder import RecordingEncoder
from ..terminal.nonblocking_output import NonblockingOutput

FINISH_TIMEOUT = 0.3
"""Seconds to wait at the end for a reader that has stalled."""


def parts_of(event: object) -> list[str]:
    """Return the columns of an event's line without its time: kind, peer, channel, details."""
    if isinstance(event, FOUND):
        lost = isinstance(event, TransportLostEvent)
        since = f"{event.transport} since {format_time(event.at)}"
        return [f"transport {'lost' if lost else 'back'}", since]
    what = kind_of(event).replace("_", " ")
    if isinstance(event, (MonitoringResumedEvent, SnapshotEvent)):
        channels, peers = len(event.open_channels), len(event.online_peers)
        return [what, f"{counted(channels, 'channel')}, {counted(peers, 'peer')} online"]
    fields = event._asdict()  # type: ignore[attr-defined]
    names = [str(fields.pop(name)) for name in ("peer", "channel_point") if name in fields]
    if isinstance(event, ChannelMovedEvent):
        names.append(f"-> {event.new_channel_point}")
    elif isinstance(event, (PeerDescribedEvent, ChannelDescribedEvent)):
        names += _described(fields)
    return [what, *(printable(name) for name in names)]


def _described(description: dict[str, object]) -> list[str]:
    """Return the known fields of a description as text."""
    return [
        f"{name.replace('_', ' ')} {value}"
        for name, value in description.items()
        if value is not None and name != "at"
    ]


def counted(count: int, what: str) -> str:
    """Return a count with its noun: ``1 channel``, ``2 channels``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


class Lines:
    """Prints a line for each event without blocking.

    With ``json`` the lines form a valid recording. If the reader of ``output`` falls too far
    behind, lines are dropped (see ``NonblockingOutput``). Text has a notice in their place; a
    recording has blind time there, and the number of lines is printed to ``errors``.
    """

    interval: float | None = None  # never redrawn

    def __init__(
        self, output: NonblockingOutput, errors: NonblockingOutput, *, json: bool = False
    ) -> None:
        self.output = output
        self.outputs: Sequence[NonblockingOutput] = [output, errors]
        self._errors = errors
        self._encoder = RecordingEncoder() if json else None
        self._state = RecordedState()
        if self._encoder is not None:
            output.notice = partial(self._blind_time, self._encoder)

    def event(self, event: object, at: datetime.datetime) -> None:
        """Print an event that happened ``at`` (UTC)."""
        if self._encoder is None:
            what, *rest = parts_of(event)
            self.output.write("  ".join([format_time(at), f"{what:<18}", *rest]).rstrip() + "\n")
            return
        if isinstance(event, FOUND):
            return
        self._state.apply(event, at)
        # A recording begins with a snapshot, so the first event is never dropped.
        if self.output.full and self._state.last is not None:
            self.output.leave_out(1)
        else:
            self.output.write(b"".join(self._encoder.lines(event, at)).decode())

    def _blind_time(self, encoder: RecordingEncoder, count: int) -> str:
        """Return the lines that pause the recording at its last line and resume it now."""
        self._print_error(
            f"chanfitness: {counted(count, 'line')} left out of the output, because its reader"
            " did not keep up: the recording has blind time there"
        )
        now = self._state.last
        assert now is not None
        lines = encoder.lines(MonitoringPausedEvent(), encoder.last or now)
        if self._state.sees:
            for event in self._state.snapshot():
                lines += encoder.lines(event, now)
        return b"".join(lines).decode()

    def message(self, text: str, at: datetime.datetime) -> None:
        """Print a log message to standard error."""
        self._print_error(text)

    def _print_error(self, text: str) -> None:
        for line in text.splitlines():
            self._errors.write(f"{printable(line)}\n")

    def show(self, overview: Overview) -> None:
        """Do nothing: only the live table shows figures."""

    def close(self, saved: str) -> None:
        """Flush the outputs, waiting at most ``FINISH_TIMEOUT`` for each."""
        for output in self.outputs:
            output.finish(FINISH_TIMEOUT)
