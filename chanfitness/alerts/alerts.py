"""Alerts of a running store: polling, decisions and delivery.

One thread polls the store a few times a minute and owns the decisions. Each receiver has a thread
that delivers messages and may block. The store's loop is never held up.

With ``storage``, each message is saved before it is delivered, so that a crash loses none. Its
delivery is saved a moment later. A process killed within this moment delivers the message again,
marked as *perhaps told before*. After a regular stop no message is delivered twice.
"""

from __future__ import annotations

import datetime
import queue
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import NamedTuple, TypeVar

from typing_extensions import Self

from ..checks import require_callable, require_timedelta
from ..errors import ChanFitnessError, NotStartedError
from ..events import ChannelMovedEvent
from ..logs import Log
from ..storage.sqlite import SqliteStorage
from ..store import ChannelEventStore
from .decisions import Decisions, Done, Kept
from .draft import Rules
from .messages import checked_kinds
from .sender import Sender, Tell

logger = Log(__name__)

_T = TypeVar("_T")

AFTER = datetime.timedelta(hours=6)
"""Default seen time after which an offline peer causes a message."""

_LONGEST, _SHORTEST = 10.0, 0.5  # seconds between two polls
_SOON = 0.01  # seconds
_END_TIMEOUT = 0.3  # seconds to wait, at a stop, for the polling thread and again for the senders
_ABORT_TIMEOUT = 0.1  # seconds to wait for aborted deliveries


class _Stop(NamedTuple):
    pass


class _Look(NamedTuple):
    decided: threading.Event


_Item = _Stop | _Look | Done | Kept


