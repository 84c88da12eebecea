"""Flushes: what of the accounts is to be saved, as of an instant at which it is decided.

What is undecided is saved as of before it, or, of a transport, as if that was lost. Who is
absent is saved as absent until then, so that a start after a crash may await it.
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
    """The accounts and what of them is saved. Not thread-safe: the loop owns it."""

    def flush(self, now: Instant, everything: bool) -> Flush | None:
        """What is to be saved since the last time, or everything; it then counts as saved.

        Nothing newer than what is undecided of an own outage; None if that cannot
        be told from what is older. Who is awaited is saved as awaited until now.
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
            if channel.log in undecided:  # online until then, and taken out of before afterwards
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
        """Thin what is to be saved, but what may have to be undone."""
        for log in unsaved_changes.logs:
            if log.history is not None and log not in undecided:
                self._trim(log.history, now)
        for channel in unsaved_changes.channels:
            if channel.activity is not None and channel not in undecided:
                self._trim(channel.activity, now)

    def last_flush(self, now: Instant, everything: bool) -> Flush:
        """The same at the end: what is undecided was as it seemed."""
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
        """The peers of a transport that may be lost: since when, and their state ``at`` an instant.

        Those that went ``later`` are left out. ``said`` gets how their channels were of which
        was said since whether they can be used. None if one of theirs opened or closed since.
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
        """The open channels that are absent, or may have to be: since when these may."""
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
    """Note how channels, of all or these peers, were of which was said if they can be used.

    Returns whether that tells all: not if one opened, closed or was absent.
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
    """The state of a peer that was online, as it is ``at``, if it was absent from ``first`` on."""
    assert state.online_since is not None
    uptime = state.uptime + first[0] - state.online_since
    return state._replace(uptime=uptime, online_since=at[0])
