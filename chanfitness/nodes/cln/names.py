"""Names of a lightningd's channels, present and past.

lightningd names a channel by its ``channel_id``, a short channel id (which may come
late, and changes with a splice), and aliases of that. What a channel was called before is
still its name, here, for as long as the plugin runs. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...wire import OutPoint
from .messages import Listed


class Names:
    """All names that channels have and had. Not thread-safe.

    ``points``: the channel point of each channel that is known from before.
    """

    def __init__(self, points: Mapping[str, OutPoint]) -> None:
        self._points = dict(points)  # by channel_id; of closed channels, the last
        self._aliases: dict[str, tuple[str, ...]] = {}  # by channel_id; a peer may change its own
        self._others: dict[str, str] = {}  # short channel ids and channel points: the channel_id

    def note(self, listed: Listed) -> None:
        """Note all that a listing calls a channel."""
        point = listed.channel.channel_point
        self._points[listed.channel_id] = point
        self._others[str(point)] = listed.channel_id
        self._aliases[listed.channel_id] = listed.aliases
        self.note_short_id(listed.channel_id, listed.short_id)

    def note_short_id(self, channel_id: str, short_id: str | None) -> None:
        """Note the short channel id of a known channel, if it has one."""
        if short_id is not None:
            self._others[short_id] = channel_id

    def points(self) -> dict[str, OutPoint]:
        """The channel point that each name leads to. An alias gives way to other names."""
        names = {alias: name for name, aliases in self._aliases.items() for alias in aliases}
        names |= self._others
        return {name: self._points[channel] for name, channel in names.items()} | self._points
