"""Alerts of a running store: looks at it, decides, and hands over what is to be told.

Two kinds of threads, so that nothing here ever holds up the store's loop: one looks at the
store a few times a minute and owns what is decided; each receiver has one that delivers, and
may wait for as long as it takes.

What is told is in the database before it is told (with ``storage``): so after a crash nothing
is missed. What was told is in the database a moment after it was told. A process that is
killed within that moment tells it again, and says *perhaps told before*. After a stop nothing
is told twice.
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
"""After which a peer that is offline is worth a message, unless something else is said."""

_LONGEST, _SHORTEST = 10.0, 0.5  # seconds between two looks
_SOON = 0.01  # seconds
_END_TIMEOUT = 0.3  # seconds for the thread that looks, at a stop, and as many for the senders
_ABORT_TIMEOUT = 0.1  # seconds for all that is broken off


class _Stop(NamedTuple):
    pass


class _Look(NamedTuple):
    decided: threading.Event


_Item = _Stop | _Look | Done | Kept


class Alerts:
    """Tells receivers what is worth a message about the node that a store watches.

    ``tell``: called with each :class:`~chanfitness.alerts.Message`, one at a time, on a
    thread of its own, which may wait; what raises is tried again with backoff for an hour. More
    than one each get all messages. ``after``: the seen time after which a peer that is offline,
    or a channel that cannot be used, is worth one.
    ``without``: kinds that are not told. ``storage``: that of the store, where what lasts is
    remembered over restarts.

    Give :meth:`on_event` to the store's config (or call it from yours), call :meth:`start`
    with the store, and :meth:`stop` before that is stopped; or use ``with alerts.of(store)``.
    Raises ``ValueError`` or ``TypeError`` for what cannot be used.
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
        # What follows belongs to the thread, and after its end to stop().
        self._decisions = Decisions(rules, self._senders, storage, self._inbox.put)
        self._fails = False
        self._has_ended = threading.Event()  # is set when nobody takes from the inbox any more
        self._left: list[_Item] = []  # in the inbox then

    def on_event(self, event: object, _: datetime.datetime) -> None:
        """Note what a snapshot does not show: a splice. For ``Config(on_event=...)``."""
        if isinstance(event, ChannelMovedEvent):
            self._moves.put((str(event.channel_point), str(event.new_channel_point)))

    def start(self, store: ChannelEventStore) -> None:
        """Begin to look at ``store``, which may start later."""
        self._store = store
        for sender in self._senders:
            sender.start()
        self._thread.start()

    def of(self, store: ChannelEventStore) -> Self:
        """Start, as the start of a ``with`` block that stops it."""
        self.start(store)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def look(self) -> None:
        """Look at the store now, and return when that is decided, or when this has stopped.

        ``NotStartedError`` before :meth:`start`.
        """
        if self._thread.ident is None:
            raise NotStartedError("alerts have not started yet")
        decided = threading.Event()
        self._inbox.put(_Look(decided))
        if not self._has_ended.is_set():  # else nobody may take it
            decided.wait()

    def stop(self) -> None:
        """Deliver what can be delivered within a moment, and end within a second. Never raises.

        What is left is logged, and with ``storage`` told after the next start.
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
        """End all senders. Returns the messages that may or may not be delivered."""
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
        """A sender has done with a message."""
        self._inbox.put(Done(number, name))

    # The thread.

    def _run(self) -> None:
        try:
            self._look_on()
        finally:
            self._has_ended.set()
            self._left = _all_in(self._inbox)
            for item in self._left:
                if isinstance(item, _Look):
                    item.decided.set()

    def _look_on(self) -> None:
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
        """Look, and return in how many seconds to look again."""
        try:
            decision = self._decisions.look(self._store, partial(_all_in, self._moves))
        except NotStartedError:
            return _SHORTEST
        except ChanFitnessError as error:
            logger.debug("no look for alerts: %s", error)
            return self._interval
        except Exception:
            if not self._fails:
                logger.exception("could not decide of alerts, tried again")
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
    """Take all that is in a queue now."""
    taken = []
    with suppress(queue.Empty):
        while True:
            taken.append(inbox.get_nowait())
    return taken
