"""Flushes of the accounts to the storage.

A *flush* is the set of changes since the last one, as rows. Undecided events are left out:
the flush is as of the instant before them. Undecided peers of a transport are saved as if the
transport was lost. Absent channels are saved as absent until the flush, so that a start
after a crash may await their peers.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Container

from .channel import Channel, ChannelState
from .own_outage import OutageDetector
from .peerlog import PeerLog, PeerState
from .saved_state import Flush
from .sight import Sight
from .timeline import Instant
from .unsaved import UnsavedChanges


class Saving(Sight):
    """The accounts, and their flushes. Not thread-safe: the loop owns it."""

    def flush(self, now: Instant, everything: bool) -> Flush | None:
        """Return the unsaved changes, or everything; they then count as saved.

        Return None if undecided events cannot be separated from older changes.
        """
        unsaved_changes = self._unsaved_changes
        assert unsaved_changes is not None
        at = now
        undecided: dict[PeerLog, PeerState] = {}
        said: dict[Channel, ChannelState] = {}
        if self._detector is not None and self._detector.is_open(now, self._online):
            at = self._detector.first
            if not _take_undecided(self._detector, said):
                return None
            undecided = {went.log: went.state for went in self._detector.gone}
        of_transports = self._undecided_of_transports(now, at, undecided, said)
        if of_transports is None:
            return None
        self._settle_old()
        self._forget_transport_spans(now)
        if everything:
            unsaved_changes.touch_everything(
                [*self._peers.values(), *self._remembered.values()],
                [*self._closed.values(), *self._in_order],
            )
        absent = self._absent(of_transports)
        states = [channel.state() for channel, _ in absent]
        for channel, since in absent:
            if channel.log in undecided:  # online at the flush, absent later
                said[channel] = channel.state()._replace(left=None)
            elif since is None:
                self._there_again(channel, at)
            else:
                state = said.get(channel) or channel.state()
                said[channel] = state.was_absent(since[0], at[0])
            unsaved_changes.touch_in_place(channel)
        undecided |= {log: state for log, (_, state) in of_transports.items()}
        self._trim_all(unsaved_changes, now, {*undecided, *said})
        present = ChainMap(self._channels, self._closed)
        flush = unsaved_changes.flush(at, present, undecided, said)
        for (channel, _), state in zip(absent, states, strict=True):
            channel.go_back(state)
            unsaved_changes.touch_in_place(channel)
        return flush._replace(outages=self._transport_spans.flush(at, flush.everything))

    def _trim_all(
        self, unsaved_changes: UnsavedChanges, now: Instant, undecided: Container[PeerLog | Channel]
    ) -> None:
        """Trim the histories to be saved, except undecided ones."""
        for log in unsaved_changes.logs:
            if log.history is not None and log not in undecided:
                self._trim(log.history, now)
        for channel in unsaved_changes.channels:
            if channel.activity is not None and channel not in undecided:
                self._trim(channel.activity, now)

    def last_flush(self, now: Instant, everything: bool) -> Flush:
        """Return the last flush before the end; all undecided events stand as they are."""
        self._nothing_is_undecided()
        flush = self.flush(now, everything)
        assert flush is not None
        return flush._replace(stopped=True)

    def _undecided_of_transports(
        self,
        now: Instant,
        at: Instant,
        later: Container[PeerLog],
        said: dict[Channel, ChannelState],
    ) -> dict[PeerLog, tuple[Instant, PeerState]] | None:
        """Return since when each peer of a transport is undecided, and its state ``at`` the flush.

        Peers that went offline ``later`` are left out. ``said`` gets the earlier states of
        channels whose activity changed since. Return None if a channel opened or closed since.
        """
        found: dict[PeerLog, tuple[Instant, PeerState]] = {}
        if self._transports is None:
            return found
        for detector in self._transports.undecided(now):
            first = detector.first
            gone = {each.log: each.state for each in detector.gone if each.log not in later}
            if not _take_undecided(detector, said, gone):
                return None
            for log, state in gone.items():
                found[log] = first, _absent_until(at, state, first)
        return found

    def _absent(
        self, of_transports: dict[PeerLog, tuple[Instant, PeerState]]
    ) -> list[tuple[Channel, Instant | None]]:
        """Return the open channels of awaited peers (None) and undecided ones (since when)."""
        awaited = [log for grace in self._graces for log in grace.awaited]
        absent: list[tuple[Channel, Instant | None]] = []
        absent += [(channel, None) for log in awaited for channel in log.channels]
        for log, (since, _) in of_transports.items():
            absent += [(channel, since) for channel in log.channels]
        return absent


def _take_undecided(
    detector: OutageDetector,
    said: dict[Channel, ChannelState],
    of: Container[PeerLog] | None = None,
) -> bool:
    """Add to ``said`` the states of channels before undecided changes of their activity.

    Return False if the states do not suffice: a channel opened, closed or was absent.
    """
    if any(of is None or record.channel.log in of for record in detector.of_channels):
        return False
    states: dict[Channel, ChannelState] = {}
    for each in detector.said:
        if of is None or each.channel.log in of:
            if each.channel.is_absent or each.at == detector.first:
                return False
            states.setdefault(each.channel, each.state)
    said |= states
    return True


def _absent_until(at: Instant, state: PeerState, first: Instant) -> PeerState:
    """Return the state ``at`` an instant of an online peer that is absent from ``first`` on."""
    assert state.online_since is not None
    uptime = state.uptime + first[0] - state.online_since
    return state._replace(uptime=uptime, online_since=at[0])
