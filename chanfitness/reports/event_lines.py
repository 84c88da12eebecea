"""Events as lines: text for a person, or the JSON lines of a recording."""

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
"""Seconds for which the end waits for a reader that does not read."""


def parts_of(event: object) -> list[str]:
    """What an event says beside its time: what happened, to whom, to which channel."""
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
        names += _told(fields)
    return [what, *(printable(name) for name in names)]


def _told(description: dict[str, object]) -> list[str]:
    """What a description tells."""
    return [
        f"{name.replace('_', ' ')} {value}"
        for name, value in description.items()
        if value is not None and name != "at"
    ]


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
        self._state = RecordedState()
        if self._encoder is not None:
            output.notice = partial(self._blind_time, self._encoder)

    def event(self, event: object, at: datetime.datetime) -> None:
        """Print what happened ``at`` (UTC)."""
        if self._encoder is None:
            what, *rest = parts_of(event)
            self.output.write("  ".join([format_time(at), f"{what:<18}", *rest]).rstrip() + "\n")
            return
        if isinstance(event, FOUND):
            return
        self._state.apply(event, at)
        if self.output.full and self._state.last is not None:  # which begins with a snapshot
            self.output.leave_out(1)
        else:
            self.output.write(b"".join(self._encoder.lines(event, at)).decode())

    def _blind_time(self, encoder: RecordingEncoder, count: int) -> str:
        """The lines that end the recording where it broke off, and begin it again."""
        self._print_error(
            f"chanfitness: {counted(count, 'line')} left out of the output, whose reader did not"
            " keep up: blind time in it"
        )
        now = self._state.last
        assert now is not None
        lines = encoder.lines(MonitoringPausedEvent(), encoder.last or now)
        if self._state.sees:
            for event in self._state.snapshot():
                lines += encoder.lines(event, now)
        return b"".join(lines).decode()

    def message(self, text: str, at: datetime.datetime) -> None:
        """Print what was logged, to standard error."""
        self._print_error(text)

    def _print_error(self, text: str) -> None:
        for line in text.splitlines():
            self._errors.write(f"{printable(line)}\n")

    def show(self, overview: Overview) -> None:
        """Not needed here."""

    def close(self, saved: str) -> None:
        """Print what is left, but do not wait for readers that do not read."""
        for output in self.outputs:
            output.finish(FINISH_TIMEOUT)
