"""Roll-back: the accounts go back to an earlier instant, from which on nothing was seen.

What happens is kept as *records* for as long as it may have to be undone. To undo
it, the timeline goes back within its present segment, and then each record is
undone: peers first, because a channel's figures rest on its peer's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .history import History
from .peerlog import Absence, Channel, PeerLog, PeerState
from .timeline import Instant, Timeline
from .unsaved import UnsavedChanges


class Went(NamedTuple):
    """A peer went offline; ``state`` is how its log was before."""

    at: Instant
    log: PeerLog
    state: PeerState


class Opened(NamedTuple):
    """A channel opened, or came back from an ``absence``.

    ``began``: if its peer's history began with it, whether the peer was online.
    """

    at: Instant
    channel: Channel
    absence: Absence | None
    began: bool | None


class Closed(NamedTuple):
    """A channel closed."""

    at: Instant
    channel: Channel


Record = Went | Opened | Closed


def roll_back(
    to: Instant,
    records: Sequence[Record],
    timeline: Timeline,
    unsaved_changes: UnsavedChanges | None,
) -> None:
    """Go back to ``to``; ``records``: all that happened since, in order."""
    timeline.pause(to)
    for record in records:
        if isinstance(record, Went):
            record.log.go_back(record.state, to)
            if unsaved_changes is not None:
                unsaved_changes.touch(record.log)
    for record in records:
        if isinstance(record, Opened):
            _open_at(to, record)
        elif isinstance(record, Closed) and unsaved_changes is not None:
            unsaved_changes.close_earlier(record.channel, to)


def _open_at(to: Instant, opened: Opened) -> None:
    """Let a channel that opened begin, unseen, where the timeline went back to."""
    _, channel, absence, online = opened
    begin, log = unseen(to), channel.log
    channel.begin_at(begin, absence)
    log.since = min(log.since, to)
    if online is not None and log.history is not None:
        log.history = History(begin, online)


def unseen(at: Instant) -> Instant:
    """The instant from which something counts that begins while the timeline stands ``at``.

    The next segment begins there.
    """
    position, segment = at
    return position, segment + 1
