"""The channel point that each channel had last, kept for a watcher from one start to the next."""

from __future__ import annotations

from typing import Any, Protocol

from ...wire import OutPoint


class ChannelIds(Protocol):
    """What keeps ``channel_ids``, a dict by ``channel_id``, as an ``SqliteStorage`` does."""

    channel_ids: Any  # what is read and what may be set differ


class NoStorage:
    """Keeps them for as long as it is there itself."""

    def __init__(self) -> None:
        self.channel_ids: dict[str, OutPoint] = {}
