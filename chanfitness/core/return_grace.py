"""The return grace: coming back takes time, and nobody is blamed for being a little slow.

When the store sees again, peers are still reconnecting. One that has a channel, is not
online, and was online when it was last seen or was never seen, is *awaited*: its channels
are absent until it is online. Each peer that returns prolongs the grace by the *quiet*
period; it is over after a minute at most. Then the peers that are awaited were offline from
the resume on, as if nobody had waited.

While nobody is online and three or more are awaited it does not end: it is this node's
own network that is not back yet.

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
    """Who is awaited, and for how long. Not thread-safe: the loop owns it.

    ``begun``: the instant of the resume. ``closed``: the channels that closed while their
    peer was awaited, and where. ``gave_up``: how the grace ended, for as long as the timeline
    may go back to before that.
    """

    def __init__(self, quiet: datetime.timedelta) -> None:
        self._quiet = quiet
        self.awaited: dict[PeerLog, None] = {}
        self.closed: dict[Channel, datetime.timedelta] = {}
        self.begun: Instant
        self.gave_up: GaveUp | None = None
        self._began_to_return = self._latest_return = _ZERO  # positions

    def begin(self, now: Instant, awaited: Iterable[PeerLog]) -> None:
        """The store sees again."""
        self.awaited = dict.fromkeys(awaited)
        self.begun = now
        self._began_to_return = self._latest_return = now[0]

    def stop(self, gave_up: GaveUp | None = None) -> None:
        """Nobody is awaited any more."""
        self.awaited, self.closed, self.gave_up = {}, {}, gave_up

    def returned(self, log: PeerLog, now: Instant) -> None:
        """A peer that was awaited is online."""
        del self.awaited[log]
        self._latest_return = now[0]

    def leaves(self, channel: Channel, now: Instant) -> None:
        """A channel of a peer that is awaited closes."""
        self.closed[channel] = now[0]

    def is_held(self, online: int) -> bool:
        """Whether this node's own network is not back yet; ``online``: how many peers are."""
        return not online and len(self.awaited) >= FEWEST

    def seen_online(self, online: int, now: Instant) -> None:
        """A peer is seen online; ``online``: how many were before."""
        if self.is_held(online):
            self.hold_ended(now)

    def hold_ended(self, now: Instant) -> None:
        """This node's own network is back: peers begin to return."""
        self._began_to_return = self._latest_return = now[0]

    @property
    def end(self) -> datetime.timedelta:
        """The position at which it is over, unless it is held or somebody returns before."""
        return min(self._latest_return + self._quiet, self._began_to_return + LIMIT)
