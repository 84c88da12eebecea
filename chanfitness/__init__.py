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
    NotStartedError,
    PeerNotFoundError,
    RecordingError,
    RequestTimeoutError,
    ShuttingDownError,
)
from .events import (
    ClosedChannelEvent,
    OpenChannel,
    OpenChannelEvent,
    PeerOfflineEvent,
    PeerOnlineEvent,
)
from .peerlog import ChannelInfo
from .peernotifier import PeerNotifier
from .store import ChannelEventStore
from .wire import OutPoint, Vertex

__all__ = [
    "AlreadyStartedError",
    "ChanFitnessError",
    "ChannelEventStore",
    "ChannelInfo",
    "ChannelNotFoundError",
    "ChannelNotifier",
    "Clock",
    "ClosedChannelEvent",
    "Config",
    "ManualClock",
    "NotStartedError",
    "OpenChannel",
    "OpenChannelEvent",
    "OutPoint",
    "PeerNotFoundError",
    "PeerNotifier",
    "PeerOfflineEvent",
    "PeerOnlineEvent",
    "Reading",
    "RecordingError",
    "RequestTimeoutError",
    "ShuttingDownError",
    "SteadyClock",
    "Subscription",
    "SystemClock",
    "Vertex",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())
