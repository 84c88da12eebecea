"""Watcher of a lightningd from outside, over its socket alone.

In place of notifications it follows lightningd's record of network events, and asks for the
lists twice a minute. The lists are signs of life, and show opens, moves, closes and activity
of channels. A lightningd before v25.12 keeps no record; it is polled for the lists every
``POLL_SECONDS``.
"""

from __future__ import annotations

import datetime
from typing import Any

from ...clock import Moment, before
from ...logs import Log
from ...wire import Vertex
from ..signs_of_life import ASK_SECONDS, LISTS_PERIOD, elapsed
from .channel_ids import ChannelIds
from .event_reader import LONGEST_WAIT, EventReader
from .listings import NO_RECORD
from .network_events import CONNECT, DISCONNECT, NetworkEvent
from .notifications import Notification
from .rpc_client import LightningRpc
from .watcher import Lists, Watcher

logger = Log(__name__)

POLL_SECONDS = 15.0
"""Seconds between two polls of a lightningd that does not record network events."""

RETRY_SECONDS = 2.0
"""Seconds between two questions to a lightningd that does not answer."""

CONNECTING = datetime.timedelta(seconds=10)
"""An event this long before a question for the lists still counts as newer than the lists.

lightningd records a connect before it asks its plugins, and lists the peer only afterwards.
"""


class OutsideWatcher(Watcher):
    """Watches the lightningd with the socket ``path``; ``options`` as for :class:`Watcher`."""

    retry_seconds = RETRY_SECONDS

    def __init__(self, path: str, storage: ChannelIds, **options: Any) -> None:
        super().__init__(LightningRpc(path), storage, **options)
        self._path = path
        self._reader: EventReader | None = None
        self._polls = False
        self._online: set[Vertex] = set()  # the last listed online peers, while polling
        self._compared: Moment | None = None  # when lists were last put as a snapshot
        self._has_warned = False

    def stop(self) -> None:
        """Stop, as :meth:`Watcher.stop`."""
        super().stop()
        self._end_reader()

    # The thread.

    def _ask_seconds(self) -> float:
        return POLL_SECONDS if self._polls else ASK_SECONDS

    def _latest_event(self, *, fills_in: bool) -> int | None:
        return self._listings.latest_event()

    def _start_over(self, at: datetime.datetime, reason: str) -> None:
        self._end_reader()
        super()._start_over(at, reason)

    def _follow(self, latest: int, lists: Lists) -> None:
        self._end_reader()
        self._compared = None  # compare soon: a peer that was connecting is missing in the lists
        self._polls = latest == NO_RECORD
        self._online = set(lists.listing.online)
        if not self._polls:
            rpc = LightningRpc(self._path, LONGEST_WAIT)
            self._reader = EventReader(rpc, latest, self._tell, self._lose)
        elif not self._has_warned:
            self._has_warned = True
            logger.warning(
                "this lightningd records no network events (v25.12 does): polling every %d seconds,"
                " so times are known to the nearest %d seconds",
                POLL_SECONDS,
                POLL_SECONDS,
            )

    def _end_reader(self) -> None:
        if self._reader is not None:
            self._reader.stop()
            self._reader = None

    def _ask_for_a_sign(self) -> None:
        self._signs.expect()
        self._lists = self._ask_for_lists()
        if not self._starts_over() and self._lists is not None:
            self._inbox.put(self._lists)

    def _compare(self, lists: Lists) -> None:
        if self._polls:
            self._compare_peers(lists)
        self._notifications.relist(*lists)
        now = self._read_clock()
        if self._compared is None or elapsed(self._compared, now) >= LISTS_PERIOD:
            self._compared = now
            self._lists = lists._replace(asked=before(lists.asked, CONNECTING))
            super()._compare(self._lists)

    def _compare_peers(self, lists: Lists) -> None:
        online = set(lists.listing.online)
        for topic, peers in ((DISCONNECT, self._online - online), (CONNECT, online - self._online)):
            for peer in sorted(peers):
                self._notifications.take(Notification(topic, {"id": str(peer)}, lists.asked))
        self._online = online

    # The reader's thread.

    def _tell(self, event: NetworkEvent) -> None:
        happened = event.happened(self._clock.now())
        self.tell(event.kind, {"id": str(event.peer)}, happened)

    def _lose(self, reason: str) -> None:
        self._leave_a_gap(None, f"lightningd closed the connection ({reason})")
