"""Return grace: time for peers to reconnect after a resume.

When the store sees again, a peer is *awaited* if it has a channel, is not online, and was
online when last seen or was never seen. The channels of an awaited peer are absent until it is
online. Each return prolongs the grace by the *quiet* period, up to a minute in all. Peers
still awaited at its end count as offline since the resume, as if never awaited.

The grace is *held*, and does not end, while no peer is online and three or more are awaited:
this node's own network is not back yet.

Pure: the instants are arguments.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from .channel import Channel
from .own_outage import FEWEST
from .peerlog import PeerLog
from .rollback import GaveUp
from .timeline import Instant

LIMIT = datetime.timedelta(minutes=1)
_ZERO = datetime.timedelta(0)


class ReturnGrace:
    """The awaited peers, and the end of the grace. Not thread-safe: the loop owns it.

    ``begun``: the instant of the resume. ``closed``: the channels that closed while their
    peer was awaited, with their positions. ``gave_up``: the record of the grace's end, while
    the timeline may go back to before it.
    """

    def __init__(self, quiet: datetime.timedelta) -> None:
        self._quiet = quiet
        self.awaited: dict[PeerLog, None] = {}
        self.closed: dict[Channel, datetime.timedelta] = {}
        self.begun: Instant
        self.gave_up: GaveUp | None = None
        self._began_to_return = self._latest_return = _ZERO  # positions

    def begin(self, now: Instant, awaited: Iterable[PeerLog]) -> None:
        """Begin the grace, at a resume."""
        self.awaited = dict.fromkeys(awaited)
        self.begun = now
        self._began_to_return = self._latest_return = now[0]

    def stop(self, gave_up: GaveUp | None = None) -> None:
        """End the grace."""
        self.awaited, self.closed, self.gave_up = {}, {}, gave_up

    def returned(self, log: PeerLog, now: Instant) -> None:
        """Stop awaiting a peer, which is online."""
        del self.awaited[log]
        self._latest_return = now[0]

    def leaves(self, channel: Channel, now: Instant) -> None:
        """Note that a channel of an awaited peer closes."""
        self.closed[channel] = now[0]

    def is_held(self, online: int) -> bool:
        """Return whether the grace is held; ``online``: the number of peers online."""
        return not online and len(self.awaited) >= FEWEST

    def seen_online(self, online: int, now: Instant) -> None:
        """End the hold, if any, when a peer is seen online; ``online``: the number before."""
        if self.is_held(online):
            self.hold_ended(now)

    def hold_ended(self, now: Instant) -> None:
        """Restart the grace: this node's own network is back."""
        self._began_to_return = self._latest_return = now[0]

    @property
    def end(self) -> datetime.timedelta:
        """The position at which the grace ends, unless it is held or prolonged by a return."""
        return min(self._latest_return + self._quiet, self._began_to_return + LIMIT)
