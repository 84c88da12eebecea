"""How long has each channel been known, and how much of that was its peer online?

See the README for examples, and :class:`ChannelEventStore` for what is promised.
"""

from __future__ import annotations

import logging

from .channelnotifier import ChannelNotifier
from .clock import Clock, ManualClock, Reading, SteadyClock, SystemClock
from .config import Config, Subscription
from .errors import (
    AlreadyStartedError,
    ChanFitnessError,
    ChannelNotFoundError,
    HistoryDisabledError,
    NotStartedError,
    PeerNotFoundError,
    RecordingError,
    RequestTimeoutError,
    ShuttingDownError,
    StorageCorruptError,
    StorageError,
    StorageInUseError,
    StorageUnwritableError,
    StorageVersionError,
)
from .events import (
    ClosedChannelEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
)
from .history import ChannelHistory, Outage
from .peerlog import ChannelInfo, PeerInfo
from .peernotifier import PeerNotifier
from .storage import SqliteStorage
from .store import ChannelEventStore
from .wire import OutPoint, Vertex

__all__ = [
    "AlreadyStartedError",
    "ChanFitnessError",
    "ChannelEventStore",
    "ChannelHistory",
    "ChannelInfo",
    "ChannelNotFoundError",
    "ChannelNotifier",
    "Clock",
    "ClosedChannelEvent",
    "Config",
    "HistoryDisabledError",
    "ManualClock",
    "MonitoringPausedEvent",
    "MonitoringResumedEvent",
    "NotStartedError",
    "OpenChannel",
    "OpenChannelEvent",
    "OutPoint",
    "Outage",
    "PeerInfo",
    "PeerNotFoundError",
    "PeerNotifier",
    "PeerOfflineEvent",
    "PeerOnlineEvent",
    "Reading",
    "RecordingError",
    "RequestTimeoutError",
    "ShuttingDownError",
    "SqliteStorage",
    "SteadyClock",
    "StorageCorruptError",
    "StorageError",
    "StorageInUseError",
    "StorageUnwritableError",
    "StorageVersionError",
    "Subscription",
    "SystemClock",
    "Vertex",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())
