"""Lifetime and uptime of a Lightning node's channels, as lnd's ``chanfitness``.

:class:`ChannelEventStore` watches channels and their peers. It answers how long each channel
has been known, and for how much of that time its peer was online. The README has examples.
"""

from __future__ import annotations

import logging

from .clock import Clock, ManualClock, Reading, SteadyClock, SystemClock
from .config import NOT_YET_KNOWN, Config, Subscription
from .core.blind_spans import BlindSpan
from .core.channel import ChannelInfo
from .core.history_window import ChannelHistory, Outage
from .core.overview import Overview
from .core.peerlog import PeerInfo
from .errors import (
    AlreadyStartedError,
    ChanFitnessError,
    ChannelNotFoundError,
    HistoryDisabledError,
    NodeError,
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
    ActiveChannelEvent,
    BackfillEvent,
    ChannelDescribedEvent,
    ChannelMovedEvent,
    ClosedChannelEvent,
    InactiveChannelEvent,
    MonitoringPausedEvent,
    MonitoringResumedEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerDescribedEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
    SnapshotEvent,
    TransportBackEvent,
    TransportLostEvent,
)
from .notifiers import ChannelNotifier, PeerNotifier
from .storage.sqlite import SqliteStorage
from .store import ChannelEventStore
from .wire import OutPoint, Vertex

__all__ = [
    "NOT_YET_KNOWN",
    "ActiveChannelEvent",
    "AlreadyStartedError",
    "BackfillEvent",
    "BlindSpan",
    "ChanFitnessError",
    "ChannelDescribedEvent",
    "ChannelEventStore",
    "ChannelHistory",
    "ChannelInfo",
    "ChannelMovedEvent",
    "ChannelNotFoundError",
    "ChannelNotifier",
    "Clock",
    "ClosedChannelEvent",
    "Config",
    "HistoryDisabledError",
    "InactiveChannelEvent",
    "ManualClock",
    "MonitoringPausedEvent",
    "MonitoringResumedEvent",
    "NodeError",
    "NotStartedError",
    "OpenChannel",
    "OpenChannelEvent",
    "OutPoint",
    "Outage",
    "Overview",
    "PeerDescribedEvent",
    "PeerInfo",
    "PeerNotFoundError",
    "PeerNotifier",
    "PeerOfflineEvent",
    "PeerOnlineEvent",
    "Reading",
    "RecordingError",
    "RequestTimeoutError",
    "ShuttingDownError",
    "SnapshotEvent",
    "SqliteStorage",
    "SteadyClock",
    "StorageCorruptError",
    "StorageError",
    "StorageInUseError",
    "StorageUnwritableError",
    "StorageVersionError",
    "Subscription",
    "SystemClock",
    "TransportBackEvent",
    "TransportLostEvent",
    "Vertex",
]

__version__ = "0.1.0"

logging.getLogger(__name__).addHandler(logging.NullHandler())
