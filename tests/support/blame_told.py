"""What a model of blame was told, and what it knows of each peer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(eq=False)
class Told:
    """Something that is told; each is itself alone, also if two say the same."""

    time: datetime
    item: Any
    number: int = 0  # of the event, from one on


@dataclass
class Peer:
    seen_offline: bool = False  # when it was last seen
    changes_seen: int = 0  # on end
    since: tuple[datetime, int] | None = None  # and in which segment of what was seen
    had_channel: bool = False
    met: Told | None = None  # the opening with which it became known, offline
