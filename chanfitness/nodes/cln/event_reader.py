"""Subscription to lightningd's record of network events, by long polls.

A long poll would hold up every other call on its connection, so the reader has its own
connection and its own thread.
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
"""Seconds of one long poll; after it the watcher takes a new snapshot."""

_JOIN_TIMEOUT = 0.25  # seconds


class EventReader:
    """Reads the events after number ``latest`` until it is stopped or lightningd ends.

    ``rpc``: used by this reader only. ``tell`` is called with each connect and disconnect,
    ``lost`` with the reason why the reader ends, both on the reader's thread. Safe from any
    thread.
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
        """Stop reading; events already read may still be told."""
        self._stopped.set()
        self._rpc.abort()
        self._thread.join(_JOIN_TIMEOUT)

    def _run(self) -> None:
        try:
            while True:  # until an abort raises
                self._read()
        except (RpcError, ValueError) as error:
            if not self._stopped.is_set():
                self._lost(str(error))
        except Exception as error:
            logger.exception("cannot follow lightningd's network events: taking a new snapshot")
            self._lost(quoted(error))

    def _read(self) -> None:
        first = self._latest + 1
        number, kind = wait_for(self._rpc.call, first)
        if kind in (None, CONNECT, DISCONNECT):  # pings are frequent, and not read
            for event in read_events(self._rpc.call, first, number):
                self._tell(event)
        self._latest = number
