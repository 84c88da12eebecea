"""Lookup of a lightningd's channels by their present and former names. Pure.

A channel's names are its ``channel_id``, its short channel id (which may come late, and
changes with a splice), and aliases of that. Former names are kept while the plugin runs.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...wire import OutPoint
from .messages import Listed


class Names:
    """All present and former names of channels. Not thread-safe.

    ``points``: the channel points known from an earlier start, by channel id.
    """

    def __init__(self, points: Mapping[str, OutPoint]) -> None:
        self._points = dict(points)  # by channel_id; closed channels keep the last
        self._aliases: dict[str, tuple[str, ...]] = {}  # by channel_id; a peer may change its own
        self._others: dict[str, str] = {}  # channel_ids by short channel id and channel point

    def note(self, listed: Listed) -> None:
        """Note all names in a listing of a channel."""
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
        """Return the channel points by name. Other names take precedence over aliases."""
        names = {alias: name for name, aliases in self._aliases.items() for alias in aliases}
        names |= self._others
        return {name: self._points[channel] for name, channel in names.items()} | self._points
