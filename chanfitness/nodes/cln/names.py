"""Names of a lightningd's channels, present and past, and lookup by name or prefix.

lightningd names a channel by its ``channel_id``, a short channel id (which may come
late, and changes with a splice), and aliases of that. What a channel was called before is
still its name, here, for as long as the plugin runs. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

from ...checks import quoted
from ...wire import OutPoint
from .messages import SHORT_ID, Listed

T = TypeVar("T")

_PREFIX = re.compile(r"[0-9a-f]{1,66}|[0-9a-f]{64}:[0-9]{0,10}")
_MAXIMUM_SHOWN = 10


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


def parse_name(text: object) -> str:
    """What may name a peer or a channel; ``ValueError`` for anything else."""
    name = text.lower() if isinstance(text, str) else ""
    if not SHORT_ID.fullmatch(name) and not _PREFIX.fullmatch(name):
        raise ValueError(
            f"bad name {quoted(text)}: expected a peer's public key, a channel point, a short"
            " channel id, a channel_id, or the beginning of one of these"
        )
    return name


def matching(name: str, known: Iterable[T]) -> list[T]:
    """What is called ``name``, else all whose text begins so."""
    texts = {str(each): each for each in known}
    if name in texts:
        return [texts[name]]
    return [each for text, each in texts.items() if text.startswith(name)]


def only(name: str, found: Iterable[T]) -> T:
    """The one that was found; a ``ValueError`` names the candidates if there are more."""
    candidates = list(found)
    if len(candidates) == 1:
        return candidates[0]
    shown = ", ".join(str(each) for each in candidates[:_MAXIMUM_SHOWN])
    more = len(candidates) - _MAXIMUM_SHOWN
    raise ValueError(f"{name} is ambiguous: {shown}" + (f" and {more} more" if more > 0 else ""))
