"""Roll-back of the accounts to an earlier instant, from which time is blind.

Events that may have to be undone are kept as *records*. A roll-back moves the timeline back
within its present segment, and then undoes each record: peers first, because a channel's
figures depend on its peer's. Openings and closings are then applied again, *unseen*: as of
the start of the next segment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .channel import Channel, ChannelState
from .history import History
from .peerlog import PeerLog, PeerState
from .timeline import Instant, Timeline
from .unsaved import UnsavedChanges


class Went(NamedTuple):
    """A peer went offline; ``state``: the log's state before.

    ``alone``: whether the peer went on its own account (see :mod:`.own_outage`).
    """

    at: Instant
    log: PeerLog
    state: PeerState
    alone: bool


class Opened(NamedTuple):
    """A channel opened, or came back; ``state``: its state before, None of a new channel.

    ``began``: if the peer's history began with the channel, whether the peer was online.
    ``was_offline``: if the peer was unknown, whether it was last seen offline.
    """

    at: Instant
    channel: Channel
    state: ChannelState | None
    began: bool | None
    was_offline: bool | None


class Closed(NamedTuple):
    """A channel closed; ``state``: the channel's state before."""

    at: Instant
    channel: Channel
    state: ChannelState


class Said(NamedTuple):
    """A source said whether a channel is active; ``state``: the channel's state before."""

    at: Instant
    channel: Channel
    state: ChannelState
    active: bool


Record = Went | Opened | Closed | Said


class GaveUp(NamedTuple):
    """A return grace ended, and its awaited peers count as offline since the resume.

    ``channels``: the peers' channels, with their states while absent. Some may have closed.
    """

    at: Instant
    peers: list[PeerLog]
    channels: list[tuple[Channel, ChannelState]]


def roll_back(
    to: Instant,
    records: Sequence[Record | GaveUp],
    timeline: Timeline,
    unsaved_changes: UnsavedChanges | None,
) -> None:
    """Go back to an instant, and undo all ``records`` since then, which are in order."""
    timeline.pause(to)
    for record in records:
        if isinstance(record, Went) and record.log.since[0] >= to[0]:
            record.log.go_back(record.state, to)  # else take_out() did it already
    of_channels = [each for each in records if not isinstance(each, Went)]
    said = {channel: channel.active for channel in _channels_of(of_channels)}
    undone: set[Channel] = set()
    for record in of_channels:
        if isinstance(record, GaveUp):
            _await_until(to, record, unsaved_changes)
            continue
        channel = record.channel
        if channel not in undone:
            undone.add(channel)
            _undo_first(record, to)
        _do_again(record, to)
        if unsaved_changes is not None:
            unsaved_changes.settle_again(channel)
    for channel, active in said.items():
        if active is not None:
            channel.set_active(active, unseen(to))


def _channels_of(records: Sequence[Opened | Closed | Said | GaveUp]) -> Iterator[Channel]:
    for record in records:
        if isinstance(record, GaveUp):
            yield from (channel for channel, _ in record.channels)
        else:
            yield record.channel


def _undo_first(record: Opened | Closed | Said, to: Instant) -> None:
    """Undo a channel's earliest record; a new channel begins unseen."""
    _let_be_as_before(record, unseen(to))
    if record.state is not None:
        record.channel.go_back_to(to[0])
        if record.channel.activity is not None:
            record.channel.activity.undo_after(to[0])


def _let_be_as_before(record: Opened | Closed | Said, opened: Instant) -> None:
    """Restore a channel's state before a record; a new channel begins at ``opened``."""
    if record.state is None:
        record.channel.begin_at(opened)
    else:
        record.channel.go_back(record.state)


def _do_again(record: Opened | Closed | Said, to: Instant) -> None:
    """Apply an opening or closing again, unseen, at the instant gone back to."""
    channel, log = record.channel, record.channel.log
    if isinstance(record, Said):
        return
    if isinstance(record, Closed):
        channel.leave(to[0])
        return
    if channel.is_absent:
        channel.come_back(to[0])
    log.since = min(log.since, to)
    if record.was_offline is not None:
        log.seen_offline = record.was_offline
    if record.began is not None and log.history is not None:
        log.history = History(unseen(to), record.began)


def _await_until(to: Instant, gave_up: GaveUp, unsaved_changes: UnsavedChanges | None) -> None:
    """Undo the end of a grace: its peers were awaited until the instant gone back to."""
    for log in gave_up.peers:
        log.seen_offline = False
        if log.history is not None:
            log.history.undo()
    for channel, state in gave_up.channels:
        channel.go_back(state)
        if channel.closing is None:
            channel.come_back(to[0])
        if unsaved_changes is not None:
            unsaved_changes.touch_in_place(channel)


def take_out(first: Instant, records: Sequence[Record]) -> dict[Record, Record]:
    """Make the peers that went offline absent from ``first`` on, without a roll-back.

    Return replacements for the records of these peers' channels, with the states to which the
    channels go back now.
    """
    gone = {record.log: record.state for record in records if isinstance(record, Went)}
    for log, state in gone.items():
        log.go_back(state, first)
    changed: dict[Record, Record] = {}
    channels: set[Channel] = set()
    for record in records:
        if isinstance(record, Went) or record.channel.log not in gone:
            continue
        channel = record.channel
        if channel not in channels:
            channels.add(channel)
            _let_be_as_before(record, channel.opened)
        changed[record] = _do_again_unseen(record, first)
    for log in gone:
        for channel in log.channels:
            if channel not in channels:
                channel.leave(first[0])
    return changed


def _do_again_unseen(record: Opened | Closed | Said, first: Instant) -> Record:
    """Apply a record again, with the channel absent since ``first``; return its replacement."""
    channel = record.channel
    if isinstance(record, (Closed, Said)):
        channel.leave(first[0])
        absent = record._replace(state=channel.state())
        if isinstance(record, Said):
            channel.set_active(record.active, record.at)
        return absent
    state = None if record.state is None else channel.state()
    if channel.is_absent:
        channel.come_back(record.at[0])
    channel.leave(record.at[0])
    return record._replace(state=state)


def unseen(at: Instant) -> Instant:
    """Return the start of the next segment, if the timeline stands ``at`` an instant."""
    position, segment = at
    return position, segment + 1
