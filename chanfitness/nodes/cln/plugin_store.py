"""The plugin's store, its database, and the watcher that feeds it."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Mapping

from ...checks import quoted
from ...clock import Clock, SteadyClock
from ...config import NOT_YET_KNOWN, Config
from ...core.saved_state import ClosedRow
from ...errors import ChanFitnessError, RequestTimeoutError
from ...events import OnEvent
from ...logs import Log
from ...periods import KEPT, OWN_OUTAGE, outage_settings
from ...storage.sqlite import SqliteStorage, read
from ...store import ChannelEventStore
from ...wire import OutPoint
from ..inbox import Inbox
from .rpc_client import LightningRpc
from .watcher import Watcher

logger = Log(__name__)


class PluginStore:
    """Keeps the figures of one lightningd's channels in the database ``path``.

    The watcher's thread starts the store, so that a locked database holds up nothing else.

    ``own_outage``: as for :func:`~chanfitness.periods.outage_settings`. ``after_start``:
    called with the started store; its errors are logged. ``clock``, ``on_event``: as in
    :class:`~chanfitness.Config`. ``inbox``, ``started``: as for :class:`Watcher`.

    All methods are safe from any thread. Only :meth:`ready` and :meth:`stop` wait; only
    ``ready`` and ``closed`` raise, other failures are logged.
    """

    def __init__(
        self,
        path: str,
        rpc: LightningRpc,
        *,
        own_outage: datetime.timedelta | None = OWN_OUTAGE,
        clock: Clock | None = None,
        inbox: Inbox | None = None,
        on_event: OnEvent | None = None,
        after_start: Callable[[ChannelEventStore], object] | None = None,
        started: Callable[[datetime.datetime], datetime.datetime | None] | None = None,
    ) -> None:
        clock = SteadyClock() if clock is None else clock
        self._after_start = after_start
        self._storage = SqliteStorage(path)
        self._watcher = watcher = Watcher(
            rpc,
            self._storage,
            clock=clock,
            inbox=inbox,
            prepare=self._start_store,
            started=started,
        )
        self._store = ChannelEventStore(
            Config(
                subscribe_channel_events=lambda: watcher.subscription,
                subscribe_peer_events=lambda: watcher.subscription,
                get_open_channels=lambda: NOT_YET_KNOWN,
                clock=clock,
                history=KEPT,
                storage=self._storage,
                on_event=on_event,
                **outage_settings(own_outage),
            )
        )
        self._started = threading.Event()
        self._failure: str | None = None  # why there is no store, once _started is set
        self.start = watcher.start
        self.tell = watcher.tell
        self.reached = watcher.reached

    @property
    def names(self) -> Mapping[str, OutPoint]:
        """The channel points by every name of their channels."""
        return self._watcher.names

    def ready(self, timeout: float) -> ChannelEventStore:
        """Return the started store. Raise ``ChanFitnessError`` if it failed to start.

        ``timeout``: seconds to wait, then raise ``RequestTimeoutError``.
        """
        if not self._started.wait(timeout):
            raise RequestTimeoutError("the store has not started yet")
        if self._failure is not None:
            raise ChanFitnessError(self._failure)
        return self._store

    def warnings(self) -> list[str]:
        """Return the reasons why answers may be incomplete or lost; empty if all is well."""
        warnings = []
        if self._storage.failure is not None:
            warnings.append(f"cannot save: {self._storage.failure}")
        if self._watcher.failure is not None:
            warnings.append(f"figures may be incomplete: {self._watcher.failure}")
        return warnings

    def closed(self) -> list[ClosedRow]:
        """Return the final figures of the closed channels in the database."""
        _, closed = read(self._storage.path)
        return closed

    @property
    def storage(self) -> SqliteStorage:
        """The database."""
        return self._storage

    @property
    def all_is_saved(self) -> bool:
        """Whether the last write to the database succeeded."""
        return self._storage.unsaved_since is None

    def stop(self) -> None:
        """Stop watching, and save. Returns within about a second."""
        self._watcher.stop()
        self._store.stop()

    def _start_store(self) -> bool:
        """Start the store, on the watcher's thread. Return whether it started."""
        try:
            self._store.start()
        except ChanFitnessError as error:
            self._failure = f"cannot watch the channels: {error}"
        except Exception as error:
            self._failure = f"cannot watch the channels: {quoted(error)}"
        else:
            if self._after_start is not None:
                self._guarded_after_start(self._after_start)
        if self._failure is not None:
            logger.error("%s", self._failure)
        self._started.set()
        return self._failure is None

    def _guarded_after_start(self, after_start: Callable[[ChannelEventStore], object]) -> None:
        try:
            after_start(self._store)
        except Exception:
            logger.exception("could not start all servers and alerts: watching without them")
