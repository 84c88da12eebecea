"""Interface of the storage of channel ids, kept from one start of a watcher to the next."""

from __future__ import annotations

from typing import Any, Protocol

from ...wire import OutPoint


class ChannelIds(Protocol):
    """A storage of the last channel point by ``channel_id``, such as ``SqliteStorage``."""

    channel_ids: Any  # its getter and its setter differ in type


class NoStorage:
    """Keeps the channel ids in memory."""

    def __init__(self) -> None:
        self.channel_ids: dict[str, OutPoint] = {}