class Alerts:
    """Notifies receivers about the node that a store watches. Thread-safe.

    Pass :meth:`on_event` to the store's config (or call it from your own callback), call
    :meth:`start` with the store, and :meth:`stop` before the store is stopped; or use
    ``with alerts.of(store)``.

    Args:
        *tell: Receivers: each is called with every :class:`~chanfitness.alerts.Message`, one at a
            time, on a thread of its own, and may block. A call that raises is repeated with
            backoff for an hour.
        after: Seen time after which an offline peer or an unusable channel causes a message.
        without: Kinds of messages to leave out.
        storage: The store's storage, which keeps open alerts across restarts; None: they are lost.

    Raises:
        ValueError: ``after`` is not positive, or a kind is unknown.
        TypeError: An argument has the wrong type, or there are no receivers.
    """

    def __init__(
        self,
        *tell: Tell,
        after: datetime.timedelta = AFTER,
        without: Iterable[str] = (),
        storage: SqliteStorage | None = None,
    ) -> None:
        require_timedelta("after", after, "hours")
        if after <= datetime.timedelta(0):
            raise ValueError(f"bad after {after!r}: expected more than zero")
        if not tell:
            raise TypeError("nobody to tell: expected a function, such as print")
        for each in tell:
            require_callable("tell", each, "print")
        names = [getattr(each, "name", f"receiver-{n}") for n, each in enumerate(tell, 1)]
        self._senders = [Sender(*each, self._done) for each in zip(tell, names, strict=True)]
        self._inbox: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._moves: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        rules = Rules(after, checked_kinds(without), storage is not None)
        self._interval = min(max(after.total_seconds() / 10, _SHORTEST), _LONGEST)
        self._thread = threading.Thread(target=self._run, name="chanfitness-alerts", daemon=True)
        self._store: ChannelEventStore
        # The following belongs to the thread, and after its end to stop().
        self._decisions = Decisions(rules, self._senders, storage, self._inbox.put)
        self._fails = False
        self._has_ended = threading.Event()  # set when the inbox is no longer read
        self._left: list[_Item] = []  # items in the inbox at that time

    def on_event(self, event: object, _: datetime.datetime) -> None:
        """Note a splice, which snapshots do not show; for ``Config(on_event=...)``.

        Args:
            event: Any event of the store.
            _: Its date, which is not used.
        """
        if isinstance(event, ChannelMovedEvent):
            self._moves.put((str(event.channel_point), str(event.new_channel_point)))

    def start(self, store: ChannelEventStore) -> None:
        """Begin to poll a store.

        Args:
            store: The store; it may start later.
        """
        self._store = store
        for sender in self._senders:
            sender.start()
        self._thread.start()

    def of(self, store: ChannelEventStore) -> Self:
        """Start, for a ``with`` block that stops at its end.

        Args:
            store: The store; it may start later.

        Returns:
            This object.
        """
        self.start(store)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def look(self) -> None:
        """Poll the store now, and block until its decision, or until :meth:`stop`.

        Raises:
            NotStartedError: :meth:`start` was not called.
        """
        if self._thread.ident is None:
            raise NotStartedError("alerts have not started yet")
        decided = threading.Event()
        self._inbox.put(_Look(decided))
        if not self._has_ended.is_set():  # after the end no thread would answer
            decided.wait()

    def stop(self) -> None:
        """Stop within a second, after a last attempt at delivery. Never raises.

        Undelivered messages are logged, and with ``storage`` delivered after the next start.
        """
        self._inbox.put(_Stop())
        if self._thread.ident is None:
            return
        self._thread.join(_END_TIMEOUT)
        has_ended = not self._thread.is_alive()
        doubted = self._end_senders()
        if has_ended:
            self._leave(doubted)

    def _end_senders(self) -> list[int]:
        """End all senders, and return the messages whose delivery is uncertain."""
        for sender in self._senders:
            sender.end()
        deadline = time.monotonic() + _END_TIMEOUT
        busy = [each for each in self._senders if not each.join(deadline - time.monotonic())]
        doubted = [sender.abandon() for sender in busy]
        deadline = time.monotonic() + _ABORT_TIMEOUT
        for sender in busy:
            sender.join(deadline - time.monotonic())
        return [number for number in doubted if number is not None]

    def _done(self, number: int, name: str) -> None:
        """Note that a sender has delivered or dropped a message."""
        self._inbox.put(Done(number, name))

    # The thread.

    def _run(self) -> None:
        try:
            self._poll()
        finally:
            self._has_ended.set()
            self._left = _all_in(self._inbox)
            for item in self._left:
                if isinstance(item, _Look):
                    item.decided.set()

    def _poll(self) -> None:
        due = time.monotonic()
        while True:
            item: _Item | None = None
            with suppress(queue.Empty):
                item = self._inbox.get(timeout=max(due - time.monotonic(), 0))
            if isinstance(item, _Stop):
                return
            if isinstance(item, (Done, Kept)):
                self._decisions.take(item)
                continue
            due = time.monotonic() + self._look()
            if item is not None:
                item.decided.set()

    def _look(self) -> float:
        """Look at the store, and return the seconds until the next look."""
        try:
            decision = self._decisions.look(self._store, partial(_all_in, self._moves))
        except NotStartedError:
            return _SHORTEST
        except ChanFitnessError as error:
            logger.debug("the store did not answer for alerts, tried again later: %s", error)
            return self._interval
        except Exception:
            if not self._fails:
                logger.exception("error in the decision of alerts, tried again later")
            self._fails = True
            return self._interval
        self._fails = False
        due = self._interval if decision.due is None else decision.due.total_seconds()
        return min(max(due, _SOON), self._interval)

    def _leave(self, doubted: Iterable[int]) -> None:
        for item in [*self._left, *_all_in(self._inbox)]:
            if isinstance(item, (Done, Kept)):
                self._decisions.take(item)
        self._decisions.leave(doubted)


def _all_in(inbox: queue.SimpleQueue[_T]) -> list[_T]:
    """Take all items of a queue."""
    taken = []
    with suppress(queue.Empty):
        while True:
            taken.append(inbox.get_nowait())
    return taken
