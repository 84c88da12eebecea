"""What happens, for who reads lines: as text, or as those of a recording."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from ..checks import printable
from ..core.queries import Overview
from ..events import ChannelMovedEvent, MonitoringResumedEvent
from ..recording.format import format_time, kind_of
from ..recording.recorder import RecordingEncoder
from ..terminal.nonblocking_output import NonblockingOutput

FINISH_TIMEOUT = 0.3
"""Seconds for which the end waits for a reader that does not read."""


def parts_of(event: object) -> list[str]:
    """What an event says beside its time: what happened, to whom, to which channel."""
    what = kind_of(event).replace("_", " ")
    if isinstance(event, MonitoringResumedEvent):
        channels, peers = len(event.open_channels), len(event.online_peers)
        return [what, f"{counted(channels, 'channel')}, {counted(peers, 'peer')} online"]
    names = [getattr(event, name) for name in ("peer", "channel_point") if hasattr(event, name)]
    if isinstance(event, ChannelMovedEvent):
        names.append(f"-> {event.new_channel_point}")
    return [what, *map(str, names)]


def counted(count: int, what: str) -> str:
    """``1 channel``, ``2 channels``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


class Lines:
    """Prints a line for each event, as soon as whoever reads ``output`` takes it.

    With ``json`` they are those of a recording, and together are one.
    """

    interval: float | None = None  # it shows events alone

    def __init__(
        self, output: NonblockingOutput, errors: NonblockingOutput, *, json: bool = False
    ) -> None:
        self.output = output
        self.outputs: Sequence[NonblockingOutput] = [output, errors]
        self._errors = errors
        self._encoder = RecordingEncoder() if json else None

    def event(self, event: object, at: datetime.datetime) -> None:
        """Print what happened ``at`` (UTC)."""
        if self._encoder is None:
            what, *rest = parts_of(event)
            self.output.write("  ".join([format_time(at), f"{what:<18}", *rest]).rstrip() + "\n")
        else:
            self.output.write(b"".join(self._encoder.lines(event, at)).decode())

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
