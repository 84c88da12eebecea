"""How long to wait, after a lightningd has started, before its peers are judged.

Right after a start no peer is connected. lightningd then connects to those with
which it has channels, a few at a time: on a local network within a tenth of a
second, over Tor within seconds. Whoever judged at once would give every peer an
outage and a flap that were the node's own. So the time until the connects have
settled is blind time.

They have settled

- when nobody is missing any more, and nobody came for ``QUIET``. Missing are the
  peers with a channel that are not connected and were online when they were last
  seen (or were never seen): one that has been dead for months is not waited for.
- when nobody came for ``MISSING_TIMEOUT``, whoever is missing: they are offline. A node with
  1,000 peers, which takes minutes to reach them all, is waited for as long as they
  keep coming, but not for longer than ``LIMIT``.
- never, while no peer at all is connected and ``OWN_LINE`` or more are missing: then it
  is this node's own line that is down. That lasts until the first one comes.

Pure: the moments are arguments.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

from ...clock import Moment
from ...wire import Vertex

QUIET = datetime.timedelta(seconds=0.25)
MISSING_TIMEOUT = datetime.timedelta(seconds=5)
LIMIT = datetime.timedelta(seconds=60)
OWN_LINE = 3
_ZERO = datetime.timedelta(0)


def _between(start: Any, end: Any) -> datetime.timedelta:
    difference: datetime.timedelta = end - start
    return difference


class StartupGrace:
    """The wait after one start. ``begun``: when it was seen who is not there yet.

    ``away``: the peers with channels that are not connected; ``missing``: those of
    them that are waited for. ``is_connected``: whether anybody is.
    """

    def __init__(
        self, begun: Moment, away: Iterable[Vertex], missing: Iterable[Vertex], is_connected: bool
    ) -> None:
        self._begun = self._latest = begun
        self._away = set(away)
        self._missing = set(missing)
        self._is_connected = is_connected

    def connected(self, peer: Vertex, at: Moment) -> None:
        """A peer came, of those with channels or another."""
        if not self._is_connected:
            self._is_connected = True
            self._begun = self._latest = at
        if peer in self._away:
            self._away.remove(peer)
            self._missing.discard(peer)
            self._latest = at

    def wait(self, now: Moment) -> datetime.timedelta | None:
        """For how long to wait from ``now`` on; None: until somebody comes."""
        if not self._is_connected and len(self._missing) >= OWN_LINE:
            return None
        passed, since = _between(self._begun, now), _between(self._latest, now)
        wanted = MISSING_TIMEOUT if self._missing else QUIET
        return max(min(wanted - since, LIMIT - passed), _ZERO)
