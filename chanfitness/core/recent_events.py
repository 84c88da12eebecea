"""Which peers and channels events told of lately, and when.

A source asks for lists of what is open and who is online, and while it waits for them events
go on. What an event told since the lists were asked for is newer than the lists.

Of strangers (peers and channels that are not known any more) the last few are remembered, so
that it takes memory for what is known alone.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable

from ..clock import Moment, Reading
from ..wire import OutPoint, Vertex

_LONGEST_ANSWER = datetime.timedelta(minutes=5)  # no source waits for lists for so long
_MANY = 128  # so many at least, before any are forgotten
_STRANGERS = 64

Key = Vertex | OutPoint


class RecentEvents:
    """When events told of peers and channels, by the clock of their puts. The loop owns it."""

    def __init__(self, is_known: Callable[[Key], bool]) -> None:
        self._told: dict[Key, Moment] = {}
        self._is_known = is_known
        self._many = _MANY  # so many, and some are forgotten

    def note(self, key: Key, moment: Moment, at: datetime.datetime | None) -> None:
        """An event told of this peer or channel, put at ``moment`` or of its own time ``at``."""
        told = self._told
        told[key] = moment if at is None else min(_utc(moment), at)
        if len(told) >= self._many:
            self._forget_some(_utc(moment))

    def since(self, at: datetime.datetime) -> set[Key]:
        """Of which peers and channels events told later than ``at``."""
        return {key for key, told in self._told.items() if _utc(told) > at}

    def clear(self) -> None:
        """What was told until now is older than all lists that come."""
        self._told.clear()

    def _forget_some(self, now: datetime.datetime) -> None:
        """Forget what is too old to matter, and all strangers but the last few."""
        oldest = now - _LONGEST_ANSWER
        strangers = [key for key in self._told if not self._is_known(key)]
        strangers.sort(key=lambda key: _utc(self._told[key]))
        forgotten = {key for key, told in self._told.items() if _utc(told) < oldest}
        for key in forgotten.union(strangers[:-_STRANGERS]):
            del self._told[key]
        self._many = max(2 * len(self._told), _MANY)


def _utc(moment: Moment) -> datetime.datetime:
    return moment.utc if isinstance(moment, Reading) else moment
