"""A thread that follows lightningd's record of network events by long polls.

A question that lightningd answers once there is news would hold up all others on its
connection, so it has a connection, and a thread, of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from ...checks import quoted
from ...logs import Log
from .network_events import CONNECT, DISCONNECT, NetworkEvent, read_events, wait_for
from .rpc_client import LightningRpc, RpcError

logger = Log(__name__)

LONGEST_WAIT = 7 * 24 * 3600.0
"""Seconds; after that lightningd is looked at anew."""

_JOIN_TIMEOUT = 0.25  # seconds


class EventReader:
    """Reads the events after number ``latest`` until it is stopped, or lightningd ends.

    ``rpc`` is its alone. ``tell`` gets each connect and disconnect, ``lost`` the reason why
    no more will be read, both on the reader's thread. Safe from any thread.
    """

    def __init__(
        self,
        rpc: LightningRpc,
        latest: int,
        tell: Callable[[NetworkEvent], object],
        lost: Callable[[str], object],
    ) -> None:
        self._rpc = rpc
        self._latest = latest
        self._tell = tell
        self._lost = lost
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chanfitness-events", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Read no more; what was read last may still be told."""
        self._stopped.set()
        self._rpc.abort()
        self._thread.join(_JOIN_TIMEOUT)

    def _run(self) -> None:
        try:
            while True:  # an abort raises
                self._read()
        except (RpcError, ValueError) as error:
            if not self._stopped.is_set():
                self._lost(str(error))
        except Exception as error:
            logger.exception("could not follow lightningd's network events")
            self._lost(quoted(error))

    def _read(self) -> None:
        first = self._latest + 1
        number, kind = wait_for(self._rpc.call, first)
        if kind in (None, CONNECT, DISCONNECT):  # pings are many, and are not asked for
            for event in read_events(self._rpc.call, first, number):
                self._tell(event)
        self._latest = number
