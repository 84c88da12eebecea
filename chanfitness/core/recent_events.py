"""Times of the latest events of peers and channels.

Events go on while a source waits for its lists of open channels and online peers. An event
since the request of the lists is newer than the lists, and wins over them.

Of *strangers*, peers and channels that are not known any more, only the last few are
remembered, to bound memory.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable

from ..clock import Moment, date_of
from ..wire import OutPoint, Vertex

_LONGEST_ANSWER = datetime.timedelta(minutes=5)  # no source waits longer for lists
_MANY = 128  # the smallest number from which some are forgotten
_STRANGERS = 64

Key = Vertex | OutPoint


class RecentEvents:
    """The time of the latest event of each peer and channel, by the clock of the puts.

    Not thread-safe: the loop owns it.
    """

    def __init__(self, is_known: Callable[[Key], bool]) -> None:
        self._told: dict[Key, Moment] = {}
        self._is_known = is_known
        self._many = _MANY  # the number from which some are forgotten

    def note(self, key: Key, moment: Moment, at: datetime.datetime | None) -> None:
        """Note an event that was put at ``moment``; ``at``: the event's own time."""
        told = self._told
        told[key] = moment if at is None else min(date_of(moment), at)
        if len(told) >= self._many:
            self._forget_some(date_of(moment))

    def since(self, at: datetime.datetime) -> set[Key]:
        """Return the peers and channels with an event later than ``at``."""
        return {key for key, told in self._told.items() if date_of(told) > at}

    def clear(self) -> None:
        """Forget all events, when every later list is newer than they are."""
        self._told.clear()

    def _forget_some(self, now: datetime.datetime) -> None:
        """Forget events too old to matter, and all strangers but the last few."""
        oldest = now - _LONGEST_ANSWER
        strangers = [key for key in self._told if not self._is_known(key)]
        strangers.sort(key=lambda key: date_of(self._told[key]))
        forgotten = {key for key, told in self._told.items() if date_of(told) < oldest}
        for key in forgotten.union(strangers[:-_STRANGERS]):
            del self._told[key]
        self._many = max(2 * len(self._told), _MANY)
